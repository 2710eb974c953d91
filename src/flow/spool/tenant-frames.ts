/** Where a tenant's frames are in a segment, and which are left without them. */
import type { NumberRange } from "./confirmed-ranges.ts";
import { OTHER_TENANTS } from "./log-state.ts";
import type { Segment } from "./segment.ts";

/** Whether a segment's counts leave it open that something of a tenant is in it. */
export function mayHold({ counts }: Segment, tenant: string): boolean {
  return Object.values(counts.table()).some((tenants) => (tenants[tenant] ?? 0) > 0 || (tenants[OTHER_TENANTS] ?? 0) > 0);
}

/** All numbers of a segment but these. @param gone - Rising. */
export function numbersWithout({ header, nextSequence }: Segment, gone: readonly number[]): readonly NumberRange[] {
  const kept: NumberRange[] = [];
  let from = header.baseSequence;
  for (const number of gone) {
    if (number > from) kept.push([from, number]);
    from = number + 1;
  }
  if (from < nextSequence) kept.push([from, nextSequence]);
  return kept;
}

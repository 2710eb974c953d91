/** Where a tenant's frames are in a segment, and which are left without them. */
import type { NumberRange } from "./confirmed-ranges.ts";
import { systemCode, type Disk } from "./disk.ts";
import { FRAME_TYPES } from "./format.ts";
import { OTHER_TENANTS } from "./log-state.ts";
import { decodeDeadLetter, decodeMessage } from "./message-codec.ts";
import { readSegment } from "./segment-content.ts";
import type { Segment } from "./segment.ts";

/** Whether a segment's counts leave it open that something of a tenant is in it. */
export function mayHold({ counts }: Segment, tenant: string): boolean {
  return Object.values(counts.table()).some((tenants) => (tenants[tenant] ?? 0) > 0 || (tenants[OTHER_TENANTS] ?? 0) > 0);
}

/**
 * Numbers of a tenant's messages or dead letters, rising.
 *
 * @returns Null where the segment can't be read whole.
 * @throws SidestreamError `SST_SPOOL_IO`, cause `ENOENT`, where it went away.
 */
export async function numbersOf(disk: Disk, segment: Segment, tenant: string): Promise<readonly number[] | null> {
  const numbers: number[] = [];
  const reading = readSegment(disk, segment, {
    visit: ({ type, sequence, payload }) => {
      const message = type === FRAME_TYPES.dead ? decodeDeadLetter(payload).message : decodeMessage(payload, sequence);
      if (message.tenant === tenant) numbers.push(sequence);
    },
  });
  const missing = await reading.catch(nullWhereUnreadable);
  return missing === null || missing.length > 0 ? null : numbers;
}

/** What the disk doesn't give out of one file says nothing of others. @throws What else went wrong. */
export function nullWhereUnreadable(error: unknown): null {
  const code = systemCode(error);
  if (code === undefined || code === "ENOENT") throw error;
  return null;
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

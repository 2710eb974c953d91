/** One row per stream, tenant and destination, also where one stream's rules send some messages from memory and others not. */
import type { MessageCounts } from "../observe/conservation.ts";

/** Adds up the rows that have the same names. */
export function mergedCounts(rows: readonly MessageCounts[]): readonly MessageCounts[] {
  const merged = new Map<string, MessageCounts>();
  for (const row of rows) {
    const name = JSON.stringify([row.stream, row.tenant, row.destination]);
    const before = merged.get(name);
    merged.set(name, before === undefined ? row : sum(before, row));
  }
  return [...merged.values()];
}

function sum(one: MessageCounts, other: MessageCounts): MessageCounts {
  const dropped: Record<string, number> = { ...one.dropped };
  for (const [reason, count] of Object.entries(other.dropped)) dropped[reason] = (dropped[reason] ?? 0) + count;
  return {
    ...one,
    accepted: one.accepted + other.accepted,
    delivered: one.delivered + other.delivered,
    dead: one.dead + other.dead,
    dropped,
    pending: one.pending + other.pending,
  };
}

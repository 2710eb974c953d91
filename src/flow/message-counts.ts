/** Brings a log's own tables into the form that metrics and status share: one row per stream, tenant and destination. */
import type { MessageCounts } from "../observe/conservation.ts";
import { isRedriven, streamOfLabel } from "./message/stream-label.ts";
import type { DestinationLogStatus } from "./spool/log-status.ts";

/** What was counted, by stream and tenant. */
export type CountTables = Pick<DestinationLogStatus, "accepted" | "turnedAway" | "outcomes" | "pending">;

interface Row {
  readonly stream: string;
  readonly tenant: string;
  readonly destination: string;
  accepted: number;
  delivered: number;
  dead: number;
  readonly dropped: Record<string, number>;
  pending: number;
}

/**
 * What never reached the log was accepted too: it counts on both sides. What came back from the dead letters was accepted
 * once: it counts where it is now, and isn't dead for it.
 */
export function messageCounts(destination: string, status: CountTables): MessageCounts[] {
  const rows = labelRows(destination, status);
  for (const row of [...rows.values()].filter(({ stream }) => isRedriven(stream))) {
    const stream = streamOfLabel(row.stream);
    const key = keyOf(stream, row.tenant);
    const into = rows.get(key) ?? emptyRow(stream, row.tenant, destination);
    rows.set(key, into);
    rows.delete(keyOf(row.stream, row.tenant));
    takeBack(row, into);
  }
  return [...rows.values()];
}

/** One row for each stream as the log's books call it. */
function labelRows(destination: string, status: CountTables): Map<string, Row> {
  const rows = new Map<string, Row>();
  const row = (stream: string, tenant: string): Row => {
    const key = keyOf(stream, tenant);
    let found = rows.get(key);
    if (found === undefined) rows.set(key, (found = emptyRow(stream, tenant, destination)));
    return found;
  };
  each(status.accepted, (stream, tenant, count) => (row(stream, tenant).accepted += count));
  each(status.pending, (stream, tenant, count) => (row(stream, tenant).pending += count));
  for (const [table, isTurnedAway] of [
    [status.outcomes, false],
    [status.turnedAway, true],
  ] as const) {
    each(table, (stream, tenant, outcomes) => {
      const into = row(stream, tenant);
      into.delivered += outcomes.delivered;
      into.dead += outcomes.dead;
      const dropped = addDropped(into, outcomes.dropped);
      if (isTurnedAway) into.accepted += outcomes.dead + dropped;
    });
  }
  return rows;
}

function keyOf(stream: string, tenant: string): string {
  return JSON.stringify([stream, tenant]);
}

function emptyRow(stream: string, tenant: string, destination: string): Row {
  return { stream, tenant, destination, accepted: 0, delivered: 0, dead: 0, dropped: {}, pending: 0 };
}

/** @returns How many that are. */
function addDropped(into: Row, dropped: Readonly<Record<string, number>>): number {
  let all = 0;
  for (const [reason, count] of Object.entries(dropped)) {
    into.dropped[reason] = (into.dropped[reason] ?? 0) + count;
    all += count;
  }
  return all;
}

/** Adds what became of messages that came back from the dead letters to those of their stream. */
function takeBack(back: Row, into: Row): void {
  into.delivered += back.delivered;
  into.pending += back.pending;
  addDropped(into, back.dropped);
  const dead = into.dead + back.dead - back.accepted;
  // Letters of a log before this one: here they were never dead, and come in as new.
  into.accepted += Math.max(0, -dead);
  into.dead = Math.max(0, dead);
}

function each<Value>(
  table: Readonly<Record<string, Readonly<Record<string, Value>>>>,
  take: (stream: string, tenant: string, value: Value) => void,
): void {
  for (const [stream, tenants] of Object.entries(table)) for (const [tenant, value] of Object.entries(tenants)) take(stream, tenant, value);
}

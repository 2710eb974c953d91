/** Brings a log's own tables into the form that metrics and status share: one row per stream, tenant and destination. */
import type { MessageCounts } from "../observe/conservation.ts";
import type { DestinationLogStatus } from "./spool/log-status.ts";

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

/** What never reached the log was accepted too: it counts on both sides. */
export function messageCounts(destination: string, status: DestinationLogStatus): MessageCounts[] {
  const rows = new Map<string, Row>();
  const row = (stream: string, tenant: string): Row => {
    const key = JSON.stringify([stream, tenant]);
    let found = rows.get(key);
    if (found === undefined)
      rows.set(key, (found = { stream, tenant, destination, accepted: 0, delivered: 0, dead: 0, dropped: {}, pending: 0 }));
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
      let turnedAway = outcomes.dead;
      for (const [reason, count] of Object.entries(outcomes.dropped)) {
        into.dropped[reason] = (into.dropped[reason] ?? 0) + count;
        turnedAway += count;
      }
      if (isTurnedAway) into.accepted += turnedAway;
    });
  }
  return [...rows.values()];
}

function each<Value>(
  table: Readonly<Record<string, Readonly<Record<string, Value>>>>,
  take: (stream: string, tenant: string, value: Value) => void,
): void {
  for (const [stream, tenants] of Object.entries(table)) for (const [tenant, value] of Object.entries(tenants)) take(stream, tenant, value);
}

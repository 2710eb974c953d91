/** Sums over the books of a log. */
import type { DestinationLog } from "../destination-log.ts";
import type { StreamTable } from "../log-state.ts";

export function sumOf(table: StreamTable): number {
  return Object.values(table).reduce((sum, tenants) => sum + Object.values(tenants).reduce((all, count) => all + count, 0), 0);
}

/** Messages of a tenant that left for a reason. @param reason - Null: the dead ones. */
export function outcomeOf(log: DestinationLog, tenant: string, reason: string | null): number {
  const outcomes = Object.values(log.status().outcomes).map((tenants) => tenants[tenant]);
  return outcomes.reduce((sum, each) => sum + (reason === null ? (each?.dead ?? 0) : (each?.dropped[reason] ?? 0)), 0);
}

/**
 * How messages left a log, counted per stream and tenant: delivered, dead, dropped by reason.
 *
 * The table goes into every cursor slot. Its rows are bounded by the log's own bound on tenants counted apart.
 */
import type { Confirmation } from "./spooled.ts";

export interface Outcomes {
  delivered: number;
  dead: number;
  /** Given up, by reason. */
  dropped: Record<string, number>;
}

/** Stream, then tenant. */
export type OutcomeTable = Record<string, Record<string, Outcomes>>;

/** Distinct reasons are ours (error codes and policy names), so this bound only guards against a fault. */
const REASONS_MAX = 64;

export class OutcomeCounts {
  readonly #streams = new Map<string, Map<string, Outcomes>>();

  constructor(table: OutcomeTable) {
    for (const [stream, tenants] of Object.entries(table)) {
      this.#streams.set(
        stream,
        new Map(Object.entries(tenants).map(([tenant, outcomes]) => [tenant, { ...outcomes, dropped: { ...outcomes.dropped } }])),
      );
    }
  }

  add(stream: string, tenant: string, outcome: Confirmation["outcome"], reason: string | null, count: number): void {
    let tenants = this.#streams.get(stream);
    if (tenants === undefined) this.#streams.set(stream, (tenants = new Map()));
    let outcomes = tenants.get(tenant);
    if (outcomes === undefined) tenants.set(tenant, (outcomes = { delivered: 0, dead: 0, dropped: {} }));
    if (outcome !== "dropped") {
      outcomes[outcome] += count;
      return;
    }
    const known = Object.keys(outcomes.dropped);
    const name = reason !== null && (known.includes(reason) || known.length < REASONS_MAX) ? reason : "other";
    outcomes.dropped[name] = (outcomes.dropped[name] ?? 0) + count;
  }

  table(): OutcomeTable {
    const table = Object.create(null) as OutcomeTable;
    for (const [stream, tenants] of this.#streams) {
      const row = Object.create(null) as Record<string, Outcomes>;
      for (const [tenant, outcomes] of tenants) row[tenant] = outcomes;
      table[stream] = row;
    }
    return table;
  }
}

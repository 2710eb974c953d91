/**
 * Counts what the edge could not capture, by source, route and reason.
 *
 * Promise: plain number fields, no label text made per event; they are read when somebody asks.
 */
import type { LossReason } from "../../driver/source.ts";

export interface Loss {
  readonly source: string;
  readonly route: string;
  readonly reason: LossReason;
  readonly count: number;
}

/** The losses of one route of one source. */
export class RouteLosses {
  readonly #counts: Record<LossReason, number> = { "no-room": 0, "engine-lost": 0, refused: 0, stream: 0 };
  readonly #source: string;
  readonly #route: string;

  constructor(source: string, route: string) {
    this.#source = source;
    this.#route = route;
  }

  add(reason: LossReason, count: number): void {
    this.#counts[reason] += count;
  }

  /** The reasons that happened. */
  list(): Loss[] {
    const losses: Loss[] = [];
    for (const [reason, count] of Object.entries(this.#counts)) {
      if (count > 0) losses.push({ source: this.#source, route: this.#route, reason: reason as LossReason, count });
    }
    return losses;
  }
}

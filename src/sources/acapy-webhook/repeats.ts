/**
 * Remembers events whose answer the agent surely did not get, so that its next try isn't stored a second time.
 *
 * Promise: each of them stands for one repeat, no more: an event that is merely alike, and comes besides, is stored.
 * What is forgotten, over its age or the bound, or by a restart, is stored twice under one id, never lost.
 */
import type { Settlement } from "../../driver/source.ts";

/** Events that are remembered: what 50 posts at once, and five agents that each try for 40 s, leave behind by far. */
export const REPEATS_MAX = 65_536;
/** The agent tries again after 10 s, and gives each try less than the rest of this. */
export const REPEAT_MS_MAX = 60_000;

interface Unanswered {
  readonly id: string;
  /** How the event's way to the disk ends; it may be under way still. */
  readonly stored: Promise<Settlement>;
  readonly untilMs: number;
}

export class Repeats {
  /** In the order in which they came, so that the first are the oldest; below by id. */
  readonly #all = new Set<Unanswered>();
  readonly #byId = new Map<string, Set<Unanswered>>();

  get size(): number {
    return this.#all.size;
  }

  /** An event that was handed in, and whose 200 the agent did not get. */
  add(id: string, stored: Promise<Settlement>, nowMs: number): void {
    this.#forget(nowMs, REPEATS_MAX - 1);
    const unanswered = { id, stored, untilMs: nowMs + REPEAT_MS_MAX };
    this.#all.add(unanswered);
    this.#byId.set(id, (this.#byId.get(id) ?? new Set()).add(unanswered));
    void stored.then((settlement) => settlement !== "spooled" && this.#remove(unanswered));
  }

  /** Takes the oldest event of that id, which is then the caller's: to answer for, or to `add` anew. Null: there is none. */
  take(id: string, nowMs: number): Promise<Settlement> | null {
    this.#forget(nowMs, REPEATS_MAX);
    for (const oldest of this.#byId.get(id) ?? []) {
      this.#remove(oldest);
      return oldest.stored;
    }
    return null;
  }

  #forget(nowMs: number, keptMax: number): void {
    for (const unanswered of this.#all) {
      if (unanswered.untilMs > nowMs && this.#all.size <= keptMax) return;
      this.#remove(unanswered);
    }
  }

  #remove(unanswered: Unanswered): void {
    this.#all.delete(unanswered);
    const alike = this.#byId.get(unanswered.id);
    alike?.delete(unanswered);
    if (alike?.size === 0) this.#byId.delete(unanswered.id);
  }
}

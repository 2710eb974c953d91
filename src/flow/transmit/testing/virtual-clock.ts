/** A clock for tests: hours pass at once, and nothing happens between two timers but what the code under test does. */
import type { Clock } from "../clock.ts";

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

export class VirtualClock implements Clock {
  #nowMs = 1_700_000_000_000;
  readonly #timers = new Set<Timer>();

  nowMs(): number {
    return this.#nowMs;
  }

  /** Timers that are set, for tests that nothing is left behind. */
  get timerCount(): number {
    return this.#timers.size;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets everything happen that waits for no timer. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets time pass. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    await this.settle();
    for (let next = this.#next(); next !== undefined && next.atMs <= endMs; next = this.#next()) await this.#fire(next);
    this.#nowMs = endMs;
  }

  /** Lets time pass until something holds. Throws when no timer is left that could bring it about, or it takes too long. */
  async until(holds: () => boolean, limitMs = 3_600_000): Promise<void> {
    const endMs = this.#nowMs + limitMs;
    await this.settle();
    while (!holds()) {
      const next = this.#next();
      if (next === undefined) throw new Error("it does not hold, and nothing is left to wait for");
      if (next.atMs > endMs) throw new Error(`it does not hold after ${limitMs} ms`);
      await this.#fire(next);
    }
  }

  async #fire(timer: Timer): Promise<void> {
    this.#nowMs = Math.max(this.#nowMs, timer.atMs);
    this.#timers.delete(timer);
    timer.run();
    await this.settle();
  }

  /** The earliest; of several, the one set first. */
  #next(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) if (earliest === undefined || timer.atMs < earliest.atMs) earliest = timer;
    return earliest;
  }
}

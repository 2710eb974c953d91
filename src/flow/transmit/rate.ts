/** Holds sending to a rate, so that catching up after an outage doesn't drown what has just come back. */
import type { Clock } from "./clock.ts";

/** What may go at once: a tenth of a second's messages, so that batches stay batches. */
const BURST_SECONDS = 0.1;

export class Rate {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  #left: number;
  #filledMs: number;

  /** @param perSecond - Messages per second; Infinity for no bound. */
  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = Math.max(1, perSecond * BURST_SECONDS);
    this.#left = this.#burst;
    this.#filledMs = clock.nowMs();
  }

  /** Takes one message. @returns 0 when it may go, else the milliseconds until one may; then nothing was taken. */
  take(): number {
    if (this.#perSecond === Infinity) return 0;
    const nowMs = this.#clock.nowMs();
    // A clock that was set back fills nothing, and takes nothing away.
    const passedMs = Math.max(0, nowMs - this.#filledMs);
    this.#filledMs = nowMs;
    this.#left = Math.min(this.#burst, this.#left + (passedMs * this.#perSecond) / 1000);
    if (this.#left >= 1) {
      this.#left -= 1;
      return 0;
    }
    return Math.max(1, Math.ceil(((1 - this.#left) * 1000) / this.#perSecond));
  }
}

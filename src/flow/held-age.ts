/**
 * How long the oldest message waits of a log that nobody sends from.
 *
 * Promise: asking costs nothing; the log is read where its first message is another one, and the answer follows.
 */
import type { DestinationLog } from "./spool/destination-log.ts";

const READ_BYTES = 64 * 1024;

export class HeldAge {
  readonly #log: DestinationLog;
  /** When the first message that waits was accepted; null: not known. */
  #acceptedMs: number | null = null;
  /** Low-water mark of the log when that was looked for. */
  #lookedAt = -1;

  constructor(log: DestinationLog) {
    this.#log = log;
  }

  /**
   * Milliseconds; 0 where none waits, or it isn't known yet.
   *
   * @param inTurn - Carries out an act while nobody else reads aside.
   */
  ageMs(nowMs: number, inTurn: (act: () => Promise<void>) => Promise<void>): number {
    const { confirmedSequence } = this.#log;
    if (this.#log.status().pendingCount === 0) {
      this.#acceptedMs = null;
      this.#lookedAt = -1;
      return 0;
    }
    if (this.#lookedAt !== confirmedSequence) {
      this.#lookedAt = confirmedSequence;
      // A disk that fails is told by those who need it more; it is looked for again with the next confirmation.
      void inTurn(() => this.#look()).catch(() => undefined);
    }
    return this.#acceptedMs === null ? 0 : Math.max(0, nowMs - this.#acceptedMs);
  }

  async #look(): Promise<void> {
    const log = this.#log;
    for (let next = log.confirmedSequence; next < log.durableSequence;) {
      const { messages, nextSequence } = await log.read(next, READ_BYTES, "aside");
      const first = messages.find(({ logSequence }) => !log.isConfirmed(logSequence));
      this.#acceptedMs = first?.acceptedMs ?? null;
      if (first !== undefined) return;
      next = nextSequence;
    }
    // What was counted isn't on disk yet.
    this.#lookedAt = -1;
  }
}

/**
 * From which number on a log can't tell the numbers of its lanes, since messages are missing that may have been sent.
 *
 * Promise: it is known before any message behind the damage is given out, and it outlives restarts: a lane stays in doubt
 * until a message of it was confirmed that came into the log after the damage was found.
 */
import type { Cursor } from "./cursor.ts";
import type { Confirmation } from "./spooled.ts";

export class Doubt {
  readonly #cursor: Cursor;
  readonly #startSequence: number;
  #from: number | null;

  /** @param startSequence - The log's end at its opening. */
  constructor(cursor: Cursor, startSequence: number) {
    this.#cursor = cursor;
    this.#startSequence = startSequence;
    this.#from = cursor.doubtful?.[0] ?? null;
  }

  /** Null: every message that may have been sent and isn't confirmed is there. */
  get from(): number | null {
    return this.#from;
  }

  /** Whether numbers of a lane that begin with this message can be told. */
  covers(lane: string, logSequence: number): boolean {
    const { doubtful } = this.#cursor;
    if (this.#from === null || doubtful === null || logSequence < this.#from) return false;
    return (this.#cursor.lastConfirmed(lane) ?? 0) < doubtful[1];
  }

  /** No message of the lane that may be among those missing was at or above it; 0 where none is missing. */
  below(lane: string): number {
    const { doubtful } = this.#cursor;
    return this.#from !== null && this.covers(lane, this.#from) ? (doubtful?.[1] ?? 0) : 0;
  }

  /** Numbers, from inclusive, to exclusive, that nothing holds any more. Told before they are marked as done. */
  missing(from: number, to: number): void {
    const first = this.#cursor.ranges.firstMissing(from, Math.min(to, this.#end));
    if (first !== null) this.begin(first);
  }

  /**
   * Looks at messages that are about to be marked as done. One that is dropped without its lane's knowledge leaves a gap
   * among those that an earlier process may have sent.
   *
   * @returns The same.
   */
  noting(confirmations: readonly Confirmation[]): readonly Confirmation[] {
    for (const { outcome, lane, logSequence } of confirmations)
      if (outcome === "dropped" && lane === null && logSequence < this.#cursor.sentEnd) this.missing(logSequence, logSequence + 1);
    return confirmations;
  }

  /** What is at or above it was never sent by anybody. */
  get #end(): number {
    return Math.max(this.#startSequence, this.#cursor.sentEnd);
  }

  /** From a number on, what the log or the cursor says may be less than there was. */
  begin(from: number): void {
    this.#from = Math.min(this.#from ?? from, from);
    const { doubtful } = this.#cursor;
    this.#cursor.doubtful = [this.#from, Math.max(this.#end, doubtful?.[1] ?? 0)];
    this.#cursor.touch();
  }
}

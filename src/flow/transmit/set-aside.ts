/**
 * Sets refused messages aside, until the disk has them.
 *
 * Promise: a refused message that is nowhere on disk is never confirmed; where its lane is numbered, its successor waits
 * until it is on disk that the number went to another.
 */
import type { DeadLetterLog, MessageLog } from "../spool/spooled.ts";
import { backOffMs } from "./back-off.ts";
import { wait, type Clock } from "./clock.ts";
import { reasonOf } from "./dispatcher-status.ts";
import type { LaneHandle } from "./lane-host.ts";
import type { Refusal } from "./settlement.ts";

export interface AsideParts {
  readonly log: Pick<MessageLog, "skip">;
  readonly deadLetters: DeadLetterLog;
  readonly clock: Clock;
  readonly random: () => number;
  /** Aborted when the dispatcher stops. */
  readonly signal: AbortSignal;
  failed(error: unknown): void;
  /** It is on disk, and may be confirmed. */
  done(lane: LaneHandle | null, refusal: Refusal): void;
}

export class Aside {
  readonly #parts: AsideParts;
  /** Dead letters that the disk refused and that are being tried again. */
  #failing = 0;
  #isAbandoned = false;

  constructor(parts: AsideParts) {
    this.#parts = parts;
  }

  get failing(): boolean {
    return this.#failing > 0;
  }

  /** Nothing is confirmed any more: somebody else works on the log from now on. */
  abandon(): void {
    this.#isAbandoned = true;
  }

  /** Settles when it is done or the dispatcher stops. @param lane - Null where it never had one. */
  async set(lane: LaneHandle | null, refusal: Refusal): Promise<void> {
    const { log, deadLetters, clock, random, signal } = this.#parts;
    const { message, error } = refusal;
    let isAdded = false;
    for (let failureCount = 1; ; failureCount += 1) {
      try {
        if (!isAdded) await deadLetters.add(message, error.code, reasonOf(error));
        isAdded = true;
        if (this.#isAbandoned) return;
        // Before its successor is sent: nothing else tells, after a kill, that its number went to another.
        if (lane !== null && lane.position !== null) await log.skip(lane.name, message.logSequence, error.code);
        if (failureCount > 1) this.#failing -= 1;
        break;
      } catch (diskError) {
        if (failureCount === 1) this.#failing += 1;
        this.#parts.failed(diskError);
        await wait(clock, backOffMs(failureCount, random()), signal);
        if (signal.aborted) return;
      }
    }
    this.#parts.done(lane, refusal);
  }
}

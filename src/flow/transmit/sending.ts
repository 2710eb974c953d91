/**
 * One send of one batch: handed to the driver, awaited with bounds, its answer checked.
 *
 * Promise: `result` always settles and always holds one outcome per message. Whatever a driver does that its interface
 * doesn't allow makes the whole batch unsure, so that nothing is confirmed which the destination may not have.
 */
import type { DestinationConnection, OutgoingMessage, SendOutcome } from "../../driver/destination.ts";
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import type { Clock } from "./clock.ts";
import { endsPatiently, type Ending } from "./patience.ts";

/** A destination that takes longer over a batch of at most 1 MiB is taken for hung. */
export const SEND_DEADLINE_MS = 30_000;
/** How long a driver may take to settle once its signal is aborted, before its connection is given up. */
export const SETTLE_MS = 5_000;

export interface SendResult {
  readonly outcomes: readonly SendOutcome[];
  /** The driver never settled: its connection must not be used again. */
  readonly abandoned: boolean;
  /** The driver threw, hung or answered wrongly. */
  readonly misbehaved: boolean;
}

export class Sending {
  readonly #controller = new AbortController();
  readonly result: Promise<SendResult>;

  constructor(connection: DestinationConnection, batch: readonly OutgoingMessage[], clock: Clock) {
    const patience = { deadlineMs: SEND_DEADLINE_MS, settleMs: SETTLE_MS };
    const ending = endsPatiently((signal) => connection.send(batch, signal), this.#controller, clock, patience);
    this.result = ending.then((ended) => judge(ended, batch.length));
  }

  /** Gives the driver `SETTLE_MS` to end. */
  abort(): void {
    this.#controller.abort();
  }
}

function judge(ending: Ending<readonly SendOutcome[]>, messageCount: number): SendResult {
  if (ending.kind === "abandoned") {
    return unsure(messageCount, `the driver did not settle within ${SETTLE_MS} ms of being told to stop`, undefined, true);
  }
  if (ending.kind === "error") return unsure(messageCount, "the driver threw instead of answering for each message", ending.error);
  const outcomes: unknown = ending.value;
  if (!Array.isArray(outcomes)) return unsure(messageCount, "the driver answered without a list of outcomes");
  if (outcomes.length !== messageCount) {
    return unsure(messageCount, `the driver answered for ${outcomes.length} messages of a batch of ${messageCount}`);
  }
  // Array.from, because `every` passes over holes.
  if (!Array.from(outcomes).every(isOutcome))
    return unsure(messageCount, "the driver answered with something that is neither null nor a SidestreamError");
  return { outcomes, abandoned: false, misbehaved: false };
}

function isOutcome(value: unknown): value is SendOutcome {
  return value === null || isSidestreamError(value);
}

function unsure(messageCount: number, text: string, cause?: unknown, abandoned = false): SendResult {
  const error = new SidestreamError("SST_DESTINATION_UNSURE", text, cause === undefined ? undefined : { cause });
  return { outcomes: Array.from({ length: messageCount }, () => error), abandoned, misbehaved: true };
}

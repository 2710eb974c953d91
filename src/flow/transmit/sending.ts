/**
 * One call of a driver's connection: a send, or a question before one. Awaited with bounds, its answer checked.
 *
 * Promise: `ending` always settles. What a driver answers that its interface doesn't allow makes the whole batch unsure,
 * so that nothing is confirmed which the destination may not have.
 */
import type { LaneRecovery, NumberedReceipt, SendOutcome } from "../../driver/destination.ts";
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import type { Clock } from "./clock.ts";
import { endsPatiently, type Ending } from "./patience.ts";
import { retryOf } from "./settlement.ts";

/** A destination that takes longer over a batch of at most 1 MiB is taken for hung. */
export const SEND_DEADLINE_MS = 30_000;
/** How long a driver may take to settle once its signal is aborted, before its connection is given up. */
export const SETTLE_MS = 5_000;

export class Sending {
  readonly #controller = new AbortController();
  readonly ending: Promise<Ending<unknown>>;

  constructor(call: (signal: AbortSignal) => Promise<unknown>, clock: Clock) {
    this.ending = endsPatiently(call, this.#controller, clock, { deadlineMs: SEND_DEADLINE_MS, settleMs: SETTLE_MS });
  }

  /** Gives the driver `SETTLE_MS` to end. */
  abort(): void {
    this.#controller.abort();
  }
}

export interface SendResult {
  readonly outcomes: readonly SendOutcome[];
  /** Where a numbered lane stands after it; null where the driver didn't say. */
  readonly position: string | null;
  /** The driver threw, hung or answered wrongly. */
  readonly misbehaved: boolean;
}

/** What came of a plain send. */
export function sendResult(ending: Ending<unknown>, messageCount: number): SendResult {
  return answered(ending, messageCount, (value) => outcomesOf(value, messageCount, null));
}

/** What came of a numbered send. */
export function numberedResult(ending: Ending<unknown>, messageCount: number): SendResult {
  return answered(ending, messageCount, (value) => {
    if (typeof value !== "object" || value === null || !("outcomes" in value))
      return unsure(messageCount, "the driver answered without a receipt");
    const { outcomes, position } = value as NumberedReceipt;
    if (position !== null && typeof position !== "string")
      return unsure(messageCount, "the driver gave a position that is neither text nor null");
    const result = outcomesOf(outcomes, messageCount, position);
    const failedAt = result.outcomes.findIndex((outcome) => outcome !== null);
    // Its number would be another's: the destination can't have it.
    if (failedAt !== -1 && result.outcomes.slice(failedAt).includes(null))
      return unsure(messageCount, "the driver took a message behind one that it did not");
    return result;
  });
}

/** Nothing was handed to the driver. */
export function notSent(cause: unknown, messageCount: number): SendResult {
  const error = isSidestreamError(cause)
    ? cause
    : new SidestreamError("SST_SPOOL_IO", "it could not be written down that messages are about to be sent", { cause });
  return { outcomes: Array.from({ length: messageCount }, () => error), position: null, misbehaved: false };
}

/** What a question for a lane's numbers brought; an error that may pass where it brought nothing. */
export function recoveryResult(ending: Ending<unknown>): LaneRecovery | SidestreamError {
  if (ending.kind === "value") {
    const { number, position, readBack = false } = (ending.value ?? {}) as Partial<LaneRecovery>;
    const isNumber = number === null || (number !== undefined && Number.isSafeInteger(number) && number >= 0);
    if (isNumber && (position === null || typeof position === "string")) return { number, position, readBack };
  }
  return callError(ending, "the driver could not tell what the destination has");
}

/** Why a call brought nothing that counts. */
export function callError(ending: Ending<unknown>, text: string): SidestreamError {
  if (ending.kind === "abandoned") return new SidestreamError("SST_DESTINATION_UNSURE", ABANDONED);
  if (ending.kind === "value") return new SidestreamError("SST_DESTINATION_UNSURE", text);
  // Nothing was refused here that could be set aside: whatever is said, it is asked again.
  if (isSidestreamError(ending.error) && retryOf(ending.error) !== "never") return ending.error;
  return new SidestreamError("SST_DESTINATION_UNSURE", text, { cause: ending.error });
}

const ABANDONED = `the driver did not settle within ${SETTLE_MS} ms of being told to stop`;

function answered(ending: Ending<unknown>, messageCount: number, read: (value: unknown) => SendResult): SendResult {
  if (ending.kind === "abandoned") return unsure(messageCount, ABANDONED);
  if (ending.kind === "error") return unsure(messageCount, "the driver threw instead of answering for each message", ending.error);
  return read(ending.value);
}

function outcomesOf(outcomes: unknown, messageCount: number, position: string | null): SendResult {
  if (!Array.isArray(outcomes)) return unsure(messageCount, "the driver answered without a list of outcomes");
  if (outcomes.length !== messageCount) {
    return unsure(messageCount, `the driver answered for ${outcomes.length} messages of a batch of ${messageCount}`);
  }
  // Array.from, because `every` passes over holes.
  if (!Array.from(outcomes).every(isOutcome))
    return unsure(messageCount, "the driver answered with something that is neither null nor a SidestreamError");
  return { outcomes, position, misbehaved: false };
}

function isOutcome(value: unknown): value is SendOutcome {
  return value === null || isSidestreamError(value);
}

function unsure(messageCount: number, text: string, cause?: unknown): SendResult {
  const error = new SidestreamError("SST_DESTINATION_UNSURE", text, cause === undefined ? undefined : { cause });
  return { outcomes: Array.from({ length: messageCount }, () => error), position: null, misbehaved: true };
}

/**
 * What follows from the outcomes of one batch: which messages are delivered, which are set aside, which stay.
 *
 * Promise: nothing is delivered or set aside that the outcomes don't say; from the first failure that may pass, every
 * message stays, so that order per lane holds.
 */
import type { SendOutcome } from "../../driver/destination.ts";
import { ERRORS, type Retry, type SidestreamError } from "../../errors.ts";
import { isRedriven } from "../message/stream-label.ts";
import type { SpooledMessage } from "../spool/spooled.ts";
import type { RecentOutcomes } from "./recent-outcomes.ts";

export interface Refusal {
  readonly message: SpooledMessage;
  readonly error: SidestreamError;
}

export interface Settlement {
  readonly delivered: readonly SpooledMessage[];
  /** Refused for good: to be set aside. */
  readonly refused: readonly Refusal[];
  /** To be sent again, in order. */
  readonly kept: readonly SpooledMessage[];
  /** The first failure that may pass. */
  readonly failure: SidestreamError | null;
  /** The last refusal, for the status. */
  readonly refusal: SidestreamError | null;
}

/** By the code, not by the error's own getter: an error of another copy of this package may have none. */
export function retryOf(error: SidestreamError): Retry {
  return ERRORS[error.code].retry;
}

/**
 * @param recent - The lane's recent outcomes; this batch's are added. Once most of them are dead, refused messages are
 * kept for later, save for those whose key already had a later message delivered: sent again, these could only arrive
 * out of order; and for those that came back from the dead letters.
 */
export function settle(batch: readonly SpooledMessage[], outcomes: readonly SendOutcome[], recent: RecentOutcomes): Settlement {
  if (outcomes.every((outcome) => outcome === null)) {
    recent.addDelivered(batch.length);
    return { delivered: batch, refused: [], kept: [], failure: null, refusal: null };
  }
  const failedAt = outcomes.findIndex((outcome) => outcome !== null && retryOf(outcome) !== "never");
  const end = failedAt === -1 ? batch.length : failedAt;
  const overtaken = overtakenBefore(end, batch, outcomes);
  const delivered: SpooledMessage[] = [];
  const refused: Refusal[] = [];
  const kept: SpooledMessage[] = [];
  let refusal: SidestreamError | null = null;
  let storm = false;
  for (const [index, message] of batch.slice(0, end).entries()) {
    const error = outcomes[index] ?? null;
    if (error === null) {
      delivered.push(message);
      recent.add(false);
      continue;
    }
    refusal = error;
    // It goes back to where it came from: however many these are, live ones behind them aren't held up for it.
    if (isRedriven(message.stream)) {
      refused.push({ message, error });
      continue;
    }
    if (storm && !overtaken.has(message)) {
      kept.push(message);
      continue;
    }
    refused.push({ message, error });
    recent.add(true);
    storm ||= recent.mostlyDead;
  }
  return { delivered, refused, kept: [...kept, ...batch.slice(end)], failure: outcomes[failedAt] ?? null, refusal };
}

/** Refused messages of whose key a later one was delivered. */
function overtakenBefore(end: number, batch: readonly SpooledMessage[], outcomes: readonly SendOutcome[]): ReadonlySet<SpooledMessage> {
  const deliveredKeys = new Set<string>();
  const overtaken = new Set<SpooledMessage>();
  for (let index = end - 1; index >= 0; index -= 1) {
    const message = batch[index];
    if (message === undefined) continue;
    // One that came back from the dead letters is the older one.
    if (outcomes[index] === null) {
      if (!isRedriven(message.stream)) deliveredKeys.add(message.key);
    } else if (deliveredKeys.has(message.key)) overtaken.add(message);
  }
  return overtaken;
}

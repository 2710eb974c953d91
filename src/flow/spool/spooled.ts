/** What the spool offers to the later stages: the messages of one destination, in order, and a place to confirm them. */
import type { Message } from "../message/message.ts";

export interface SpooledMessage extends Message {
  /** Number in the log, rising by at least one; holes are control records or reported damage. */
  readonly logSequence: number;
  /** Gap-free per log, stream and topic, from 1. */
  readonly sequence: number;
}

export interface ReadResult {
  readonly messages: readonly SpooledMessage[];
  /** Where to read on: every message below it was returned or skipped. */
  readonly nextSequence: number;
}

/** How a message left the log. */
export interface Confirmation {
  readonly logSequence: number;
  readonly stream: string;
  readonly tenant: string;
  readonly lane: number;
  readonly outcome: "delivered" | "dead" | "dropped";
  /** Why, for `dead` and `dropped`: an error code or a policy's name. */
  readonly reason: string | null;
}

/** The reading side of a destination's log. */
export interface MessageLog {
  readonly destination: string;
  readonly logId: string;
  /** Every message below it is on disk and may be read. */
  readonly durableSequence: number;
  /** Every message below it was confirmed. Reading starts here. */
  readonly confirmedSequence: number;
  /** True for a message above the low-water mark that was confirmed before (out of order). */
  isConfirmed(logSequence: number): boolean;
  /** Reads durable messages from a number on, about `bytesMax` bytes of them, at least one if there is one. */
  read(fromSequence: number, bytesMax: number): Promise<ReadResult>;
  /** Settles when `durableSequence` exceeds the number, or the signal is aborted. */
  waitBeyond(sequence: number, signal: AbortSignal): Promise<void>;
  /**
   * Confirms messages and settles once the cursor that says so is on disk. Calls that come while one is written are
   * written together.
   */
  confirm(confirmations: readonly Confirmation[]): Promise<void>;
}

/** Where messages go that a destination refused for good. */
export interface DeadLetterLog {
  /** Appends and settles once on disk. */
  add(message: SpooledMessage, code: string, reason: string): Promise<void>;
}

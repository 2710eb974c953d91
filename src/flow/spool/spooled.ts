/** What the spool offers to the later stages: the messages of one destination, in order, and a place to confirm them. */
import type { DestinationMemory, LanePosition } from "../../driver/destination.ts";
import type { Message } from "../message/message.ts";

export interface SpooledMessage extends Message {
  /** Number in the log, rising by at least one; holes are control records or reported damage. */
  readonly logSequence: number;
  /** Gap-free per log, stream and topic, from 1. */
  readonly sequence: number;
  /** What it takes in the log. */
  readonly frameBytes: number;
}

export interface ReadResult {
  readonly messages: readonly SpooledMessage[];
  /** Where to read on: every message below it was returned or skipped. */
  readonly nextSequence: number;
}

/** Reading for the first time, going back for what was left, or looking for what is in doubt. */
export type ReadPass = "ahead" | "behind" | "aside";

/** How a message left the log. */
export interface Confirmation {
  readonly logSequence: number;
  readonly stream: string;
  readonly tenant: string;
  /** What the message takes in the log. */
  readonly frameBytes: number;
  /** Null: it was dead before it had one. */
  readonly lane: string | null;
  /** Where its lane stands with it done; absent where lanes aren't numbered, or a later one of the same call tells it. */
  readonly position?: LanePosition;
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
  /**
   * Reads durable messages from a number on, about `bytesMax` bytes of them, at least one if there is one.
   *
   * @param pass - Each keeps its place, so that two can take turns without seeking anew.
   */
  read(fromSequence: number, bytesMax: number, pass: ReadPass): Promise<ReadResult>;
  /** Ranges of confirmed messages above the low-water mark: each cursor that is written holds them all. */
  readonly scattered: number;
  /** Settles when `durableSequence` exceeds the number, or the signal is aborted. */
  waitBeyond(sequence: number, signal: AbortSignal): Promise<void>;
  /**
   * Confirms messages and settles once the cursor that says so is on disk. Calls that come while one is written are
   * written together.
   */
  confirm(confirmations: readonly Confirmation[]): Promise<void>;
  /** What the destination's driver keeps here. */
  readonly memory: DestinationMemory;
  /** No message of the lane at or above it was ever handed to a send. */
  sentBelow(lane: string): number;
  /**
   * To be awaited before a message of the lane is handed to a send, so that whoever comes next knows that it may have
   * been. Null: that is on disk.
   *
   * @throws SidestreamError when it could not be written; the message must not be sent then.
   */
  maySend(lane: string, logSequence: number): Promise<void> | null;
  /**
   * True where messages of the lane may be missing before this one that an earlier process sent, so that numbers can't
   * be told from the log. It may come true while the log is read, always before messages behind the damage are returned.
   */
  isDoubtful(lane: string, logSequence: number): boolean;
  /** Of a lane of which messages may be missing: no message at or above it was there when that was found; else 0. */
  doubtfulBelow(lane: string): number;
  /**
   * Names who knows which messages are in somebody's hands: a log that gives up its oldest messages leaves those. One at
   * a time; the last call counts.
   */
  heldBy(isHeld: (logSequence: number) => boolean): void;
  /** Where a lane stands by the cursor; null when nothing of it was ever confirmed. */
  lanePosition(lane: string): LanePosition | null;
  /** The code for which an earlier process took a message out of its lane's numbers; null when none did. */
  skipCode(logSequence: number): string | null;
  /**
   * Takes a refused message out of its lane's numbers. Settles once that is on disk; only then may its successor in the
   * lane be sent. Its dead letter must be on disk before.
   */
  skip(lane: string, logSequence: number, code: string): Promise<void>;
}

/** Where messages go that a destination refused for good. */
export interface DeadLetterLog {
  /** Appends and settles once on disk. */
  add(message: SpooledMessage, code: string, reason: string): Promise<void>;
}

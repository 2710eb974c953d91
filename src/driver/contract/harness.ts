/**
 * What a destination's tests offer to the contract suite: a destination to test against, and a look at what it received.
 */
import type { OutgoingMessage } from "../destination.ts";

/** A message as the destination has it. Null: the destination doesn't carry this part. */
export interface ReceivedMessage {
  readonly topic: string | null;
  readonly key: string | null;
  readonly headers: readonly (readonly [string, string])[] | null;
  readonly value: Buffer;
}

export interface DestinationHarness {
  /** Options as an operator would write them, for a destination that has no messages yet. Called once at the start of each test. */
  options(): Promise<unknown>;
  /** Everything that arrived since `options`; the messages of one topic in the order of their arrival. */
  received(): Promise<readonly ReceivedMessage[]>;
  /** Called at the end of each test. */
  cleanup(): Promise<void>;

  /** Two topics that may be sent to. */
  readonly topics?: readonly [string, string];
  /** Bytes of a large message that must pass; 900 KiB unless told, the flow's own bound. */
  readonly largeBytes?: number;
  /** Bytes of a message that the destination must refuse for good, where it has such a bound. */
  readonly oversizeBytes?: number;
  /** Messages of the backlog test; 2,000 unless told. */
  readonly backlogCount?: number;
  /** What makes a message one that the destination refuses for good, where there is such a thing. */
  readonly refused?: Partial<Pick<OutgoingMessage, "topic" | "value">>;
  /** Makes the next batch fail at the message of that index, in a way that may pass. */
  failNext?(index: number): Promise<void>;
  /** Stops the destination, so that it can't be reached, and starts it again with what it had. */
  stop?(): Promise<void>;
  start?(): Promise<void>;
}

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
  /** Everything that arrived since `options`; the messages of one lane in the order of their arrival. */
  received(): Promise<readonly ReceivedMessage[]>;
  /** Called at the end of each test. */
  cleanup(): Promise<void>;

  /** Two topics that may be sent to. */
  readonly topics?: readonly [string, string];
  /**
   * Two topics for one test, in place of `topics`: for a destination that is slow to forget what it has. Called before
   * `options`, with 1 for the first test.
   */
  topicsFor?(caseNumber: number): readonly [string, string];
  /** Bytes of a large message that must pass; 900 KiB unless told, the flow's own bound. */
  readonly largeBytes?: number;
  /** Bytes of a message that the destination must refuse for good, where it has such a bound. */
  readonly oversizeBytes?: number;
  /** Messages of the backlog test; 2,000 unless told. */
  readonly backlogCount?: number;
  /** Values besides JSON that must arrive byte for byte, such as an empty one. No two alike. */
  readonly values?: readonly Buffer[];
  /** What makes a message one that the destination refuses for good, where there is such a thing. */
  readonly refused?: Partial<Pick<OutgoingMessage, "topic" | "key" | "value">>;
  /** Makes the next batch fail at the message of that index, in a way that may pass. */
  failNext?(index: number): Promise<void>;

  /** Stops the destination as its operator would, so that it can't be reached. */
  stop?(): Promise<void>;
  /** Kills the destination with all that it was doing (SIGKILL). */
  kill?(): Promise<void>;
  /** Starts it again with what it had, at the same address. Needed for `stop` and `kill`. */
  start?(): Promise<void>;
  /** Makes the destination stand still with its connections open (SIGSTOP), and go on (SIGCONT). */
  pause?(): Promise<void>;
  resume?(): Promise<void>;

  /** Options with a login that the destination refuses. Called after `options`, as the two below. */
  wrongCredentials?(): Promise<unknown>;
  /** Options with an authority that did not sign the destination's certificate. */
  wrongCa?(): Promise<unknown>;
  /** Options with an address where nothing listens. */
  unreachable?(): Promise<unknown>;
}

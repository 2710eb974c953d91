/**
 * The interface of a destination driver: the code for one protocol.
 *
 * Promise to drivers: one `send` at a time per lane, in the lane's order, never again after the connection was
 * disposed. Promise of drivers: they never retry, reorder, log per message or count; the flow does, alike for all.
 * They answer for each message of a batch.
 */
import type { z } from "zod";
import type { SidestreamError } from "../errors.ts";

/** A message on its way out. */
export interface OutgoingMessage {
  readonly topic: string;
  readonly key: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly value: Buffer;
  /** Number in the log, rising; the same again when a message is sent again. */
  readonly sequence: number;
}

/** One entry per message of the batch, in order. Null: the destination has it. */
export type SendOutcome = SidestreamError | null;

interface Connection {
  /**
   * Proves that the destination can be reached and written to, without writing a message.
   *
   * @param topics - Topics that messages will be sent to, as far as they are known beforehand.
   * @throws SidestreamError what is wrong; or, where several things are, an `AggregateError` of them.
   */
  check(signal: AbortSignal, topics?: readonly string[]): Promise<void>;
  /** Ends the connection; again is harmless. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A connection to a destination that takes whatever comes. */
export interface PlainConnection extends Connection {
  /**
   * Sends a batch of one lane, in order.
   *
   * @param batch - Not empty; in the lane's order. The driver doesn't keep it after it settled.
   * @param signal - Aborted when the flow gives up waiting: what is not surely sent is `SST_DESTINATION_UNSURE`.
   * @returns One outcome per message. After the first failure that isn't `retry: "never"`, later messages of the batch
   * must fail too, so that order per lane holds.
   */
  send(batch: readonly OutgoingMessage[], signal: AbortSignal): Promise<readonly SendOutcome[]>;
}

/** A batch of one lane whose messages are numbered without a gap. */
export interface NumberedBatch {
  readonly lane: string;
  /** Number of the first message. A lane's numbers begin at 0 and never wrap; the same message has the same number again. */
  readonly firstNumber: number;
  /** Not empty, in the lane's order. The driver doesn't keep it after `send` settled. */
  readonly messages: readonly OutgoingMessage[];
}

export interface NumberedReceipt {
  /**
   * One per message. From the first that isn't null on, none may be null: what follows a refused message is numbered
   * anew, after the refusal is on disk. `SST_BATCH_REFUSED` says so of a message that was not looked at.
   */
  readonly outcomes: readonly SendOutcome[];
  /** Where the destination has the last message it acknowledged; the spool keeps it with the lane. Null: as before. */
  readonly position: string | null;
}

/** Where a lane stands, by what is on disk. */
export interface LanePosition {
  /** Number of the lane's next message: all below it were acknowledged. */
  readonly number: number;
  /** What the last receipt or recovery gave; null where none did. */
  readonly position: string | null;
}

export interface LaneRecovery {
  /**
   * Number of the message that the destination expects next: it has all below for good (also after the loss of one of
   * its machines), and those are not sent again: a number too high loses messages. Where nothing came since `renumber`, the
   * number given there, also when `last.number` is lower. Below `last.number`: it lost what it had acknowledged. Null: it
   * knows nothing of the lane's numbers any more, and takes any.
   */
  readonly number: number | null;
  readonly position: string | null;
  /** It had forgotten the lane's numbers, and what it holds was looked through. */
  readonly readBack?: boolean;
}

/** A connection to a destination that refuses what it already has, by the numbers of its lanes. */
export interface NumberedConnection extends Connection {
  /**
   * The lane of a message. It follows from the message and from the memory alone, so that it is the same after a
   * restart. The message's value isn't given.
   *
   * @returns At once where it is known: once a lane of a topic was told, all of its lanes are, whatever became of the
   * topic; sends fail then. A promise that rejects with `retry: "never"` makes the message dead; with any other error the
   * messages of this topic wait, those of others don't.
   */
  lane(message: OutgoingMessage): string | Promise<string>;
  /**
   * Asks what the destination has of a lane. Called before the first send of a lane, and after each send that left
   * something in doubt.
   *
   * @throws SidestreamError when it can't be told now; it is asked again.
   */
  recover(lane: string, last: LanePosition, signal: AbortSignal): Promise<LaneRecovery>;
  /**
   * Begins the lane's numbers anew: what the destination has under the old ones, or still gets from a process that is dead,
   * no longer counts against them. Called where the destination lost what it had, and where messages that may have been
   * sent are gone from the log, before their numbers go to others. Messages may arrive twice then.
   *
   * It settles once this is in the memory.
   *
   * @param number - Number of the next message.
   * @param position - What the last recovery gave: nothing that is sent from now on is before it.
   */
  renumber(lane: string, number: number, position: string | null, signal: AbortSignal): Promise<void>;
  send(batch: NumberedBatch, signal: AbortSignal): Promise<NumberedReceipt>;
  /**
   * Sends messages that nobody will send again (`at-most-once`). They take no numbers, and neither read nor change what a
   * lane of numbered ones has. Runs beside `send`; one at a time for each topic.
   *
   * @param messages - Of one topic; not empty; in order. Those of a key arrive in it.
   * @returns One outcome per message. Whatever it is, the message was handed to the destination once at most.
   */
  sendOnce(messages: readonly OutgoingMessage[], signal: AbortSignal): Promise<readonly SendOutcome[]>;
}

export type DestinationConnection = PlainConnection | NumberedConnection;

/** Tells which of the two a connection is. */
export function isNumbered(connection: DestinationConnection): connection is NumberedConnection {
  return "recover" in connection;
}

/** Bytes of JSON that one value of a memory may take. */
export const MEMORY_VALUE_BYTES_MAX = 64 * 1024;

/**
 * What a driver keeps in the destination's spool: identities, and what its lanes follow from. Bounded: it is written
 * anew with every segment of the log.
 */
export interface DestinationMemory {
  /** What is kept under a name and on disk; undefined when nothing is. It can't be changed in place. */
  get(name: string): unknown;
  /** Names of all that is kept. */
  names(): readonly string[];
  /**
   * Keeps a value under a name, in place of an earlier one; null forgets it. Settles once it is on disk. A message that is
   * appended after the call is never on disk before the value.
   *
   * @param name - Up to 512 bytes.
   * @param value - Anything that JSON can hold, up to `MEMORY_VALUE_BYTES_MAX`.
   * @throws SidestreamError `SST_SPOOL_FULL` when a bound is exceeded, or what the disk said; nothing is changed then.
   */
  set(name: string, value: unknown): Promise<void>;
  /** The next message that is appended to the log gets this number or a higher one. */
  readonly nextSequence: number;
}

/** What changes in a memory when an operator decides over an identity: name and new value, null to forget. */
export type MemoryChanges = readonly (readonly [name: string, value: unknown])[];

/** How people look at a destination's identity, and decide when it changed. Works on the memory alone, also offline. */
export interface DestinationIdentity {
  /** Rows for people: what, and its value. */
  show(memory: Pick<DestinationMemory, "get" | "names">): readonly (readonly [name: string, value: string])[];
  /** The changed destination is meant: go on with it. */
  accept(memory: Pick<DestinationMemory, "get" | "names">): MemoryChanges;
  /** Forget who we were there and begin anew. */
  reset(memory: Pick<DestinationMemory, "get" | "names">): MemoryChanges;
}

/** What a destination can promise; it decides which contract tests apply and which `delivery` a stream may ask. */
export interface DestinationPromises {
  /** Messages of one lane arrive in the order sent. */
  readonly ordered: boolean;
  /** It can refuse what it already has: its connections are numbered ones. */
  readonly deduplicates: boolean;
  /** Lanes sent in parallel; keys are spread over them. Numbered connections say the lane of each message themselves. */
  readonly lanes: number;
}

export interface DestinationContext {
  /** Name in the configuration. */
  readonly name: string;
  /** Aborted when the flow gives up on the opening, or on the connection. */
  readonly signal: AbortSignal;
  /** For the rare thing that an operator should know once, such as a file that was mended. Never once per message. */
  readonly notice?: (text: string) => void;
  /** Given to drivers that promise `deduplicates`. */
  readonly memory?: DestinationMemory;
}

/** A message as a destination has it. */
export interface StoredMessage {
  /** Where it stands in its partition; rises. */
  readonly offset: number;
  readonly key: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Null: there is none, as where somebody else marks a key as deleted. */
  readonly value: Buffer | null;
}

/** Some messages of one partition of a topic, in its order. */
export interface TopicPage {
  readonly partition: number;
  readonly messages: readonly StoredMessage[];
  /** False: what was first in this partition may be deleted. */
  readonly isFromBegin: boolean;
  /** The part of the topic that was read with this page, 0 to 1. */
  readonly share: number;
}

export interface DestinationDriver<Options = unknown, Opened extends DestinationConnection = DestinationConnection> {
  readonly type: string;
  /** One line for lists. */
  readonly summary: string;
  readonly options: z.ZodType<Options>;
  /** Names of options that are paths, `tls.ca` for one inside: in a configuration file they are relative to its folder. */
  readonly paths?: readonly string[];
  readonly promises: DestinationPromises;
  /** For `sidestream spool identity`; absent where a destination has none. */
  readonly identity?: DestinationIdentity;
  /** @throws SidestreamError with `retry` saying whether to try again. */
  open(options: Options, context: DestinationContext): Promise<Opened>;
  /**
   * Reads a topic from its first message to its end as of now, what was taken back left out, and of partitions that were
   * written at the same time not one long before another. It gets over a leader that changes, for a bounded time, and
   * keeps a bounded part of the topic in memory. Of an empty partition there is one page without messages. Absent where a
   * destination can't be read.
   *
   * @throws SidestreamError when it can't be read to the end.
   */
  read?(options: Options, topic: string, context: Omit<DestinationContext, "memory">): AsyncIterable<TopicPage>;
}

/** A driver that promises to refuse what the destination has already opens numbered connections, any other plain ones. */
type ConnectionOf<Deduplicates extends boolean> = Deduplicates extends true ? NumberedConnection : PlainConnection;

/** Defines a driver, its options' type following from the schema, and its connections' from what it promises. */
export function defineDestination<Schema extends z.ZodType, Deduplicates extends boolean>(
  driver: Omit<DestinationDriver<z.output<Schema>, ConnectionOf<Deduplicates>>, "options" | "promises"> & {
    readonly options: Schema;
    readonly promises: DestinationPromises & { readonly deduplicates: Deduplicates };
  },
): DestinationDriver<z.output<Schema>, ConnectionOf<Deduplicates>> {
  return driver as unknown as DestinationDriver<z.output<Schema>, ConnectionOf<Deduplicates>>;
}

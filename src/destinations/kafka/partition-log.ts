/**
 * A partition as its leader has it: what it remembers of producers, and batches up to what is safe on all replicas.
 *
 * Promise: nothing is written. Of a batch only the head is looked at, never its records.
 */
import { describeProducersV0, listOffsetsV7, offsetForLeaderEpochV4, type Connection } from "@platformatic/kafka";
import { ask, type Broker } from "./broker.ts";
import { ANY_EPOCH, fetchRecords, OFFSET_OUT_OF_RANGE } from "./fetch-records.ts";
import { brokerError } from "./kafka-error.ts";
import { laneName, lastSequenceOf } from "./lane-numbers.ts";
import { BATCH_HEAD_BYTES } from "./records.ts";

/** Enough that heads are found fast, little enough that other requests of this connection don't wait long. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024;
/** The connection is shared: while the broker waits for replicas, it takes no messages on it. */
const FOLLOW_WAIT_MS = 100;
/** Only where the end is matters: one batch comes along whatever is asked. */
const FOLLOW_BYTES_MAX = 1;
/** ListOffsets takes this for the time of the end. */
const LATEST = -1n;
/** Asked as a consumer, which sees what all replicas in sync have. */
const CONSUMER = -1;

/** What a leader remembers of a producer. */
export interface ProducerState {
  readonly epoch: number;
  /** Of the last record it wrote; below 0 when there is none. */
  readonly lastSequence: number;
}

/** Where a log ends. */
export interface LogEnd {
  /** What is below it is on all replicas in sync. */
  readonly highWatermark: bigint;
  /** Of the leader who says so. */
  readonly leaderEpoch: number;
}

/** Head of a batch in the log. */
export interface BatchHead {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly lastSequence: number;
  /** Offset after its last record. */
  readonly endOffset: bigint;
}

export interface LogPage {
  readonly heads: readonly BatchHead[];
  readonly bytes: number;
  /** What is below it is on all replicas in sync. */
  readonly highWatermark: bigint;
}

export class PartitionLog {
  readonly #leader: Broker;
  readonly #topic: string;
  readonly #partition: number;
  readonly #signal: AbortSignal;

  constructor(leader: Broker, topic: string, partition: number, signal: AbortSignal) {
    this.#leader = leader;
    this.#topic = topic;
    this.#partition = partition;
    this.#signal = signal;
  }

  /** Null: the leader remembers nothing of it. What it remembers need not be on the other replicas yet. */
  async producer(producerId: bigint): Promise<ProducerState | null> {
    const answer = await this.#ask("asking for the producers of", (connection) =>
      describeProducersV0.api.async(connection, [{ name: this.#topic, partitionIndexes: [this.#partition] }]),
    );
    const state = answer.topics[0]?.partitions[0]?.activeProducers.find((producer) => producer.producerId === producerId);
    return state === undefined ? null : { epoch: state.producerEpoch, lastSequence: state.lastSequence };
  }

  /** Up to where all replicas in sync have it. */
  async end(): Promise<LogEnd> {
    const partition = { partitionIndex: this.#partition, currentLeaderEpoch: ANY_EPOCH, timestamp: LATEST };
    const answer = await this.#ask("asking for the end of", (connection) =>
      listOffsetsV7.api.async(connection, CONSUMER, 0, [{ name: this.#topic, partitions: [partition] }]),
    );
    const end = answer.topics[0]?.partitions[0];
    return { highWatermark: end?.offset ?? 0n, leaderEpoch: end?.leaderEpoch ?? ANY_EPOCH };
  }

  /**
   * Up to where the leader itself has it.
   *
   * @throws SidestreamError when it isn't the leader of that epoch any more.
   */
  async leaderEnd(leaderEpoch: number): Promise<bigint> {
    const partition = { partitionIndex: this.#partition, currentLeaderEpoch: leaderEpoch, leaderEpoch };
    const answer = await this.#ask("asking for the leader's end of", (connection) =>
      offsetForLeaderEpochV4.api.async(connection, CONSUMER, [{ name: this.#topic, partitions: [partition] }]),
    );
    return answer.topics[0]?.partitions[0]?.endOffset ?? -1n;
  }

  /**
   * Reads heads of batches, the first being the one that holds the offset; none at the end.
   *
   * @returns Null when the log has no such offset: its beginning was deleted, or its end was lost.
   */
  async read(fromOffset: bigint): Promise<LogPage | null> {
    return this.#fetch(fromOffset, PAGE_BYTES_MAX, 0, ANY_EPOCH);
  }

  /**
   * Waits a moment for replicas to get on.
   *
   * @param highWatermark - Where they were.
   * @returns Where they are now.
   * @throws SidestreamError when it isn't the leader of that epoch any more.
   */
  async follow(highWatermark: bigint, leaderEpoch: number): Promise<bigint> {
    const page = await this.#fetch(highWatermark, FOLLOW_BYTES_MAX, FOLLOW_WAIT_MS, leaderEpoch);
    // What was deleted meanwhile was on all replicas before.
    return page?.highWatermark ?? (await this.end()).highWatermark;
  }

  async #fetch(fromOffset: bigint, bytesMax: number, waitMs: number, leaderEpoch: number): Promise<LogPage | null> {
    const request = { topic: this.#topic, partition: this.#partition, fromOffset, leaderEpoch, bytesMax, waitMs, committedOnly: false };
    const { errorCode, records, highWatermark } = await this.#ask("reading back", (connection) => fetchRecords(connection, request));
    if (errorCode === OFFSET_OUT_OF_RANGE) return null;
    if (errorCode !== 0) throw brokerError(errorCode, `broker ${this.#leader.address}: ${this.#doing("reading back")}`);
    return { heads: batchHeads(records), bytes: records.length, highWatermark };
  }

  #ask<Answer>(doing: string, request: (connection: Connection) => Promise<Answer>): Promise<Answer> {
    return ask(this.#leader, this.#doing(doing), this.#signal, request);
  }

  #doing(what: string): string {
    return `${what} ${laneName(this.#topic, this.#partition)}`;
  }
}

/** The last batch may be cut off; its head is there. */
export function batchHeads(records: Buffer): readonly BatchHead[] {
  const heads: BatchHead[] = [];
  for (let at = 0; at + BATCH_HEAD_BYTES <= records.length; at += 12 + records.readInt32BE(at + 8)) {
    const lastOffsetDelta = records.readInt32BE(at + 23);
    heads.push({
      producerId: records.readBigInt64BE(at + 43),
      epoch: records.readInt16BE(at + 51),
      lastSequence: lastSequenceOf(records.readInt32BE(at + 53), lastOffsetDelta),
      endOffset: records.readBigInt64BE(at) + BigInt(lastOffsetDelta) + 1n,
    });
  }
  return heads;
}

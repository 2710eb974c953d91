/**
 * Reads a topic from its first message to its end.
 *
 * Promise: up to where all replicas in sync have it, and no transaction is open, as of the beginning. A few MiB are in
 * memory at a time. A leader that goes away is waited for, for a bounded time; nothing at the cluster changes.
 *
 * This module loads the client library, so it is itself imported only when a topic is read.
 */
import { listOffsetsV7 } from "@platformatic/kafka";
import { setTimeout as pause } from "node:timers/promises";
import type { DestinationContext, TopicPage } from "../../driver/destination.ts";
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import { ask, Cluster } from "./cluster.ts";
import { ANY_EPOCH, fetchRecords, OFFSET_OUT_OF_RANGE } from "./fetch-records.ts";
import { brokerError } from "./kafka-error.ts";
import type { KafkaOptions } from "./options.ts";
import { readBatches } from "./record-batches.ts";

/** Enough that the way to the broker doesn't count, little enough that partitions take turns. */
const PAGE_BYTES_MAX = 1024 * 1024;
/** There is something to fetch, so that nothing is waited for. */
const PAGE_WAIT_MS = 0;
/** Without any answer for so long, reading fails: a new leader is elected within seconds. */
const PATIENCE_MS = 60_000;
const TRY_EACH_MS = 250;
/** ListOffsets takes these for the times of the first offset and of the end. */
const EARLIEST = -2n;
const LATEST = -1n;
const CONSUMER = -1;
/** What a transaction that is open holds back is left out. */
const COMMITTED = 1;

interface Partition {
  readonly number: number;
  readonly startOffset: bigint;
  readonly endOffset: bigint;
  nextOffset: bigint;
  /** False: Kafka deleted messages before, or meanwhile. */
  isFromBegin: boolean;
}

type Context = Omit<DestinationContext, "memory">;

/** As `DestinationDriver.read` has it. */
export async function* readTopic(options: KafkaOptions, topic: string, context: Context): AsyncGenerator<TopicPage> {
  const { name, signal, notice = () => {} } = context;
  // Looking at a topic must not make it.
  const cluster = await Cluster.open({ ...options, createTopics: false }, { name, signal, notice: () => {} });
  try {
    yield* new TopicReading(cluster, topic, signal, notice).pages();
  } finally {
    await cluster.close();
  }
}

class TopicReading {
  readonly #cluster: Cluster;
  readonly #topic: string;
  readonly #signal: AbortSignal;
  readonly #notice: (text: string) => void;
  readonly #told = new Set<string>();

  constructor(cluster: Cluster, topic: string, signal: AbortSignal, notice: (text: string) => void) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.#signal = signal;
    this.#notice = notice;
  }

  async *pages(): AsyncGenerator<TopicPage> {
    const { partitions: count } = await this.#patiently(() => this.#cluster.topic(this.#topic, this.#signal));
    const partitions: Partition[] = [];
    for (let number = 0; number < count; number += 1) partitions.push(await this.#patiently(() => this.#bounds(number)));
    const all = partitions.reduce((sum, { startOffset, endOffset }) => sum + Number(endOffset - startOffset), 0);
    // Whether an empty one always was tells what is missing from what was deleted.
    for (const { number: partition, startOffset, endOffset, isFromBegin } of partitions)
      if (startOffset === endOffset) yield { partition, messages: [], isFromBegin, share: all === 0 ? 1 : 0 };
    for (let partition = behind(partitions); partition !== undefined; partition = behind(partitions)) {
      const reading = partition;
      const messages = await this.#patiently(() => this.#page(reading));
      const read = partitions.reduce((sum, { startOffset, nextOffset }) => sum + Number(nextOffset - startOffset), 0);
      yield { partition: reading.number, messages, isFromBegin: reading.isFromBegin, share: all === 0 ? 1 : Math.min(1, read / all) };
    }
  }

  async #bounds(number: number): Promise<Partition> {
    const [startOffset, endOffset] = [await this.#offset(number, EARLIEST), await this.#offset(number, LATEST)];
    return { number, startOffset, endOffset, nextOffset: startOffset, isFromBegin: startOffset === 0n };
  }

  async #offset(number: number, timestamp: bigint): Promise<bigint> {
    const leader = await this.#cluster.leader(this.#topic, number, this.#signal);
    const partition = { partitionIndex: number, currentLeaderEpoch: ANY_EPOCH, timestamp };
    const answer = await ask(leader, this.#doing("asking for the bounds of", number), this.#signal, (connection) =>
      listOffsetsV7.api.async(connection, CONSUMER, COMMITTED, [{ name: this.#topic, partitions: [partition] }]),
    );
    return answer.topics[0]?.partitions[0]?.offset ?? 0n;
  }

  async #page(partition: Partition): Promise<TopicPage["messages"]> {
    const { number, nextOffset: fromOffset, endOffset } = partition;
    const leader = await this.#cluster.leader(this.#topic, number, this.#signal);
    const doing = this.#doing("reading", number);
    const request = { topic: this.#topic, partition: number, fromOffset, bytesMax: PAGE_BYTES_MAX, waitMs: PAGE_WAIT_MS };
    const { errorCode, records, aborted } = await ask(leader, doing, this.#signal, (connection) =>
      fetchRecords(connection, { ...request, leaderEpoch: ANY_EPOCH, committedOnly: true }),
    );
    if (errorCode === OFFSET_OUT_OF_RANGE) return await this.#stepOver(partition);
    const where = `broker ${leader.address}: ${doing}`;
    if (errorCode !== 0) throw brokerError(errorCode, where);
    const read = readBatches(records, aborted, fromOffset, endOffset, where);
    if (read.isCompacted)
      this.#tell(`${this.#topic} is compacted: Kafka keeps only the last message of a key, and those that it removed look like holes`);
    // A new leader that doesn't know yet how far its replicas are gives nothing.
    if (read.nextOffset === fromOffset)
      throw new SidestreamError("SST_LANE_UNAVAILABLE", `${where}: it has nothing at offset ${fromOffset}, and the end was ${endOffset}`);
    partition.nextOffset = read.nextOffset;
    return read.messages;
  }

  /** What was to be read was deleted meanwhile. */
  async #stepOver(partition: Partition): Promise<TopicPage["messages"]> {
    const start = await this.#offset(partition.number, EARLIEST);
    const next = start > partition.nextOffset ? start : partition.endOffset;
    this.#tell(
      `${this.#topic}/${partition.number}: Kafka deleted messages while they were to be read: offsets ${partition.nextOffset} to ${next - 1n}`,
    );
    partition.nextOffset = next;
    partition.isFromBegin = false;
    return [];
  }

  /** Gets over what passes by itself. */
  async #patiently<Result>(work: () => Promise<Result>): Promise<Result> {
    const untilMs = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (this.#signal.aborted || performance.now() > untilMs || !passes(error)) throw error;
        this.#cluster.forget(this.#topic);
        await pause(TRY_EACH_MS, undefined, { signal: this.#signal });
      }
    }
  }

  #doing(what: string, number: number): string {
    return `${what} ${this.#topic}/${number}`;
  }

  #tell(text: string): void {
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.#notice(text);
  }
}

/** A connection that is lost, a leader that changes: not what has to be mended. */
function passes(error: unknown): boolean {
  return isSidestreamError(error) && (error.code === "SST_LANE_UNAVAILABLE" || error.code === "SST_DESTINATION_UNREACHABLE");
}

/** The partition of which the least part was read: so all of them get on at about the same time of theirs. */
function behind(partitions: readonly Partition[]): Partition | undefined {
  const share = ({ startOffset, nextOffset, endOffset }: Partition): number =>
    Number(nextOffset - startOffset) / Math.max(1, Number(endOffset - startOffset));
  const left = partitions.filter(({ nextOffset, endOffset }) => nextOffset < endOffset);
  return left.toSorted((one, other) => share(one) - share(other))[0];
}

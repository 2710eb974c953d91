/**
 * To which lane a message goes, and whether its topic still is the one that we know.
 *
 * Promise: a message's lane follows from its key, its number in the log and the memory alone. What a lane follows from
 * is on disk before anyone is told of the lane. When a topic gets more partitions, messages that were in the log keep
 * theirs. A topic that was made anew stops by itself until an operator decides; the others go on.
 */
import type { DestinationMemory, OutgoingMessage } from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import type { Cluster, KafkaTopic } from "./cluster.ts";
import type { Found } from "./found.ts";
import { laneName } from "./lane-numbers.ts";
import { clusterChangedError } from "./meet-cluster.ts";
import { clusterIn, partitionsText, topicIn, topicRecord, type TopicRecord } from "./memory-records.ts";
import { partitionOf } from "./murmur2.ts";

interface Placed {
  readonly record: TopicRecord;
  /** Names of its lanes, by partition. */
  readonly lanes: readonly string[];
  /** It is not what it was. */
  readonly stopped: SidestreamError | null;
  /** The cluster's word that it was compared with; null when it must be compared. */
  readonly compared: KafkaTopic | null;
}

export interface PlacementParts {
  readonly name: string;
  readonly memory: DestinationMemory;
  readonly cluster: Pick<Cluster, "clusterId" | "known" | "topic" | "forget">;
  readonly found: Found;
  readonly notice: (text: string) => void;
  /** Of the connection. */
  readonly signal: AbortSignal;
}

export class Placement {
  readonly #parts: PlacementParts;
  readonly #topics = new Map<string, Placed>();
  /** The last comparison of each topic. */
  readonly #settling = new Map<string, Promise<Placed>>();

  constructor(parts: PlacementParts) {
    this.#parts = parts;
  }

  /** As `NumberedConnection.lane` has it. */
  lane(message: OutgoingMessage): string | Promise<string> {
    const placed = this.#topics.get(message.topic) ?? this.#remembered(message.topic);
    // Where it was written to is known, also while the topic is stopped: sending tells why it is.
    return placed === undefined ? this.#meet(message) : laneIn(placed, message);
  }

  /**
   * The topic as the cluster has it, if it is the one in the memory.
   *
   * @throws SidestreamError `SST_IDENTITY_CHANGED` when it isn't.
   */
  async verified(name: string, signal: AbortSignal): Promise<KafkaTopic> {
    const topic = this.#parts.cluster.known(name) ?? (await this.#parts.cluster.topic(name, signal));
    let placed = this.#topics.get(name) ?? this.#remembered(name);
    if (placed === undefined || placed.stopped !== null || placed.compared !== topic) placed = await this.#compare(topic);
    if (placed.stopped !== null) {
      // A broker that lags behind may have said so: it is asked again next time.
      this.#parts.cluster.forget(name);
      throw placed.stopped;
    }
    return topic;
  }

  /** The cluster says something new of a topic. */
  changed(topic: KafkaTopic): void {
    if (this.#topics.get(topic.name) === undefined && this.#remembered(topic.name) === undefined) return;
    // Whoever needs the outcome compares again, and hears of the failure.
    void this.#compare(topic).catch(() => {});
  }

  #remembered(name: string): Placed | undefined {
    const record = topicIn(this.#parts.memory, name);
    return record === null ? undefined : this.#keep(name, record, null);
  }

  #keep(name: string, record: TopicRecord, compared: KafkaTopic | null): Placed {
    const lanes = Array.from({ length: lastCount(record) }, (_, partition) => laneName(name, partition));
    const placed: Placed = { record, lanes, stopped: null, compared };
    this.#topics.set(name, placed);
    return placed;
  }

  async #meet(message: OutgoingMessage): Promise<string> {
    const { cluster, signal } = this.#parts;
    const topic = await cluster.topic(message.topic, signal);
    const placed = await this.#compare(topic);
    if (placed.stopped !== null) throw placed.stopped;
    return laneIn(placed, message);
  }

  /** One comparison of a topic at a time, since it may write to the memory. */
  #compare(topic: KafkaTopic): Promise<Placed> {
    const comparing = this.#settleAfter(this.#settling.get(topic.name), topic);
    this.#settling.set(topic.name, comparing);
    return comparing;
  }

  async #settleAfter(before: Promise<Placed> | undefined, topic: KafkaTopic): Promise<Placed> {
    await before?.catch(() => {});
    return this.#settle(topic);
  }

  async #settle(given: KafkaTopic): Promise<Placed> {
    const { memory, found, cluster } = this.#parts;
    // It may have waited its turn: what is older than the memory by now would look like another topic.
    const topic = cluster.known(given.name) ?? given;
    const { name, id, partitions } = topic;
    const record = topicIn(memory, name);
    const otherCluster = this.#otherCluster();
    if (record === null) {
      if (otherCluster !== null) throw otherCluster;
      found.topicIsWell(name);
      return this.#store(topic, { id, counts: [[0, partitions]] });
    }
    const known = this.#topics.get(name);
    // Each lane of the topic asks once the topic was looked at anew.
    if (known?.compared === topic && known.stopped === null && otherCluster === null) return known;
    const stopped = otherCluster ?? this.#otherTopic(record, topic);
    if (stopped !== null) {
      const placed: Placed = { ...(known ?? this.#keep(name, record, topic)), stopped, compared: topic };
      this.#topics.set(name, placed);
      return placed;
    }
    found.topicIsWell(name);
    if (partitions > lastCount(record)) return this.#grow(topic, record, known);
    if (record.id === null && id !== null) return this.#store(topic, { ...record, id });
    return this.#keep(name, record, topic);
  }

  /**
   * Messages that are yet to come may go to the new partitions too; those in the log keep what they have. What comes after
   * the record is never on disk before it, so that the new count holds from here on, not only once it is there.
   */
  async #grow(topic: KafkaTopic, record: TopicRecord, known: Placed | undefined): Promise<Placed> {
    const { memory, notice, name } = this.#parts;
    const from = memory.nextSequence;
    const counts = record.counts.filter(([fromSequence]) => fromSequence < from);
    const grown: TopicRecord = { id: topic.id, counts: [...counts, [from, topic.partitions]] };
    const placed = this.#keep(topic.name, grown, topic);
    try {
      await memory.set(topicRecord(topic.name), grown);
    } catch (error) {
      // Nothing behind it reached the disk either: its numbers are given out again.
      this.#topics.set(topic.name, known ?? { ...placed, record });
      throw error;
    }
    notice(
      `${name}: topic ${topic.name} has ${partitionsText(topic.partitions)} instead of ${lastCount(record)}: keys that are accepted from now on spread over all of them`,
    );
    return placed;
  }

  async #store(topic: KafkaTopic, record: TopicRecord): Promise<Placed> {
    await this.#parts.memory.set(topicRecord(topic.name), record);
    return this.#keep(topic.name, record, topic);
  }

  /** Brokers may be replaced by others' under an open connection. */
  #otherCluster(): SidestreamError | null {
    const { name, memory, cluster, found } = this.#parts;
    const was = clusterIn(memory);
    if (was === null || was.id === cluster.clusterId) return null;
    found.clusterChanged(cluster.clusterId);
    return clusterChangedError(name, was.id, cluster.clusterId);
  }

  /** Partitions never become fewer, so that fewer of them are another topic's. */
  #otherTopic(record: TopicRecord, { name, id, partitions }: KafkaTopic): SidestreamError | null {
    const isOther = (record.id !== null && id !== null && record.id !== id) || partitions < lastCount(record);
    if (!isOther) return null;
    this.#parts.found.topicChanged(name, { id, partitions });
    const was = `${record.id ?? "unknown"} with ${partitionsText(lastCount(record))}`;
    return new SidestreamError(
      "SST_IDENTITY_CHANGED",
      `${this.#parts.name}: topic ${name} is not the one that was written to: it was ${was} and is ${id ?? "unknown"} with ${partitionsText(partitions)}`,
    );
  }
}

function laneIn({ record, lanes }: Placed, { key, sequence }: OutgoingMessage): string {
  return lanes[partitionOf(key, countAt(record.counts, sequence))] as string;
}

function countAt(counts: TopicRecord["counts"], sequence: number): number {
  for (let index = counts.length - 1; index > 0; index -= 1) {
    const [fromSequence, count] = counts[index] as readonly [number, number];
    if (fromSequence <= sequence) return count;
  }
  return (counts[0] as readonly [number, number])[1];
}

/** Partitions only ever grow. */
function lastCount({ counts }: TopicRecord): number {
  return counts.at(-1)?.[1] ?? 0;
}

/**
 * What this driver keeps in the destination's memory: names and shapes.
 *
 * They are on the disks of users: a change needs to read the old shape too.
 */
import type { DestinationMemory } from "../../driver/destination.ts";

export type Readable = Pick<DestinationMemory, "get">;

/** Which cluster it is. */
export const CLUSTER_RECORD = "cluster";
/** As whom we write there. */
export const PRODUCER_RECORD = "producer";
/** What was found in place of the cluster or of topics. */
export const FOUND_RECORD = "found";
/** Followed by a topic's name: which one it is, and its partitions. */
const TOPIC_PREFIX = "topic/";
/** Followed by a lane's name: its numbers, where they began anew. */
const LANE_PREFIX = "lane/";

export interface ClusterRecord {
  readonly id: string;
}

export interface ProducerRecord {
  /** A number of 64 bits. */
  readonly id: string;
  readonly epoch: number;
}

export interface TopicRecord {
  /** Null from brokers without. */
  readonly id: string | null;
  /** From which number in the log on how many partitions count; rising, the first from 0. */
  readonly counts: readonly (readonly [fromSequence: number, count: number])[];
}

export interface LaneRecord {
  /** Of a producer of its own, once the common one's epochs were used up. */
  readonly id?: string;
  readonly epoch: number;
  /** The message of this number has sequence 0. */
  readonly base: number;
  /** Nothing under this epoch is before it; absent: that isn't known. */
  readonly position?: string;
}

export interface FoundTopic {
  readonly id: string | null;
  readonly partitions: number;
}

export interface FoundRecord {
  /** Id of another cluster. */
  readonly cluster?: string;
  /** By name. */
  readonly topics?: Readonly<Record<string, FoundTopic>>;
}

export function clusterIn(memory: Readable): ClusterRecord | null {
  return read(memory, CLUSTER_RECORD) as ClusterRecord | null;
}

export function producerIn(memory: Readable): ProducerRecord | null {
  return read(memory, PRODUCER_RECORD) as ProducerRecord | null;
}

export function foundIn(memory: Readable): FoundRecord {
  return (read(memory, FOUND_RECORD) as FoundRecord | null) ?? {};
}

export function topicRecord(topic: string): string {
  return TOPIC_PREFIX + topic;
}

export function topicIn(memory: Readable, topic: string): TopicRecord | null {
  return read(memory, topicRecord(topic)) as TopicRecord | null;
}

/** Names of the topics that were met, sorted. */
export function topicsIn(memory: Pick<DestinationMemory, "names">): readonly string[] {
  return withPrefix(memory, TOPIC_PREFIX);
}

export function laneRecord(lane: string): string {
  return LANE_PREFIX + lane;
}

export function laneIn(memory: Readable, lane: string): LaneRecord | null {
  return read(memory, laneRecord(lane)) as LaneRecord | null;
}

/** Names of the lanes whose numbers began anew, sorted. */
export function renumberedLanesIn(memory: Pick<DestinationMemory, "names">): readonly string[] {
  return withPrefix(memory, LANE_PREFIX);
}

/** Names of all records of this driver. */
export function recordsIn(memory: Pick<DestinationMemory, "names">): readonly string[] {
  const single = [CLUSTER_RECORD, PRODUCER_RECORD, FOUND_RECORD];
  return memory.names().filter((name) => single.includes(name) || name.startsWith(TOPIC_PREFIX) || name.startsWith(LANE_PREFIX));
}

function read(memory: Readable, name: string): unknown {
  return memory.get(name) ?? null;
}

function withPrefix(memory: Pick<DestinationMemory, "names">, prefix: string): readonly string[] {
  const names = memory.names().filter((name) => name.startsWith(prefix));
  return names.map((name) => name.slice(prefix.length)).toSorted();
}

/** As people read it, wherever a record is told. */
export function partitionsText(count: number): string {
  return count === 1 ? "1 partition" : `${count} partitions`;
}

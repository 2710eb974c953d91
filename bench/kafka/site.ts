/** What the parts of this bench share: sizes, the broker, a folder. */
import type { KafkaCluster } from "../../tools/kafka/cluster.ts";
import { createTopic, deleteTopic, offsets } from "../../tools/kafka/topics.ts";

export const PARTITIONS = 6;
const MIB = 1024 * 1024;

/** How much is done in one pass. */
export interface Extent {
  readonly passes: number;
  /** Messages that are sent from a filled spool. */
  readonly messages: number;
  /** Of the load on the gateway. */
  readonly loadSeconds: number;
  readonly pacedSeconds: number;
  readonly backlogBytes: number;
  /** What waits when a program that was killed starts again. */
  readonly restartBytes: number;
  /** Messages of 1 KiB that gather while there is no broker. */
  readonly outageMessages: number;
  /** Disk that must be free: the largest spool and topic at once, twice over. */
  readonly diskBytes: number;
}

export const FULL: Extent = {
  passes: 5,
  messages: 600_000,
  loadSeconds: 4,
  pacedSeconds: 10,
  backlogBytes: 2048 * MIB,
  restartBytes: 1024 * MIB,
  outageMessages: 4_400_000,
  diskBytes: 16_384 * MIB,
};

/** For trying: its figures say little. */
export const SHORT: Extent = {
  passes: 1,
  messages: 60_000,
  loadSeconds: 1,
  pacedSeconds: 2,
  backlogBytes: 128 * MIB,
  restartBytes: 64 * MIB,
  outageMessages: 200_000,
  diskBytes: 2048 * MIB,
};

export interface Site {
  readonly extent: Extent;
  readonly cluster: KafkaCluster;
  /** Removed with the bench, however that ends. */
  readonly folder: string;
  /** A file of lines of 1 KiB. */
  readonly payloadFile: string;
  /** For people who wait. */
  readonly tell: (text: string) => void;
}

/** Makes a topic for one run and deletes it after, so that the disk doesn't fill. */
export async function withTopic<Result>(site: Site, topic: string, work: () => Promise<Result>): Promise<Result> {
  await createTopic(site.cluster, topic, { partitions: PARTITIONS });
  try {
    return await work();
  } finally {
    await deleteTopic(site.cluster, topic);
  }
}

/** @throws Error when the broker doesn't have exactly so many messages: the figures would mean nothing. */
export async function expectMessages(site: Site, topic: string, expected: number): Promise<void> {
  const found = (await offsets(site.cluster, topic)).reduce((sum, { begin, end }) => sum + end - begin, 0);
  if (found !== expected) throw new Error(`topic ${topic} has ${found} messages, not ${expected}`);
}

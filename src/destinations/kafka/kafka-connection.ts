/**
 * A connection to a Kafka cluster: lanes, numbers and batches joined.
 *
 * This module loads the client library, so it is itself imported only when a destination is opened.
 */
import assert from "node:assert/strict";
import type { DestinationContext, DestinationMemory, NumberedConnection } from "../../driver/destination.ts";
import type { Broker } from "./broker.ts";
import { clusterProblems } from "./cluster-check.ts";
import { Cluster } from "./cluster.ts";
import { Found } from "./found.ts";
import { destinationError } from "./kafka-error.ts";
import { LaneNumbers } from "./lane-numbers.ts";
import type { KafkaOptions } from "./options.ts";
import { meetCluster } from "./meet-cluster.ts";
import { topicsIn } from "./memory-records.ts";
import { Placement } from "./placement.ts";
import { ProduceQueue } from "./produce-queue.ts";
import { meetProducer, newProducer } from "./producer-identity.ts";
import { Recovery } from "./recovery.ts";
import { sendBatch } from "./sending.ts";
import { sendOnce } from "./sending-once.ts";

/** The part of a request's time that the leader may wait for other replicas; the rest is for the way and the queue. */
const ACK_SHARE = 0.75;

export async function openKafka(options: KafkaOptions, context: DestinationContext): Promise<NumberedConnection> {
  const { name, signal, memory } = context;
  assert(memory !== undefined, "a destination that refuses what it has is given a memory");
  const notice = context.notice ?? (() => {});
  const cluster = await Cluster.open(options, { name, signal, notice });
  try {
    const found = new Found(memory);
    await meetCluster(name, cluster.clusterId, memory, found);
    const producer = await meetProducer(cluster, memory, signal);
    const closing = new AbortController();
    const numbers = new LaneNumbers(memory, producer, (until) => newProducer(cluster, until));
    const placement = new Placement({ name, memory, cluster, found, notice, signal: closing.signal });
    cluster.onChange = (topic) => placement.changed(topic);
    return connection({ options, cluster, memory, numbers, placement, closing, notice });
  } catch (error) {
    await cluster.close();
    throw destinationError(error, "opening the destination", "connect");
  }
}

interface OpenParts {
  readonly options: KafkaOptions;
  readonly cluster: Cluster;
  readonly memory: DestinationMemory;
  readonly numbers: LaneNumbers;
  readonly placement: Placement;
  readonly closing: AbortController;
  readonly notice: (text: string) => void;
}

function connection({ options, cluster, memory, numbers, placement, closing, notice }: OpenParts): NumberedConnection {
  const ackMs = Math.floor(options.requestTimeout * ACK_SHARE);
  /** Of each connection to a broker; one that was lost is forgotten with it. */
  const queues = new Map<Broker["connection"], ProduceQueue>();
  const queue = (broker: Broker): ProduceQueue => {
    const known = queues.get(broker.connection);
    if (known !== undefined) return known;
    const made = new ProduceQueue(broker, ackMs);
    queues.set(broker.connection, made);
    broker.connection.once("close", () => queues.delete(broker.connection));
    return made;
  };
  const recovery = new Recovery({ cluster, placement, numbers });
  const sending = { cluster, placement, numbers, compression: options.compression, queue };
  return {
    lane: (message) => placement.lane(message),
    recover: (lane, last, signal) => recovery.recover(lane, last, signal),
    renumber: (lane, number, position, signal) => numbers.renumber(lane, number, position, signal),
    send: (batch, signal) => sendBatch(sending, batch, signal),
    sendOnce: (messages, signal) => sendOnce(sending, messages, signal),
    async check(signal, topics = []) {
      const problems = await clusterProblems(cluster, [...new Set([...topics, ...topicsIn(memory)])], signal);
      for (const { text, error } of problems) if (error === null) notice(text);
      const errors = problems.flatMap(({ error }) => error ?? []);
      if (errors.length > 1) throw new AggregateError(errors, `${errors.length} things are wrong with the destination`);
      if (errors[0] !== undefined) throw errors[0];
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      for (const each of queues.values()) each.close();
      await cluster.close();
    },
  };
}

/**
 * Reading and making topics, one request at a time.
 *
 * Kafka answers about each topic for itself, and the client throws when one of them has an error: the whole answer is
 * then in the error. Here each topic has its own error, and nothing is created by asking.
 */
import { createTopicsV5, createTopicsV6, createTopicsV7, metadataV10, metadataV11, metadataV12 } from "@platformatic/kafka";
import { SidestreamError } from "../../errors.ts";
import { ask, type Broker } from "./broker.ts";
import { errorChain } from "./error-chain.ts";
import { brokerError, destinationError } from "./kafka-error.ts";
import type { BrokerAddress, KafkaTopicCreation } from "./options.ts";
import { API_KEYS } from "./versions.ts";

const METADATA = { 10: metadataV10.api, 11: metadataV11.api, 12: metadataV12.api } as const;
const CREATE_TOPICS = { 5: createTopicsV5.api, 6: createTopicsV6.api, 7: createTopicsV7.api } as const;

type MetadataAnswer = Awaited<ReturnType<typeof metadataV12.api.async>>;

/** What brokers give in place of a topic's id when they have none. */
const NO_ID = "00000000-0000-0000-0000-000000000000";
const NO_ERROR = 0;
const TOPIC_ALREADY_EXISTS = 36;
/** What brokers give when rights were not asked for, or can't be told. */
const RIGHTS_UNKNOWN = -2_147_483_648;

const TOPIC_NAME = /^[a-zA-Z0-9._-]{1,249}$/;

/** Rights on a topic, by the bit that stands for each (Kafka's AclOperation). */
export const TOPIC_RIGHTS = { read: 3, write: 4, describe: 8, describeConfigs: 10 } as const;

/** A topic as a broker describes it. */
export interface TopicDescription {
  readonly name: string;
  readonly id: string | null;
  /** Node id of each partition's leader, -1 where there is none. */
  readonly leaders: readonly number[];
  /** Copies of the partition that has the fewest. */
  readonly replicationFactor: number;
  /** Bits of {@link TOPIC_RIGHTS}; null when not asked for or not told. */
  readonly rights: number | null;
}

export interface ClusterDescription {
  readonly clusterId: string;
  readonly controllerId: number;
  readonly nodes: ReadonlyMap<number, BrokerAddress>;
  readonly topics: ReadonlyMap<string, TopicDescription | SidestreamError>;
}

/** @throws SidestreamError `SST_TOPIC_INVALID` for a name that no Kafka can have; brokers needn't be asked. */
export function checkTopicName(name: string): void {
  if (TOPIC_NAME.test(name) && name !== "." && name !== "..") return;
  const shown = JSON.stringify(name.slice(0, 300));
  throw new SidestreamError(
    "SST_TOPIC_INVALID",
    `Kafka can't have a topic named ${shown}: 1 to 249 of a-z A-Z 0-9 . _ -, and neither . nor ..`,
  );
}

/**
 * Asks for the cluster and some topics.
 *
 * @param names - May be empty: the cluster alone. At most some hundreds, since one answer holds them all.
 * @throws SidestreamError when the broker doesn't answer; a topic's own error is in its place.
 */
export async function describeTopics(
  broker: Broker,
  names: readonly string[],
  signal: AbortSignal,
  withRights = false,
): Promise<ClusterDescription> {
  const version = broker.version(API_KEYS.metadata, [10, 11, 12]) as keyof typeof METADATA;
  const topics = names.map((name) => ({ name }));
  const what = names.length === 1 ? `reading the metadata of topic ${names[0]}` : "reading metadata";
  const doing = `${what} (needs the right DESCRIBE)`;
  const answer = await ask(broker, doing, signal, (connection) =>
    wholeAnswer(METADATA[version].async(connection, topics, false, withRights)),
  );
  return {
    clusterId: answer.clusterId ?? "",
    controllerId: answer.controllerId,
    nodes: new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }])),
    topics: new Map(
      answer.topics.flatMap((topic) =>
        typeof topic.name !== "string" ? [] : [[topic.name, described(topic, topic.name, broker)] as const],
      ),
    ),
  };
}

/** The answer, also where the client throws it because a topic or partition in it has an error. */
async function wholeAnswer(request: Promise<MetadataAnswer>): Promise<MetadataAnswer> {
  try {
    return await request;
  } catch (error) {
    for (const one of errorChain(error)) if ("response" in one && isMetadata(one.response)) return one.response;
    throw error;
  }
}

function isMetadata(value: unknown): value is MetadataAnswer {
  return typeof value === "object" && value !== null && "brokers" in value && "topics" in value;
}

function described(topic: MetadataAnswer["topics"][number], name: string, { address }: Broker): TopicDescription | SidestreamError {
  // A partition's own error (it has no leader) is told when somebody wants that partition.
  if (topic.errorCode !== NO_ERROR) return brokerError(topic.errorCode, `broker ${address}: topic ${name} (needs the right DESCRIBE)`);
  const leaders: number[] = new Array<number>(topic.partitions.length).fill(-1);
  for (const { partitionIndex, leaderId } of topic.partitions) if (partitionIndex < leaders.length) leaders[partitionIndex] = leaderId;
  return {
    name,
    id: topic.topicId === NO_ID ? null : topic.topicId,
    leaders,
    replicationFactor: Math.min(...topic.partitions.map(({ replicaNodes }) => replicaNodes.length)),
    rights: topic.topicAuthorizedOperations === RIGHTS_UNKNOWN ? null : topic.topicAuthorizedOperations,
  };
}

/**
 * Makes a topic. That somebody else made it meanwhile is as good.
 *
 * @param only - `check`: nothing is made, only the answer is wanted.
 * @throws SidestreamError `SST_TOPIC_INVALID`, `SST_DESTINATION_FORBIDDEN`, `SST_TOPIC_MISSING` when its settings are not possible.
 */
export async function createTopic(
  broker: Broker,
  name: string,
  { partitions = -1, replicationFactor = -1, settings = {} }: KafkaTopicCreation,
  waitMsMax: number,
  signal: AbortSignal,
  only?: "check",
): Promise<void> {
  const version = broker.version(API_KEYS.createTopics, [5, 6, 7]) as keyof typeof CREATE_TOPICS;
  const configs = Object.entries(settings).map(([name, value]) => ({ name, value: String(value) }));
  const topic = { name, numPartitions: partitions, replicationFactor, assignments: [], configs };
  const doing = `making topic ${name} (needs the right CREATE)`;
  try {
    await ask(broker, doing, signal, (connection) => CREATE_TOPICS[version].async(connection, [topic], waitMsMax, only === "check"));
  } catch (error) {
    if (errorChain(error).some((one) => "apiCode" in one && one.apiCode === TOPIC_ALREADY_EXISTS)) return;
    throw destinationError(error, doing, "ask");
  }
}

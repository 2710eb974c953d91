/**
 * Looks for what would keep a destination from working, without writing a message: for `sidestream check --connect`.
 *
 * Promise: each problem is one line; nothing is made or changed at the cluster, save that it hands out a producer id.
 */
import { initProducerIdV4, initProducerIdV5 } from "@platformatic/kafka";
import { setTimeout as pause } from "node:timers/promises";
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import { ask } from "./broker.ts";
import type { Cluster } from "./cluster.ts";
import { readBrokerAddress, topicCreationOf } from "./options.ts";
import { durabilityNotice, ONE_BROKER_NOTICE, readTopicSettings } from "./topic-settings.ts";
import { checkTopicName, createTopic, describeTopics, TOPIC_RIGHTS, type TopicDescription } from "./topics.ts";
import { API_KEYS } from "./versions.ts";

/** Names asked for in one request. */
const TOPICS_PER_REQUEST = 100;
/** A coordinator that is only just starting says so; it is asked again so often, until the request timeout is over. */
const COORDINATOR_POLL_MS = 200;

const NEEDED = [
  ["write", "WRITE", "sends messages"],
  ["read", "READ", "asks what arrived after a crash"],
  ["describe", "DESCRIBE", "finds the topic"],
] as const;

export interface ClusterProblem {
  /** One line. */
  readonly text: string;
  /** Null: messages are delivered, but acknowledged ones can be lost more easily than need be. */
  readonly error: SidestreamError | null;
}

/**
 * Checks brokers, topics and rights.
 *
 * @param topics - Names of topics that messages go to, as far as they are known beforehand.
 * @returns What was found; empty when nothing was.
 */
export async function clusterProblems(
  cluster: Cluster,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<readonly ClusterProblem[]> {
  const found = new Problems(signal);
  const note = (error: unknown): void => found.error(error);
  for (const text of cluster.options.brokers) {
    const at = readBrokerAddress(text);
    const failed = at && (await cluster.connections.tryAddress(at, signal));
    if (failed) found.error(failed);
  }
  for (const nodeId of cluster.connections.nodes.keys()) await cluster.connections.node(nodeId, signal).catch(note);
  if (cluster.connections.nodes.size === 1) found.warning(ONE_BROKER_NOTICE);
  await checkProducer(cluster, signal).catch(note);
  for (let first = 0; first < topics.length; first += TOPICS_PER_REQUEST) {
    await checkTopics(cluster, topics.slice(first, first + TOPICS_PER_REQUEST), found, signal).catch(note);
  }
  return found.all;
}

class Problems {
  readonly all: ClusterProblem[] = [];
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Takes a problem; what is none, or comes of giving up, is thrown on. */
  error(error: unknown): void {
    if (this.#signal.aborted || !isSidestreamError(error)) throw error;
    this.all.push({ text: error.message, error });
  }

  warning(text: string): void {
    this.all.push({ text, error: null });
  }
}

/** Numbering messages needs a producer id, which takes the right to write to some topic, or IDEMPOTENT_WRITE. */
async function checkProducer(cluster: Cluster, signal: AbortSignal): Promise<void> {
  const endsAt = performance.now() + cluster.options.requestTimeout;
  for (;;) {
    const broker = await cluster.any(signal);
    const initProducerId = broker.version(API_KEYS.initProducerId, [4, 5]) === 5 ? initProducerIdV5.api : initProducerIdV4.api;
    const doing = "getting a producer id (needs WRITE on a topic, or IDEMPOTENT_WRITE on the cluster)";
    try {
      await ask(broker, doing, signal, (connection) => initProducerId.async(connection, null, 0));
      return;
    } catch (error) {
      const waits = isSidestreamError(error) && error.code === "SST_LANE_UNAVAILABLE" && performance.now() < endsAt;
      if (!waits) throw error;
    }
    await pause(COORDINATOR_POLL_MS, undefined, { signal });
  }
}

async function checkTopics(cluster: Cluster, topics: readonly string[], problems: Problems, signal: AbortSignal): Promise<void> {
  const note = (error: unknown): void => problems.error(error);
  const names = topics.filter((name) => {
    try {
      checkTopicName(name);
      return true;
    } catch (error) {
      note(error);
      return false;
    }
  });
  if (names.length === 0) return;
  const broker = await cluster.any(signal);
  const described = await describeTopics(broker, names, signal, true);
  const found: TopicDescription[] = [];
  for (const [name, topic] of described.topics) {
    if (!isSidestreamError(topic)) found.push(topic);
    else if (topic.code === "SST_TOPIC_MISSING") await checkMissing(cluster, name, signal).catch(note);
    else note(topic);
  }
  if (found.length === 0) return;
  for (const topic of found) for (const lacking of lackingRights(topic)) note(lacking);
  const there = found.map(({ name }) => name);
  const settings = await readTopicSettings(broker, there, (name, why) => problems.warning(`topic ${name}: ${why}`), signal);
  for (const { name, replicationFactor } of found) {
    const known = settings.get(name);
    const risk = known && durabilityNotice(name, replicationFactor, described.nodes.size, known);
    if (risk) problems.warning(risk);
  }
}

/** Rejects with the problem; a topic that would be made when it is needed is none. */
async function checkMissing(cluster: Cluster, name: string, signal: AbortSignal): Promise<void> {
  const creation = topicCreationOf(cluster.options);
  if (creation !== undefined) {
    await createTopic(await cluster.controller(signal), name, creation, cluster.options.requestTimeout, signal, "check");
    return;
  }
  throw new SidestreamError("SST_TOPIC_MISSING", `topic ${name} does not exist, and \`createTopics\` is off`);
}

function lackingRights({ name, rights }: TopicDescription): readonly SidestreamError[] {
  if (rights === null) return [];
  return NEEDED.filter(([right]) => (rights & (1 << TOPIC_RIGHTS[right])) === 0).map(
    ([, right, why]) =>
      new SidestreamError("SST_DESTINATION_FORBIDDEN", `topic ${name}: this user lacks the right ${right}, with which Sidestream ${why}`),
  );
}

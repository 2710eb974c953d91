/**
 * Settings of topics that decide what fits and what can be lost.
 *
 * Promise: a cluster that doesn't let us read them is no obstacle: defaults stand in, and it is told once.
 */
import { describeConfigsV1, describeConfigsV2, describeConfigsV3, describeConfigsV4 } from "@platformatic/kafka";
import { isSidestreamError } from "../../errors.ts";
import { ask, type Broker } from "./broker.ts";
import { errorChain } from "./error-chain.ts";
import { brokerError } from "./kafka-error.ts";
import { API_KEYS } from "./versions.ts";

const DESCRIBE_CONFIGS = {
  1: describeConfigsV1.api,
  2: describeConfigsV2.api,
  3: describeConfigsV3.api,
  4: describeConfigsV4.api,
} as const;
const RESOURCE_TOPIC = 2;
const NO_ERROR = 0;

/** Where the setting can't be read: Kafka's default of 1 MiB, without the twelve bytes it allows on top. */
export const BATCH_BYTES_DEFAULT = 1024 * 1024;

export interface TopicSettings {
  readonly batchBytesMax: number;
  readonly replicasMin: number;
  /** A copy that is behind may become leader. */
  readonly uncleanElection: boolean;
}

type Results = Awaited<ReturnType<typeof describeConfigsV4.api.async>>["results"];

/**
 * Reads the settings of some topics.
 *
 * @param unread - Told why, for a topic whose settings can't be read; it is then missing in the answer.
 * @throws SidestreamError when the connection fails.
 */
export async function readTopicSettings(
  broker: Broker,
  names: readonly string[],
  unread: (name: string, why: string) => void,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, TopicSettings>> {
  const resources = names.map((resourceName) => ({
    resourceType: RESOURCE_TOPIC,
    resourceName,
    configurationKeys: ["max.message.bytes", "min.insync.replicas", "unclean.leader.election.enable"],
  })) as Parameters<typeof describeConfigsV4.api.async>[1];
  const doing = "reading topic settings (needs the right DESCRIBE_CONFIGS)";
  let results: Results;
  try {
    const version = broker.version(API_KEYS.describeConfigs, [1, 2, 3, 4]) as keyof typeof DESCRIBE_CONFIGS;
    results = await ask(broker, doing, signal, (connection) => whole(DESCRIBE_CONFIGS[version].async(connection, resources, false, false)));
  } catch (error) {
    if (!isSidestreamError(error) || error.retry === "reconnect") throw error;
    for (const name of names) unread(name, error.message);
    return new Map();
  }
  const found = new Map<string, TopicSettings>();
  for (const { errorCode, errorMessage, resourceName, configs } of results) {
    if (errorCode === NO_ERROR) found.set(resourceName, settingsOf(configs));
    else unread(resourceName, brokerError(errorCode, `broker ${broker.address}: ${doing}`, { said: errorMessage }).message);
  }
  return found;
}

async function whole(request: Promise<{ readonly results: Results }>): Promise<Results> {
  try {
    return (await request).results;
  } catch (error) {
    for (const one of errorChain(error)) {
      if (!("response" in one) || typeof one.response !== "object" || one.response === null) continue;
      if ("results" in one.response && Array.isArray(one.response.results)) return one.response.results as Results;
    }
    throw error;
  }
}

function settingsOf(configs: Results[number]["configs"]): TopicSettings {
  const value = (name: string) => configs.find((config) => config.name === name)?.value ?? "";
  return {
    batchBytesMax: Number(value("max.message.bytes")) || BATCH_BYTES_DEFAULT,
    replicasMin: Number(value("min.insync.replicas")) || 1,
    uncleanElection: value("unclean.leader.election.enable") === "true",
  };
}

/**
 * What can be lost although the brokers acknowledged it; null when nothing can, short of losing several brokers at once.
 *
 * @param brokers - How many the cluster has: with one, its single copy is told for the cluster and not for each topic.
 */
export function durabilityNotice(name: string, replicationFactor: number, brokers: number, settings: TopicSettings): string | null {
  const risks: string[] = [];
  if (replicationFactor === 1 && brokers > 1) {
    risks.push("it has one copy (replication factor 1), and what that broker's disk loses is gone: give it 3");
  }
  if (replicationFactor > 1 && settings.replicasMin === 1) {
    risks.push("one copy is enough to acknowledge (min.insync.replicas=1), and what only that broker has can be lost with it: set it to 2");
  }
  if (settings.uncleanElection && replicationFactor > 1) {
    risks.push("a copy that is behind may become leader, and what it lacks is lost (unclean.leader.election.enable=true): set it to false");
  }
  return risks.length === 0 ? null : `topic ${name} can lose acknowledged messages: ${risks.join("; ")}`;
}

/** The same for a cluster of one broker. */
export const ONE_BROKER_NOTICE =
  "the cluster has one broker, so each message has one copy, and what its disk loses is gone: use three brokers where that matters";

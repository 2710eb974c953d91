/**
 * Makes, widens, describes and deletes topics of a test cluster, and gives rights.
 *
 * Each call waits out a broker that has just started, and settles when every broker that is up knows of the change.
 */
import {
  AclOperations,
  AclPermissionTypes,
  Admin,
  ConfigResourceTypes,
  ListOffsetTimestamps,
  ResourcePatternTypes,
  ResourceTypes,
  UserError,
  type AclOperationLabel,
  type ClusterPartitionMetadata,
} from "@platformatic/kafka";
import { setTimeout as sleep } from "node:timers/promises";
import { CREDENTIALS } from "./properties.ts";
import { waitUntil } from "./wait-until.ts";

/** Where to reach a cluster without TLS and login: a KafkaCluster is one. */
export interface Reachable {
  readonly bootstrap: readonly string[];
}

export interface TopicOptions {
  /** 1 unless given. */
  readonly partitions?: number;
  /** As many as there are nodes, unless given. */
  readonly replicas?: number;
  /** Settings of the topic, such as `max.message.bytes`. */
  readonly configs?: Readonly<Record<string, string>>;
}

export interface Right {
  /** `limited` unless given. */
  readonly user?: string;
  readonly operation: AclOperationLabel;
  /** A topic by its name; without it, the right is for the cluster, as IDEMPOTENT_WRITE is. */
  readonly topic?: string;
}

/** Longer than a node takes to come up, and the others to notice, on a busy machine. */
const TRY_MS_MAX = 60_000;
const TRY_EACH_MS = 200;
const ANSWER_MS_MAX = 10_000;

/** Makes a topic. @throws Error when it exists or the options are refused. */
export async function createTopic(cluster: Reachable, topic: string, options: TopicOptions = {}): Promise<void> {
  const { partitions = 1, replicas = -1, configs = {} } = options;
  const settings = Object.entries(configs).map(([name, value]) => ({ name, value }));
  const request = { topics: [topic], partitions, replicas, configs: settings };
  await change(cluster, "TOPIC_ALREADY_EXISTS", async (admin) => await admin.createTopics(request));
  await partitionsKnown(cluster, topic, partitions);
  await led(cluster, topic);
}

/** Sets settings of a topic, such as `max.message.bytes`; all others are as the cluster has them. */
export async function configureTopic(cluster: Reachable, topic: string, configs: Readonly<Record<string, string>>): Promise<void> {
  const settings = Object.entries(configs).map(([name, value]) => ({ name, value }));
  const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs: settings }];
  await withAdmin(cluster.bootstrap, async (admin) => await admin.alterConfigs({ resources }));
}

/** Deletes a topic. Harmless when there is none. */
export async function deleteTopic(cluster: Reachable, topic: string): Promise<void> {
  await change(cluster, "UNKNOWN_TOPIC_OR_PARTITION", async (admin) => await admin.deleteTopics({ topics: [topic] }));
  await partitionsKnown(cluster, topic, 0);
}

/** Widens a topic to so many partitions. @throws Error when it has as many. */
export async function addPartitions(cluster: Reachable, topic: string, count: number): Promise<void> {
  await change(cluster, "INVALID_PARTITIONS", async (admin) => await admin.createPartitions({ topics: [{ name: topic, count }] }));
  await partitionsKnown(cluster, topic, count);
  await led(cluster, topic);
}

/** Leader, replicas and those in sync, by partition; none when there is no such topic. */
export async function describeTopic(cluster: Reachable, topic: string): Promise<readonly ClusterPartitionMetadata[]> {
  return await withAdmin(cluster.bootstrap, async (admin) => await partitionsOf(admin, topic));
}

/** Where each partition begins and ends as of now: first offset, and the one that its next message gets. */
export async function offsets(cluster: Reachable, topic: string): Promise<readonly { readonly begin: number; readonly end: number }[]> {
  return await withAdmin(cluster.bootstrap, async (admin) => {
    const count = (await partitionsOf(admin, topic)).length;
    const ask = async (timestamp: bigint): Promise<readonly number[]> => {
      const partitions = Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp }));
      const found = (await admin.listOffsets({ topics: [{ name: topic, partitions }] })).flatMap((each) => each.partitions);
      return found.toSorted((one, other) => one.partitionIndex - other.partitionIndex).map(({ offset }) => Number(offset));
    };
    const [begins, ends] = [await ask(ListOffsetTimestamps.EARLIEST), await ask(ListOffsetTimestamps.LATEST)];
    return begins.map((begin, partition) => ({ begin, end: ends[partition] ?? begin }));
  });
}

/** Deletes what a partition has before an offset, as retention does. */
export async function deleteRecords(cluster: Reachable, topic: string, partition: number, before: number): Promise<void> {
  const partitions = [{ partition, offset: BigInt(before) }];
  // Only its types say that it takes leaders; it looks for them by itself.
  const request = { topics: [{ name: topic, partitions }], timeout: ANSWER_MS_MAX } as never;
  await withAdmin(cluster.bootstrap, async (admin) => void (await admin.deleteRecords(request)));
}

/** Gives a right, by default to the user `limited`. Needs a cluster with the properties `AUTHORIZER`. */
export async function allow(cluster: Reachable, right: Right): Promise<void> {
  await withAdmin(cluster.bootstrap, async (admin) => await admin.createAcls({ creations: [rule(right)] }));
  await knownEverywhere(cluster, "a right that was given", async (admin) => await hasRight(admin, right));
}

/** Takes a right back. */
export async function disallow(cluster: Reachable, right: Right): Promise<void> {
  await withAdmin(cluster.bootstrap, async (admin) => void (await admin.deleteAcls({ filters: [rule(right)] })));
  await knownEverywhere(cluster, "a right that was taken back", async (admin) => !(await hasRight(admin, right)));
}

async function hasRight(admin: Admin, right: Right): Promise<boolean> {
  return (await admin.describeAcls({ filter: rule(right) })).length > 0;
}

function rule({ user = CREDENTIALS.limited.user, operation, topic }: Right) {
  return {
    resourceType: topic === undefined ? ResourceTypes.CLUSTER : ResourceTypes.TOPIC,
    // Kafka's only name for the cluster.
    resourceName: topic ?? "kafka-cluster",
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: `User:${user}`,
    host: "*",
    operation: AclOperations[operation],
    permissionType: AclPermissionTypes.ALLOW,
  };
}

async function partitionsKnown(cluster: Reachable, topic: string, count: number): Promise<void> {
  await knownEverywhere(cluster, `the change of ${topic}`, async (admin) => {
    const partitions = await partitionsOf(admin, topic);
    return partitions.length === count && partitions.every(({ leader }) => leader >= 0);
  });
}

/** Until all brokers that are up agree; a broker learns of a change later than the one that made it. */
async function knownEverywhere(cluster: Reachable, what: string, isKnown: (admin: Admin) => Promise<boolean>): Promise<void> {
  const brokers = await withAdmin(cluster.bootstrap, async (admin) => [...(await admin.metadata({ topics: [] })).brokers.values()]);
  for (const { host, port } of brokers) {
    const address = `${host}:${port}`;
    await waitUntil(async () => await withAdmin([address], isKnown), TRY_MS_MAX, `broker ${address} to know of ${what}`);
  }
}

/** Until the leaders answer as such: a broker tells that it leads a partition some moments before it does, after a start, too. */
export async function led(cluster: Reachable, topic: string): Promise<void> {
  const answer = (): Promise<boolean> =>
    offsets(cluster, topic).then(
      () => true,
      () => false,
    );
  await waitUntil(answer, TRY_MS_MAX, `the leaders of ${topic} to answer`);
}

async function partitionsOf(admin: Admin, topic: string): Promise<readonly ClusterPartitionMetadata[]> {
  try {
    const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
    return topics.get(topic)?.partitions ?? [];
  } catch (problem) {
    // What the client makes of an answer without the topic.
    if (someError(problem, "code", UserError.code) || someError(problem, "apiId", "UNKNOWN_TOPIC_OR_PARTITION")) return [];
    throw problem;
  }
}

/**
 * Changes something once.
 *
 * @param refusedTwice - Kafka's name of the error that a second try gets when the first was done and its answer was lost.
 */
async function change(cluster: Reachable, refusedTwice: string, work: (admin: Admin) => Promise<unknown>): Promise<void> {
  let tries = 0;
  await withAdmin(cluster.bootstrap, async (admin) => {
    try {
      tries++;
      await work(admin);
    } catch (problem) {
      if (tries === 1 || !someError(problem, "apiId", refusedTwice)) throw problem;
    }
  });
}

/** Does it with a client, again while the broker says that it will be able to, within a bound. */
async function withAdmin<Result>(bootstrap: readonly string[], work: (admin: Admin) => Promise<Result>): Promise<Result> {
  const endsAt = performance.now() + TRY_MS_MAX;
  const admin = new Admin({
    clientId: "sidestream-test-cluster",
    bootstrapBrokers: [...bootstrap],
    retries: 0,
    timeout: ANSWER_MS_MAX,
    requestTimeout: ANSWER_MS_MAX,
  });
  try {
    for (;;) {
      try {
        return await work(admin);
      } catch (problem) {
        // As the client's own rule: only what nothing in the tree of errors speaks against.
        if (someError(problem, "canRetry", false) || !someError(problem, "canRetry", true) || performance.now() > endsAt) throw problem;
      }
      await sleep(TRY_EACH_MS);
    }
  } finally {
    await admin.close();
  }
}

/** Whether this error, or one of those it holds, has this property. */
function someError(problem: unknown, property: string, value: unknown): boolean {
  if (!(problem instanceof Error)) return false;
  if ((problem as unknown as Record<string, unknown>)[property] === value) return true;
  return problem instanceof AggregateError && problem.errors.some((each) => someError(each, property, value));
}

/**
 * A Kafka cluster as the driver sees it: its topics, and connections to their leaders.
 *
 * Promise: what was learnt once is given without asking, until somebody says that it is no longer so, or a look in the
 * background finds it changed; such changes are told. Topics asked for at the same time share one request.
 * This module loads the client library, so it is itself imported only when a destination is opened.
 */
import { setTimeout as pause } from "node:timers/promises";
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import { ask, type Broker } from "./broker.ts";
import { Connections } from "./connections.ts";
import { firstAnswer } from "./first-answer.ts";
import { destinationError } from "./kafka-error.ts";
import { clearTextNotice, Login } from "./login.ts";
import { topicCreationOf, type KafkaOptions } from "./options.ts";
import { RiskNotices } from "./risk-notices.ts";
import { TopicLookup } from "./topic-lookup.ts";
import { BATCH_BYTES_DEFAULT, readTopicSettings } from "./topic-settings.ts";
import { checkTopicName, createTopic, describeTopics, type ClusterDescription, type TopicDescription } from "./topics.ts";
import { withSignal } from "./with-signal.ts";

export { ask, type Broker };

/** A new topic shows up at all brokers within a moment; asking for it is repeated this often. */
const CREATED_POLL_MS = 100;

export interface KafkaTopic {
  readonly name: string;
  /** As the cluster gives it (UUID text); null from brokers without. */
  readonly id: string | null;
  readonly partitions: number;
  /** Largest batch that the topic takes (max.message.bytes), compressed. */
  readonly batchBytesMax: number;
}

export interface ClusterContext {
  /** Name of the destination. */
  readonly name: string;
  /** Once aborted, the cluster closes. */
  readonly signal: AbortSignal;
  readonly notice: (text: string) => void;
}

interface Known {
  readonly topic: KafkaTopic;
  readonly leaders: readonly number[];
}

export class Cluster {
  /** Called when a topic has another id or more partitions than before, or belongs to another cluster than before. */
  onChange: (topic: KafkaTopic) => void = () => {};
  readonly options: KafkaOptions;
  readonly connections: Connections;
  readonly #risks: RiskNotices;
  readonly #lookup: TopicLookup<Known>;
  readonly #ageMsMax: number;
  /** What may be given without asking. */
  readonly #known = new Map<string, Known>();
  /** What was learnt last of each topic, also when it may be out of date: changes are seen against it. */
  readonly #seen = new Map<string, KafkaTopic>();
  readonly #creating = new Map<string, Promise<Known>>();
  #clusterId = "";
  #controllerId = -1;
  #refreshTimer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  private constructor(options: KafkaOptions, context: ClusterContext, ageMsMax: number) {
    this.options = options;
    this.connections = new Connections({ options, login: options.login === undefined ? null : new Login(options.login) });
    this.#risks = new RiskNotices(context.notice);
    this.#ageMsMax = ageMsMax;
    this.#lookup = new TopicLookup((names) => this.#read(names));
  }

  /**
   * Connects to the first broker of the configuration that can be reached, and asks it for the others.
   *
   * @param ageMsMax - How old what is known of topics may get, in milliseconds; what the options say unless given.
   * @throws SidestreamError `SST_DESTINATION_UNREACHABLE`, `SST_DESTINATION_LOGIN`, `SST_DESTINATION_TLS`,
   * `SST_DESTINATION_UNSUPPORTED`; nothing is left open.
   */
  static async open(options: KafkaOptions, context: ClusterContext, ageMsMax: number = options.metadataAge): Promise<Cluster> {
    const cluster = new Cluster(options, context, ageMsMax);
    try {
      const inClear = clearTextNotice(options);
      if (inClear !== null) context.notice(inClear);
      const broker = await cluster.connections.any(context.signal);
      cluster.#learnCluster(await firstAnswer(broker, options, context.signal));
      cluster.#risks.cluster(cluster.connections.nodes.size);
    } catch (cause) {
      await cluster.close();
      throw destinationError(cause, "opening the destination", "connect");
    }
    context.signal.addEventListener("abort", () => void cluster.close(), { once: true, signal: cluster.connections.closing });
    cluster.#refreshLater();
    return cluster;
  }

  get clusterId(): string {
    return this.#clusterId;
  }

  /** What is known of a topic, without asking; undefined also after `forget`. */
  known(name: string): KafkaTopic | undefined {
    return this.#known.get(name)?.topic;
  }

  /**
   * Asks for a topic when it isn't known; makes it where `createTopics` allows.
   *
   * @throws SidestreamError `SST_TOPIC_INVALID`, which lasts; else one that can be mended: `SST_TOPIC_MISSING`,
   * `SST_DESTINATION_FORBIDDEN`, `SST_LANE_UNAVAILABLE`, `SST_DESTINATION_UNREACHABLE`.
   */
  async topic(name: string, signal: AbortSignal): Promise<KafkaTopic> {
    return (await this.#find(name, signal)).topic;
  }

  /**
   * A connection to a partition's leader. Not to be kept: it is asked for before each request.
   *
   * @throws SidestreamError `SST_LANE_UNAVAILABLE` without a leader that can be reached; else as `topic`.
   */
  async leader(topic: string, partition: number, signal: AbortSignal): Promise<Broker> {
    const { leaders } = await this.#find(topic, signal);
    const nodeId = leaders[partition];
    if (nodeId === undefined || nodeId < 0) {
      this.forget(topic);
      const what = nodeId === undefined ? `the topic has ${leaders.length} partitions` : "no broker leads it at the moment";
      throw new SidestreamError("SST_LANE_UNAVAILABLE", `partition ${partition} of topic ${topic}: ${what}`);
    }
    try {
      return await this.connections.node(nodeId, signal);
    } catch (cause) {
      this.forget(topic);
      throw destinationError(cause, `partition ${partition} of topic ${topic}`, "connect");
    }
  }

  /**
   * Whether another broker takes a broker for a partition's leader, too: one that was cut off from the others still takes
   * itself for it. False where none can be asked.
   */
  async agreesOnLeader(topic: string, partition: number, nodeId: number, signal: AbortSignal): Promise<boolean> {
    const others = [...this.connections.nodes.keys()].filter((id) => id !== nodeId);
    for (const id of others) {
      const found = await this.connections
        .node(id, signal)
        .then((broker) => describeTopics(broker, [topic], signal))
        .catch(() => null);
      const described = found?.topics.get(topic);
      if (described !== undefined && "leaders" in described) return described.leaders[partition] === nodeId;
    }
    return others.length === 0;
  }

  /** What is known of the topic is no longer so: the next answer for it is asked for. */
  forget(topic: string): void {
    this.#known.delete(topic);
    this.#lookup.outdate(topic);
  }

  /** A connection to any broker. */
  async any(signal: AbortSignal): Promise<Broker> {
    return await this.connections.any(signal);
  }

  /** A connection to the broker that takes changes of topics. */
  async controller(signal: AbortSignal): Promise<Broker> {
    return await (this.connections.nodes.has(this.#controllerId)
      ? this.connections.node(this.#controllerId, signal)
      : this.connections.any(signal));
  }

  /** Ends all connections and everything that waits; again is harmless. */
  close(): Promise<void> {
    clearTimeout(this.#refreshTimer);
    this.#closed ??= this.connections.close();
    return this.#closed;
  }

  async #find(name: string, signal: AbortSignal): Promise<Known> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    checkTopicName(name);
    try {
      return await withSignal(this.#creating.get(name) ?? this.#lookup.ask(name), signal);
    } catch (cause) {
      const creation = topicCreationOf(this.options);
      if (creation === undefined || !isSidestreamError(cause) || cause.code !== "SST_TOPIC_MISSING" || signal.aborted) {
        throw waiting(cause, `topic ${name}`);
      }
    }
    let creating = this.#creating.get(name);
    if (creating === undefined) {
      creating = this.#create(name).finally(() => this.#creating.delete(name));
      this.#creating.set(name, creating);
    }
    try {
      return await withSignal(creating, signal);
    } catch (cause) {
      throw waiting(cause, `making topic ${name}`);
    }
  }

  async #create(name: string): Promise<Known> {
    const { closing } = this.connections;
    const { requestTimeout } = this.options;
    const deadline = AbortSignal.any([closing, AbortSignal.timeout(requestTimeout)]);
    await createTopic(await this.controller(deadline), name, topicCreationOf(this.options) ?? {}, requestTimeout, deadline);
    for (;;) {
      try {
        const known = await withSignal(this.#lookup.ask(name), deadline);
        if (known.leaders.every((nodeId) => nodeId >= 0)) return known;
        this.forget(name);
      } catch (error) {
        if (!isSidestreamError(error) || (error.code !== "SST_TOPIC_MISSING" && error.code !== "SST_LANE_UNAVAILABLE")) throw error;
      }
      await pause(CREATED_POLL_MS, undefined, { signal: deadline });
    }
  }

  /** One look at some topics: for each what is now known, or why not. */
  async #read(names: readonly string[]): Promise<ReadonlyMap<string, Known | SidestreamError>> {
    const { closing } = this.connections;
    const broker = await this.connections.any(closing);
    const described = await describeTopics(broker, names, closing);
    this.#learnCluster(described);
    const found = [...described.topics.values()].filter((topic) => !isSidestreamError(topic)) as readonly TopicDescription[];
    const there = found.map(({ name }) => name);
    const settings =
      there.length === 0 ? new Map() : await readTopicSettings(broker, there, (name, why) => this.#risks.unread(name, why), closing);
    const answers = new Map<string, Known | SidestreamError>();
    for (const name of names) {
      const topic =
        described.topics.get(name) ??
        new SidestreamError("SST_TOPIC_MISSING", `topic ${name}: broker ${broker.address} does not tell of it`);
      if (isSidestreamError(topic)) this.#known.delete(name);
      answers.set(name, isSidestreamError(topic) ? topic : this.#learnTopic(topic, settings.get(name)?.batchBytesMax));
    }
    for (const topic of found) this.#risks.topic(topic, this.connections.nodes.size, settings.get(topic.name));
    return answers;
  }

  #learnCluster({ clusterId, controllerId, nodes }: ClusterDescription): void {
    this.connections.learn(nodes);
    this.#controllerId = controllerId;
    if (clusterId === this.#clusterId) return;
    const first = this.#clusterId === "";
    this.#clusterId = clusterId;
    if (!first) for (const topic of this.#seen.values()) this.onChange(topic);
  }

  #learnTopic({ name, id, leaders }: TopicDescription, batchBytesMax: number | undefined): Known {
    const seen = this.#seen.get(name);
    const topic = { name, id, partitions: leaders.length, batchBytesMax: batchBytesMax ?? seen?.batchBytesMax ?? BATCH_BYTES_DEFAULT };
    const known = { topic, leaders };
    if (!this.#lookup.isOutdated(name)) this.#known.set(name, known);
    this.#seen.set(name, topic);
    if (seen !== undefined && (seen.id !== topic.id || seen.partitions !== topic.partitions)) this.onChange(topic);
    return known;
  }

  #refreshLater(): void {
    if (this.connections.closing.aborted) return;
    this.#refreshTimer = setTimeout(() => void this.#refresh(), this.#ageMsMax).unref();
  }

  async #refresh(): Promise<void> {
    // Brokers that can't be reached are told of by the lanes that need them.
    await Promise.all([...this.#known.keys()].map((name) => this.#lookup.ask(name).catch(passOver))).catch(() => undefined);
    this.#refreshLater();
  }
}

/**
 * A broker that became too old while the destination is open (a roll-back) is waited for: at opening it would end the
 * destination, but here it would end messages.
 */
function waiting(cause: unknown, doing: string): SidestreamError {
  const error = destinationError(cause, doing, "ask");
  return error.code === "SST_DESTINATION_UNSUPPORTED" ? new SidestreamError("SST_LANE_UNAVAILABLE", error.message, { cause }) : error;
}

/** What is wrong with one topic is told to who asks for it. */
function passOver(error: unknown): void {
  if (!isSidestreamError(error) || error.retry === "reconnect") throw error;
}

/**
 * A Kafka cluster of one or three nodes on the loopback interface, for tests and for trying things out.
 *
 * Promise: its nodes die with the process that started it, also when that is killed, unless it asked for
 * `background`. Ports and stored messages stay while nodes are stopped, killed and started again.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { certificates, type TlsFiles } from "./certificates.ts";
import { freeBasePort } from "./free-ports.ts";
import { Guard } from "./guard.ts";
import { kafkaClassPath } from "./jars.ts";
import { KafkaNode } from "./node.ts";
import { CREDENTIALS, PORTS_PER_NODE, port, proxiedPorts, type ListenerKind } from "./properties.ts";

export interface KafkaClusterOptions {
  /** 1 unless given. With 3, each topic is on all nodes and a message is acknowledged once two have it. */
  readonly nodes?: 1 | 3;
  /** Broker properties; they win over what the cluster sets itself. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Each node has a listener more, for clients that come through a proxy: see {@link KafkaCluster.proxied}. */
  readonly proxied?: boolean;
  /** Kept when the cluster ends. Without it, a temporary one is made and removed. */
  readonly folder?: string;
  /** First port; a node takes ten. Without it, free ones are found. */
  readonly basePort?: number;
  /** For Java's -Xmx, "512m" unless given. */
  readonly heap?: string;
  /** The nodes stay when this process ends. Needs `folder`, by which {@link KafkaCluster.attach} finds them again. */
  readonly background?: boolean;
}

/** What is written down of a cluster, to attach to it. */
interface Description {
  readonly nodes: 1 | 3;
  readonly basePort: number;
  readonly heap: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly proxied: boolean;
}

const DESCRIPTION_FILE = "cluster.json";
const CLUSTER_ID_FILE = "cluster-id";

export class KafkaCluster {
  /** Where everything of this cluster is. */
  readonly folder: string;
  /** Paths of certificates and keys. */
  readonly tls: TlsFiles;
  /** User and password for SCRAM and PLAIN, and those of a user whom an authorizer allows nothing. */
  readonly credentials: typeof CREDENTIALS = CREDENTIALS;
  readonly basePort: number;
  readonly #classPath: string;
  readonly #description: Description;
  readonly #guard: Guard | null;
  #nodes: readonly KafkaNode[];

  private constructor(folder: string, description: Description, tls: TlsFiles, classPath: string, guard: Guard | null) {
    this.folder = folder;
    this.tls = tls;
    this.basePort = description.basePort;
    this.#classPath = classPath;
    this.#description = description;
    this.#guard = guard;
    this.#nodes = this.#makeNodes();
  }

  /**
   * Starts a cluster and settles when all its nodes serve. The first one of a checkout downloads Kafka.
   *
   * @throws Error when Kafka can't be had, or a node ends while it starts: the message has the end of its log.
   */
  static async start(options: KafkaClusterOptions = {}): Promise<KafkaCluster> {
    const { nodes = 1, properties = {}, heap = "512m", background = false, proxied = false } = options;
    if (background && options.folder === undefined) throw new Error("a cluster in the background needs a folder");
    const classPath = await kafkaClassPath();
    const folder = options.folder === undefined ? mkdtempSync(join(tmpdir(), "sidestream-kafka-")) : resolve(options.folder);
    const guard = background ? null : new Guard(folder, options.folder === undefined ? "remove" : "keep");
    let cluster: KafkaCluster | null = null;
    try {
      mkdirSync(folder, { recursive: true });
      const basePort = options.basePort ?? (await freeBasePort(nodes * PORTS_PER_NODE));
      const description: Description = { nodes, basePort, heap, properties, proxied };
      writeFileSync(join(folder, DESCRIPTION_FILE), JSON.stringify(description));
      cluster = new KafkaCluster(folder, description, await certificates(join(folder, "certificates")), classPath, guard);
      await cluster.start();
      return cluster;
    } catch (problem) {
      await cluster?.kill();
      await guard?.end();
      throw problem;
    }
  }

  /** A cluster that was started with `background`, by its folder; its nodes may run or not. */
  static async attach(folder: string): Promise<KafkaCluster> {
    const description = JSON.parse(readFileSync(join(folder, DESCRIPTION_FILE), "utf8")) as Description;
    return new KafkaCluster(resolve(folder), description, await certificates(join(folder, "certificates")), await kafkaClassPath(), null);
  }

  /** `host:port` of the PLAINTEXT listener of each node, also of those that are down. */
  get bootstrap(): readonly string[] {
    return this.listeners("PLAINTEXT");
  }

  /** `host:port` of each node, node 1 first. */
  listeners(kind: ListenerKind): readonly string[] {
    return this.#nodes.map(({ id }) => `127.0.0.1:${port(this.basePort, id, kind)}`);
  }

  /**
   * For clusters that were started `proxied`, by node: the port where a proxy has to listen, and the broker's own. The
   * first are the addresses for clients; without a proxy there nobody answers.
   */
  get proxied(): readonly { readonly listen: number; readonly upstream: number }[] {
    return this.#nodes.map(({ id }) => proxiedPorts(this.basePort, id));
  }

  /** The nodes, node 1 first: their process ids and logs. */
  get nodes(): readonly Pick<KafkaNode, "id" | "pid" | "logFile">[] {
    return this.#nodes;
  }

  /** Kafka's jars, for its own command line tools. */
  get classPath(): string {
    return this.#classPath;
  }

  /** Starts one node or all. Settles when they serve; what runs is left alone. */
  async start(nodeId?: number): Promise<void> {
    await this.#each(nodeId, async (node) => await node.start());
  }

  /** SIGTERM to one node or all; one that takes too long is killed. */
  async stop(nodeId?: number): Promise<void> {
    await this.#each(nodeId, async (node) => await node.stop());
  }

  /** SIGKILL to one node or all. */
  async kill(nodeId?: number): Promise<void> {
    await this.#each(nodeId, async (node) => await node.kill());
  }

  /** Stops one node or all, and starts again. */
  async restart(nodeId?: number): Promise<void> {
    await this.stop(nodeId);
    await this.start(nodeId);
  }

  /** SIGSTOP to one node or all: connections stay open and nothing is answered. */
  async pause(nodeId?: number): Promise<void> {
    await this.#each(nodeId, async (node) => await node.pause());
  }

  /** SIGCONT to one node or all. */
  resume(nodeId?: number): void {
    for (const node of this.#chosen(nodeId)) node.resume();
  }

  /** Kills all nodes and removes what they stored. After {@link start} it is another, empty cluster on the same ports. */
  async wipe(): Promise<void> {
    await this.kill();
    for (const { id } of this.#nodes) rmSync(this.#nodeFolder(id), { recursive: true, force: true });
    rmSync(join(this.folder, CLUSTER_ID_FILE), { force: true });
    this.#nodes = this.#makeNodes();
  }

  /** Kills all nodes and removes the folder, whoever made it. */
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Stops all nodes; what they stored stays. */
  async stopAll(): Promise<void> {
    await this.stop();
  }

  /** Kills all nodes and removes the folder if it was a temporary one. In the background, all goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#guard?.end();
  }

  /** Settles once all are done, also those beside one that failed: nothing goes on unseen. */
  async #each(nodeId: number | undefined, act: (node: KafkaNode) => Promise<void>): Promise<void> {
    for (const outcome of await Promise.allSettled(this.#chosen(nodeId).map(act))) {
      if (outcome.status === "rejected") throw outcome.reason;
    }
  }

  #chosen(nodeId: number | undefined): readonly KafkaNode[] {
    if (nodeId === undefined) return this.#nodes;
    const node = this.#nodes.find(({ id }) => id === nodeId);
    if (node === undefined) throw new Error(`there is no node ${nodeId}: expected 1 to ${this.#nodes.length}`);
    return [node];
  }

  #nodeFolder(nodeId: number): string {
    return join(this.folder, `node-${nodeId}`);
  }

  #makeNodes(): readonly KafkaNode[] {
    const { nodes, basePort, heap, properties, proxied } = this.#description;
    const shared = { proxied, clusterFolder: this.folder, clusterId: clusterId(this.folder), classPath: this.#classPath, tls: this.tls };
    return Array.from(
      { length: nodes },
      (_, index) => new KafkaNode({ ...shared, nodeId: index + 1, nodes, basePort, heap, properties, folder: this.#nodeFolder(index + 1) }),
    );
  }
}

/** The id of the cluster in this folder, made when there is none yet. */
function clusterId(folder: string): string {
  const file = join(folder, CLUSTER_ID_FILE);
  // Kafka's ids are 16 bytes like this; one that began with a dash would be taken for an option.
  if (!existsSync(file)) writeFileSync(file, `A${randomBytes(16).toString("base64url").slice(1)}`);
  return readFileSync(file, "utf8");
}

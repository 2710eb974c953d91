/** Everything a fault run is made of: brokers behind proxies, a topic, a disk that can fill up, Sidestream, a server. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { FaultProxy } from "../../tools/faults/proxy.ts";
import type { KafkaCluster } from "../../tools/kafka/cluster.ts";
import { createTopic } from "../../tools/kafka/topics.ts";
import { durableConfiguration, startAnswering } from "../system/support/durable-clients.ts";
import { mountExt4, type MountedDisk } from "../system/support/mounted-disk.ts";
import { freePort, temporaryFolder } from "../system/support/program.ts";
import type { TestHost } from "../system/support/test-host.ts";
import { Moments } from "./moments.ts";
import { Sidestream } from "./sidestream.ts";

export const DELIVERIES = ["exactly-once", "at-least-once"] as const;
export type Delivery = (typeof DELIVERIES)[number];

export const TOPIC = "things";
const PARTITIONS = 6;
export const IN_FLIGHT_MAX = 100;
/** Of a message that the topic takes. One of {@link LARGE_BYTES} is refused whatever it is packed with. */
const MESSAGE_BYTES_MAX = 32 * 1024;
export const LARGE_BYTES = 36_000;
/** Room is reserved for the largest body there may be: with larger ones a spool that is half full would refuse requests. */
const BODY_BYTES_MAX = "64KiB";

const MIB = 1024 * 1024;
/** For the spool, and the dead letters of the long form: 2,500 of those that are too large. */
const DISK_BYTES = 224 * MIB;
const SPOOL = "{ bytesMax: 48MiB }";

/**
 * How long brokers remember a producer that writes nothing. Longer than any fault but `outage` keeps a request under way:
 * one that comes after that time is taken by a broker as if it were new, which no client can help.
 */
export const REMEMBERED_MS = 8_000;
const REMEMBERED_CHECK_MS = 500;

/** Brokers of a fault run are started with these. */
export const BROKER_PROPERTIES: Readonly<Record<string, string>> = {
  "producer.id.expiration.ms": String(REMEMBERED_MS),
  "producer.id.expiration.check.interval.ms": String(REMEMBERED_CHECK_MS),
};

/** Once so long nothing was written, brokers remember nothing. */
export const FORGOTTEN_MS = REMEMBERED_MS + 2 * REMEMBERED_CHECK_MS;

export interface Stage {
  readonly cluster: KafkaCluster;
  /** One for each node, node 1 first. */
  readonly proxies: readonly FaultProxy[];
  readonly moments: Moments;
  readonly sidestream: Sidestream;
  /** Null where mounting is refused. */
  readonly disk: MountedDisk | null;
  /** Of the gateway. */
  readonly port: number;
}

export interface StageOptions {
  readonly host: TestHost;
  /** Started `proxied`, with {@link BROKER_PROPERTIES}. */
  readonly cluster: KafkaCluster;
  readonly delivery: Delivery;
  /** Where to keep what Sidestream logs, or null. */
  readonly logFile: string | null;
}

export async function makeStage({ host, cluster, delivery, logFile }: StageOptions): Promise<Stage> {
  const moments = new Moments();
  const proxies: FaultProxy[] = [];
  for (const { listen, upstream } of cluster.proxied) {
    const proxy: FaultProxy = await FaultProxy.open({
      port: listen,
      upstream: { host: "127.0.0.1", port: upstream },
      observe: (request) => moments.passed(request, proxy),
    });
    host.after(async () => await proxy[Symbol.asyncDispose]());
    proxies.push(proxy);
  }
  await createTopic(cluster, TOPIC, { partitions: PARTITIONS, configs: { "max.message.bytes": String(MESSAGE_BYTES_MAX) } });
  const scratch = temporaryFolder(host);
  const disk = mountExt4(host, DISK_BYTES);
  const folder = disk?.path ?? scratch;
  const port = await freePort();
  const kafka = {
    type: "kafka",
    brokers: proxies.map(({ address }) => address),
    inFlightMax: IN_FLIGHT_MAX,
    // What is too large is so in any case.
    compression: "none",
    requestTimeout: "3s",
    metadataAge: "5s",
  };
  const destination = JSON.stringify(kafka).slice(1, -1);
  writeFileSync(
    join(folder, "sidestream.yaml"),
    durableConfiguration(port, await startAnswering(host), `kafka1: { ${destination}, "spool": ${SPOOL} }`, BODY_BYTES_MAX),
  );
  const stream = { stream: "everything", tenants: "all", delivery, rules: [`METHOD=POST , publish , kafka1:${TOPIC}`] };
  writeFileSync(join(folder, "stream.yaml"), JSON.stringify(stream));
  const sidestream = new Sidestream(host, {
    configuration: join(folder, "sidestream.yaml"),
    data: join(folder, "data"),
    logFile: logFile ?? join(scratch, "sidestream.log"),
  });
  return { cluster, proxies, moments, sidestream, disk, port };
}

/** A folder with a configuration of one gateway and a Kafka destination, and what tests of it ask for. */
import { deepEqual, equal } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { consumeTopic, type ConsumedRecord } from "../../../tools/kafka/console-consumer.ts";
import type { Delivery } from "../../../src/flow/settings.ts";
import type { KafkaCluster } from "../../../tools/kafka/cluster.ts";
import { createTopic } from "../../../tools/kafka/topics.ts";
import { command, start, statusWhen, temporaryFolder, type Program } from "./program.ts";
import { post } from "./site.ts";
import { startUpstream } from "./upstream.ts";

/** Each takes about half a second: longer than the longest pause between two tries, twice over. */
const STATUS_TRIES_MAX = 150;

export type Report = ReturnType<typeof statusWhen>;
export type DestinationReport = Report["destinations"][number];

export interface KafkaSite {
  readonly folder: string;
  readonly data: string;
  readonly configuration: string;
}

export interface KafkaSiteOptions {
  /** Options of the destination `kafka1`; `brokers` among them. */
  readonly kafka: Readonly<Record<string, unknown>>;
  /** Each `PATH=/NAME* , publish , kafka1:TOPIC` by name and topic. */
  readonly topics: Readonly<Record<string, string>>;
  /** Of the stream; `cloudevents` unless given. */
  readonly format?: "cloudevents" | "cloudevents-binary";
  /** Size of a message at most. */
  readonly messageBytesMax?: string;
  /** Of the rule of this name; `at-least-once` unless given. */
  readonly delivery?: Readonly<Record<string, Delivery>>;
}

export async function makeKafkaSite(test: TestContext, options: KafkaSiteOptions): Promise<KafkaSite> {
  const folder = temporaryFolder(test);
  const upstream = await startUpstream(test);
  const configuration = join(folder, "sidestream.yaml");
  const { kafka, topics, format = "cloudevents", messageBytesMax } = options;
  // JSON is YAML too.
  writeFileSync(
    configuration,
    JSON.stringify({
      version: 1,
      enabled: true,
      instance: "test-1",
      data: "./data",
      sources: {
        front: {
          type: "gateway",
          listen: "127.0.0.1:0",
          upstream: upstream.url,
          capture: "durable",
          bodyBytesMax: "4MiB",
          platform: { type: "none", tenant: { header: "x-okapi-tenant", default: "diku" } },
        },
      },
      destinations: { kafka1: { type: "kafka", ...kafka } },
      streams: ["./stream.yaml"],
      health: { listen: "127.0.0.1:0" },
      limits: messageBytesMax === undefined ? {} : { messageBytesMax },
    }),
  );
  const rules = Object.entries(topics).map(([name, topic]) => ({
    select: `PATH=/${name}*`,
    action: "publish",
    target: `kafka1:${topic}`,
    ...(options.delivery?.[name] === undefined ? {} : { delivery: options.delivery[name] }),
  }));
  writeFileSync(join(folder, "stream.yaml"), JSON.stringify({ stream: "all", tenants: "all", format, rules }));
  return { folder, data: join(folder, "data"), configuration };
}

export async function startSite(test: TestContext, site: KafkaSite): Promise<Program> {
  return await start(test, ["--config", site.configuration]);
}

/**
 * Posts numbers to /NAME, each of them answered before the next one of its key is posted.
 *
 * @param keys - The number's key is the remainder by it.
 */
export async function postNumbers(program: Program, name: string, from: number, count: number, keys = 1): Promise<void> {
  const url = `${program.address("front")}/${name}`;
  const client = async (key: number): Promise<void> => {
    for (let number = from; number < from + count; number += 1) {
      if (number % keys !== key) continue;
      equal((await post(url, { id: `k${key}`, number }))?.status, 201, `request ${number}`);
    }
  };
  await Promise.all(Array.from({ length: keys }, (_, key) => client(key)));
}

/** A site whose topic `small` refused the fourth of seven messages for its size; settles once the others are delivered. */
export async function siteWithDeadLetter(
  test: TestContext,
  cluster: KafkaCluster,
): Promise<{ readonly site: KafkaSite; readonly program: Program; readonly status: DestinationReport }> {
  const site = await makeKafkaSite(test, {
    kafka: { brokers: cluster.bootstrap, compression: "none" },
    topics: { small: "small" },
    messageBytesMax: "2MiB",
  });
  await createTopic(cluster, "small", { configs: { "max.message.bytes": "100000" } });
  const program = await startSite(test, site);
  await postNumbers(program, "small", 0, 3);
  equal((await post(`${program.address("front")}/small`, { id: "k0", number: 3, text: "x".repeat(200_000) }))?.status, 201);
  await postNumbers(program, "small", 4, 3);
  return { site, program, status: kafkaWhen(site, (_, { totals }) => totals.pending === 0 && totals.dead === 1) };
}

/** The destination's status once it is as wanted. */
export function kafkaWhen({ data }: KafkaSite, wanted: (destination: DestinationReport, report: Report) => boolean): DestinationReport {
  const report = statusWhen(data, (each) => each.destinations[0] !== undefined && wanted(each.destinations[0], each), STATUS_TRIES_MAX);
  return report.destinations[0] as DestinationReport;
}

/** Waits until so many messages in all are delivered and none waits, and checks that none is unaccounted for. */
export function delivered({ data }: KafkaSite, count: number): Report {
  const report = statusWhen(data, ({ totals }) => totals.pending === 0 && totals.delivered >= count, STATUS_TRIES_MAX);
  equal(report.totals.delivered, count);
  deepEqual(report.breaches, []);
  return report;
}

export interface KafkaMessage extends ConsumedRecord {
  /** As it was posted. */
  readonly number: number;
  /** Of the stream in this topic. */
  readonly sequence: number;
}

/** Reads a topic by Kafka's own consumer; messages of a partition are in its order. */
export async function messagesOf(cluster: KafkaCluster, topic: string): Promise<readonly KafkaMessage[]> {
  return (await consumeTopic(cluster, topic)).map((record) => {
    const value = JSON.parse(String(record.value)) as { readonly sequence?: string; readonly data?: Content } & Content;
    const { request } = value.data ?? value;
    return { ...record, number: request.body.number, sequence: Number(value.sequence ?? header(record, "ce_sequence")) };
  });
}

interface Content {
  readonly request: { readonly body: { readonly number: number } };
}

export function header({ headers }: ConsumedRecord, name: string): string | undefined {
  return headers.find(([each]) => each === name)?.[1]?.toString();
}

/** Checks that exactly these numbers are there, once each and in order for each key. */
export function assertNumbers(messages: readonly KafkaMessage[], from: number, count: number): void {
  const rising = (numbers: readonly number[]) => numbers.toSorted((left, right) => left - right);
  deepEqual(
    rising(messages.map(({ number }) => number)),
    Array.from({ length: count }, (_, index) => from + index),
  );
  for (const [key, ofKey] of Map.groupBy(messages, ({ key }) => String(key))) {
    const numbers = ofKey.map(({ number }) => number);
    deepEqual(numbers, rising(numbers), `order of ${key}`);
  }
}

/** Lines of the program's log at a level, about the destination. */
export function logged(program: Program, level: string): readonly { readonly msg: string; readonly code?: string }[] {
  return program
    .errors()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map(
      (line) => JSON.parse(line) as { readonly level: string; readonly msg: string; readonly code?: string; readonly destination?: string },
    )
    .filter((line) => line.level === level && line.destination === "kafka1");
}

/** Address of the health listener. */
export async function healthOf(program: Program): Promise<string> {
  return (await program.logged("health checks and metrics")).address ?? "";
}

/** A metric of the destination. */
export async function metric(health: string, name: string): Promise<number> {
  const text = await (await fetch(`${health}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`${name}{destination="kafka1"}`));
  return Number(line?.split(" ")[1]);
}

/** `spool identity ACTION kafka1`, of the running program. */
export function identity({ data }: KafkaSite, action: "show" | "accept" | "reset"): string {
  const { status, stdout, stderr } = command(["spool", "identity", action, "kafka1", "--data", data]);
  equal(status, 0, stderr);
  return stdout;
}

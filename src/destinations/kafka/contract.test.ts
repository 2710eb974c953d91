/** The driver's contract, held by a real broker: over TLS with a login, and compressed without, as Kafka itself reads it. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { consumeTopic } from "../../../tools/kafka/console-consumer.ts";
import { kafkaForTests } from "../../../tools/kafka/for-tests.ts";
import { createTopic, offsets } from "../../../tools/kafka/topics.ts";
import { destinationCases } from "../../driver/contract/cases.ts";
import { destinationContract } from "../../driver/contract/destination-contract.ts";
import type { DestinationHarness, ReceivedMessage } from "../../driver/contract/harness.ts";
import { kafka } from "./kafka.ts";
import { TopicReader } from "./testing/topic-reader.ts";

const PARTITIONS = 3;
const BACKLOG_COUNT = 100_000;
/** Twice what a topic takes by default. */
const OVERSIZE_BYTES = 2 * 1024 * 1024;
const TEST_MS_MAX = 120_000;

/** The tests in which it matters how messages are written. */
const WRITING = [
  "a message arrives as it was sent",
  "keys and headers arrive whatever characters they have",
  "a large message arrives",
  "a backlog arrives whole",
  "values arrive byte for byte",
  "messages of a lane arrive in the order sent in each of several topics",
  "lanes that are sent in parallel neither mix nor share numbers",
];

const broker = await kafkaForTests();
after(async () => await broker[Symbol.asyncDispose]());

type Options = Readonly<Record<string, unknown>>;

/**
 * @param name - Begins the names of the topics: deleting what is in one takes long, so that each test has its own two.
 * @param judge - Who reads what arrived: Kafka's own consumer takes seconds for each look.
 */
function harness(name: string, options: () => Options, judge: "reader" | "kafka"): DestinationHarness {
  const { cluster } = broker;
  const { user } = cluster.credentials;
  const changed = async (changes: Options): Promise<Options> => ({ ...options(), ...changes });
  let topics: readonly [string, string] = ["", ""];
  let reader = new TopicReader([], 0);
  let judged: readonly ReceivedMessage[] = [];
  return {
    topicsFor: (caseNumber) => (topics = [`${name}-${caseNumber}-a`, `${name}-${caseNumber}-b`]),
    async options() {
      for (const topic of topics) await createTopic(cluster, topic, { partitions: PARTITIONS });
      // A broker tells of a topic a moment before it serves its partitions; this waits for that.
      for (const topic of topics) await offsets(cluster, topic);
      reader = new TopicReader(topics, PARTITIONS);
      judged = [];
      return options();
    },
    async received() {
      const read = await reader.read(cluster.bootstrap[0] ?? "");
      if (judge === "reader") return read;
      if (judged.length !== read.length) judged = [...(await readByKafka(topics[0])), ...(await readByKafka(topics[1]))];
      return judged;
    },
    async cleanup() {},
    backlogCount: BACKLOG_COUNT,
    values: [Buffer.alloc(0), Buffer.from([0, 10, 13, 255, 128]), Buffer.from("null")],
    refused: { topic: "not a topic's name" },
    stop: async () => cluster.stop(),
    kill: async () => cluster.kill(),
    start: async () => cluster.start(),
    pause: async () => cluster.pause(),
    resume: async () => cluster.resume(),
    wrongCredentials: async () => changed({ login: { mechanism: "scram-sha-256", user, password: "wrong" } }),
    wrongCa: async () => changed({ tls: { ca: cluster.tls.otherCa } }),
    unreachable: async () => changed({ brokers: ["127.0.0.1:1"] }),
  };
}

async function readByKafka(topic: string): Promise<readonly ReceivedMessage[]> {
  return (await consumeTopic(broker.cluster, topic)).map(({ key, value, headers }) => {
    assert(value !== null, `${topic} has a message without a value`);
    return { topic, key: String(key ?? ""), headers: headers.map(([name, text]) => [name, String(text)] as const), value };
  });
}

if (broker.skip === false) {
  const { cluster } = broker;
  const { user, password } = cluster.credentials;
  const login = { mechanism: "scram-sha-256", user, password };
  const safe = harness(
    "safe",
    () => ({ brokers: cluster.listeners("SASL_SSL"), tls: { ca: cluster.tls.ca }, login, compression: "none" }),
    "reader",
  );
  destinationContract(kafka, { ...safe, oversizeBytes: OVERSIZE_BYTES });

  const cases = destinationCases(
    kafka,
    harness("plain", () => ({ brokers: cluster.bootstrap }), "kafka"),
  );
  for (const wanted of WRITING) {
    const found = cases.find(({ name }) => name === wanted);
    assert(found !== undefined, `there is no test "${wanted}"`);
    test(`kafka, compressed and read by Kafka's own consumer: ${wanted}`, { timeout: TEST_MS_MAX }, found.run);
  }
} else test("the driver keeps its contract", { skip: broker.skip }, () => {});

import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, test, type TestContext } from "node:test";
import { kafkaForTests, type TestKafka } from "../../../tools/kafka/for-tests.ts";
import { AUTHORIZER } from "../../../tools/kafka/properties.ts";
import { addPartitions, allow, createTopic, deleteTopic, disallow } from "../../../tools/kafka/topics.ts";
import { clusterProblems } from "./cluster-check.ts";
import type { Cluster, KafkaTopic } from "./cluster.ts";
import { openCluster } from "./testing/open-cluster.ts";

let kafka: TestKafka;

/** Over SASL_SSL a login by SCRAM-SHA-512 is good for so long. */
const SESSION_MS = 1_500;

before(async () => {
  kafka = await kafkaForTests({
    properties: { ...AUTHORIZER, "listener.name.sasl_ssl.scram-sha-512.connections.max.reauth.ms": String(SESSION_MS) },
  });
});
after(async () => await kafka[Symbol.asyncDispose]());

/** A test that is skipped where there is no Kafka. */
function kafkaTest(name: string, body: (t: TestContext) => Promise<void>): void {
  test(name, async (t) => {
    if (kafka.skip !== false) t.skip(kafka.skip);
    else await body(t);
  });
}

const open = async (t: TestContext, given: Readonly<Record<string, unknown>> = {}, ageMsMax?: number) =>
  await openCluster(t, { brokers: kafka.cluster.bootstrap, ...given }, ageMsMax);

/** As a user whom nothing was allowed that isn't named in the test. */
const limited = () => ({
  brokers: kafka.cluster.listeners("SASL_PLAINTEXT"),
  login: { mechanism: "scram-sha-256", ...kafka.cluster.credentials.limited },
});

/** The next change that the cluster tells of. */
function nextChange(cluster: Cluster): Promise<KafkaTopic> {
  return new Promise((resolve) => {
    cluster.onChange = resolve;
  });
}

/** A port where nothing listens. */
async function deadAddress(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 1}`;
}

kafkaTest("a topic is known with id, partitions and batch size, and its leader answers", async (t) => {
  await createTopic(kafka.cluster, "settings", { partitions: 3, configs: { "max.message.bytes": "2000000" } });
  const { cluster, notices } = await open(t);
  equal(cluster.known("settings"), undefined);
  const [topic, again] = await Promise.all([cluster.topic("settings", t.signal), cluster.topic("settings", t.signal)]);
  deepEqual([topic.name, topic.partitions, topic.batchBytesMax], ["settings", 3, 2_000_000]);
  match(topic.id ?? "", /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  equal(again, topic);
  equal(cluster.known("settings"), topic);
  const leader = await cluster.leader("settings", 2, t.signal);
  equal(leader.address, kafka.cluster.bootstrap[0]);
  equal(await cluster.leader("settings", 0, t.signal), leader);
  await rejects(cluster.leader("settings", 3, t.signal), { code: "SST_LANE_UNAVAILABLE" });
  equal(cluster.known("settings"), undefined);
  equal(notices.filter((text) => text.includes("one broker")).length, 1);
  equal(notices.length, 1);
});

kafkaTest("a missing topic is missing with createTopics off, also when asked again", async (t) => {
  const { cluster } = await open(t);
  await rejects(cluster.topic("never-made", t.signal), { code: "SST_TOPIC_MISSING" });
  await rejects(cluster.leader("never-made", 0, t.signal), { code: "SST_TOPIC_MISSING" });
  await createTopic(kafka.cluster, "made-later");
  equal((await cluster.topic("made-later", t.signal)).partitions, 1);
});

kafkaTest("a missing topic is made once with createTopics on, with its settings", async (t) => {
  const createTopics = { partitions: 4, replicationFactor: 1, settings: { "max.message.bytes": 300_000 } };
  const { cluster } = await open(t, { createTopics });
  const [one, other] = await Promise.all([cluster.topic("made", t.signal), cluster.topic("made", t.signal)]);
  equal(one, other);
  deepEqual([one.partitions, one.batchBytesMax], [4, 300_000]);
  const second = await open(t, { createTopics: true });
  deepEqual(await second.cluster.topic("made", t.signal), one);
  await second.cluster.leader("made-by-default", 0, t.signal);
});

kafkaTest("a topic that the cluster can't make stays missing", async (t) => {
  const { cluster } = await open(t, { createTopics: { replicationFactor: 3 } });
  await rejects(cluster.topic("too-many-copies", t.signal), { code: "SST_TOPIC_MISSING", message: /INVALID_REPLICATION_FACTOR/ });
});

kafkaTest("a name that no topic can have is invalid, whether it would be made or not", async (t) => {
  const { cluster } = await open(t, { createTopics: true });
  for (const name of ["", ".", "..", "a/b", "a b", "ü", "x".repeat(250), "a\nb"]) {
    await rejects(cluster.topic(name, t.signal), { code: "SST_TOPIC_INVALID" }, JSON.stringify(name));
  }
});

kafkaTest("names that would share their metrics at the broker are invalid for the one that comes second", async (t) => {
  const { cluster } = await open(t, { createTopics: true });
  await cluster.topic("a.b", t.signal);
  await rejects(cluster.topic("a_b", t.signal), { code: "SST_TOPIC_INVALID" });
});

/** A broker acts by a new right a moment after it said that it took it. */
async function onceInForce<Result>(right: string, ask: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes(`right ${right}`)) throw error;
    }
  }
}

kafkaTest("a user without rights is refused until it has them", async (t) => {
  await createTopic(kafka.cluster, "guarded");
  const { cluster, notices } = await open(t, limited());
  await rejects(cluster.topic("guarded", t.signal), { code: "SST_DESTINATION_FORBIDDEN", message: /guarded.*DESCRIBE/ });
  await allow(kafka.cluster, { operation: "DESCRIBE", topic: "guarded" });
  equal((await onceInForce("DESCRIBE", () => cluster.topic("guarded", t.signal))).batchBytesMax, 1024 * 1024);
  equal(notices.filter((text) => text.includes("DESCRIBE_CONFIGS")).length, 1);
  const making = await open(t, { ...limited(), createTopics: true });
  await allow(kafka.cluster, { operation: "DESCRIBE", topic: "not-to-be-made" });
  const make = () => making.cluster.topic("not-to-be-made", t.signal);
  await rejects(onceInForce("DESCRIBE", make), { code: "SST_DESTINATION_FORBIDDEN", message: /CREATE/ });
});

kafkaTest("one of two brokers to begin with may be down", async (t) => {
  const { cluster } = await open(t, { brokers: [await deadAddress(), ...kafka.cluster.bootstrap] });
  notEqual(cluster.clusterId, "");
});

test("no broker that listens is unreachable, with the address", async (t) => {
  const dead = await deadAddress();
  await rejects(openCluster(t, { brokers: [dead] }), {
    code: "SST_DESTINATION_UNREACHABLE",
    message: `broker ${dead}: nothing listens there (ECONNREFUSED)`,
  });
});

test("a name that DNS doesn't know is unreachable", async (t) => {
  await rejects(openCluster(t, { brokers: ["kafka.invalid:9092"] }), { code: "SST_DESTINATION_UNREACHABLE", message: /DNS/ });
});

kafkaTest("added partitions and a topic made anew are told without being asked for", async (t) => {
  await createTopic(kafka.cluster, "changing", { partitions: 1 });
  const { cluster } = await open(t, {}, 20);
  const first = await cluster.topic("changing", t.signal);
  const widened = nextChange(cluster);
  await addPartitions(kafka.cluster, "changing", 2);
  deepEqual(await widened, { ...first, partitions: 2 });
  equal(cluster.known("changing")?.partitions, 2);
  await deleteTopic(kafka.cluster, "changing");
  const anew = nextChange(cluster);
  await createTopic(kafka.cluster, "changing", { partitions: 2 });
  // The look in the background may have found it gone; then the next question for it finds it anew.
  await cluster.topic("changing", t.signal).catch(() => {});
  const changed = await anew;
  notEqual(changed.id, first.id);
  deepEqual(cluster.known("changing"), changed);
});

kafkaTest("a session that ends is followed by a new login", async (t) => {
  const { cluster } = await open(t, {
    brokers: kafka.cluster.listeners("SASL_SSL"),
    tls: { ca: kafka.cluster.tls.ca },
    login: { mechanism: "scram-sha-512", user: kafka.cluster.credentials.user, password: kafka.cluster.credentials.password },
  });
  await createTopic(kafka.cluster, "sessions");
  const first = await cluster.leader("sessions", 0, t.signal);
  await once(first.connection.socket, "close");
  const second = await cluster.leader("sessions", 0, t.signal);
  notEqual(second, first);
  ok(second.connection.isConnected());
});

kafkaTest("a broken connection is made anew by the next call", async (t) => {
  await createTopic(kafka.cluster, "broken");
  const { cluster } = await open(t);
  const before = await cluster.leader("broken", 0, t.signal);
  before.connection.socket.destroy();
  await once(before.connection.socket, "close");
  const after = await cluster.leader("broken", 0, t.signal);
  notEqual(after, before);
  ok(after.connection.isConnected());
});

kafkaTest("after close every call is rejected, nothing is open, and closing again is harmless", async (t) => {
  await createTopic(kafka.cluster, "closing");
  const { cluster } = await open(t);
  const broker = await cluster.leader("closing", 0, t.signal);
  const waiting = cluster.topic("asked-while-closing", t.signal);
  const rejected = rejects(waiting, { code: "SST_DESTINATION_UNREACHABLE" });
  await Promise.all([cluster.close(), cluster.close()]);
  await rejected;
  equal(broker.connection.socket.destroyed, true);
  for (const call of [cluster.any(t.signal), cluster.topic("other", t.signal), cluster.leader("closing", 0, t.signal)]) {
    await rejects(call, { code: "SST_DESTINATION_UNREACHABLE" });
  }
  await cluster.close();
});

kafkaTest("the check finds what is missing and which rights are", async (t) => {
  await createTopic(kafka.cluster, "checked");
  const dead = await deadAddress();
  const { cluster } = await open(t, { brokers: [...kafka.cluster.bootstrap, dead] });
  const problems = await problemTexts(cluster, ["checked", "missing", "a/b"], t.signal);
  equal(problems.length, 4, problems.join("\n"));
  const errors = (await clusterProblems(cluster, ["checked", "missing", "a/b"], t.signal)).map(({ error }) => error?.code ?? null);
  deepEqual(errors, ["SST_DESTINATION_UNREACHABLE", null, "SST_TOPIC_INVALID", "SST_TOPIC_MISSING"]);
  match(problems[0] ?? "", new RegExp(`${dead}.*ECONNREFUSED`));
  match(problems[1] ?? "", /one broker/);
  match(problems[2] ?? "", /"a\/b"/);
  match(problems[3] ?? "", /missing does not exist, and `createTopics` is off/);

  const making = await open(t, { createTopics: true });
  equal((await problemTexts(making.cluster, ["missing"], t.signal)).length, 1);
  await rejects((await open(t)).cluster.topic("missing", t.signal), { code: "SST_TOPIC_MISSING" });
  const toomany = await open(t, { createTopics: { replicationFactor: 3 } });
  match((await problemTexts(toomany.cluster, ["missing"], t.signal))[1] ?? "", /INVALID_REPLICATION_FACTOR/);
});

kafkaTest("the check names the rights that a user lacks", async (t) => {
  await createTopic(kafka.cluster, "rights");
  const { cluster } = await open(t, limited());
  const described = { operation: "DESCRIBE", topic: "rights" } as const;
  const none = await problemTexts(cluster, ["rights"], t.signal);
  match(none.join("\n"), /producer id.*IDEMPOTENT_WRITE[^]*topic rights.*TOPIC_AUTHORIZATION_FAILED/);
  await allow(kafka.cluster, described);
  const some = (await problemTexts(cluster, ["rights"], t.signal)).join("\n");
  match(some, /rights: this user lacks the right WRITE/);
  match(some, /rights: this user lacks the right READ/);
  for (const operation of ["WRITE", "READ", "DESCRIBE_CONFIGS"] as const) await allow(kafka.cluster, { operation, topic: "rights" });
  deepEqual((await problemTexts(cluster, ["rights"], t.signal)).length, 1);
  await disallow(kafka.cluster, described);
});

async function problemTexts(...given: Parameters<typeof clusterProblems>): Promise<readonly string[]> {
  return (await clusterProblems(...given)).map(({ text }) => text);
}

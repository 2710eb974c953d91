/**
 * The promise to Kafka, held against SIGKILL of the program and of brokers: every request that was answered is read by
 * Kafka's own console consumer, once as long as the brokers know the producer, in order per key.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { consumeTopic } from "../../tools/kafka/console-consumer.ts";
import type { KafkaCluster } from "../../tools/kafka/cluster.ts";
import { kafkaForTests } from "../../tools/kafka/for-tests.ts";
import { createTopic, describeTopic } from "../../tools/kafka/topics.ts";
import { assertOrderPerKey, durableConfiguration, runClients, startAnswering, type Event } from "./support/durable-clients.ts";
import { command, freePort, start, statusWhen, stop, temporaryFolder, type Program } from "./support/program.ts";
import { seeded } from "./support/random.ts";
import { guarantee } from "../guarantees.ts";

guarantee(
  {
    failure: "killed",
    delivery: ["at-least-once", "exactly-once"],
    to: "Kafka",
    test: "one broker: answered requests are delivered once, in order per key, over ten kills of the program and two of the broker",
    lost: "nothing",
    doubled: "nothing, as long as the brokers know the producer (below)",
    todo: "nothing; start it again",
  },
  {
    failure: "broker-killed",
    delivery: ["at-least-once", "exactly-once"],
    to: "Kafka",
    test: "one broker: answered requests are delivered once, in order per key, over ten kills of the program and two of the broker",
    lost: "nothing",
    doubled: "nothing",
    todo: "bring the broker back; sending goes on by itself",
  },
  {
    failure: "leader-changes",
    delivery: ["at-least-once", "exactly-once"],
    to: "Kafka",
    test: "three brokers: the same, with the leader killed twice",
    lost: "nothing, where the topic has replicas in sync and no unclean election (below)",
    doubled: "nothing",
    todo: "nothing; `sidestream status` names the lanes that wait",
  },
);

const ANSWERS_WANTED = 50_000;
const PROGRAM_KILLS = 10;
const BROKER_KILLS = 2;
const IN_FLIGHT_MAX = 100;
const TOPIC = "things";
const PARTITIONS = 6;

/** Both deliveries in the same lanes: they go one way. */
const STREAM = `
stream: everything
tenants: all
rules:
  - { select: "METHOD=POST AND PATH=(/things/1*, /things/2*)", action: publish, target: "kafka1:${TOPIC}", delivery: exactly-once }
  - METHOD=POST , publish , kafka1:${TOPIC}
`;

test(
  "one broker: answered requests are delivered once, in order per key, over ten kills of the program and two of the broker",
  {
    timeout: 290_000,
  },
  async (t) => {
    await using kafka = await kafkaForTests();
    if (kafka.skip !== false) return t.skip(kafka.skip);
    await proveDelivery(t, kafka.cluster, async () => {
      await kafka.cluster.kill();
      await kafka.cluster.start();
    });
  },
);

test("three brokers: the same, with the leader killed twice", { timeout: 290_000 }, async (t) => {
  await using kafka = await kafkaForTests({ nodes: 3, heap: "384m" });
  if (kafka.skip !== false) return t.skip(kafka.skip);
  let down: number | null = null;
  await proveDelivery(t, kafka.cluster, async () => {
    if (down !== null) await kafka.cluster.start(down);
    down = await leaderOf(kafka.cluster, 0);
    await kafka.cluster.kill(down);
  });
});

async function proveDelivery(t: TestContext, cluster: KafkaCluster, killBroker: () => Promise<void>): Promise<void> {
  const { seed, next } = seeded();
  t.diagnostic(`seed ${seed}`);
  const folder = temporaryFolder(t);
  await createTopic(cluster, TOPIC, { partitions: PARTITIONS });
  const port = await freePort();
  writeFileSync(
    join(folder, "sidestream.yaml"),
    durableConfiguration(
      port,
      await startAnswering(t),
      `kafka1: { type: kafka, brokers: ${JSON.stringify(cluster.bootstrap)}, inFlightMax: ${IN_FLIGHT_MAX} }`,
    ),
  );
  writeFileSync(join(folder, "stream.yaml"), STREAM);
  const run = () => start(t, ["--config", join(folder, "sidestream.yaml")]);
  let program: Program = await run();
  const killProgram = async () => {
    program.process.kill("SIGKILL");
    await program.ended;
    program = await run();
  };
  const moment = () => Math.floor(next() * ANSWERS_WANTED * 0.95);
  const events: Event[] = [
    ...Array.from({ length: PROGRAM_KILLS }, () => ({ at: moment(), run: killProgram })),
    ...Array.from({ length: BROKER_KILLS }, () => ({ at: moment(), run: killBroker })),
  ];
  const { answered, sentCount } = await runClients(
    t,
    port,
    ANSWERS_WANTED,
    events.toSorted((left, right) => left.at - right.at),
  );

  const data = join(folder, "data");
  const status = statusWhen(data, ({ totals }) => totals.pending === 0);
  deepEqual(status.breaches, []);
  await stop(program);

  const records = await consumeTopic(cluster, TOPIC);
  const messages = records.map(({ key, value }) => {
    const { data: content } = JSON.parse(String(value)) as { readonly data: { readonly request: { readonly body: { number: number } } } };
    return { key: String(key), number: content.request.body.number };
  });
  const distinct = new Set(messages.map(({ number }) => number));
  const lost = [...answered].filter((number) => !distinct.has(number));
  const repeats = messages.length - distinct.size;
  t.diagnostic(`${sentCount} sent, ${answered.size} answered, ${messages.length} messages, ${repeats} repeated`);
  equal(lost.length, 0, `answered requests that are not there: ${lost.slice(0, 20).join(", ")}`);
  ok(messages.every(({ key }) => key !== ""));
  assertOrderPerKey(messages);
  equal(repeats, 0, "the brokers knew the producer all along");
  const { totals } = status;
  equal(totals.accepted, totals.delivered + totals.dead + totals.dropped);
  equal(totals.delivered, distinct.size);
  const check = command(["spool", "fsck", "--data", data, "--json"]);
  equal(check.status, 0, check.stdout + check.stderr);
}

async function leaderOf(cluster: KafkaCluster, partition: number): Promise<number> {
  const partitions = await describeTopic(cluster, TOPIC);
  const leader = partitions[partition]?.leader;
  if (leader === undefined) throw new Error(`partition ${partition} has no leader`);
  return leader;
}

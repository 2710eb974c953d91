/** A Kafka that hangs and is killed under at-most-once traffic, with an at-least-once stream beside it. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { kafkaForTests } from "../../tools/kafka/for-tests.ts";
import { createTopic } from "../../tools/kafka/topics.ts";
import { guarantee } from "../guarantees.ts";
import { assertNumbers, makeKafkaSite, messagesOf, postNumbers, startSite, type KafkaSite } from "./support/kafka-site.ts";
import { statusWhen, stop, type Program } from "./support/program.ts";

guarantee(
  {
    failure: "broker-killed",
    delivery: ["at-most-once"],
    to: "Kafka",
    test: "while a broker hangs, is killed and comes back, at-most-once messages arrive once or are counted as dropped, no request waits for them, and those beside lose nothing",
    lost: "what was being sent; what came while the memory was full, or waited for more than a minute; counted as dropped",
    doubled: "nothing",
    todo: "bring the broker back; sending goes on by itself",
  },
  {
    failure: "broker-slow",
    delivery: ["at-most-once"],
    to: "Kafka",
    test: "while a broker hangs, is killed and comes back, at-most-once messages arrive once or are counted as dropped, no request waits for them, and those beside lose nothing",
    lost: "what is not answered in 30 s; what comes while the memory is full, or waits for more than a minute; counted as dropped",
    doubled: "nothing",
    todo: "nothing, or mend the broker",
  },
);

const PARTITIONS = 3;
const ROUND = 60;
const KEYS = 6;

type Row = ReturnType<typeof statusWhen>["messages"][number];

/** Streams `safe`, `once` and `lost`, each with a path and a topic of its name; there is no topic for the last one. */
function writeStreams({ folder, configuration }: KafkaSite): void {
  const settings = JSON.parse(readFileSync(configuration, "utf8")) as Record<string, unknown>;
  const deliveries = { safe: "at-least-once", once: "at-most-once", lost: "at-most-once" };
  for (const [name, delivery] of Object.entries(deliveries)) {
    const rules = [`PATH=/${name}* , publish , kafka1:${name}`];
    writeFileSync(join(folder, `${name}.yaml`), JSON.stringify({ stream: name, tenants: "all", delivery, rules }));
  }
  writeFileSync(configuration, JSON.stringify({ ...settings, streams: Object.keys(deliveries).map((name) => `./${name}.yaml`) }));
}

/** The stream's row, once nothing of any stream is pending. */
function settledRow({ data }: KafkaSite, stream: string, accepted: number): Row {
  const report = statusWhen(data, ({ messages }) => {
    const row = messages.find((each) => each.stream === stream);
    return row?.accepted === accepted && messages.every(({ pending }) => pending === 0);
  });
  deepEqual(report.breaches, []);
  return report.messages.find((each) => each.stream === stream) as Row;
}

test(
  "while a broker hangs, is killed and comes back, at-most-once messages arrive once or are counted as dropped, no request waits for them, and those beside lose nothing",
  { timeout: 240_000 },
  async (t) => {
    await using kafka = await kafkaForTests();
    if (kafka.skip !== false) return t.skip(kafka.skip);
    const { cluster } = kafka;
    for (const topic of ["safe", "once"]) await createTopic(cluster, topic, { partitions: PARTITIONS });
    const site = await makeKafkaSite(t, { kafka: { brokers: cluster.bootstrap }, topics: {} });
    writeStreams(site);
    const program: Program = await startSite(t, site);
    let posted = 0;
    const round = async (): Promise<void> => {
      // Each request is answered: were one of them held up by the broker, these would not come to an end.
      await Promise.all(["safe", "once", "lost"].map((name) => postNumbers(program, name, posted, ROUND, KEYS)));
      posted += ROUND;
    };

    await round();
    equal(settledRow(site, "once", posted).delivered, posted);
    await cluster.pause();
    await round();
    cluster.resume();
    settledRow(site, "once", posted);
    await cluster.kill();
    await round();
    await cluster.start();
    await round();
    const once = settledRow(site, "once", posted);
    const safe = settledRow(site, "safe", posted);
    const lost = settledRow(site, "lost", posted);
    deepEqual([safe.delivered, safe.dropped], [posted, {}]);
    equal(lost.delivered, 0);
    ok((lost.dropped["SST_TOPIC_MISSING"] ?? 0) >= ROUND, JSON.stringify(lost.dropped));

    await stop(program);
    assertNumbers(await messagesOf(cluster, "safe"), 0, posted);
    const arrived = await messagesOf(cluster, "once");
    const numbers = arrived.map(({ number }) => number);
    equal(new Set(numbers).size, numbers.length, "none arrived twice");
    // What was in flight as the broker was killed may be there, though nobody was told.
    ok(numbers.length >= once.delivered && numbers.length <= posted, `${numbers.length} arrived, ${once.delivered} were acknowledged`);
    for (const ofKey of Map.groupBy(arrived, ({ key }) => String(key)).values()) {
      const inOrder = ofKey.map(({ number }) => number);
      deepEqual(
        inOrder,
        inOrder.toSorted((left, right) => left - right),
      );
    }
    const sequences = new Set(arrived.map(({ sequence }) => sequence));
    equal(sequences.size, arrived.length, "each has a number of its own");
    ok(
      [...sequences].every((sequence) => sequence >= 1 && sequence <= posted),
      "and what is missing is a hole among them",
    );
  },
);

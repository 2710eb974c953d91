/**
 * Topics that are missing, made anew, widened, or too small for a message, and a data folder that is older than what was
 * sent, as docs/destinations/kafka.md tells it.
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { kafkaForTests } from "../../tools/kafka/for-tests.ts";
import { addPartitions, createTopic, deleteTopic } from "../../tools/kafka/topics.ts";
import {
  assertNumbers,
  delivered,
  header,
  identity,
  kafkaWhen,
  makeKafkaSite,
  messagesOf,
  postNumbers,
  siteWithDeadLetter,
  startSite,
} from "./support/kafka-site.ts";
import { command, statusOf, stop, temporaryFolder } from "./support/program.ts";
import { guarantee } from "../guarantees.ts";

guarantee(
  {
    failure: "topic-anew",
    delivery: ["at-least-once", "exactly-once"],
    to: "Kafka",
    test: "a topic that was made anew gets nothing until that is accepted, and other topics go on",
    lost: "what was in the old topic",
    doubled:
      "nothing: the new topic is looked through, as far as it holds all it ever had and no more than 1 MiB a partition; else, at-least-once: what was under way",
    todo: "`sidestream spool identity show kafka1`, then `sidestream spool identity accept kafka1` if it is meant",
  },
  {
    failure: "partitions-added",
    delivery: ["at-least-once", "exactly-once"],
    to: "Kafka",
    test: "added partitions are taken on with a warning; what waits keeps its partition, so that order per key holds in each",
    lost: "nothing",
    doubled: "nothing. A key that moves is in two partitions, once, and readers may see the newer one first",
    todo: "nothing; choose the number of partitions for the years to come",
  },
  {
    failure: "message-refused",
    delivery: ["at-least-once", "exactly-once"],
    to: "Kafka",
    test: "a message too large for its topic is set aside; the numbers of the others have no gap, also after a kill",
    lost: "nothing: it is a dead letter, for as long as those are kept",
    doubled: "nothing",
    todo: "mend what it was refused for; `sidestream spool export kafka1 --dead` prints it with the reason",
  },
  {
    failure: "older-copy",
    delivery: ["at-least-once", "exactly-once"],
    to: "Kafka",
    test: "from an older copy of the data folder nothing is sent twice; its first new message waits until `reset`",
    lost: "what only the newer copy had",
    doubled: "nothing until `reset`; then what was sent since the copy was made, and was accepted before",
    todo: "`sidestream spool identity reset kafka1`",
  },
);

const kafka = await kafkaForTests();
after(() => kafka[Symbol.asyncDispose]());
const each = { skip: kafka.skip, timeout: 120_000 };

test("a topic that is missing keeps its own messages waiting and no others; once made it gets them", each, async (t) => {
  const { cluster } = kafka;
  const site = await makeKafkaSite(t, { kafka: { brokers: cluster.bootstrap }, topics: { late: "late", there: "there" } });
  await createTopic(cluster, "there");
  const program = await startSite(t, site);
  await postNumbers(program, "late", 0, 20, 2);
  await postNumbers(program, "there", 0, 20, 2);
  const { transmit } = kafkaWhen(site, (_, { totals }) => totals.delivered === 20);
  deepEqual(
    transmit?.blocked.map(({ lane, code }) => [lane, code]),
    [["late", "SST_TOPIC_MISSING"]],
  );
  const { status, stdout } = command(["status", "--data", site.data]);
  equal(status, 1);
  match(stdout, /^kafka1: lane late is blocked: SST_TOPIC_MISSING: /m);
  await createTopic(cluster, "late");
  delivered(site, 40);
  for (const topic of ["late", "there"]) assertNumbers(await messagesOf(cluster, topic), 0, 20);
  await stop(program);
});

test("a topic that was made anew gets nothing until that is accepted, and other topics go on", each, async (t) => {
  const { cluster } = kafka;
  const site = await makeKafkaSite(t, {
    kafka: { brokers: cluster.bootstrap },
    topics: { anew: "anew", same: "same" },
    delivery: { anew: "exactly-once" },
  });
  await createTopic(cluster, "anew");
  await createTopic(cluster, "same");
  const program = await startSite(t, site);
  await postNumbers(program, "anew", 0, 10);
  delivered(site, 10);
  await deleteTopic(cluster, "anew");
  await createTopic(cluster, "anew");
  await postNumbers(program, "anew", 10, 10);
  await postNumbers(program, "same", 0, 10);
  const isStopped = (code: string | undefined): boolean => code === "SST_IDENTITY_CHANGED";
  kafkaWhen(site, ({ transmit }, { totals }) => totals.delivered === 20 && transmit?.blocked.some(({ code }) => isStopped(code)) === true);
  match(identity(site, "show"), /^topic anew found instead +[-0-9a-f]{36}, 1 partition$/m);
  deepEqual(await messagesOf(cluster, "anew"), []);
  match(identity(site, "accept"), /^kafka1 after:$/m);
  await program.logged("decided to accept");
  delivered(site, 30);
  assertNumbers(await messagesOf(cluster, "anew"), 10, 10);
  await stop(program);
});

test(
  "added partitions are taken on with a warning; what waits keeps its partition, so that order per key holds in each",
  each,
  async (t) => {
    const { cluster } = kafka;
    const site = await makeKafkaSite(t, {
      kafka: { brokers: cluster.bootstrap, metadataAge: "1s", maxRate: "10/s" },
      topics: { wide: "wide" },
      format: "cloudevents-binary",
    });
    await createTopic(cluster, "wide", { partitions: 2 });
    const program = await startSite(t, site);
    await postNumbers(program, "wide", 0, 60, 10);
    // The topic was met with its two partitions.
    kafkaWhen(site, (_, { totals }) => totals.delivered > 0);
    await addPartitions(cluster, "wide", 5);
    equal((await program.logged("topic wide has 5 partitions instead of 2")).level, "warn");
    t.diagnostic(`${statusOf(site.data).totals.pending} messages waited`);
    await postNumbers(program, "wide", 60, 30, 10);
    delivered(site, 90);
    match(identity(site, "show"), /^topic wide .*, 2 partitions, 5 from message \d+ on$/m);

    const messages = await messagesOf(cluster, "wide");
    deepEqual(
      messages.map(({ number }) => number).toSorted((left, right) => left - right),
      Array.from({ length: 90 }, (_, number) => number),
    );
    ok(messages.every(({ number, partition }) => partition < 2 || number >= 60));
    ok(messages.some(({ partition }) => partition >= 2));
    for (const [key, ofKey] of Map.groupBy(messages, ({ key, partition }) => `${String(key)} in ${partition}`)) {
      const numbers = ofKey.map(({ number }) => number);
      deepEqual(
        numbers,
        numbers.toSorted((left, right) => left - right),
        key,
      );
    }
    const [first] = messages;
    ok(first !== undefined);
    equal(header(first, "content-type"), "application/json");
    equal(header(first, "ce_sidestreamstream"), "all");
    equal(header(first, "ce_sequence")?.length, 16);
    await stop(program);
  },
);

test("a message too large for its topic is set aside; the numbers of the others have no gap, also after a kill", each, async (t) => {
  const { cluster } = kafka;
  const {
    site,
    program,
    status: { deadLetters },
  } = await siteWithDeadLetter(t, cluster);
  equal(deadLetters.messages, 1);
  match(deadLetters.lastReason ?? "", /^SST_DESTINATION_REFUSED: /);
  equal((await program.logged("a message is dead")).level, "warn");
  program.process.kill("SIGKILL");
  await program.ended;
  const again = await startSite(t, site);
  await postNumbers(again, "small", 7, 3);
  delivered(site, 9);
  deepEqual(
    (await messagesOf(cluster, "small")).map(({ number, sequence, offset }) => [number, sequence, offset]),
    [0, 1, 2, 4, 5, 6, 7, 8, 9].map((number, offset) => [number, number + 1, offset]),
  );
  await stop(again);
});

test("from an older copy of the data folder nothing is sent twice; its first new message waits until `reset`", each, async (t) => {
  const { cluster } = kafka;
  const site = await makeKafkaSite(t, { kafka: { brokers: cluster.bootstrap }, topics: { old: "old" }, delivery: { old: "exactly-once" } });
  await createTopic(cluster, "old");
  const copy = join(temporaryFolder(t), "copy");
  const first = await startSite(t, site);
  await postNumbers(first, "old", 0, 10);
  delivered(site, 10);
  await stop(first);
  cpSync(site.data, copy, { recursive: true });
  const second = await startSite(t, site);
  await postNumbers(second, "old", 10, 10);
  delivered(site, 20);
  await stop(second);
  rmSync(site.data, { recursive: true });
  cpSync(copy, site.data, { recursive: true });
  const third = await startSite(t, site);
  await postNumbers(third, "old", 20, 5);
  const { transmit } = kafkaWhen(site, ({ transmit }) => transmit?.state === "down");
  deepEqual(
    transmit?.blocked.map(({ lane, code }) => [lane, code]),
    [["old/0", "SST_IDENTITY_CHANGED"]],
  );
  match(identity(site, "reset"), /^kafka1 after:$/m);
  delivered(site, 15);
  assertNumbers(await messagesOf(cluster, "old"), 0, 25);
  await stop(third);
});

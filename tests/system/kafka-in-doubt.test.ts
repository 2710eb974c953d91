/**
 * A broker that forgot who wrote, with its log deleted where that could have been read: nobody can tell whether messages in
 * flight arrived. A lane whose messages must not arrive twice stops until somebody decides; any other sends them again.
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, test, type TestContext } from "node:test";
import { Producer } from "@platformatic/kafka";
import { kafkaForTests } from "../../tools/kafka/for-tests.ts";
import { createTopic, deleteRecords, offsets } from "../../tools/kafka/topics.ts";
import { guarantee } from "../guarantees.ts";
import { delivered, kafkaWhen, makeKafkaSite, messagesOf, postNumbers, startSite, type KafkaSite } from "./support/kafka-site.ts";
import { command, stop, type Program } from "./support/program.ts";

guarantee({
  failure: "producer-forgotten",
  delivery: ["exactly-once"],
  to: "Kafka",
  test: "a lane of exactly-once messages stops, others go on; what is shown is sent once it is decided",
  lost: "nothing",
  doubled:
    "nothing: where the topic doesn't hold what was under way any more, or it is further back than 128 MiB, its lane stops until somebody decides",
  todo: "`sidestream spool resolve kafka1:users/0` shows what is in doubt, and how to decide; `retention.ms` and `producer.id.expiration.ms` longer than an outage keep it from happening",
});

const BEFORE = 10;
/** Posted while the broker stands still: those of the first batch are in doubt, the others wait behind it. */
const WAITING = 20;
const LATER = 15;

const kafka = await kafkaForTests({
  properties: { "producer.id.expiration.ms": "1000", "producer.id.expiration.check.interval.ms": "100" },
});
after(() => kafka[Symbol.asyncDispose]());
const each = { skip: kafka.skip, timeout: 120_000 };

/** Kills the program with messages in flight, and takes from the broker all by which it could tell whether they arrived. */
async function inDoubt(
  t: TestContext,
  topics: Readonly<Record<string, string>>,
): Promise<{ readonly site: KafkaSite; readonly program: Program }> {
  const { cluster } = kafka;
  const site = await makeKafkaSite(t, { kafka: { brokers: cluster.bootstrap }, topics, delivery: { once: "exactly-once" } });
  for (const topic of Object.values(topics)) await createTopic(cluster, topic);
  const first = await startSite(t, site);
  for (const name of Object.keys(topics)) await postNumbers(first, name, 0, BEFORE);
  delivered(site, BEFORE * Object.keys(topics).length);
  await cluster.pause();
  for (const name of Object.keys(topics)) await postNumbers(first, name, BEFORE, WAITING, 4);
  kafkaWhen(site, ({ transmit }) => transmit?.inFlight === WAITING * Object.keys(topics).length);
  first.process.kill("SIGKILL");
  await first.ended;
  cluster.resume();
  for (const topic of Object.values(topics)) await forgetAll(topic);
  return { site, program: await startSite(t, site) };
}

async function forgetAll(topic: string): Promise<void> {
  const { cluster } = kafka;
  const producer = new Producer({ clientId: "other", bootstrapBrokers: [...cluster.bootstrap] });
  // Others write there as well: the end is not where it was.
  await producer.send({ messages: [{ topic, key: Buffer.from("other"), value: Buffer.from("{}") }], acks: -1 });
  await producer.close();
  await deleteRecords(cluster, topic, 0, (await offsets(cluster, topic))[0]?.end ?? 0);
}

const numbersOf = async (topic: string): Promise<readonly number[]> => (await messagesOf(kafka.cluster, topic)).map(({ number }) => number);
const from = (first: number, count: number): readonly number[] => Array.from({ length: count }, (_, index) => first + index);
const rising = (numbers: readonly number[]): readonly number[] => numbers.toSorted((left, right) => left - right);

test("a lane of exactly-once messages stops, others go on; what is shown is sent once it is decided", each, async (t) => {
  const { site, program } = await inDoubt(t, { once: "stopped", least: "going" });
  const stopped = kafkaWhen(
    site,
    ({ transmit }, { totals }) => totals.pending === WAITING && transmit?.blocked.some(({ code }) => code === "SST_LANE_IN_DOUBT") === true,
  );
  equal(stopped.transmit?.blocked[0]?.lane, "stopped/0");
  deepEqual(rising(await numbersOf("going")), from(BEFORE, WAITING), "an at-least-once lane sends it again");
  deepEqual(await numbersOf("stopped"), []);
  const { msg } = await program.logged("spool resolve kafka1:stopped/0");
  match(msg, /lane stopped\/0 stopped: .* of it may have arrived or not/);

  const resolve = (...flags: string[]) => command(["spool", "resolve", "kafka1:stopped/0", "--data", site.data, ...flags]);
  const shown = resolve();
  equal(shown.status, 1, shown.stderr);
  match(shown.stdout, /^\d+ messages? of kafka1:stopped\/0 may have been sent/);
  const { count, messages } = JSON.parse(resolve("--json").stdout) as {
    readonly count: number;
    readonly messages: readonly { logSequence: number }[];
  };
  ok(count >= 1 && count <= WAITING, `${count} in doubt`);
  equal(messages.length, count);
  match(resolve("--resend", "--skip").stderr, /exclude each other/);
  match(command(["spool", "resolve", "kafka1:going/0", "--data", site.data]).stderr, /stopped are kafka1:stopped\/0/);

  await postNumbers(program, "once", BEFORE + WAITING, LATER);
  const decided = resolve("--resend");
  equal(decided.status, 0, decided.stderr);
  const all = (BEFORE + WAITING) * 2 + LATER;
  delivered(site, all);
  deepEqual(rising(await numbersOf("stopped")), from(BEFORE, WAITING + LATER));
  equal((await program.logged("all are sent again")).level, "warn");
  await stop(program);
});

test("what somebody found in the topic is left out up to there, and the rest is sent, once", each, async (t) => {
  const { site, program } = await inDoubt(t, { once: "skipped" });
  kafkaWhen(site, ({ transmit }) => transmit?.blocked.some(({ code }) => code === "SST_LANE_IN_DOUBT") === true);
  const resolve = (...flags: string[]) => command(["spool", "resolve", "kafka1:skipped/0", "--data", site.data, ...flags]);
  const { messages } = JSON.parse(resolve("--json").stdout) as { readonly messages: readonly { logSequence: number }[] };
  equal(resolve("--skip", "--through", String(messages[0]?.logSequence)).status, 0);
  const { totals, breaches } = await settled(site);
  deepEqual(breaches, []);
  deepEqual([totals.delivered, totals.dropped], [BEFORE + WAITING - 1, 1]);
  equal((await numbersOf("skipped")).length, WAITING - 1);

  // Nothing of the decision is left over: the next doubt is decided anew.
  await postNumbers(program, "once", BEFORE + WAITING, LATER);
  kafkaWhen(site, (_, report) => report.totals.pending === 0);
  equal(new Set(await numbersOf("skipped")).size, WAITING - 1 + LATER);
  match(resolve().stderr, /no lane of it is stopped over messages in doubt/);
  await stop(program);
});

async function settled(site: KafkaSite): Promise<{ readonly totals: Record<string, number>; readonly breaches: readonly unknown[] }> {
  let found: { readonly totals: Record<string, number>; readonly breaches: readonly unknown[] } | null = null;
  kafkaWhen(site, (_, report) => {
    found = { totals: { ...report.totals }, breaches: report.breaches };
    return report.totals.pending === 0;
  });
  if (found === null) throw new Error("no report");
  return found;
}

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
  const site = await makeKafkaSite(t, {
    kafka: { brokers: cluster.bootstrap },
    topics,
    delivery: { once: "exactly-once", too: "exactly-once" },
  });
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
  match(msg, /lane stopped\/0 stopped: .* what was being sent may have arrived or not/);

  const resolve = (...flags: string[]) => command(["spool", "resolve", "kafka1:stopped/0", "--data", site.data, ...flags]);
  const shown = resolve();
  equal(shown.status, 1, shown.stderr);
  match(shown.stdout, /^\d+ messages? of kafka1:stopped\/0 may have been sent/);
  const [lane] = lanesOf(resolve("--json").stdout);
  const { count = 0, messages = [] } = lane ?? {};
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
  equal((await program.logged("the others are sent again")).level, "warn");
  await stop(program);
});

test("of several lanes each is decided alone; what is left out goes uncounted to no other, also over a kill", each, async (t) => {
  const { site, program: first } = await inDoubt(t, { once: "skipped", too: "beside" });
  const stopped = (count: number) =>
    kafkaWhen(site, ({ transmit }) => transmit?.blocked.filter(({ code }) => code === "SST_LANE_IN_DOUBT").length === count);
  stopped(2);
  const resolve = (lane: string, ...flags: string[]) => command(["spool", "resolve", lane, "--data", site.data, ...flags]);
  const before = lanesOf(resolve("kafka1", "--json").stdout);
  deepEqual(
    before.map(({ lane }) => lane),
    ["beside/0", "skipped/0"],
  );
  const [number = 0] = before[1]?.messages.map(({ logSequence }) => logSequence) ?? [];
  const wrong = resolve("kafka1:skipped/0", "--skip", "--through", String(number - 1));
  match(wrong.stderr, /is none of the numbers of the messages in doubt .* nothing was decided/);
  const decided = resolve("kafka1:skipped/0", "--skip", "--through", String(number));
  match(decided.stdout, /^Decided: 1 message left out, \d+ messages? sent again/m);
  // Right after it, and killed in the midst of carrying it out.
  deepEqual(lanesOf(resolve("kafka1:beside/0", "--json").stdout), [before[0]], "the other is as it was");
  first.process.kill("SIGKILL");
  await first.ended;
  const program = await startSite(t, site);
  stopped(1);
  deepEqual(lanesOf(resolve("kafka1", "--json").stdout), [before[0]]);
  equal(resolve("kafka1", "--resend").status, 0);
  const { totals, breaches } = await settled(site);
  deepEqual(breaches, []);
  deepEqual([totals.delivered, totals.dropped], [(BEFORE + WAITING) * 2 - 1, 1]);
  deepEqual(rising(await numbersOf("beside")), from(BEFORE, WAITING));
  equal(new Set(await numbersOf("skipped")).size, WAITING - 1);

  // Nothing of the decisions is left over.
  await postNumbers(program, "once", BEFORE + WAITING, LATER);
  kafkaWhen(site, (_, report) => report.totals.pending === 0);
  const found = await numbersOf("skipped");
  deepEqual([found.length, new Set(found).size], [WAITING - 1 + LATER, WAITING - 1 + LATER]);
  equal(resolve("kafka1").stdout, "No lane of kafka1 is stopped over messages in doubt.\n");
  await stop(program);
});

interface Shown {
  readonly lane: string;
  readonly count: number;
  readonly messages: readonly { readonly logSequence: number }[];
}

function lanesOf(output: string): readonly Shown[] {
  return (JSON.parse(output) as { readonly lanes: readonly Shown[] }).lanes;
}

async function settled(site: KafkaSite): Promise<{ readonly totals: Record<string, number>; readonly breaches: readonly unknown[] }> {
  let found: { readonly totals: Record<string, number>; readonly breaches: readonly unknown[] } | null = null;
  kafkaWhen(site, (_, report) => {
    found = { totals: { ...report.totals }, breaches: report.breaches };
    return report.totals.pending === 0;
  });
  if (found === null) throw new Error("no report");
  return found;
}

/**
 * `sidestream verify` against Kafka: it finds on purpose-made holes and doubles, and nothing where there is none.
 *
 * The doubles are written by the client library's producer; what is missing is deleted by the broker, or dead.
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { after, test, type TestContext } from "node:test";
import { Producer } from "@platformatic/kafka";
import { consumeTopic, type ConsumedRecord } from "../../tools/kafka/console-consumer.ts";
import { kafkaForTests } from "../../tools/kafka/for-tests.ts";
import { createTopic, deleteRecords, offsets } from "../../tools/kafka/topics.ts";
import { delivered, makeKafkaSite, postNumbers, startSite, type KafkaSite } from "./support/kafka-site.ts";
import { command, stop } from "./support/program.ts";

const PARTITIONS = 3;
const COUNT = 120;
const KEYS = 8;
const TEST_MS_MAX = 120_000;

const broker = await kafkaForTests();
after(async () => await broker[Symbol.asyncDispose]());
const options = { skip: broker.skip, timeout: TEST_MS_MAX };

interface Verified {
  readonly ok: boolean;
  readonly messages: number;
  readonly withoutEvidence: number;
  readonly series: readonly Readonly<Record<string, unknown>>[];
  readonly doubles: readonly Readonly<Record<string, unknown>>[];
}

/** Runs the command, for people and for programs. */
function verify(args: readonly string[]): { readonly status: number | null; readonly text: string; readonly found: Verified } {
  const { stdout } = command(["verify", ...args]);
  const { status, stdout: json, stderr } = command(["verify", ...args, "--json"]);
  equal(stderr, "");
  return { status, text: stdout, found: JSON.parse(json) as Verified };
}

function addressOf(topic: string): string {
  return `kafka://${broker.cluster.bootstrap.join(",")}/${topic}`;
}

/** A topic that a run has filled, and the run's folder. */
async function filled(t: TestContext, topic: string, format: "cloudevents" | "cloudevents-binary"): Promise<KafkaSite> {
  await createTopic(broker.cluster, topic, { partitions: PARTITIONS });
  const site = await makeKafkaSite(t, {
    kafka: { brokers: broker.cluster.bootstrap, compression: "gzip" },
    topics: { orders: topic },
    format,
  });
  const program = await startSite(t, site);
  await postNumbers(program, "orders", 0, COUNT, KEYS);
  delivered(site, COUNT);
  await stop(program);
  return site;
}

/** Writes records once more, as they are; within a transaction that is ended so, where one is named. */
async function write(topic: string, records: readonly ConsumedRecord[], ending?: "commit" | "abort"): Promise<void> {
  const producer = new Producer({
    clientId: "doubler",
    bootstrapBrokers: [...broker.cluster.bootstrap],
    ...(ending === undefined ? {} : { idempotent: true, transactionalId: `doubler-${topic}-${ending}` }),
  });
  const messages = records.map(({ partition, key, value, headers }) => ({
    topic,
    partition,
    key: key ?? Buffer.alloc(0),
    value: value ?? Buffer.alloc(0),
    headers: new Map(headers.map(([name, text]) => [Buffer.from(name), text ?? Buffer.alloc(0)])),
  }));
  try {
    if (ending === undefined) return void (await producer.send({ messages }));
    const transaction = await producer.beginTransaction();
    await transaction.send({ messages });
    await transaction[ending]();
  } finally {
    await producer.close();
  }
}

test("a topic as Sidestream wrote it is well, by its address and by the configuration", options, async (t) => {
  const site = await filled(t, "well", "cloudevents");
  const { status, text, found } = verify([addressOf("well")]);
  equal(status, 0, text);
  deepEqual([found.ok, found.messages, found.withoutEvidence], [true, COUNT, 0]);
  const named = verify(["kafka1:well", "--config", site.configuration]);
  equal(named.status, 0, named.text);
  deepEqual(
    named.found.series.map(({ instance, stream, messages, first, last, dataFolder }) => [
      instance,
      stream,
      messages,
      first,
      last,
      dataFolder,
    ]),
    [["test-1", "all", COUNT, 1, COUNT, site.data]],
  );
});

test("messages that are there twice are told with both places, those of an aborted transaction are not there", options, async (t) => {
  await filled(t, "doubled", "cloudevents-binary");
  const records = await consumeTopic(broker.cluster, "doubled");
  const again = records.slice(0, 2);
  await write("doubled", records.slice(0, 50), "abort");
  await write("doubled", again);
  await write("doubled", records.slice(2, 3), "commit");
  const { status, text, found } = verify([addressOf("doubled")]);
  equal(status, 1);
  equal(found.messages, COUNT + 3);
  const [series] = found.series;
  deepEqual([series?.["doubles"], series?.["holes"], series?.["outOfOrder"]], [3, 0, 0]);
  const first = ({ partition, offset }: ConsumedRecord) => ({ partition, offset });
  deepEqual(
    new Set(found.doubles.map((double) => JSON.stringify(double["first"]))),
    new Set(records.slice(0, 3).map((record) => JSON.stringify(first(record)))),
  );
  match(text, /^double: all of test-1, \d+: first at partition \d offset \d+, again at partition \d offset \d+$/m);
  match(text, /NOT WELL: 3 doubled, 0 missing and not explained, 0 out of order/);
});

test("what the broker deleted at the beginning is no hole, and what is missing in the midst is one", options, async (t) => {
  await filled(t, "cut", "cloudevents");
  const records = await consumeTopic(broker.cluster, "cut");
  const begins = await offsets(broker.cluster, "cut");
  const partition = begins.findIndex(({ end }) => end > 2);
  await deleteRecords(broker.cluster, "cut", partition, 2);
  const { status, text, found } = verify([addressOf("cut")]);
  equal(status, 0, text);
  const [series] = found.series;
  deepEqual([series?.["messages"], series?.["deleted"], series?.["holes"]], [COUNT - 2, 2, 0]);

  // The same without some of the midst: as if they had never arrived.
  await createTopic(broker.cluster, "thinned", { partitions: PARTITIONS });
  const number = ({ value }: ConsumedRecord): number => Number((JSON.parse(String(value)) as { readonly sequence: string }).sequence);
  const ordered = records.toSorted((left, right) => number(left) - number(right));
  await write(
    "thinned",
    ordered.filter((record) => ![7, 8, 9, 40].includes(number(record))),
  );
  const thinned = verify([addressOf("thinned")]);
  equal(thinned.status, 1);
  deepEqual(thinned.found.series[0]?.["unexplainedFirst"], [
    { from: 7, to: 9 },
    { from: 40, to: 40 },
  ]);
  match(thinned.text, /^all of test-1: 4 missing and not explained: 7 to 9, 40\. Name the data folder/m);
});

test("a topic that isn't there is told, and isn't made by looking at it", options, async () => {
  for (let tries = 0; tries < 2; tries += 1) {
    const { status, stderr } = command(["verify", addressOf("never-made")]);
    equal(status, 75, stderr);
    match(stderr, /^there is no topic never-made|topic never-made/m);
    match(stderr, /SST_TOPIC_MISSING/);
  }
});

/** Reading a topic of a real broker, with what may come between. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { after, test } from "node:test";
import { kafkaForTests } from "../../../tools/kafka/for-tests.ts";
import { createTopic, deleteRecords } from "../../../tools/kafka/topics.ts";
import type { TopicPage } from "../../driver/destination.ts";
import { kafka } from "./kafka.ts";
import { Sender } from "./testing/sender.ts";

const KIB = 1024;
/** More than a page holds, several times over. */
const COUNT = 300;
const VALUE_BYTES = 20 * KIB;
const each = { timeout: 120_000 };

const broker = await kafkaForTests();
after(async () => await broker[Symbol.asyncDispose]());
const options = { ...each, skip: broker.skip };

/** A topic with so many messages of 20 KiB, over two partitions, and who reads it. */
async function filled(topic: string) {
  const { cluster } = broker;
  await createTopic(cluster, topic, { partitions: 2 });
  await using sender = new Sender({ brokers: cluster.bootstrap, compression: "none" });
  const messages = sender.messages(topic, COUNT, (index) => ({
    key: `key${index % 20}`,
    value: Buffer.alloc(VALUE_BYTES, String(index % 10)),
  }));
  const connection = await sender.open();
  for (let from = 0; from < COUNT; from += 20) await sender.deliver(connection, messages.slice(from, from + 20));
  const notices: string[] = [];
  const signal = new AbortController().signal;
  const given = kafka.options.parse({ brokers: cluster.bootstrap, requestTimeout: "5s", createTopics: true });
  const read = (name = topic): AsyncGenerator<TopicPage> =>
    kafka.read?.(given, name, { name: "kafka1", signal, notice: (text) => void notices.push(text) }) as AsyncGenerator<TopicPage>;
  return { cluster, read, notices };
}

function offsetsOf(pages: readonly TopicPage[], partition: number): readonly number[] {
  return pages.filter((page) => page.partition === partition).flatMap(({ messages }) => messages.map(({ offset }) => offset));
}

async function all(pages: AsyncGenerator<TopicPage>): Promise<TopicPage[]> {
  const read: TopicPage[] = [];
  for await (const page of pages) read.push(page);
  return read;
}

test("every message is read once, in order, page by page, partitions in turns", options, async () => {
  const { read, notices } = await filled("turns");
  const pages = await all(read());
  const [first, second] = [offsetsOf(pages, 0), offsetsOf(pages, 1)];
  deepEqual(first, [...first.keys()]);
  deepEqual(second, [...second.keys()]);
  equal(first.length + second.length, COUNT);
  ok(pages.every(({ isFromBegin }) => isFromBegin));
  const order = pages.map(({ partition }) => partition);
  ok(order.slice(2, -1).includes(0) && order.slice(2, -1).includes(1), `partitions in turns: ${order.join(" ")}`);
  equal(pages.at(-1)?.share, 1);
  deepEqual(notices, []);
});

test("a broker that is killed in the midst of reading is waited for, and nothing is read twice", options, async () => {
  const { cluster, read } = await filled("killed");
  const pages: TopicPage[] = [];
  for await (const page of read()) {
    pages.push(page);
    if (pages.length !== 2) continue;
    await cluster.kill();
    await cluster.start();
  }
  for (const partition of [0, 1]) {
    const offsets = offsetsOf(pages, partition);
    deepEqual(offsets, [...offsets.keys()]);
  }
  equal(offsetsOf(pages, 0).length + offsetsOf(pages, 1).length, COUNT);
});

test("what is deleted while it is to be read is stepped over and told", options, async () => {
  const { cluster, read, notices } = await filled("deleted");
  const pages: TopicPage[] = [];
  const reading = read();
  const first = (await reading.next()).value as TopicPage;
  pages.push(first);
  const { partition } = first;
  const next = (first.messages.at(-1)?.offset ?? 0) + 1;
  await deleteRecords(cluster, "deleted", partition, next + 10);
  for await (const page of reading) pages.push(page);
  const offsets = offsetsOf(pages, partition);
  ok(offsets.includes(next - 1) && !offsets.includes(next) && !offsets.includes(next + 9) && offsets.includes(next + 10));
  equal(pages.findLast((page) => page.partition === partition)?.isFromBegin, false);
  equal(notices.length, 1);
  match(
    notices[0] ?? "",
    new RegExp(`^deleted/${partition}: Kafka deleted messages while they were to be read: offsets ${next} to ${next + 9}$`),
  );
});

test("a topic that isn't there is not made by reading it, also where missing topics are to be made", options, async () => {
  const { read } = await filled("there");
  for (let tries = 0; tries < 2; tries += 1) await rejects(all(read("not-there")), { code: "SST_TOPIC_MISSING" });
});

test("an empty partition is told too, and whether it always was", options, async () => {
  const { cluster, read } = await filled("emptied");
  const before = await all(read());
  const end = Math.max(...offsetsOf(before, 0)) + 1;
  await deleteRecords(cluster, "emptied", 0, end);
  const pages = await all(read());
  deepEqual(
    pages.filter(({ partition }) => partition === 0).map(({ messages, isFromBegin }) => [messages.length, isFromBegin]),
    [[0, false]],
  );
  equal(offsetsOf(pages, 1).length, offsetsOf(before, 1).length);
  await createTopic(cluster, "new", { partitions: 2 });
  deepEqual(await all(read("new")), [
    { partition: 0, messages: [], isFromBegin: true, share: 1 },
    { partition: 1, messages: [], isFromBegin: true, share: 1 },
  ]);
});

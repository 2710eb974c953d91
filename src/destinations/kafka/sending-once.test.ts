/** Messages that are sent at most once: under no numbers, each in one request at most, parted by partition. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { Reader, readRecordsBatch } from "@platformatic/kafka";
import type { OutgoingMessage } from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import type { Broker } from "./cluster.ts";
import { partitionOf } from "./murmur2.ts";
import type { ProducePart, ProduceResult } from "./produce-request.ts";
import { sendOnce } from "./sending-once.ts";
import { fakeQueue } from "./testing/fake-queue.ts";

const BATCH_BYTES_MAX = 10_000;
const PARTITIONS = 3;
const WELL: ProduceResult = { errorCode: 0, baseOffset: 40n, said: null };

function messages(...sizes: readonly number[]): readonly OutgoingMessage[] {
  return sizes.map((size, index) => ({
    topic: "users",
    key: `key${index % 7}`,
    headers: [],
    value: Buffer.alloc(size, String(index)),
    sequence: index,
  }));
}

interface Situation {
  readonly answer?: (part: ProducePart) => ProduceResult | Promise<ProduceResult>;
  readonly topicError?: SidestreamError;
  readonly signal?: AbortSignal;
}

/** @returns Codes of the outcomes, "ok" for null, and the batches that were written. */
async function send(batch: readonly OutgoingMessage[], { answer = () => WELL, topicError, signal }: Situation = {}) {
  const fake = fakeQueue(answer);
  const { parts } = fake;
  const forgotten: string[] = [];
  const topic = { name: "users", id: "U1", partitions: PARTITIONS, batchBytesMax: BATCH_BYTES_MAX };
  const outcomes = await sendOnce(
    {
      cluster: {
        known: () => undefined,
        topic: async () => {
          if (topicError !== undefined) throw topicError;
          return topic;
        },
        leader: async () => ({ address: "k1:9092" }) as Broker,
        forget: (name) => forgotten.push(name),
      },
      compression: "none",
      queue: () => fake.queue,
    },
    batch,
    signal ?? new AbortController().signal,
  );
  equal(fake.roomsHeld, 0, "room is given back");
  const records = parts.map(({ partition, batch: bytes }) => ({ partition, ...readRecordsBatch(Reader.from(bytes)) }));
  return { codes: outcomes.map((outcome) => outcome?.code ?? "ok"), records, forgotten };
}

function sentOf(records: Awaited<ReturnType<typeof send>>["records"]): readonly string[] {
  return records.flatMap(({ records: of }) => of.map(({ value }) => String(value).slice(0, 1)));
}

test("each message goes to its key's partition, in order, under no producer and no number", async () => {
  const batch = messages(...Array.from({ length: 10 }, () => 10));
  const { codes, records } = await send(batch);
  deepEqual(new Set(codes), new Set(["ok"]));
  for (const { partition, producerId, producerEpoch, firstSequence, records: own } of records) {
    deepEqual([producerId, producerEpoch, firstSequence], [-1n, -1, -1]);
    deepEqual(
      own.map(({ value }) => String(value)),
      batch.filter(({ key }) => partitionOf(key, PARTITIONS) === partition).map(({ value }) => String(value)),
    );
  }
  equal(new Set(records.map(({ partition }) => partition)).size, records.length, "one batch a partition");
});

test("what doesn't fit into a batch goes in the next one, and what is too large by itself is refused alone", async () => {
  const batch = messages(4_000, 4_000, 20_000, 4_000, 4_000).map((message) => ({ ...message, key: "one" }));
  const { codes, records } = await send(batch);
  deepEqual(codes, ["ok", "ok", "SST_DESTINATION_REFUSED", "ok", "ok"]);
  deepEqual(sentOf(records), ["0", "1", "3", "4"], "each once");
});

test("a partition that fails takes nothing from the others, and nothing is sent again", async () => {
  const batch = messages(...Array.from({ length: 10 }, () => 10));
  const bad = partitionOf("key0", PARTITIONS);
  const failures: readonly (readonly [string, Situation["answer"]])[] = [
    ["SST_LANE_UNAVAILABLE", (part) => ({ ...WELL, errorCode: part.partition === bad ? 6 : 0 })],
    ["SST_BATCH_REFUSED", (part) => ({ ...WELL, errorCode: part.partition === bad ? 87 : 0 })],
    [
      "SST_DESTINATION_UNSURE",
      (part) => (part.partition === bad ? Promise.reject(new SidestreamError("SST_DESTINATION_UNSURE", "cut")) : WELL),
    ],
  ];
  for (const [code, answer = () => WELL] of failures) {
    const { codes, records } = await send(batch, { answer });
    deepEqual(
      codes,
      batch.map(({ key }) => (partitionOf(key, PARTITIONS) === bad ? code : "ok")),
    );
    equal(sentOf(records).length, batch.length, code);
  }
});

test("a topic that isn't there is the answer for every message, and so is an abort", async () => {
  const missing = new SidestreamError("SST_TOPIC_MISSING", "none");
  const { codes, records } = await send(messages(10, 10), { topicError: missing });
  deepEqual([codes, records], [["SST_TOPIC_MISSING", "SST_TOPIC_MISSING"], []]);
  const aborted = await send(messages(10), { topicError: missing, signal: AbortSignal.abort() });
  deepEqual(aborted.codes, ["SST_DESTINATION_UNSURE"]);
  const moved = await send(messages(10), { answer: () => ({ ...WELL, errorCode: 3 }) });
  ok(moved.forgotten.includes("users"), "what is known of the topic is asked for anew");
});

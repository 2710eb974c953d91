/** What a batch's messages are answered, for all that the broker can say. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { Reader, readRecordsBatch } from "@platformatic/kafka";
import type { NumberedReceipt, OutgoingMessage } from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import type { Broker } from "./cluster.ts";
import type { Compression } from "./compression.ts";
import type { ProducePart, ProduceResult } from "./produce-request.ts";
import { sendBatch } from "./sending.ts";
import { fakeQueue } from "./testing/fake-queue.ts";

const BATCH_BYTES_MAX = 10_000;
const NEVER = new AbortController().signal;
const WELL: ProduceResult = { errorCode: 0, baseOffset: 40n, said: null };

function messages(...sizes: readonly number[]): readonly OutgoingMessage[] {
  return sizes.map((size, index) => ({ topic: "users", key: `key${index}`, headers: [], value: randomBytes(size), sequence: index }));
}

interface Sent {
  readonly receipt: NumberedReceipt;
  /** Codes of the outcomes, "ok" for null. */
  readonly codes: readonly string[];
  readonly parts: readonly ProducePart[];
  readonly forgotten: readonly string[];
}

interface Situation {
  readonly compression?: Compression;
  readonly answer?: () => Promise<ProduceResult> | ProduceResult;
  readonly leader?: () => Promise<Broker>;
  readonly signal?: AbortSignal;
}

async function send(batch: readonly OutgoingMessage[], situation: Situation = {}): Promise<Sent> {
  const { compression = "none", answer = () => WELL, leader = async () => ({ address: "k1:9092" }) as Broker, signal = NEVER } = situation;
  const fake = fakeQueue(answer);
  const { parts } = fake;
  const forgotten: string[] = [];
  const receipt = await sendBatch(
    {
      cluster: { leader, forget: (topic) => forgotten.push(topic) },
      placement: { verified: async () => ({ name: "users", id: "U1", partitions: 1, batchBytesMax: BATCH_BYTES_MAX }) },
      numbers: { batch: (_lane, firstNumber) => ({ producerId: 7n, epoch: 1, baseSequence: firstNumber }) },
      compression,
      queue: () => fake.queue,
    },
    { lane: "users/0", firstNumber: 5, messages: batch },
    signal,
  );
  assert.equal(fake.roomsHeld, 0, "room is given back");
  return { receipt, codes: receipt.outcomes.map((outcome) => outcome?.code ?? "ok"), parts, forgotten };
}

test("a batch that was taken is answered with the place behind its last message", async () => {
  const before = Date.now();
  const { receipt, codes, parts } = await send(messages(10, 20, 30));
  assert.deepEqual(codes, ["ok", "ok", "ok"]);
  assert.equal(receipt.position, "U1:43");
  const batch = readRecordsBatch(Reader.from(parts[0]?.batch as Buffer));
  assert.deepEqual([batch.producerId, batch.producerEpoch, batch.firstSequence, batch.records.length], [7n, 1, 5, 3]);
  assert(Number(batch.maxTimestamp) >= before, "records carry the time of sending");
});

test("an offset that the broker doesn't tell leaves the place as it was", async () => {
  const { receipt, codes } = await send(messages(10), { answer: () => ({ ...WELL, baseOffset: -1n }) });
  assert.deepEqual(codes, ["ok"]);
  assert.equal(receipt.position, null);
});

test("of a batch that is too large the first messages go, and the rest is to be sent again", async () => {
  const { receipt, codes, parts } = await send(messages(4_000, 4_000, 4_000, 10));
  assert.deepEqual(codes, ["ok", "ok", "SST_BATCH_REFUSED", "SST_BATCH_REFUSED"]);
  assert.equal(receipt.position, "U1:42");
  assert((parts[0]?.batch.length ?? 0) <= BATCH_BYTES_MAX);
});

test("a message that is too large by itself is refused once those before it are there", async () => {
  assert.deepEqual((await send(messages(10, BATCH_BYTES_MAX, 10))).codes, ["ok", "SST_DESTINATION_REFUSED", "SST_BATCH_REFUSED"]);
  const first = await send(messages(BATCH_BYTES_MAX, 10));
  assert.deepEqual(first.codes, ["SST_DESTINATION_REFUSED", "SST_BATCH_REFUSED"]);
  assert.deepEqual(first.parts, []);
  const failed = await send(messages(10, BATCH_BYTES_MAX), { answer: () => ({ ...WELL, errorCode: 6 }) });
  assert.deepEqual(failed.codes, ["SST_LANE_UNAVAILABLE", "SST_LANE_UNAVAILABLE"]);
});

test("with compression a large message goes alone if it fits then", async () => {
  for (const compression of ["gzip", "snappy", "lz4", "zstd"] as const) {
    const [small, large] = messages(10, 0) as [OutgoingMessage, OutgoingMessage];
    const plain = { ...large, value: Buffer.alloc(3 * BATCH_BYTES_MAX, "a") };
    assert.deepEqual((await send([small, plain], { compression })).codes, ["ok", "SST_BATCH_REFUSED"]);
    const { codes, parts } = await send([plain, small], { compression });
    assert.deepEqual(codes, ["ok", "SST_BATCH_REFUSED"]);
    assert.deepEqual(readRecordsBatch(Reader.from(parts[0]?.batch as Buffer)).records[0]?.value, plain.value);
    assert.deepEqual((await send(messages(3 * BATCH_BYTES_MAX), { compression })).codes, ["SST_DESTINATION_REFUSED"]);
  }
});

test("what compression would make larger goes as it is", async () => {
  const batch = messages(40);
  for (const compression of ["gzip", "snappy", "lz4", "zstd"] as const) {
    const { parts } = await send(batch, { compression });
    assert.equal(readRecordsBatch(Reader.from(parts[0]?.batch as Buffer)).attributes, 0, compression);
  }
});

for (const [errorCode, code, isForgotten] of [
  [3, "SST_LANE_UNAVAILABLE", true],
  [6, "SST_LANE_UNAVAILABLE", true],
  [7, "SST_LANE_UNAVAILABLE", false],
  [10, "SST_BATCH_REFUSED", false],
  [18, "SST_BATCH_REFUSED", false],
  [19, "SST_LANE_UNAVAILABLE", false],
  [20, "SST_LANE_UNAVAILABLE", false],
  [29, "SST_DESTINATION_FORBIDDEN", false],
  [45, "SST_NUMBERS_REFUSED", false],
  [46, "SST_NUMBERS_REFUSED", false],
  [47, "SST_NUMBERS_REFUSED", false],
  [59, "SST_NUMBERS_REFUSED", false],
  [87, "SST_BATCH_REFUSED", false],
  [100, "SST_LANE_UNAVAILABLE", true],
  [12_345, "SST_DESTINATION_UNSURE", false],
] as const)
  test(`error ${errorCode} of the broker is answered with ${code} for every message`, async () => {
    const { receipt, codes, forgotten } = await send(messages(10, 10), { answer: () => ({ ...WELL, errorCode }) });
    assert.deepEqual(codes, [code, code]);
    assert.equal(receipt.position, null);
    assert.deepEqual(forgotten, isForgotten ? ["users"] : []);
  });

test("a message that the broker refuses alone is refused for good, in the broker's words", async () => {
  for (const errorCode of [10, 18, 87]) {
    const { receipt, codes } = await send(messages(10), { answer: () => ({ ...WELL, errorCode, said: "one of the records is odd" }) });
    assert.deepEqual(codes, ["SST_DESTINATION_REFUSED"]);
    assert.match(String(receipt.outcomes[0]?.message), /one of the records is odd/);
  }
});

test("what goes wrong before or while sending is answered, never thrown", async () => {
  const unsure = new SidestreamError("SST_DESTINATION_UNSURE", "no answer");
  assert.deepEqual((await send(messages(10, 10), { answer: () => Promise.reject(unsure) })).codes, [
    "SST_DESTINATION_UNSURE",
    "SST_DESTINATION_UNSURE",
  ]);
  const noLeader = async (): Promise<never> => {
    throw new SidestreamError("SST_LANE_UNAVAILABLE", "no leader");
  };
  assert.deepEqual((await send(messages(10), { leader: noLeader })).codes, ["SST_LANE_UNAVAILABLE"]);
  const controller = new AbortController();
  controller.abort();
  const aborted = async (): Promise<never> => {
    throw new DOMException("aborted", "AbortError");
  };
  assert.deepEqual((await send(messages(10), { leader: aborted, signal: controller.signal })).codes, ["SST_DESTINATION_UNSURE"]);
});

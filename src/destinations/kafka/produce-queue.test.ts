/** Batches on their way to one broker, whose connection the test answers for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as soon } from "node:timers/promises";
import { Reader, Writer, type Connection } from "@platformatic/kafka";
import { SidestreamError } from "../../errors.ts";
import type { Broker } from "./cluster.ts";
import { IN_FLIGHT_BYTES_MAX, ProduceQueue } from "./produce-queue.ts";
import type { ProducePart, ProduceResult } from "./produce-request.ts";

const TOPIC_ID = "11111111-1111-4111-8111-111111111111";
const NEVER = new AbortController().signal;
const MIB = 1024 * 1024;

/** Until what was handed over is in a request, or waits. */
async function turn(): Promise<void> {
  await soon();
  await soon();
}

interface SentRequest {
  readonly version: number;
  readonly bytes: number;
  readonly partitions: readonly string[];
  answer(errorCode?: number): void;
  fail(error: Error): void;
}

/** Reads requests as a broker would, and answers when it is told to. */
class FakeConnection {
  readonly requests: SentRequest[] = [];
  readonly #read: Connection["send"] = (apiKey, version, createPayload, parse, _request, _response, callback) => {
    assert.equal(apiKey, 0);
    const payload = (createPayload() as Writer).buffer;
    const parts = readRequest(payload, version);
    this.requests.push({
      version,
      bytes: payload.length,
      partitions: parts.map(({ topic, partition }) => `${topic}/${partition}`),
      answer: (errorCode = 0) => callback(null, parse(0, apiKey, version, Reader.from(answerTo(parts, version, errorCode))) as never),
      fail: (error) => callback(error),
    });
  };
  readonly send = this.#read;
}

interface ReadPart {
  readonly topic: string;
  readonly partition: number;
}

function readRequest(payload: Buffer, version: number): readonly ReadPart[] {
  const reader = Reader.from(payload);
  assert.equal(reader.readNullableString(), null, "no transaction");
  assert.equal(reader.readInt16(), -1, "all replicas");
  assert.equal(reader.readInt32(), 15_000);
  const parts: ReadPart[] = [];
  reader.readArray((ofTopic) => {
    const topic = version >= 13 ? ofTopic.readUUID() : ofTopic.readString();
    ofTopic.readArray((part) => {
      parts.push({ topic, partition: part.readInt32() });
      part.readBytes();
    });
  });
  reader.readTaggedFields();
  assert.equal(reader.remaining, 0);
  return parts;
}

/** In another order than asked, one topic entry per partition. */
function answerTo(parts: readonly ReadPart[], version: number, errorCode: number): Buffer {
  const writer = Writer.create().appendArray(parts.toReversed(), (w, { topic, partition }) => {
    if (version >= 13) w.appendUUID(topic);
    else w.appendString(topic);
    w.appendArray([partition], (of, index) => {
      of.appendInt32(index)
        .appendInt16(errorCode)
        .appendInt64(BigInt(1_000 + index))
        .appendInt64(-1n)
        .appendInt64(0n);
      of.appendArray(errorCode === 0 ? [] : ["a record's fault"], (record, text) => record.appendInt32(0).appendString(text));
      of.appendString(null);
    });
  });
  return writer.appendInt32(0).appendTaggedFields().buffer;
}

interface Given {
  readonly connection: FakeConnection;
  readonly queue: ProduceQueue;
  send(partition: number, bytes?: number, signal?: AbortSignal, changes?: Partial<ProducePart>): Promise<ProduceResult>;
}

function given(versions: readonly number[] = [9, 11, 13]): Given {
  const connection = new FakeConnection();
  const version = (_apiKey: number, wanted: readonly number[]): number => {
    const both = wanted.filter((each) => versions.includes(each));
    if (both.length === 0) throw new SidestreamError("SST_DESTINATION_UNSUPPORTED", "too old");
    return Math.max(...both);
  };
  const broker: Broker = { nodeId: 1, address: "k1:9092", connection: connection as unknown as Connection, version };
  const queue = new ProduceQueue(broker, 15_000);
  return {
    connection,
    queue,
    async send(partition, bytes = 100, signal = NEVER, changes = {}) {
      const room = await queue.reserve(bytes, signal);
      const part = { topic: "users", topicId: TOPIC_ID, partition, batch: Buffer.alloc(bytes), ...changes };
      return queue.produce(part, room, signal);
    },
  };
}

test("what is handed over at once goes in one request, and each partition hears its own result", async () => {
  const { connection, send } = given();
  const sent = Promise.all([send(0), send(7), send(3)]);
  await turn();
  assert.deepEqual(
    connection.requests.map(({ partitions }) => partitions.length),
    [3],
  );
  connection.requests[0]?.answer();
  assert.deepEqual(
    (await sent).map(({ baseOffset }) => baseOffset),
    [1_000n, 1_007n, 1_003n],
  );
});

test("two requests are in flight at most; what comes meanwhile goes with the next", async () => {
  const { connection, send } = given();
  const sent: Promise<ProduceResult>[] = [];
  for (const partition of [0, 1, 2, 3, 4]) {
    sent.push(send(partition));
    await turn();
  }
  assert.equal(connection.requests.length, 2);
  connection.requests[0]?.answer();
  await sent[0];
  assert.deepEqual(
    connection.requests[2]?.partitions,
    [2, 3, 4].map((partition) => `${TOPIC_ID}/${partition}`),
  );
  connection.requests[1]?.answer();
  connection.requests[2]?.answer();
  await Promise.all(sent);
});

test("a request holds 8 MiB at most, and a batch that is larger goes alone", async () => {
  const { connection, send } = given();
  const sent = [send(0, 5 * MIB), send(1, 5 * MIB), send(2, 2 * MIB), send(3, 9 * MIB)];
  await turn();
  await turn();
  assert.deepEqual(
    connection.requests.map(({ partitions }) => partitions.map((name) => name.at(-1))),
    [["0", "2"], ["1"]],
  );
  connection.requests[0]?.answer();
  assert.deepEqual(connection.requests[2]?.partitions, [`${TOPIC_ID}/3`]);
  connection.requests[1]?.answer();
  connection.requests[2]?.answer();
  await Promise.all(sent);
});

test("two batches of one partition never go in one request", async () => {
  const { connection, send } = given();
  const sent = [send(0), send(0)];
  await turn();
  assert.deepEqual(
    connection.requests.map(({ partitions }) => partitions.length),
    [1, 1],
  );
  for (const request of connection.requests) request.answer();
  await Promise.all(sent);
});

test("a batch waits for room, in its turn, and gets it when others were answered", async () => {
  const { connection, queue, send } = given();
  const first = send(0, IN_FLIGHT_BYTES_MAX - 10);
  await turn();
  const order: string[] = [];
  const large = queue.reserve(100, NEVER).then((room) => (order.push("large"), room));
  const small = queue.reserve(1, NEVER).then((room) => (order.push("small"), room));
  await turn();
  assert.deepEqual(order, []);
  connection.requests[0]?.answer();
  await first;
  for (const room of [await large, await small]) {
    room.release();
    room.release();
  }
  assert.deepEqual(order, ["large", "small"]);
  // All room was given back, once.
  const whole = await queue.reserve(IN_FLIGHT_BYTES_MAX, NEVER);
  whole.release();
});

test("a batch larger than all the room has it alone", async () => {
  const { connection, send } = given();
  const sent = send(0, IN_FLIGHT_BYTES_MAX + 1);
  await turn();
  connection.requests[0]?.answer();
  assert.equal((await sent).errorCode, 0);
});

test("an abort leaves unsure what is in flight, what waits for a request, and what waits for room", async () => {
  const { connection, queue, send } = given();
  const inFlight = new AbortController();
  const waiting = new AbortController();
  const withoutRoom = new AbortController();
  const sent = [send(0, 10, inFlight.signal), turn().then(() => send(1, IN_FLIGHT_BYTES_MAX - 20))];
  await turn();
  await turn();
  await turn();
  assert.equal(connection.requests.length, 2);
  const second = send(2, 5, waiting.signal);
  const third = queue.reserve(100, withoutRoom.signal);
  await turn();
  for (const controller of [inFlight, waiting, withoutRoom]) controller.abort();
  for (const each of [sent[0], second, third]) await assert.rejects(Promise.resolve(each), { code: "SST_DESTINATION_UNSURE" });
  await assert.rejects(send(3, 1, inFlight.signal), { code: "SST_DESTINATION_UNSURE" });
  connection.requests[0]?.answer();
  connection.requests[1]?.answer();
  assert.equal((await sent[1])?.errorCode, 0);
  assert.equal(connection.requests.length, 2, "what was given up is not sent");
  (await queue.reserve(IN_FLIGHT_BYTES_MAX, NEVER)).release();
});

test("a broker's refusal is given with its words", async () => {
  const { connection, send } = given();
  const sent = send(0);
  await turn();
  connection.requests[0]?.answer(87);
  assert.deepEqual(await sent, { errorCode: 87, baseOffset: 1_000n, said: "a record's fault" });
});

test("topics go by their name where the broker or the topic has no ids", async () => {
  for (const { versions, topicId, version } of [
    { versions: [9, 11], topicId: TOPIC_ID, version: 11 },
    { versions: [9, 13], topicId: null, version: 9 },
  ]) {
    const { connection, send } = given(versions);
    const sent = send(0, 10, NEVER, { topicId });
    await turn();
    assert.equal(connection.requests[0]?.version, version);
    assert.deepEqual(connection.requests[0]?.partitions, ["users/0"]);
    connection.requests[0]?.answer();
    assert.equal((await sent).baseOffset, 1_000n);
  }
});

test("a lost connection leaves its batches unsure and gives their room back", async () => {
  const { connection, queue, send } = given();
  const sent = send(0, IN_FLIGHT_BYTES_MAX);
  await turn();
  connection.requests[0]?.fail(new Error("gone"));
  await assert.rejects(sent, { code: "SST_DESTINATION_UNSURE" });
  (await queue.reserve(IN_FLIGHT_BYTES_MAX, NEVER)).release();
});

test("a broker that is too old is told as such", async () => {
  const { queue, send } = given([3]);
  await assert.rejects(send(0, IN_FLIGHT_BYTES_MAX), { code: "SST_DESTINATION_UNSUPPORTED" });
  (await queue.reserve(IN_FLIGHT_BYTES_MAX, NEVER)).release();
});

test("once it is closed nothing is sent, and nothing waits any more", async () => {
  const { connection, queue, send } = given();
  const inFlight = send(0, IN_FLIGHT_BYTES_MAX);
  await turn();
  const withoutRoom = send(1, 100);
  await turn();
  queue.close();
  for (const each of [inFlight, withoutRoom, send(2)]) await assert.rejects(each, { code: "SST_DESTINATION_UNSURE" });
  assert.equal(connection.requests.length, 1);
});

/** The driver at a real broker: exactly what was sent, in order, once, over all that goes wrong on the way. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Admin, Connection, ConfigResourceTypes, describeProducersV0, IncrementalAlterConfigOperationTypes } from "@platformatic/kafka";
import { consumeTopic, type ConsumedRecord } from "../../../tools/kafka/console-consumer.ts";
import { kafkaForTests } from "../../../tools/kafka/for-tests.ts";
import { addPartitions, createTopic, deleteTopic, offsets, deleteRecords } from "../../../tools/kafka/topics.ts";
import { waitUntil } from "../../../tools/kafka/wait-until.ts";
import { ContractMemory } from "../../driver/contract/contract-memory.ts";
import type { LanePosition, LaneRecovery, NumberedConnection, OutgoingMessage } from "../../driver/destination.ts";
import { ERRORS, isSidestreamError } from "../../errors.ts";
import { kafkaIdentity } from "./identity.ts";
import { nextProduce } from "./testing/next-produce.ts";
import { Sender } from "./testing/sender.ts";
import { guarantee } from "../../../tests/guarantees.ts";

guarantee({
  failure: "broker-slow",
  delivery: ["at-least-once", "exactly-once"],
  to: "Kafka",
  test: "a request that still waits at a broker which stood still does no harm",
  lost: "nothing",
  doubled: "nothing: the request that was given up and its repetition have the same numbers, and the second is refused",
  todo: "look at the broker; messages wait meanwhile",
});

const WAIT_MS_MAX = 30_000;
const PRODUCE = 0;
const START: LanePosition = { number: 0, position: null };

const broker = await kafkaForTests({ properties: { "producer.id.expiration.check.interval.ms": "100" } });
after(async () => await broker[Symbol.asyncDispose]());
const { skip } = broker;

function sender(memory?: ContractMemory, changes: Readonly<Record<string, unknown>> = {}): Sender {
  return new Sender({ brokers: broker.cluster.bootstrap, compression: "none", ...changes }, memory);
}

function soon(): AbortSignal {
  return AbortSignal.timeout(WAIT_MS_MAX);
}

/** As the flow does, again while the broker can't tell: a topic that was made a moment ago has no leader yet. */
async function recover(connection: NumberedConnection, lane: string, last: LanePosition): Promise<LaneRecovery> {
  let answer: LaneRecovery | undefined;
  await waitUntil(
    async () => {
      try {
        answer = await connection.recover(lane, last, soon());
        return true;
      } catch (error) {
        if (!isSidestreamError(error) || ERRORS[error.code].retry === "never" || error.code === "SST_NUMBERS_REFUSED") throw error;
        return false;
      }
    },
    WAIT_MS_MAX,
    `an answer for ${lane}`,
  );
  return answer as LaneRecovery;
}

async function consumed(topic: string): Promise<readonly ConsumedRecord[]> {
  return consumeTopic(broker.cluster, topic);
}

/** Every message once, those of a key in the order sent. */
async function assertArrived(topic: string, sent: readonly OutgoingMessage[]): Promise<void> {
  const byKey = (pairs: readonly (readonly [key: string, value: string])[]): Record<string, string[]> => {
    const values: Record<string, string[]> = {};
    for (const [key, value] of pairs) (values[key] ??= []).push(value);
    return values;
  };
  const arrived = await consumed(topic);
  assert.deepEqual(
    byKey(arrived.map(({ key, value }) => [String(key), String(value)])),
    byKey(sent.map(({ key, value }) => [key, value.toString()])),
  );
}

async function withAdmin(work: (admin: Admin) => Promise<unknown>): Promise<void> {
  const admin = new Admin({ clientId: "kafka-test", bootstrapBrokers: [...broker.cluster.bootstrap] });
  try {
    await work(admin);
  } finally {
    await admin.close();
  }
}

async function configure(
  resourceType: (typeof ConfigResourceTypes)[keyof typeof ConfigResourceTypes],
  resourceName: string,
  name: string,
  value: string,
): Promise<void> {
  const configs = [{ name, value, configOperation: IncrementalAlterConfigOperationTypes.SET }];
  await withAdmin((admin) => admin.incrementalAlterConfigs({ resources: [{ resourceType, resourceName, configs }], validateOnly: false }));
}

/** Makes the broker forget all producers of a partition. */
async function forgetProducers(topic: string): Promise<void> {
  const set = (ms: string): Promise<void> => configure(ConfigResourceTypes.BROKER, "1", "producer.id.expiration.ms", ms);
  await set("1");
  const [host = "", port = ""] = (broker.cluster.bootstrap[0] ?? "").split(":");
  const connection = new Connection("kafka-test");
  await connection.connect(host, Number(port));
  try {
    const isForgotten = async (): Promise<boolean> => {
      const { topics } = await describeProducersV0.api.async(connection, [{ name: topic, partitionIndexes: [0] }]);
      return topics[0]?.partitions[0]?.activeProducers.length === 0;
    };
    await waitUntil(isForgotten, WAIT_MS_MAX, "the broker to forget its producers");
  } finally {
    await connection.close();
    await set("86400000");
  }
}

for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"])
  test(`with compression ${compression}, messages arrive exactly as they were sent and in order`, { skip }, async () => {
    const topic = `content-${compression}`;
    await createTopic(broker.cluster, topic, { partitions: 3 });
    await using from = sender(undefined, { compression });
    const keys = ["", "diku/42", "ключ/鍵/🔑", "\u0001\u007f\u0080\u00ff", "k".repeat(2_000)];
    const sent = from.messages(topic, 60, (index) => ({
      key: keys[index % keys.length] ?? "",
      headers: [
        ["empty", ""],
        ["text", `väärtus 值 🗝 ${index}`],
        ["looks binary", "\u0000\u0001\u0002"],
        ...(index % 2 === 0 ? [["text", "again"] as const] : []),
      ],
      ...(index % 7 === 0 ? { value: Buffer.alloc(0) } : {}),
      ...(index % 7 === 1 ? { value: Buffer.from([0, 255, 10, 9, 13, index]) } : {}),
      ...(index % 7 === 2 ? { value: Buffer.alloc(40_000, `${index} `) } : {}),
    }));
    await from.deliver(await from.open(), sent);
    const arrived = await consumed(topic);
    assert.equal(arrived.length, sent.length);
    for (const key of keys) {
      const parts = (records: readonly ConsumedRecord[]) => records.map(({ value, headers }) => [value, headers]);
      const expected = sent.filter((message) => message.key === key);
      assert.deepEqual(
        parts(arrived.filter((record) => record.key?.toString() === key)),
        expected.map(({ value, headers }) => [value, headers.map(([name, text]) => [name, Buffer.from(text)])]),
      );
    }
  });

test("a batch that is sent again by another connection is appended once, and has its place", { skip }, async () => {
  await createTopic(broker.cluster, "again");
  await using from = sender();
  const batch = from.messages("again", 5);
  const first = await from.open();
  assert.equal(await first.lane(batch[0] as OutgoingMessage), "again/0");
  await recover(first, "again/0", START);
  const { outcomes, position } = await first.send({ lane: "again/0", firstNumber: 0, messages: batch }, soon());
  assert.deepEqual(outcomes, [null, null, null, null, null]);
  await first[Symbol.asyncDispose]();
  const second = await from.open();
  assert.deepEqual(await second.send({ lane: "again/0", firstNumber: 0, messages: batch }, soon()), { outcomes, position });
  const other = await second.send({ lane: "again/0", firstNumber: 0, messages: batch.slice(0, 3) }, soon());
  assert.deepEqual(
    other.outcomes.map((outcome) => outcome?.code),
    Array(3).fill("SST_NUMBERS_REFUSED"),
  );
  await assertArrived("again", batch);
});

test("who was killed between sends is told exactly what is there, whatever its cursor says", { skip }, async () => {
  await createTopic(broker.cluster, "killed");
  await using from = sender();
  const batches = [from.messages("killed", 10), from.messages("killed", 1), from.messages("killed", 19)];
  const first = await from.open();
  await first.lane(batches[0]?.[0] as OutgoingMessage);
  const places: LanePosition[] = [await recover(first, "killed/0", START).then(({ position }) => ({ number: 0, position }))];
  for (const messages of batches) {
    const firstNumber = places.at(-1)?.number ?? 0;
    const { position } = await first.send({ lane: "killed/0", firstNumber, messages }, soon());
    places.push({ number: firstNumber + messages.length, position });
  }
  const second = await from.open();
  const end = { number: 30, position: places.at(-1)?.position };
  for (const place of [...places, START]) assert.deepEqual(await second.recover("killed/0", place, soon()), end);
  const later = from.messages("killed", 3);
  const { outcomes } = await second.send({ lane: "killed/0", firstNumber: 30, messages: later }, soon());
  assert.deepEqual(outcomes, [null, null, null]);
  await assertArrived("killed", [...batches.flat(), ...later]);
});

test("lanes that send at a time share requests", { skip }, async (context) => {
  await createTopic(broker.cluster, "many", { partitions: 50 });
  await using from = sender();
  const connection = await from.open();
  const keyed = (): OutgoingMessage[] => from.messages("many", 1_000, (index) => ({ key: `key${index}` }));
  const [before, sent] = [keyed(), keyed()];
  await from.deliver(connection, before);
  const spy = context.mock.method(Connection.prototype, "send");
  await from.deliver(connection, sent);
  const requestCount = spy.mock.calls.filter(({ arguments: [apiKey] }) => apiKey === PRODUCE).length;
  assert(requestCount <= 5, `${requestCount} requests for 50 lanes`);
  await assertArrived("many", [...before, ...sent]);
});

test("sequences go on at 0 after 2147483647, also within a batch", { skip }, async () => {
  await createTopic(broker.cluster, "wrap");
  await using from = sender();
  const connection = await from.open();
  const sent = from.messages("wrap", 30);
  await connection.lane(sent[0] as OutgoingMessage);
  await recover(connection, "wrap/0", START);
  const firstNumber = 2 ** 31 - 12;
  for (const at of [0, 10, 20]) {
    const batch = { lane: "wrap/0", firstNumber: firstNumber + at, messages: sent.slice(at, at + 10) };
    assert.deepEqual((await connection.send(batch, soon())).outcomes, Array(10).fill(null));
    assert.deepEqual((await connection.send(batch, soon())).outcomes, Array(10).fill(null), "again");
    const { number } = await connection.recover("wrap/0", { number: firstNumber + at, position: null }, soon());
    assert.equal(number, firstNumber + at + 10);
  }
  await assertArrived("wrap", sent);
});

test("a lane that is numbered anew goes on; who still has the old numbers is refused", { skip }, async () => {
  await createTopic(broker.cluster, "renumbered");
  await using from = sender();
  const connection = await from.open();
  const sent = from.messages("renumbered", 10);
  await from.deliver(connection, sent);
  const copied = new ContractMemory();
  for (const name of from.memory.names()) await copied.set(name, from.memory.get(name));
  await from.lanes.renumber(connection, "renumbered/0", 10, soon());
  const later = from.messages("renumbered", 10);
  await from.deliver(connection, later);
  const { number } = await connection.recover("renumbered/0", { number: 10, position: null }, soon());
  assert.equal(number, 20);
  await using copy = sender(copied);
  const other = await copy.open();
  await assert.rejects(other.recover("renumbered/0", { number: 10, position: null }, soon()), { code: "SST_IDENTITY_CHANGED" });
  const { outcomes } = await other.send({ lane: "renumbered/0", firstNumber: 10, messages: copy.messages("renumbered", 1) }, soon());
  assert.equal(outcomes[0]?.code, "SST_NUMBERS_REFUSED");
  await assertArrived("renumbered", [...sent, ...later]);
});

test("keys keep their partition while they are in the log, and spread when partitions are added", { skip }, async () => {
  await createTopic(broker.cluster, "grown");
  await using from = sender();
  const keyed = (count: number): OutgoingMessage[] => from.messages("grown", count, (index) => ({ key: `key${index % 20}` }));
  const before = keyed(40);
  await from.deliver(await from.open(), before.slice(0, 20));
  await addPartitions(broker.cluster, "grown", 4);
  const connection = await from.open();
  await from.deliver(connection, before.slice(20));
  const later = keyed(200);
  await from.deliver(connection, later);
  const arrived = await consumed("grown");
  const first = arrived.filter(({ partition }) => partition === 0).slice(0, before.length);
  assert.deepEqual(
    first.map(({ value }) => String(value)),
    before.map(({ value }) => String(value)),
  );
  assert.deepEqual(
    arrived.map(({ value }) => String(value)).toSorted(),
    [...before, ...later].map(({ value }) => String(value)).toSorted(),
  );
  const used = async (messages: readonly OutgoingMessage[]): Promise<Set<string>> =>
    new Set(await Promise.all(messages.map(async (message) => connection.lane(message))));
  assert.deepEqual([...(await used(before))], ["grown/0"]);
  assert.equal((await used(later)).size, 4);
  assert.equal(from.notices.filter((text) => text.includes("grown")).length, 1);
});

test("a topic that is made anew stops alone, and goes on once that is accepted", { skip }, async () => {
  await createTopic(broker.cluster, "anew");
  await createTopic(broker.cluster, "beside");
  await using from = sender();
  const connection = await from.open();
  await from.deliver(connection, [...from.messages("anew", 5), ...from.messages("beside", 5)]);
  await deleteTopic(broker.cluster, "anew");
  await createTopic(broker.cluster, "anew", { partitions: 2 });
  const waiting = from.messages("anew", 5);
  await waitUntil(
    async () => (await from.send(connection, waiting)).every((outcome) => outcome?.code === "SST_IDENTITY_CHANGED"),
    WAIT_MS_MAX,
    "the change to be seen",
  );
  await from.deliver(connection, from.messages("beside", 5));
  assert(kafkaIdentity.show(from.memory).some(([name]) => name === "topic anew found instead"));
  await assertArrived("anew", []);
  await connection[Symbol.asyncDispose]();
  await from.memory.change(kafkaIdentity.accept(from.memory));
  const again = await from.open();
  const { number } = await recover(again, "anew/0", from.lanes.positions().get("anew/0") as LanePosition);
  assert.equal(number, 5, "all of the new topic was looked through: none of those in doubt is there");
  await from.deliver(again, waiting);
  await assertArrived("anew", waiting);
});

test("what a topic doesn't take is refused alone, by what is known of it and by the broker itself", { skip }, async () => {
  await createTopic(broker.cluster, "small", { configs: { "max.message.bytes": "10000" } });
  await using from = sender();
  const connection = await from.open();
  const sized = (...sizes: number[]): OutgoingMessage[] =>
    from.messages("small", sizes.length, (index) => ({ value: Buffer.alloc(sizes[index] ?? 0, `${index}-`) }));
  const sent = sized(3_000, 3_000, 3_000, 3_000, 20_000, 3_000);
  const known = await from.send(connection, sent);
  assert.deepEqual(
    known.map((outcome) => outcome?.code ?? "ok"),
    ["ok", "ok", "ok", "ok", "SST_DESTINATION_REFUSED", "ok"],
  );
  // This connection doesn't know of the new bound.
  await configure(ConfigResourceTypes.TOPIC, "small", "max.message.bytes", "2000");
  const refused = sized(100, 100, 3_000, 100, 3_000);
  const unknown = await from.send(connection, refused);
  assert.deepEqual(
    unknown.map((outcome) => outcome?.code ?? "ok"),
    ["ok", "ok", "SST_DESTINATION_REFUSED", "ok", "SST_DESTINATION_REFUSED"],
  );
  await assertArrived("small", [
    ...sent.filter((_, index) => known[index] === null),
    ...refused.filter((_, index) => unknown[index] === null),
  ]);
});

test("where the broker forgot who wrote, the log itself is read back", { skip }, async () => {
  await createTopic(broker.cluster, "forgotten");
  await using from = sender();
  const connection = await from.open();
  const sent = from.messages("forgotten", 30);
  await connection.lane(sent[0] as OutgoingMessage);
  const send = async (firstNumber: number, messages: readonly OutgoingMessage[]): Promise<string | null> => {
    const { outcomes, position } = await connection.send({ lane: "forgotten/0", firstNumber, messages }, soon());
    assert(outcomes.every((outcome) => outcome === null));
    return position;
  };
  await recover(connection, "forgotten/0", START);
  const position = await send(0, sent.slice(0, 10));
  const end = await send(10, sent.slice(10, 20));
  await forgetProducers("forgotten");
  assert.deepEqual(await connection.recover("forgotten/0", { number: 10, position }, soon()), {
    number: 20,
    position: end,
    readBack: true,
  });
  assert.deepEqual(await connection.recover("forgotten/0", { number: 20, position: end }, soon()), {
    number: 20,
    position: end,
    readBack: true,
  });
  assert.deepEqual(await connection.recover("forgotten/0", START, soon()), { number: 20, position: end, readBack: true });
  await send(20, sent.slice(20));
  await assertArrived("forgotten", sent);
  await deleteRecords(broker.cluster, "forgotten", 0, 25);
  await forgetProducers("forgotten");
  assert.equal((await connection.recover("forgotten/0", { number: 20, position: end }, soon())).number, null);
});

test("a broker that is killed over and over while lanes send loses and doubles nothing", { skip, timeout: 180_000 }, async () => {
  const { cluster } = broker;
  await createTopic(cluster, "kills", { partitions: 4 });
  await using from = sender();
  const connection = await from.open();
  const sent = from.messages("kills", 40_000, (index) => ({ key: `key${index % 11}` }));
  let at = 0;
  let isDone = false;
  const kill = async (): Promise<void> => {
    for (const killAt of [5_000, 20_000]) {
      await waitUntil(() => at >= killAt || isDone, WAIT_MS_MAX * 3, "so many messages to be sent");
      await cluster.kill();
      await cluster.start();
    }
  };
  const deliver = async (): Promise<void> => {
    for (; at < sent.length; at += 1_000) await from.deliver(connection, sent.slice(at, at + 1_000));
    isDone = true;
  };
  await Promise.all([kill(), deliver()]);
  await assertArrived("kills", sent);
});

test("a batch that a killed broker had and did not read is unsure, and arrives once", { skip, timeout: 120_000 }, async (context) => {
  const { cluster } = broker;
  await createTopic(cluster, "unread");
  await using from = sender();
  const connection = await from.open();
  const before = from.messages("unread", 10);
  await from.deliver(connection, before);
  await cluster.pause();
  const batch = from.messages("unread", 10);
  const produced = nextProduce(context);
  const sending = from.send(connection, batch);
  await produced;
  await cluster.kill();
  assert((await sending).every((outcome) => outcome?.code === "SST_DESTINATION_UNSURE"));
  await cluster.start();
  await from.deliver(connection, batch);
  await assertArrived("unread", [...before, ...batch]);
});

test("a request that still waits at a broker which stood still does no harm", { skip, timeout: 120_000 }, async (context) => {
  const { cluster } = broker;
  await createTopic(cluster, "stopped");
  await using from = sender();
  const first = await from.open();
  const before = from.messages("stopped", 10);
  await from.deliver(first, before);
  const last = from.lanes.positions().get("stopped/0") as LanePosition;
  await cluster.pause();
  const batch = from.messages("stopped", 10);
  const controller = new AbortController();
  const produced = nextProduce(context);
  const sending = from.lanes.send(first, batch, controller.signal);
  await produced;
  await turn();
  controller.abort();
  assert((await sending).every((outcome) => outcome?.code === "SST_DESTINATION_UNSURE"));
  // The request is on its way: the end of its connection doesn't take it back.
  await first[Symbol.asyncDispose]();
  cluster.resume();
  const second = await from.open();
  const { number } = await recover(second, "stopped/0", last);
  assert(number === 10 || number === 20, `it has ${number}`);
  await from.deliver(second, batch);
  await assertArrived("stopped", [...before, ...batch]);
});

test(
  "another cluster at the same address is refused until it is accepted, and a new producer is taken there",
  { skip, timeout: 120_000 },
  async () => {
    const { cluster } = broker;
    await createTopic(cluster, "moved");
    await using from = sender();
    const connection = await from.open();
    await from.deliver(connection, from.messages("moved", 5));
    await connection[Symbol.asyncDispose]();
    await cluster.wipe();
    await cluster.start();
    await createTopic(cluster, "moved");
    await assert.rejects(from.open(), { code: "SST_IDENTITY_CHANGED" });
    assert.equal(kafkaIdentity.show(from.memory)[1]?.[0], "cluster found instead");
    await from.memory.change(kafkaIdentity.accept(from.memory));
    from.lanes.forget();
    const later = from.messages("moved", 5);
    await from.deliver(await from.open(), later);
    await assertArrived("moved", later);
    assert.deepEqual(await offsets(cluster, "moved"), [{ begin: 0, end: 5 }]);
  },
);

/** A lane that was numbered anew, at a real broker: what comes late or from before it is taken for nothing else. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { consumeTopic } from "../../../tools/kafka/console-consumer.ts";
import { kafkaForTests } from "../../../tools/kafka/for-tests.ts";
import { createTopic, offsets } from "../../../tools/kafka/topics.ts";
import { waitUntil } from "../../../tools/kafka/wait-until.ts";
import type { OutgoingMessage } from "../../driver/destination.ts";
import { nextProduce } from "./testing/next-produce.ts";
import { Sender } from "./testing/sender.ts";

const WAIT_MS_MAX = 30_000;

const broker = await kafkaForTests();
after(async () => await broker[Symbol.asyncDispose]());
const { skip } = broker;

function sender(): Sender {
  return new Sender({ brokers: broker.cluster.bootstrap, compression: "none" });
}

function soon(): AbortSignal {
  return AbortSignal.timeout(WAIT_MS_MAX);
}

/** A broker tells of a topic a moment before it serves its partitions; this waits for that. */
async function madeTopic(topic: string): Promise<void> {
  await createTopic(broker.cluster, topic);
  await offsets(broker.cluster, topic);
}

async function arrived(topic: string): Promise<readonly string[]> {
  return (await consumeTopic(broker.cluster, topic)).map(({ value }) => String(value));
}

function valuesOf(messages: readonly OutgoingMessage[]): readonly string[] {
  return messages.map(({ value }) => value.toString());
}

for (const isAnew of [false, true])
  test(
    isAnew
      ? "a request that comes late is not taken for another under the same numbers, once its lane is numbered anew"
      : "brokers take another batch under the same numbers for the one they have: why a lane in doubt is numbered anew",
    { skip, timeout: 120_000 },
    async (context) => {
      const topic = isAnew ? "late-anew" : "late";
      const lane = `${topic}/0`;
      await madeTopic(topic);
      await using from = sender();
      const first = await from.open();
      const before = from.messages(topic, 10);
      await from.deliver(first, before);
      await broker.cluster.pause();
      const late = from.messages(topic, 10);
      const controller = new AbortController();
      const produced = nextProduce(context);
      const sending = from.lanes.send(first, late, controller.signal);
      await produced;
      await turn();
      controller.abort();
      assert((await sending).every((outcome) => outcome?.code === "SST_DESTINATION_UNSURE"));
      broker.cluster.resume();
      await waitUntil(async () => (await offsets(broker.cluster, topic))[0]?.end === 20, WAIT_MS_MAX, "the late request");
      await first[Symbol.asyncDispose]();
      // Damage took the late ones from the log, so that these have their numbers.
      const others = from.messages(topic, 10);
      const second = await from.open();
      await second.lane(others[0] as OutgoingMessage);
      if (isAnew) await second.renumber(lane, 10, null, soon());
      const { outcomes } = await second.send({ lane, firstNumber: 10, messages: others }, soon());
      assert.deepEqual(outcomes, Array(10).fill(null));
      assert.deepEqual(await arrived(topic), valuesOf([...before, ...late, ...(isAnew ? others : [])]));
    },
  );

test("sequences of numbers before a lane's base run into those behind it, and are told apart", { skip }, async () => {
  await madeTopic("below");
  await using from = sender();
  await from.memory.set("lane/below/0", { epoch: 1, base: 5 });
  const connection = await from.open();
  const sent = from.messages("below", 20);
  await connection.lane(sent[0] as OutgoingMessage);
  let next = 0;
  // Up to below the base, over it, and behind it.
  for (const end of [3, 8, 20]) {
    const batch = { lane: "below/0", firstNumber: next, messages: sent.slice(next, end) };
    assert.deepEqual((await connection.send(batch, soon())).outcomes, Array(end - next).fill(null));
    assert.deepEqual((await connection.send(batch, soon())).outcomes, Array(end - next).fill(null), "again");
    assert.equal((await connection.recover("below/0", { number: next, position: null }, soon())).number, end);
    next = end;
  }
  assert.deepEqual(await arrived("below"), valuesOf(sent));
});

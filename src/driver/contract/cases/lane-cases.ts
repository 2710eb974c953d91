/** Lanes of numbered connections, and the memory that they and their numbers follow from. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { NumberedConnection, OutgoingMessage } from "../../destination.ts";
import { assertMayPass, type Body, type ContractBench } from "../bench.ts";
import { SEND_MS_MAX, settles } from "../bounds.ts";

/** Keys enough to be spread over several lanes. */
const KEY_COUNT = 64;
/** Long enough for a driver to do what it must not: send before its memory is on disk. */
const HELD_MS = 1_000;

export function laneCases(): Record<string, Body> {
  return {
    "the messages of one topic and key have one lane, those of two topics have two": async (bench) => {
      const connection = await bench.openNumbered();
      const sent = bench.messages(20, (index) => ({ topic: bench.topics[index % 2] ?? "" }));
      const lanes = await lanesOf(connection, sent);
      await bench.deliver(connection, sent);
      assert.deepEqual(await lanesOf(connection, sent), lanes, "after they were sent");
      const [first, second] = lanes;
      assert.notEqual(first, second);
      assert.deepEqual(
        lanes,
        sent.map((_, index) => (index % 2 === 0 ? first : second)),
      );
    },
    "a message's lane is the same on every connection with the same memory, and after more messages": async (bench) => {
      const message = (index: number) => ({ key: `key${index}`, topic: bench.topics[index % 2] ?? "" });
      const early = bench.messages(KEY_COUNT, message);
      const first = await bench.openNumbered();
      const lanes = await lanesOf(first, early);
      const late = bench.messages(KEY_COUNT, message);
      await bench.deliver(first, [...early, ...late]);
      assert.deepEqual(await lanesOf(first, late), lanes, "of later messages with the same topics and keys");
      await bench.dispose(first);
      const second = await bench.openNumbered();
      assert.deepEqual((await lanesOf(second, late.toReversed())).toReversed(), lanes, "over another connection");
      assert.deepEqual(await lanesOf(second, early), lanes, "of messages that were sent before");
    },
    "lanes that are sent in parallel neither mix nor share numbers": async (bench) => {
      const connection = await bench.openNumbered();
      const sent = bench.messages(KEY_COUNT * 8, (index) => ({
        key: `key${index % KEY_COUNT}`,
        topic: bench.topics[index % 2] ?? "",
      }));
      const lanes = await lanesOf(connection, sent);
      for (let from = 0; from < sent.length; from += KEY_COUNT) await bench.deliver(connection, sent.slice(from, from + KEY_COUNT));
      await bench.assertArrived(sent);
      await bench.dispose(connection);
      const again = await bench.openNumbered();
      for (const [lane, { length }] of Map.groupBy(lanes, (lane) => lane)) {
        const { number } = await bench.lanes.recover(again, lane, AbortSignal.timeout(SEND_MS_MAX));
        assert.equal(number, length, `the lane ${lane} has as many numbers as messages`);
      }
    },
    "nothing is sent before the memory keeps what lanes and numbers follow from": async (bench) => {
      bench.memory.hold();
      const sent = bench.messages(1);
      const signal = AbortSignal.timeout(HELD_MS);
      const attempt = attemptHeld(bench, sent, signal);
      if (!signal.aborted) await once(signal, "abort");
      assert.deepEqual(await bench.receivedValues(), [], "it was sent before the memory had it");
      bench.memory.release();
      await attempt;
      await bench.deliverAtLast(sent);
      await bench.assertArrived(sent);
    },
    "when the memory is lost, messages are delivered all the same, though some may come twice": async (bench) => {
      const before = bench.messages(KEY_COUNT, (index) => ({ key: `key${index}` }));
      const connection = await bench.open();
      await bench.deliver(connection, before);
      await bench.dispose(connection);
      bench.memory.lose();
      bench.lanes.forget();
      const after = bench.messages(KEY_COUNT, (index) => ({ key: `key${index}` }));
      await bench.deliverAtLast([...before.slice(KEY_COUNT / 2), ...after]);
      await bench.assertArrived([...before, ...after], "allowed");
    },
  };
}

/** For drivers with an identity that people can look at and decide over. */
export function identityCases(): Record<string, Body> {
  const cases: Record<string, Body> = {};
  for (const decision of ["accept", "reset"] as const)
    cases[`after \`spool identity ${decision}\` it goes on`] = async (bench) => {
      const { identity } = bench.driver;
      assert(identity !== undefined);
      const before = bench.messages(5);
      const connection = await bench.open();
      await bench.deliver(connection, before);
      await bench.dispose(connection);
      const rows = identity.show(bench.memory);
      assert(rows.length > 0, "there is something to see");
      for (const row of rows) assert.deepEqual([row.length, typeof row[0], typeof row[1]], [2, "string", "string"]);
      await bench.memory.change(identity[decision](bench.memory));
      // An identity that is the same as before is accepted without a change; one that begins anew knows no numbers.
      bench.lanes.mayDisagree = decision === "reset";
      const after = bench.messages(5);
      await bench.deliverAtLast(after);
      await bench.assertArrived([...before, ...after]);
    };
  return cases;
}

async function lanesOf(connection: NumberedConnection, messages: readonly OutgoingMessage[]): Promise<readonly string[]> {
  const signal = AbortSignal.timeout(SEND_MS_MAX);
  return Promise.all(messages.map((message) => settles(Promise.resolve(connection.lane(message)), signal, "lane")));
}

/** Opening, lane or send may fail meanwhile, or wait for the disk as long as it takes. */
async function attemptHeld(bench: ContractBench, messages: readonly OutgoingMessage[], signal: AbortSignal): Promise<void> {
  try {
    const connection = await bench.open(signal);
    for (const outcome of await bench.send(connection, messages, signal)) if (outcome !== null) assertMayPass(outcome);
    await bench.dispose(connection);
  } catch (error) {
    assertMayPass(error);
  }
}

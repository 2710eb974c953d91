/** Numbers of messages, and the sequences that stand for them at a broker. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ContractMemory } from "../../driver/contract/contract-memory.ts";
import { LaneNumbers, lastSequenceOf, numberAfter, sequenceOf } from "./lane-numbers.ts";

const SIGNAL = new AbortController().signal;
const PRODUCER = { producerId: 9_007_199_254_740_993n, epoch: 3 };
const noOther = async (): Promise<never> => assert.fail("no other producer is needed");

test("a lane's sequences begin at 0 and begin again after 2147483647", () => {
  const numbers = new LaneNumbers(new ContractMemory(), PRODUCER, noOther);
  assert.deepEqual(numbers.batch("users/0", 0), { ...PRODUCER, baseSequence: 0 });
  assert.deepEqual(numbers.batch("users/0", 2_147_483_647), { ...PRODUCER, baseSequence: 2_147_483_647 });
  assert.deepEqual(numbers.batch("users/0", 2_147_483_648), { ...PRODUCER, baseSequence: 0 });
  assert.equal(lastSequenceOf(2_147_483_640, 9), 1);
});

test("a lane that is numbered anew has a higher epoch and sequence 0, and keeps both over restarts", async () => {
  const memory = new ContractMemory();
  const numbers = new LaneNumbers(memory, PRODUCER, noOther);
  const renumbering = numbers.renumber("users/0", 1_000, null, SIGNAL);
  assert.deepEqual(numbers.batch("users/0", 1_000), { ...PRODUCER, baseSequence: 1_000 });
  await renumbering;
  assert.deepEqual(numbers.batch("users/0", 1_000), { producerId: PRODUCER.producerId, epoch: 4, baseSequence: 0 });
  assert.deepEqual(numbers.batch("users/1", 1_000), { ...PRODUCER, baseSequence: 1_000 });
  const later = new LaneNumbers(memory, PRODUCER, noOther);
  assert.deepEqual(later.batch("users/0", 1_007), { producerId: PRODUCER.producerId, epoch: 4, baseSequence: 7 });
  const before = { producerId: PRODUCER.producerId, epoch: 4, baseSequence: 2_147_483_645 };
  assert.deepEqual(later.batch("users/0", 997), before, "what a cursor from before it sends runs into 0");
});

test("a lane without an epoch left gets a producer of its own, for good", async () => {
  const memory = new ContractMemory();
  await memory.set("lane/users/0", { epoch: 32_767, base: 5 });
  const numbers = new LaneNumbers(memory, PRODUCER, async () => ({ producerId: 77n, epoch: 0 }));
  await numbers.renumber("users/0", 9, null, SIGNAL);
  assert.deepEqual(numbers.batch("users/0", 9), { producerId: 77n, epoch: 0, baseSequence: 0 });
  await numbers.renumber("users/0", 20, null, SIGNAL);
  const later = new LaneNumbers(memory, PRODUCER, noOther);
  assert.deepEqual(later.batch("users/0", 21), { producerId: 77n, epoch: 1, baseSequence: 1 });
});

test("a lane keeps its numbers when the disk fails while it is numbered anew", async () => {
  const memory = new ContractMemory();
  memory.set = async () => {
    throw new Error("the disk failed");
  };
  const numbers = new LaneNumbers(memory, PRODUCER, noOther);
  await assert.rejects(numbers.renumber("users/0", 9, null, SIGNAL), /disk failed/);
  assert.deepEqual(numbers.batch("users/0", 9), { ...PRODUCER, baseSequence: 9 });
});

test("the number behind a sequence is found again, within 2^30 of where the lane stands, below its base too", () => {
  const base = fc.oneof(fc.nat({ max: 5 }), fc.integer({ min: 0, max: 2 ** 40 }));
  const offset = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.integer({ min: -(2 ** 40), max: 2 ** 40 }));
  const distance = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.integer({ min: -(2 ** 30) + 1, max: 2 ** 30 - 1 }));
  fc.assert(
    fc.property(base, offset, distance, (from, ahead, away) => {
      const identity = { base: from };
      const number = Math.max(0, from + ahead);
      const near = Math.max(0, number + 1 + away);
      assert.equal(numberAfter(identity, sequenceOf(identity, number), near), number + 1);
    }),
  );
});

test("a sequence that no number has is behind none", () => {
  assert.equal(numberAfter({ base: 0 }, 2_147_483_645, 1), 0);
});

import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { Judge } from "./judgement.ts";
import { isLarge, Ledger } from "./ledger.ts";

/** So many requests, all answered but these. */
function ledger(sent: number, unanswered: readonly number[] = []): Ledger {
  const made = new Ledger();
  for (let count = 0; count < sent; count++) {
    const number = made.send();
    if (!unanswered.includes(number)) made.answer(number);
  }
  return made;
}

function judged(ledger: Ledger, messages: readonly (readonly [key: string, number: number])[]) {
  const judge = new Judge(ledger);
  for (const [offset, [key, number]] of messages.entries()) judge.read({ key, number, partition: 0, offset }, isLarge(number));
  const { read, distinct, lost, doubled, reordered, strange } = judge.judge();
  return { read, distinct, lost: lost.named, doubled: doubled.named, reordered: reordered.named, strange: strange.named };
}

test("what was answered must be there; what was not may be", () => {
  deepEqual(judged(ledger(4, [2, 3]), [["a", 0] as const, ["a", 2] as const]), {
    read: 2,
    distinct: 2,
    lost: ["1"],
    doubled: [],
    reordered: [],
    strange: [],
  });
});

test("what is there again is doubled, and no breach of the order", () => {
  const messages = [
    ["a", 0],
    ["a", 1],
    ["a", 0],
    ["a", 2],
  ] as const;
  deepEqual(judged(ledger(3), messages), {
    read: 4,
    distinct: 3,
    lost: [],
    doubled: ["0 of a at 0:2"],
    reordered: [],
    strange: [],
  });
});

test("the order is that of each key", () => {
  const messages = [
    ["a", 1],
    ["b", 0],
    ["a", 3],
    ["a", 2],
  ] as const;
  deepEqual(judged(ledger(4), messages), {
    read: 4,
    distinct: 4,
    lost: [],
    doubled: [],
    reordered: ["2 of a at 0:3, behind 3"],
    strange: [],
  });
});

test("what is too large must not be there, and isn't missed; what nobody sent is strange", () => {
  const large = 100;
  deepEqual([isLarge(large), isLarge(large - 1)], [true, false]);
  const sent = ledger(large + 1);
  const all = Array.from({ length: large }, (_, number) => ["a", number] as const);
  deepEqual(judged(sent, all).lost, []);
  deepEqual(judged(sent, [...all, ["a", large], ["a", 199]]).strange, [`${large} of a at 0:${large}`, `199 of a at 0:${large + 1}`]);
});

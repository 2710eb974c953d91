/** What a queue in memory takes, in which order it gives it, and what it turns away. */
import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MemoryQueue } from "./memory-queue.ts";

function queueOf(messagesMax: number, bytesMax = 1_000): MemoryQueue<string> {
  return new MemoryQueue<string>({ messagesMax, bytesMax });
}

test("messages of a lane come out in the order in which they were added, within the bounds of a batch", () => {
  const queue = queueOf(10);
  for (const text of ["a1", "b1", "a2", "a3"]) equal(queue.add(text.slice(0, 1), text, 10, 0), true);
  deepEqual(queue.take("a", 2, 1_000)?.messages, ["a1", "a2"]);
  deepEqual(queue.take("a", 2, 1_000)?.messages, ["a3"]);
  equal(queue.take("a", 2, 1_000), null);
  deepEqual(queue.take("b", 2, 5)?.messages, ["b1"], "one goes, however large it is");
  equal(queue.add("c", "c1", 10, 0), true);
  equal(queue.take("c", 0, 1_000), null);
});

test("the newest is turned away when messages or bytes are used up, until what was taken is done", () => {
  const queue = queueOf(2, 100);
  equal(queue.add("a", "1", 60, 0), true);
  equal(queue.add("a", "2", 41, 0), false, "too many bytes");
  equal(queue.add("a", "3", 40, 0), true);
  equal(queue.hasRoom("a"), false, "too many messages");
  const taken = queue.take("a", 1, 1_000);
  equal(queue.add("a", "4", 1, 0), false, "what is being sent counts");
  if (taken !== null) queue.done(taken);
  deepEqual([queue.messages, queue.bytes], [1, 40]);
  equal(queue.add("a", "5", 60, 0), true);
  deepEqual(queue.take("a", 10, 1_000)?.messages, ["3", "5"]);
});

test("a message that is larger than all the room is taken alone", () => {
  const queue = queueOf(10, 100);
  equal(queue.add("a", "1", 500, 0), true);
  equal(queue.add("a", "2", 1, 0), false);
});

test("a lane that is alone may fill everything; once there is another, none takes more than half", () => {
  const queue = queueOf(10);
  for (let count = 0; count < 10; count += 1) equal(queue.add("a", "a", 1, count), true);
  equal(queue.add("b", "b", 1, 10), false, "all of it is taken");
  queue.removeUntil(0);
  equal(queue.add("a", "a", 1, 11), false, "what becomes free is the other one's");
  equal(queue.add("b", "b", 1, 11), true);
  queue.removeUntil(6);
  equal(queue.add("a", "a", 1, 12), true);
});

test("what came in a tick or before is given up, what was taken isn't", () => {
  const queue = queueOf(10);
  for (const [tick, text] of ["a0", "a1", "b2", "a3"].entries()) queue.add(text.slice(0, 1), text, 10, tick);
  const taken = queue.take("a", 1, 1_000);
  deepEqual(queue.removeUntil(2).toSorted(), ["a1", "b2"]);
  deepEqual([queue.messages, queue.bytes], [2, 20]);
  if (taken !== null) queue.done(taken);
  deepEqual(queue.take("a", 10, 1_000)?.messages, ["a3"]);
});

test("whatever is added, taken and given up, bounds hold and no message is lost, doubled or overtaken in its lane", () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ add: fc.constantFrom("a", "b", "c"), bytes: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 2, arbitrary: fc.record({ take: fc.constantFrom("a", "b", "c"), count: fc.integer({ min: 0, max: 4 }) }) },
    { weight: 1, arbitrary: fc.record({ remove: fc.integer({ min: 0, max: 5 }) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new MemoryQueue<{ readonly lane: string; readonly number: number }>({ messagesMax: 12, bytesMax: 200 });
      let added = 0;
      const out: { readonly lane: string; readonly number: number }[] = [];
      for (const [tick, each] of steps.entries()) {
        if ("add" in each) {
          if (queue.add(each.add, { lane: each.add, number: added }, each.bytes, tick)) added += 1;
        } else if ("take" in each) {
          const taken = queue.take(each.take, each.count, 60);
          out.push(...(taken?.messages ?? []));
          if (taken !== null) queue.done(taken);
        } else {
          out.push(...queue.removeUntil(tick - each.remove));
        }
        equal(queue.messages <= 12 && queue.bytes <= 200, true);
        equal(queue.messages, added - out.length);
      }
      out.push(...queue.removeUntil(Number.POSITIVE_INFINITY));
      deepEqual([queue.messages, queue.bytes, new Set(out).size], [0, 0, added]);
      for (const ofLane of Map.groupBy(out, ({ lane }) => lane).values())
        deepEqual(
          ofLane,
          ofLane.toSorted((left, right) => left.number - right.number),
        );
    }),
  );
});

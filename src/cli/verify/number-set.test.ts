import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NumberRoom, NumberSet, type NumberRange } from "./number-set.ts";

const RUN = 65_536;

/** Numbers near the borders of words and runs, where faults would be. */
const numbers = fc.oneof(
  fc.integer({ min: 1, max: 200 }),
  fc.integer({ min: RUN - 70, max: RUN + 70 }),
  fc.integer({ min: 5 * RUN - 40, max: 5 * RUN + 40 }),
);

function missingOf(model: ReadonlySet<number>, from: number, to: number): NumberRange[] {
  const found: [number, number][] = [];
  for (let number = from; number < to; number += 1) {
    if (model.has(number)) continue;
    const last = found.at(-1);
    if (last?.[1] === number) last[1] = number + 1;
    else found.push([number, number + 1]);
  }
  return found;
}

test("it holds what a plain set holds, and misses the same", () => {
  fc.assert(
    fc.property(fc.array(numbers, { maxLength: 300 }), numbers, numbers, (added, from, length) => {
      const set = new NumberSet(new NumberRoom());
      const model = new Set<number>();
      for (const number of added) {
        equal(set.add(number), model.has(number) ? "again" : "new");
        model.add(number);
      }
      const to = from + length;
      deepEqual([...set.missing(from, to)], missingOf(model, from, to));
      deepEqual(
        [...set.numbers()],
        [...model].toSorted((left, right) => left - right),
      );
      equal(set.count, model.size);
      equal(set.lowest, model.size === 0 ? 0 : Math.min(...model));
      equal(set.highest, Math.max(0, ...model));
    }),
  );
});

test("a run that is whole takes no room, and still knows its numbers", () => {
  const room = new NumberRoom(1);
  const set = new NumberSet(room);
  for (let number = 1; number < 3 * RUN; number += 1) equal(set.add(number), "new");
  equal(room.left, 1);
  equal(set.add(RUN + 7), "again");
  equal(set.countMissing(1, 3 * RUN + 5), 5);
});

test("numbers that are scattered wider than the room are refused, and those that are in stay", () => {
  const set = new NumberSet(new NumberRoom(2));
  equal(set.add(1), "new");
  equal(set.add(10 * RUN), "new");
  equal(set.add(20 * RUN), "no-room");
  equal(set.add(2), "new");
  equal(set.has(20 * RUN), false);
});

test("a gap of any width is told at once", () => {
  const set = new NumberSet(new NumberRoom());
  set.add(1);
  set.add(9_000_000_000_000_000);
  deepEqual([...set.missing(1, 9_000_000_000_000_001)], [[2, 9_000_000_000_000_000]]);
});

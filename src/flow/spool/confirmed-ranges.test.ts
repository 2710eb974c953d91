import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfirmedRanges } from "./confirmed-ranges.ts";

const NUMBERS = 60;
const number = fc.integer({ min: 1, max: NUMBERS });
const action = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), from: number }),
  fc.record({ kind: fc.constant("range" as const), from: number, length: fc.integer({ min: 0, max: 12 }) }),
);

test("ranges know the same numbers as a set of them, whatever is marked in whatever order", () => {
  fc.assert(
    fc.property(number, fc.array(action, { maxLength: 60 }), number, fc.integer({ min: 0, max: 20 }), (lowWater, actions, from, length) => {
      const ranges = new ConfirmedRanges(lowWater, []);
      const model = new Set<number>(Array.from({ length: lowWater - 1 }, (_, index) => index + 1));
      for (const each of actions) {
        if (each.kind === "add") {
          equal(ranges.add(each.from), !model.has(each.from));
          model.add(each.from);
          continue;
        }
        ranges.addRange(each.from, each.from + each.length);
        for (let at = each.from; at < each.from + each.length; at++) model.add(at);
      }
      const all = Array.from({ length: NUMBERS + 20 }, (_, index) => index + 1);
      deepEqual(
        all.filter((at) => ranges.has(at)),
        all.filter((at) => model.has(at)),
      );
      equal(
        ranges.lowWater,
        all.find((at) => !model.has(at)),
      );
      equal(ranges.end, Math.max(ranges.lowWater, Math.max(0, ...model) + 1));
      equal(ranges.countMissing(from, from + length), all.filter((at) => at >= from && at < from + length && !model.has(at)).length);
      equal(ranges.firstMissing(from, from + length), all.find((at) => at >= from && at < from + length && !model.has(at)) ?? null);
      for (const [index, [start, end]] of ranges.above().entries()) {
        ok(start < end && start > (ranges.above()[index - 1]?.[1] ?? ranges.lowWater), "ranges are sorted and don't touch");
      }
      deepEqual(new ConfirmedRanges(ranges.lowWater, ranges.above()).above(), ranges.above());
    }),
    { numRuns: 500 },
  );
});

test("each hole of the window costs one range, and closing the last moves the low-water mark past all", () => {
  const ranges = new ConfirmedRanges(1, []);
  for (let at = 2; at <= 2000; at += 2) ranges.add(at);
  equal(ranges.above().length, 1000);
  for (let at = 1; at < 2000; at += 2) ranges.add(at);
  equal(ranges.lowWater, 2001);
  deepEqual(ranges.above(), []);
});

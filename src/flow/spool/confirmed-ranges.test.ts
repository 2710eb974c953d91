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

const compactions = fc.array(
  fc.record({
    marks: fc.array(fc.integer({ min: 1, max: NUMBERS }), { maxLength: 20 }),
    end: fc.integer({ min: 2, max: NUMBERS }),
    again: fc.boolean(),
  }),
  { maxLength: 6 },
);

test("with compacted segments the cursor keeps less, and the same numbers are done after a start", () => {
  fc.assert(
    fc.property(compactions, (rounds) => {
      const ranges = new ConfirmedRanges(1, []);
      const done = new Set<number>();
      let frames = new Set<number>();
      let compactedEnd = 1;
      for (const { marks, end, again } of rounds) {
        for (const mark of marks) {
          equal(ranges.add(mark), !done.has(mark));
          done.add(mark);
        }
        const from = again ? 1 : compactedEnd;
        if (end <= from || end < compactedEnd) continue;
        const left = runsOf(Array.from({ length: end - from }, (_, index) => from + index).filter((at) => !done.has(at)));
        for (const at of [...frames]) if (at >= from) frames.delete(at);
        frames = new Set([
          ...frames,
          ...left.flatMap(([start, stop]) => Array.from({ length: stop - start }, (_, index) => start + index)),
        ]);
        ranges.compacted({ from, to: end, frames: left });
        compactedEnd = Math.max(compactedEnd, end);
      }
      const all = Array.from({ length: NUMBERS + 5 }, (_, index) => index + 1);
      const isDone = (set: ConfirmedRanges) => all.filter((at) => set.has(at));
      deepEqual(isDone(ranges), isDone(modelOf(done)));
      equal(ranges.aboveCount, ranges.above().length);
      const found = new ConfirmedRanges(ranges.lowWater, ranges.above());
      if (ranges.compactedBelow > 0) found.compacted({ from: 1, to: compactedEnd, frames: runsOf([...frames].toSorted((a, b) => a - b)) });
      deepEqual(isDone(found), isDone(ranges));
      deepEqual(found.above(), ranges.above());
    }),
    { numRuns: 2000 },
  );
});

test("what a lane that is stuck leaves in compacted segments costs the cursor nothing", () => {
  const ranges = new ConfirmedRanges(1, []);
  for (let at = 2; at <= 20_000; at += 2) ranges.add(at);
  equal(ranges.aboveCount, 10_000);
  ranges.compacted({ from: 1, to: 20_001, frames: ranges.missing(1, 20_001) });
  equal(ranges.aboveCount, 0);
  equal(ranges.lowWater, 1);
  for (let at = 1; at <= 20_000; at += 2) ok(ranges.add(at));
  equal(ranges.lowWater, 20_001);
});

function runsOf(numbers: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const at of numbers) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === at) last[1] += 1;
    else runs.push([at, at + 1]);
  }
  return runs;
}

function modelOf(done: ReadonlySet<number>): ConfirmedRanges {
  const model = new ConfirmedRanges(1, []);
  for (const at of done) model.add(at);
  return model;
}

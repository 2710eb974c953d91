import { deepEqual, notDeepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KINDS, planFaults, type FaultCounts } from "./plan.ts";

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const counts: fc.Arbitrary<FaultCounts> = fc.record(
  Object.fromEntries(KINDS.map((kind) => [kind, fc.nat({ max: 30 })])) as Record<(typeof KINDS)[number], fc.Arbitrary<number>>,
);

test("a plan has as many faults of each kind as are wanted, in the order of their times", () => {
  fc.assert(
    fc.property(seeds, counts, (seed, counts) => {
      const plan = planFaults(seed, counts);
      for (const kind of KINDS) deepEqual(plan.filter((fault) => fault.kind === kind).length, counts[kind] ?? 0);
      const times = plan.map(({ at }) => at);
      deepEqual(
        times,
        times.toSorted((left, right) => left - right),
      );
      ok(times.every((at) => at >= 0 && at < 1));
    }),
  );
});

test("the same seed gives the same plan, another one another", () => {
  const counts: FaultCounts = { kill: 20, cut: 5, "broker kill": 3 };
  deepEqual(planFaults(7, counts), planFaults(7, counts));
  notDeepEqual(planFaults(7, counts), planFaults(8, counts));
});

test("with enough kills every moment of a kill is struck", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const moments = new Set(planFaults(seed, { kill: 9 }).map(({ moment }) => moment));
      deepEqual(moments, new Set(["append", "request", "answer", "refusal", "recovery", "any", "start"]));
    }),
  );
});

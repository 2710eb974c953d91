import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BACK_OFF_MS_MAX, BACK_OFF_MS_MIN, backOffMs } from "./back-off.ts";

test("a wait doubles with each failure until it reaches its bound", () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((failureCount) => backOffMs(failureCount, 1));
  assert.deepEqual(waits, [50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
});

test("chance shortens a wait by at most half", () => {
  assert.equal(backOffMs(5, 0), 400);
  assert.equal(backOffMs(5, 0.5), 600);
});

test("a wait stays within its bounds however many failures came before", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (failureCount, random) => {
      const waitMs = backOffMs(failureCount, random);
      assert(waitMs >= BACK_OFF_MS_MIN && waitMs <= BACK_OFF_MS_MAX);
    }),
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { laneOfKey } from "./lane-of-key.ts";

test("a key stays in the lane that earlier releases gave it", () => {
  // Acknowledgements are kept by lane: these numbers must never change.
  const lanes = ["", "diku", "diku/42", "diku/43", "fs00000001/ä", "\u0000"].map((key) => laneOfKey(key, 16));
  assert.deepEqual(lanes, [11, 10, 11, 3, 0, 11]);
});

test("every key has a lane", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 1000 }), (key, laneCount) => {
      const lane = laneOfKey(key, laneCount);
      assert(Number.isInteger(lane) && lane >= 0 && lane < laneCount);
    }),
  );
});

test("keys that differ in their last digits spread over all lanes alike", () => {
  const counts = new Array<number>(8).fill(0);
  for (let number = 0; number < 8000; number += 1) {
    const lane = laneOfKey(`diku/${number}`, 8);
    counts[lane] = (counts[lane] ?? 0) + 1;
  }
  for (const count of counts) assert(count > 850 && count < 1150, counts.join(" "));
});

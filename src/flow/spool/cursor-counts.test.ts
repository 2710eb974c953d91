/** What is counted where nothing is confirmed. */
import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { SmallLog } from "./testing/small-log.ts";

test("what was turned away is counted on disk without a confirmation, and a cursor that has it isn't written again", async () => {
  const small = await SmallLog.open();
  await small.put(["a"]);
  small.log.countTurnedAway("users-audit", "diku", "dropped", "spool-full");
  await small.log.keepCounts();
  const { operations } = small.memory;
  await small.log.keepCounts();
  equal(small.memory.operations, operations);
  await small.restart("power");
  deepEqual(small.log.status().turnedAway["users-audit"]?.["diku"]?.dropped, { "spool-full": 1 });
  await small.close();
});

test("a disk that refuses to write the counts down is asked again", async () => {
  const small = await SmallLog.open();
  small.failing.fail = (operation, path) => (operation === "write" && path.includes("cursor") ? "EIO" : null);
  small.log.countTurnedAway("users-audit", "diku", "dropped", "spool-full");
  await small.log.keepCounts();
  small.failing.fail = () => null;
  await small.log.keepCounts();
  await small.restart("power");
  deepEqual(small.log.status().turnedAway["users-audit"]?.["diku"]?.dropped, { "spool-full": 1 });
  await small.close();
});

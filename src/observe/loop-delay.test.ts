import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { openLoopDelayMeter } from "./loop-delay.ts";

test("a meter that saw nothing yet reads zero", () => {
  const meter = openLoopDelayMeter();
  deepEqual(meter.read(false), { medianMs: 0, percentile99Ms: 0, maxMs: 0 });
  meter.close();
});

test("a loop that was held up shows it, and a restart forgets it", async () => {
  const meter = openLoopDelayMeter();
  // The histogram begins with its first tick: let it tick, hold the loop up, let it tick again.
  await pause(30);
  const until = performance.now() + 120;
  while (performance.now() < until) {
    // Holding the loop up is the point.
  }
  await pause(30);
  const { maxMs } = meter.read(true);
  ok(maxMs >= 80, `the longest delay was read as ${maxMs} ms`);
  deepEqual(meter.read(false), { medianMs: 0, percentile99Ms: 0, maxMs: 0 });
  meter.close();
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { endsWithin, systemClock, wait } from "./clock.ts";

test("the system's clock calls once after the delay, and not when called off", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1000 });
  const called: string[] = [];
  systemClock.after(50, () => called.push("first"));
  const cancel = systemClock.after(60, () => called.push("second"));
  context.mock.timers.tick(50);
  assert.deepEqual(called, ["first"]);
  assert.equal(systemClock.nowMs(), 1050);
  cancel();
  cancel();
  context.mock.timers.tick(1000);
  assert.deepEqual(called, ["first"]);
});

test("a wait ends after its time, or when its signal is aborted", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const waited = wait(systemClock, 1000, new AbortController().signal);
  context.mock.timers.tick(1000);
  await waited;
  const controller = new AbortController();
  const aborted = wait(systemClock, 1000, controller.signal);
  controller.abort();
  await aborted;
  await wait(systemClock, 1000, controller.signal);
});

test("work that takes too long is told, a failure counts as an end", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const slow = endsWithin(systemClock, new Promise(() => {}), 1000);
  context.mock.timers.tick(1000);
  assert.equal(await slow, false);
  assert.equal(await endsWithin(systemClock, Promise.resolve(), 1000), true);
  assert.equal(await endsWithin(systemClock, Promise.reject(new Error("failed")), 1000), true);
});

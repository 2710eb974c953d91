/** How the dispatcher stops, and where it goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SidestreamError } from "../../errors.ts";
import { bench } from "./testing/bench-of-one.ts";
import { MemoryLog, spooled } from "./testing/memory-log.ts";
import { takeAll, type Answer } from "./testing/scripted-destination.ts";

const hang: Answer = () => new Promise(() => {});

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

test("a stop lets sends end within the grace and confirms them", async () => {
  const at = bench({ messageCount: 3 });
  const answer = Promise.withResolvers<readonly null[]>();
  at.destination.script.push((batch, arrive) => {
    arrive(batch);
    return answer.promise;
  });
  at.dispatcher.start();
  await at.clock.settle();
  const sent = at.destination.batches[0]?.length ?? 0;
  const stopping = at.dispatcher.stop(5_000);
  await at.clock.advance(4_000);
  answer.resolve(new Array<null>(sent).fill(null));
  await stopping;
  assert.equal(at.log.confirmations.length, sent);
  assert.equal(at.destination.batches.length, 1);
  assert.equal(at.destination.disposeCount, 1);
  await at.end();
});

test("a stop aborts sends that outlast the grace, and leaves their messages to the next start", async () => {
  const at = bench({ messageCount: 3 });
  at.destination.script.push((batch, _arrive, signal) => {
    const unsure = batch.map(() => new SidestreamError("SST_DESTINATION_UNSURE", "cut off"));
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(unsure)));
  });
  at.dispatcher.start();
  await at.clock.settle();
  let stopped = false;
  void at.dispatcher.stop(5_000).then(() => (stopped = true));
  await at.clock.advance(4_999);
  assert.equal(stopped, false);
  await at.clock.advance(1);
  assert.equal(stopped, true);
  assert.deepEqual(at.log.confirmations, []);
  await at.end();
  const next = bench({ log: at.log });
  next.dispatcher.start();
  await next.drained();
  assert.deepEqual(next.destination.arrivedSequences, [1, 2, 3]);
  await next.end();
});

test("a stop ends within 30 seconds of the grace though driver and disk hang", async () => {
  const at = bench({ messageCount: 3 });
  at.destination.script.push(takeAll);
  at.destination.otherwise = hang;
  at.log.beforeConfirm = () => new Promise(() => {});
  at.dispatcher.start();
  await at.clock.settle();
  let stopped = false;
  void at.dispatcher.stop(1_000).then(() => (stopped = true));
  await at.clock.advance(31_000);
  assert.equal(stopped, true);
});

test("a stop before anything was opened ends at once", async () => {
  const at = bench({ messageCount: 1 });
  await at.dispatcher.stop(1_000);
  const started = bench({ messageCount: 1 });
  started.destination.beforeOpen = (signal) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))));
  started.dispatcher.start();
  await started.clock.settle();
  await started.dispatcher.stop(1_000);
  assert.equal(started.destination.openCount, 0);
  await started.end();
});

test("a start goes on behind what was confirmed, in order or not", async () => {
  const confirmations = [1, 2, 4].map((logSequence) => ({
    logSequence,
    stream: "s",
    tenant: "t",
    frameBytes: 200,
    lane: "0",
    outcome: "delivered" as const,
    reason: null,
  }));
  const log = new MemoryLog(
    numbers(1, 6).map((number) => spooled(number)),
    confirmations,
  );
  const at = bench({ log });
  at.dispatcher.start();
  await at.drained();
  assert.deepEqual(at.destination.arrivedSequences, [3, 5, 6]);
  await at.end();
});

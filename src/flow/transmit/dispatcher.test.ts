import assert from "node:assert/strict";
import { test } from "node:test";
import { SidestreamError } from "../../errors.ts";
import { bench } from "./testing/bench-of-one.ts";
import { MemoryLog, spooled } from "./testing/memory-log.ts";
import { failFrom, refuse, takeAll } from "./testing/scripted-destination.ts";

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

test("messages are sent in the log's order and confirmed as delivered", async () => {
  const at = bench({ messageCount: 1200 });
  at.dispatcher.start();
  await at.drained();
  assert.deepEqual(at.destination.arrivedSequences, numbers(1, 1200));
  assert.deepEqual(at.log.confirmations[0], {
    logSequence: 1,
    stream: "stream1",
    tenant: "diku",
    frameBytes: 200,
    lane: "0",
    outcome: "delivered",
    reason: null,
  });
  assert.equal(at.dispatcher.status().state, "up");
  assert.equal(at.dispatcher.status().sent, 1200);
  assert.equal(at.dispatcher.status().inFlight, 0);
  assert.deepEqual(at.announced, []);
  await at.end();
});

test("messages that come later are sent as they come", async () => {
  const at = bench();
  at.dispatcher.start();
  await at.clock.settle();
  at.log.append(spooled(1), spooled(5));
  await at.drained();
  at.log.append(spooled(9));
  await at.drained();
  assert.deepEqual(at.destination.arrivedSequences, [1, 5, 9]);
  await at.end();
});

test("a batch holds at most 500 messages and about 1 MiB, but always one", async () => {
  const at = bench();
  at.dispatcher.start();
  await at.clock.settle();
  // The first batch waits, so that the others gather behind it.
  const first = Promise.withResolvers<readonly null[]>();
  at.destination.script.push(() => first.promise);
  at.log.append(spooled(1));
  await at.clock.settle();
  at.log.append(...numbers(2, 700).map((number) => spooled(number)), spooled(701, "key", "x".repeat(2_000_000)), spooled(702));
  await at.clock.settle();
  first.resolve([null]);
  await at.drained();
  const sizes = at.destination.batches.map((batch) => batch.length);
  assert.deepEqual(sizes, [1, 500, 199, 1, 1]);
  for (const batch of at.destination.batches) {
    const bytes = batch.reduce((sum, message) => sum + message.value.length, 0);
    assert(bytes <= 1024 * 1024 || batch.length === 1);
  }
  await at.end();
});

test("a send that is to be repeated waits longer each time, and its message stays first", async () => {
  const at = bench({ messageCount: 3 });
  const startedMs = at.clock.nowMs();
  const sentAtMs: number[] = [];
  at.destination.onSend = () => sentAtMs.push(at.clock.nowMs() - startedMs);
  for (let failure = 0; failure < 5; failure += 1) at.destination.script.push(failFrom(0, "SST_DESTINATION_BUSY"));
  at.dispatcher.start();
  await at.drained();
  assert.deepEqual(sentAtMs.slice(0, 6), [0, 50, 150, 350, 750, 1550]);
  assert.deepEqual(at.destination.arrivedSequences, [1, 2, 3]);
  assert.equal(at.destination.openCount, 1);
  await at.end();
});

test("what was delivered before a failure is confirmed and not sent again", async () => {
  const at = bench();
  at.dispatcher.start();
  await at.clock.settle();
  at.destination.script.push(failFrom(0, "SST_DESTINATION_BUSY"), failFrom(2, "SST_DESTINATION_BUSY"));
  at.log.append(...numbers(1, 5).map((number) => spooled(number)));
  await at.drained();
  assert.deepEqual(at.destination.arrivedSequences, [1, 2, 3, 4, 5]);
  assert(at.dispatcher.status().retried > 0);
  await at.end();
});

test("a refused message is set aside on disk, then confirmed as dead, and later ones go on", async () => {
  const at = bench({ messageCount: 4 });
  at.destination.otherwise = refuse(({ sequence }) => sequence === 2);
  at.dispatcher.start();
  await at.drained();
  assert.deepEqual(
    at.deadLetters.letters.map(({ message, code, reason }) => [message.logSequence, code, reason]),
    [[2, "SST_DESTINATION_REFUSED", "scripted"]],
  );
  const dead = at.log.confirmations.filter(({ outcome }) => outcome === "dead");
  assert.deepEqual(dead, [
    { logSequence: 2, stream: "stream1", tenant: "diku", frameBytes: 200, lane: "0", outcome: "dead", reason: "SST_DESTINATION_REFUSED" },
  ]);
  assert.equal(at.dispatcher.status().dead, 1);
  assert.equal(at.dispatcher.status().sent, 3);
  await at.end();
});

test("a refused message is not confirmed while the dead letters' disk fails", async () => {
  const at = bench({ messageCount: 2 });
  at.destination.otherwise = refuse(({ sequence }) => sequence === 1);
  let failing = true;
  at.deadLetters.beforeAdd = async () => {
    if (failing) throw new SidestreamError("SST_SPOOL_IO", "no space");
  };
  at.dispatcher.start();
  await at.clock.advance(60_000);
  assert.deepEqual(
    at.log.confirmations.map(({ logSequence }) => logSequence),
    [2],
  );
  assert.equal(at.dispatcher.status().state, "paused");
  assert.equal(at.dispatcher.status().lastError?.code, "SST_SPOOL_IO");
  failing = false;
  await at.drained();
  assert.equal(at.deadLetters.letters.length, 1);
  assert.equal(at.dispatcher.status().state, "up");
  assert.deepEqual(
    at.announced.map(({ state }) => state),
    ["paused", "up"],
  );
  await at.end();
});

test("a lane that is refused everything pauses after eleven dead letters and tries one message every 30 seconds", async () => {
  const at = bench({ messageCount: 100 });
  at.destination.otherwise = refuse(() => true);
  at.dispatcher.start();
  await at.clock.advance(29_000);
  assert.equal(at.deadLetters.letters.length, 11);
  assert.equal(at.dispatcher.status().state, "paused");
  assert.equal(at.dispatcher.status().lanesBlocked, 1);
  await at.clock.advance(90_000);
  assert.equal(at.deadLetters.letters.length, 14);
  at.destination.otherwise = takeAll;
  await at.drained();
  assert.deepEqual(at.destination.arrivedSequences, numbers(15, 100));
  assert.equal(at.dispatcher.status().state, "up");
  assert.deepEqual(
    at.announced.map(({ state }) => state),
    ["paused", "up"],
  );
  assert.equal(at.announced[0]?.lastError?.code, "SST_DESTINATION_REFUSED");
  await at.end();
});

test("a lane that pauses goes on at once with messages that go back to the dead letters, and holds up none behind them", async () => {
  const log = new MemoryLog();
  for (let number = 1; number <= 12; number += 1) log.append(spooled(number));
  for (let number = 13; number <= 112; number += 1) log.append({ ...spooled(number), stream: "redrive/stream1" });
  log.append(spooled(113));
  const at = bench({ log });
  at.destination.otherwise = refuse(({ sequence }) => sequence <= 112);
  at.dispatcher.start();
  await at.clock.advance(29_000);
  assert.equal(at.dispatcher.status().state, "paused");
  await at.clock.advance(3_000);
  assert.deepEqual([at.deadLetters.letters.length, at.destination.arrivedSequences], [112, [113]]);
  await at.end();
});

test("refused messages among many good ones never pause a lane", async () => {
  const at = bench({ messageCount: 900 });
  at.destination.otherwise = refuse(({ sequence }) => sequence % 3 === 0);
  at.dispatcher.start();
  await at.drained();
  assert.equal(at.deadLetters.letters.length, 300);
  assert.deepEqual(at.announced, []);
  await at.end();
});

test("a lane that waits does not hold up the others", async () => {
  const at = bench({ lanes: 4, inFlightMax: 100 });
  at.destination.otherwise = async (batch, arrive, signal) =>
    batch.some(({ key }) => key === "a")
      ? batch.map(() => new SidestreamError("SST_DESTINATION_BUSY", "scripted"))
      : takeAll(batch, arrive, signal);
  // "a" and "d" are in different lanes of four.
  at.log.append(...numbers(1, 200).map((number) => spooled(number, number % 10 === 0 ? "a" : "d")));
  at.dispatcher.start();
  await at.clock.advance(60_000);
  assert.equal(at.log.confirmations.length, 180);
  const { state, lanesBlocked, inFlight, oldestUnsentMs } = at.dispatcher.status();
  assert.deepEqual({ lanesBlocked, inFlight, oldestUnsentMs }, { lanesBlocked: 1, inFlight: 1, oldestUnsentMs: 60_000 });
  assert.equal(state, "up", "the other lane got on not long ago");
  await at.clock.advance(300_000);
  assert.equal(at.dispatcher.status().state, "down", "nothing shows any more that another lane gets on");
  at.destination.otherwise = takeAll;
  await at.drained();
  await at.end();
});

test("a lane that is stuck keeps one message and leaves the window to the others, however long its backlog is", async () => {
  const at = bench({ lanes: 4, inFlightMax: 100 });
  at.destination.otherwise = async (batch, arrive, signal) =>
    batch.some(({ key }) => key === "a")
      ? batch.map(() => new SidestreamError("SST_DESTINATION_BUSY", "scripted"))
      : takeAll(batch, arrive, signal);
  at.log.append(...numbers(1, 200).map((number) => spooled(number, "a")), ...numbers(201, 300).map((number) => spooled(number, "d")));
  at.dispatcher.start();
  await at.clock.advance(60_000);
  assert.equal(at.dispatcher.status().inFlight, 1);
  assert.equal(at.log.confirmations.length, 100, "all of the other lane's");
  at.log.append(...numbers(301, 310).map((number) => spooled(number, number % 2 === 0 ? "a" : "d")));
  await at.clock.advance(1_000);
  assert.equal(at.log.confirmations.length, 105);
  at.destination.otherwise = takeAll;
  await at.drained();
  const ofStuck = at.destination.arrived.filter(({ key }) => key === "a").map(({ sequence }) => sequence);
  assert.deepEqual(ofStuck, [...numbers(1, 200), 302, 304, 306, 308, 310]);
  await at.end();
});

test("the window bounds what is sent and not yet confirmed on disk", async () => {
  const at = bench({ messageCount: 50, inFlightMax: 10 });
  const disk = Promise.withResolvers<void>();
  at.log.beforeConfirm = () => disk.promise;
  at.dispatcher.start();
  await at.clock.advance(1000);
  assert.equal(at.destination.arrived.length, 10);
  assert.equal(at.dispatcher.status().inFlight, 10);
  at.log.beforeConfirm = async () => {};
  disk.resolve();
  await at.drained();
  assert.equal(at.destination.arrived.length, 50);
  await at.end();
});

test("confirmations that come while one is written are written together", async () => {
  const at = bench();
  at.dispatcher.start();
  await at.clock.settle();
  const disk = Promise.withResolvers<void>();
  at.log.beforeConfirm = () => disk.promise;
  for (const number of numbers(1, 5)) {
    at.log.append(spooled(number));
    await at.clock.settle();
  }
  disk.resolve();
  await at.drained();
  assert.deepEqual(at.log.confirmSizes, [1, 4]);
  await at.end();
});

test("a confirmation that the disk refuses pauses sending and is repeated until it is written", async () => {
  const at = bench({ messageCount: 1 });
  let failing = true;
  at.log.beforeConfirm = async () => {
    if (failing) throw new SidestreamError("SST_SPOOL_IO", "no space");
  };
  at.dispatcher.start();
  await at.clock.advance(1000);
  at.log.append(spooled(2));
  await at.clock.advance(60_000);
  assert.deepEqual(at.destination.arrivedSequences, [1]);
  assert.equal(at.dispatcher.status().state, "paused");
  assert.equal(at.dispatcher.status().inFlight, 2);
  failing = false;
  await at.drained();
  assert.deepEqual(at.destination.arrivedSequences, [1, 2]);
  assert.deepEqual(
    at.announced.map(({ state, lastError }) => [state, lastError?.code]),
    [
      ["paused", "SST_SPOOL_IO"],
      ["up", "SST_SPOOL_IO"],
    ],
  );
  await at.end();
});

test("a read that fails is repeated", async () => {
  const at = bench({ messageCount: 3 });
  let failures = 3;
  at.log.beforeRead = async () => {
    if (failures-- > 0) throw new SidestreamError("SST_SPOOL_IO", "unreadable");
  };
  at.dispatcher.start();
  await at.drained();
  assert.deepEqual(at.destination.arrivedSequences, [1, 2, 3]);
  assert.deepEqual(
    at.announced.map(({ state }) => state),
    ["paused", "up"],
  );
  await at.end();
});

test("messages that the full log gave up while they waited are not sent", async () => {
  const at = bench({ messageCount: 10, inFlightMax: 5 });
  at.destination.script.push(failFrom(0, "SST_DESTINATION_BUSY"));
  at.dispatcher.start();
  await at.clock.settle();
  at.log.drop(8);
  await at.drained();
  assert.deepEqual(at.destination.arrivedSequences, [8, 9, 10]);
  assert.equal(at.dispatcher.status().inFlight, 0);
  await at.end();
});

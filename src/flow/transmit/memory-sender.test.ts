/** What becomes of messages that are sent once: each settles once, whatever the destination does. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { NumberedConnection, OutgoingMessage } from "../../driver/destination.ts";
import { SidestreamError, type ErrorCode } from "../../errors.ts";
import type { OpenConnection, SharedConnection } from "./connection-keeper.ts";
import { BATCH_MESSAGES_MAX } from "./lane.ts";
import { MemorySender, WAIT_MS_MAX } from "./memory-sender.ts";
import { failFrom, ScriptedDestination, takeAll, type Answer } from "./testing/scripted-destination.ts";
import { VirtualClock } from "./testing/virtual-clock.ts";

interface Settings {
  readonly lanes?: number;
  readonly messagesMax?: number;
  readonly maxRate?: number;
  readonly numbered?: NumberedConnection["sendOnce"];
}

/** A sender over a scripted destination, with a connection that a test opens and closes. */
async function setUp({ lanes = 1, messagesMax = 100, maxRate, numbered }: Settings = {}) {
  const clock = new VirtualClock();
  const destination = new ScriptedDestination(lanes);
  const plain = await destination.driver.open({}, { name: "out", signal: new AbortController().signal });
  const connection =
    numbered === undefined ? plain : ({ ...plain, recover: () => {}, sendOnce: numbered } as unknown as NumberedConnection);
  const settled: (readonly [sequence: number, reason: string | null])[] = [];
  const shared = {
    current: null as OpenConnection | null,
    openError: null as SidestreamError | null,
    lostCount: 0,
    provenCount: 0,
    lose: () => {
      shared.lostCount += 1;
      shared.current = null;
    },
    proven: () => void (shared.provenCount += 1),
  } satisfies SharedConnection & Record<string, unknown>;
  const sender = new MemorySender<OutgoingMessage>({
    promises: { ordered: true, deduplicates: numbered !== undefined, lanes },
    bounds: { messagesMax, bytesMax: 1_000_000 },
    maxRate: maxRate ?? null,
    clock,
    settled: ({ sequence }, reason) => settled.push([sequence, reason]),
  });
  sender.use(shared);
  let sequence = 0;
  return {
    clock,
    destination,
    sender,
    shared,
    settled,
    connect() {
      shared.current = { connection, sendings: new Set() };
      shared.openError = null;
      sender.pump();
    },
    fail() {
      shared.current = null;
      shared.openError = new SidestreamError("SST_DESTINATION_UNREACHABLE", "scripted");
      sender.pump();
    },
    offer(count: number, parts: Partial<OutgoingMessage> = {}) {
      for (let left = count; left > 0; left -= 1)
        sender.offer({ topic: "t", key: "k", headers: [], value: Buffer.from("v"), sequence: ++sequence, ...parts });
    },
    async stop(graceMs: number): Promise<number> {
      let count: number | null = null;
      const stopping = sender.stop(graceMs).then((given) => (count = given));
      await clock.until(() => count !== null);
      return stopping;
    },
    reasons: () => [...Map.groupBy(settled, ([, reason]) => reason ?? "delivered")].map(([reason, of]) => `${of.length} ${reason}`),
  };
}

const numbers = (count: number, from = 1) => Array.from({ length: count }, (_, index) => from + index);

test("what is offered in one turn goes as one batch, in order, and settles as delivered", async () => {
  const { connect, offer, clock, destination, settled, sender, shared } = await setUp();
  connect();
  offer(5);
  await clock.settle();
  deepEqual(
    destination.batches.map((batch) => batch.map(({ sequence }) => sequence)),
    [[1, 2, 3, 4, 5]],
  );
  deepEqual(
    settled,
    numbers(5).map((sequence) => [sequence, null]),
  );
  deepEqual(sender.holds, { messages: 0, bytes: 0 });
  equal(shared.provenCount, 1);
});

test("one batch of a lane is on its way at a time; what comes meanwhile follows", async () => {
  const { connect, offer, clock, destination } = await setUp({ messagesMax: 5_000 });
  connect();
  const held = Promise.withResolvers<void>();
  destination.script.push(async (batch, arrive) => {
    await held.promise;
    return takeAll(batch, arrive, new AbortController().signal);
  });
  offer(1);
  await clock.settle();
  offer(BATCH_MESSAGES_MAX + 1);
  await clock.settle();
  equal(destination.batches.length, 1);
  held.resolve();
  await clock.settle();
  deepEqual(
    destination.batches.map(({ length }) => length),
    [1, BATCH_MESSAGES_MAX, 1],
  );
  deepEqual(destination.arrivedSequences, numbers(BATCH_MESSAGES_MAX + 2));
  deepEqual(destination.violations, []);
});

test("what fails isn't sent again, and counts by the error's code; the next messages go on", async () => {
  for (const code of ["SST_DESTINATION_REFUSED", "SST_DESTINATION_UNSURE", "SST_DESTINATION_BUSY", "SST_BATCH_REFUSED"] as const) {
    const { connect, offer, clock, destination, reasons } = await setUp();
    connect();
    destination.script.push(failFrom(2, code));
    offer(5);
    await clock.settle();
    // Some of these end the connection.
    connect();
    offer(1);
    await clock.settle();
    deepEqual(reasons(), ["3 delivered", `3 ${code}`], code);
    equal(destination.batches.flat().length, 6);
  }
});

test("a connection that is lost is told of once, and what comes then waits for the next one", async () => {
  const { connect, offer, clock, destination, reasons, shared } = await setUp();
  connect();
  destination.script.push(failFrom(0, "SST_DESTINATION_UNREACHABLE"));
  offer(2);
  await clock.settle();
  equal(shared.lostCount, 1);
  offer(3);
  await clock.settle();
  deepEqual(reasons(), ["2 SST_DESTINATION_UNREACHABLE"]);
  connect();
  await clock.settle();
  deepEqual(reasons(), ["2 SST_DESTINATION_UNREACHABLE", "3 delivered"]);
});

test("a driver that throws, answers wrongly or hangs costs what it was given, once", async () => {
  const wrong: readonly Answer[] = [() => Promise.reject(new Error("scripted")), async () => [], () => new Promise(() => {})];
  for (const answer of wrong) {
    const { connect, offer, clock, destination, reasons } = await setUp();
    connect();
    destination.script.push(answer);
    offer(2);
    await clock.until(() => reasons().length > 0);
    deepEqual(reasons(), ["2 SST_DESTINATION_UNSURE"]);
    await clock.advance(100_000);
    deepEqual(reasons(), ["2 SST_DESTINATION_UNSURE"]);
  }
});

test("without a connection messages wait, those beyond the bound are turned away, and all are given up in the end", async () => {
  const { offer, clock, reasons, sender, fail } = await setUp({ messagesMax: 10 });
  fail();
  equal(sender.refusal({ topic: "t", key: "k" }), null);
  offer(12);
  equal(sender.refusal({ topic: "t", key: "k" }), "memory-full");
  deepEqual(reasons(), ["2 memory-full"]);
  await clock.advance(WAIT_MS_MAX);
  deepEqual(reasons(), ["2 memory-full"]);
  offer(1);
  await clock.advance(WAIT_MS_MAX / 2);
  deepEqual(reasons(), ["3 memory-full", "10 memory-waited"]);
  equal(clock.timerCount, 0, "nothing is left to wait for");
});

test("the lanes of a numbered destination are its topics, and its messages go without numbers", async () => {
  const sent: (readonly OutgoingMessage[])[] = [];
  const first = Promise.withResolvers<void>();
  const { connect, offer, clock, reasons } = await setUp({
    numbered: async (messages) => {
      sent.push(messages);
      if (messages[0]?.topic === "slow") await first.promise;
      return messages.map(() => null);
    },
  });
  connect();
  offer(2, { topic: "slow" });
  offer(1, { topic: "fast", key: "a" });
  offer(1, { topic: "fast", key: "b" });
  await clock.settle();
  offer(1, { topic: "slow" });
  await clock.settle();
  deepEqual(
    sent.map((batch) => batch.map(({ sequence }) => sequence)),
    [
      [1, 2],
      [3, 4],
    ],
  );
  first.resolve();
  await clock.settle();
  deepEqual(reasons(), ["5 delivered"]);
});

test("no more than the rate goes", async () => {
  const { connect, offer, clock, destination } = await setUp({ maxRate: 10 });
  connect();
  offer(21);
  await clock.advance(1_000);
  const count = destination.arrived.length;
  ok(count >= 10 && count <= 11, `${count} after a second`);
  await clock.advance(1_000);
  equal(destination.arrived.length, 21);
});

test("a stop sends what waits and takes nothing more", async () => {
  const { connect, offer, clock, reasons, stop } = await setUp({ maxRate: 10 });
  connect();
  offer(5);
  await clock.settle();
  equal(await stop(2_000), 0);
  offer(1);
  deepEqual(reasons(), ["5 delivered", "1 stopped"]);
  equal(clock.timerCount, 0);
});

test("a stop gives up what isn't sent in time, also what is on its way; where the destination is away it doesn't wait", async () => {
  const slow = await setUp();
  slow.connect();
  slow.destination.script.push(() => new Promise(() => {}));
  slow.offer(2);
  await slow.clock.settle();
  slow.offer(3);
  equal(await slow.stop(2_000), 5);
  deepEqual(slow.reasons(), ["5 stopped"]);
  await slow.clock.advance(100_000);
  deepEqual(slow.reasons(), ["5 stopped"]);

  const away = await setUp();
  away.fail();
  away.offer(3);
  const beforeMs = away.clock.nowMs();
  equal(await away.stop(2_000), 3);
  equal(away.clock.nowMs(), beforeMs);
});

test("whatever the destination does, each message settles once, is handed over once at most, and in the order of its lane", async () => {
  const codes: readonly ErrorCode[] = ["SST_DESTINATION_REFUSED", "SST_DESTINATION_UNSURE", "SST_DESTINATION_UNREACHABLE"];
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ offer: fc.integer({ min: 1, max: 30 }), key: fc.constantFrom("a", "b", "c", "d") }) },
    { weight: 2, arbitrary: fc.record({ fail: fc.constantFrom(...codes), from: fc.integer({ min: 0, max: 3 }) }) },
    { weight: 1, arbitrary: fc.constant({ answer: "hang" } as const) },
    { weight: 1, arbitrary: fc.constant({ answer: "throw" } as const) },
    { weight: 3, arbitrary: fc.record({ passMs: fc.integer({ min: 0, max: 40_000 }) }) },
    { weight: 2, arbitrary: fc.constant({ connection: "opens" } as const) },
    { weight: 1, arbitrary: fc.constant({ connection: "fails" } as const) },
  );
  const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer({ min: 0, max: 3_000 }), async (steps, graceMs) => {
    const bench = await setUp({ lanes: 2, messagesMax: 60 });
    let offered = 0;
    for (const each of steps) {
      if ("offer" in each) bench.offer(((offered += each.offer), each.offer), { key: each.key });
      else if ("fail" in each) bench.destination.script.push(failFrom(each.from, each.fail));
      else if ("answer" in each)
        bench.destination.script.push(each.answer === "hang" ? () => new Promise(() => {}) : () => Promise.reject(new Error("scripted")));
      else if ("passMs" in each) await bench.clock.advance(each.passMs);
      else if (each.connection === "opens") bench.connect();
      else bench.fail();
      await bench.clock.settle();
      const { messages } = bench.sender.holds;
      ok(messages <= 60);
      equal(bench.settled.length + messages, offered, "settled or pending");
    }
    await bench.stop(graceMs);
    deepEqual(
      bench.settled.map(([sequence]) => sequence).toSorted((left, right) => left - right),
      numbers(offered),
    );
    const handed = bench.destination.batches.flat();
    equal(new Set(handed).size, handed.length, "none is handed over twice");
    for (const ofKey of Map.groupBy(handed, ({ key }) => key).values())
      deepEqual(
        ofKey,
        ofKey.toSorted((left, right) => left.sequence - right.sequence),
      );
    const delivered = new Set(bench.settled.flatMap(([sequence, reason]) => (reason === null ? [sequence] : [])));
    const arrived = new Set(bench.destination.arrivedSequences);
    for (const sequence of delivered) ok(arrived.has(sequence), `${sequence} was told as delivered`);
    await bench.clock.advance(100_000);
    equal(bench.settled.length, offered);
    equal(bench.clock.timerCount, 0);
  });
  await fc.assert(property, { numRuns: 200 });
});

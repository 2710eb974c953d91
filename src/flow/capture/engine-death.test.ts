import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { reserved, startedHost } from "./testing/host.ts";
import { agentRecord, transaction } from "./testing/records.ts";

for (const [how, what] of [
  ["throw", "an exception"],
  ["exit", "an exit"],
  ["heap", "a full heap"],
] as const) {
  test(`an engine that dies of ${what} loses each unsettled durable record once, and the next one takes new records`, async (context) => {
    const { host, port, next } = await startedHost(context);
    const died = next("engine-exit");
    const ready = next("engine-ready");
    let settledCount = 0;
    const first = await port.submitDurable(transaction("/settle"), await reserved(port));
    const unsettled = [];
    for (const target of ["/hold", "/hold", `/${how}`, "/settle"]) {
      unsettled.push(port.submitDurable(transaction(target), await reserved(port)));
      port.submit(transaction("/hold", { route: 1 }));
    }
    for (const settlement of unsettled) void settlement.then(() => (settledCount += 1));
    equal(first, "spooled");
    deepEqual(await Promise.all(unsettled), ["lost", "lost", "lost", "lost"]);

    const exit = await died;
    deepEqual({ durable: exit.lostDurableCount, bestEffort: exit.lostBestEffortCount }, { durable: 4, bestEffort: 4 });
    // Number 1 had settled; each durable one was followed by a best-effort one.
    deepEqual(exit.fatalRecord, { recordNumber: 6, eventId: `${host.bootId}-6` });
    deepEqual(host.lastFatalRecord, exit.fatalRecord);
    if (how === "throw") equal(exit.error?.message, "the engine met a record it can't take");
    if (how === "exit") equal(exit.exitCode, 7);
    if (how === "heap") equal((exit.error as NodeJS.ErrnoException).code, "ERR_WORKER_OUT_OF_MEMORY");
    deepEqual(host.counters().lost, [{ source: "front", route: "/bulk/*", reason: "engine-lost", count: 4 }]);
    equal(host.counters().handoverBytes, 0);

    await ready;
    equal(await port.submitDurable(transaction("/settle"), await reserved(port)), "spooled");
    const { life } = (await host.call("seen", null)) as { life: number };
    equal(life, 2);
    equal(host.engineRestarts, 1);
    equal(settledCount, 4);
  });
}

test("what the engine settled in the turn before it died counts as it said", async (context) => {
  const { port, next } = await startedHost(context);
  const died = next("engine-exit");
  const settlement = port.submitDurable(transaction("/settle-then-exit"), await reserved(port));
  equal(await settlement, "spooled");
  equal((await died).lostDurableCount, 0);
});

test("a record of an agent during which the engine died is named by the agent's own id", async (context) => {
  const { host, next } = await startedHost(context);
  const agents = host.port({ index: 1, name: "agents", routes: ["default"] });
  const died = next("engine-exit");
  agents.submit(agentRecord("event-42", { topic: "acapy::throw" }));
  equal((await died).fatalRecord?.eventId, "event-42");
});

test("an engine that dies between records names none", async (context) => {
  const { host, port, next } = await startedHost(context);
  equal(await port.submitDurable(transaction("/settle"), await reserved(port)), "spooled");
  const died = next("engine-exit");
  await rejects(host.call("exit", null), { code: "SST_ENGINE_LOST" });
  equal((await died).fatalRecord, null);
});

test("while the engine is down, records are turned away and counted, reservations end at their deadline or when it is back", async (context) => {
  const { host, port, next } = await startedHost(context, {}, { restartMsMin: 300, restartMsMax: 300 });
  const kept = await reserved(port);
  const died = next("engine-exit");
  port.submit(transaction("/throw"));
  await died;
  equal(host.counters().engineUp, false);
  equal(await port.reserve(10, 0), null);
  equal(await port.reserve(10, 20), null);
  port.submit(transaction("/settle", { route: 1 }));
  equal(await port.submitDurable(transaction("/settle"), kept), "lost");
  kept.release();
  kept.release();
  await rejects(host.call("echo", null), { code: "SST_ENGINE_LOST" });
  equal(host.counters().handoverBytes, 0);
  deepEqual(
    host.counters().lost.map(({ route, reason, count }) => [route, reason, count]),
    [
      ["default", "engine-lost", 1],
      ["/bulk/*", "engine-lost", 1],
    ],
  );
  const reservation = await reserved(port, 4096, 20_000);
  equal(host.counters().engineUp, true);
  equal(await port.submitDurable(transaction("/settle"), reservation), "spooled");
});

test("a reservation outlives the engine and is used with the next one", async (context) => {
  const { host, port, next } = await startedHost(context);
  const reservation = await reserved(port);
  const ready = next("engine-ready");
  port.submit(transaction("/throw"));
  await ready;
  equal(await port.submitDurable(transaction("/settle"), reservation), "spooled");
  equal(host.counters().handoverBytes, 0);
});

test("a restart that fails is told and tried again, with pauses that double up to a bound", async (context) => {
  const { host, port, events, next } = await startedHost(
    context,
    { starts: { 2: "locked", 3: "throw", 4: "exit" } },
    { restartMsMin: 5, restartMsMax: 20 },
  );
  const ready = next("engine-ready");
  port.submit(transaction("/throw"));
  await ready;
  deepEqual(
    events.map((event) => ("restartMs" in event ? [event.kind, event.restartMs] : [event.kind])),
    [
      ["engine-ready"],
      ["engine-exit", 5],
      ["engine-start-failed", 10],
      ["engine-start-failed", 20],
      ["engine-start-failed", 20],
      ["engine-ready"],
    ],
  );
  const locked = events.find((event) => event.kind === "engine-start-failed");
  equal(locked?.error.code, "SST_SPOOL_LOCKED");
  equal(host.engineRestarts, 4);
  equal(await port.submitDurable(transaction("/settle"), await reserved(port)), "spooled");
});

test("an engine that lived long enough starts the pauses anew", async (context) => {
  const { port, events, next } = await startedHost(context, {}, { restartMsMin: 5, restartMsMax: 1_000, restartResetMs: 0 });
  for (let death = 1; death <= 3; death += 1) {
    const ready = next("engine-ready");
    port.submit(transaction("/throw"));
    await ready;
  }
  deepEqual(
    events.flatMap((event) => (event.kind === "engine-exit" ? [event.restartMs] : [])),
    [5, 5, 5],
  );
});

test("an engine that sends bytes nobody can read is replaced, and the edge lives", async (context) => {
  const { host, port, next } = await startedHost(context);
  const died = next("engine-exit");
  const ready = next("engine-ready");
  const unsettled = port.submitDurable(transaction("/hold"), await reserved(port));
  await host.call("garbage", null).catch(() => null);
  equal((await died).error?.message, "settle message: 3 bytes are too few for a header");
  equal(await unsettled, "lost");
  await ready;
  equal(await port.submitDurable(transaction("/settle"), await reserved(port)), "spooled");
});

test("an engine that dies while it stops is not started again, and what it kept is lost", async (context) => {
  const { host, port, events } = await startedHost(context);
  const unsettled = port.submitDurable(transaction("/hold"), await reserved(port));
  const dying = port.submitDurable(transaction("/exit"), await reserved(port));
  await host.stop(10_000);
  deepEqual(await Promise.all([unsettled, dying]), ["lost", "lost"]);
  deepEqual(
    events.map(({ kind }) => kind),
    ["engine-ready"],
  );
  ok(!host.counters().engineUp);
});

test("stopping while the next engine waits for its turn starts none", async (context) => {
  const { host, port, events, next } = await startedHost(context, {}, { restartMsMin: 60_000, restartMsMax: 60_000 });
  const died = next("engine-exit");
  port.submit(transaction("/throw"));
  await died;
  const waiting = port.reserve(10, 60_000);
  await host.stop(1_000);
  equal(await waiting, null);
  deepEqual(
    events.map(({ kind }) => kind),
    ["engine-ready", "engine-exit"],
  );
});

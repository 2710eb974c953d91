import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { ROUTES, hostUnderTest, reserved, startedHost } from "./testing/host.ts";
import { agentRecord, bodyOf, transaction } from "./testing/records.ts";

interface Seen {
  readonly seen: readonly string[];
  readonly life: number;
  readonly undecodable: number;
}

test("ten thousand records cross in order and every durable one settles as the engine said", async (context) => {
  const { host, port } = await startedHost(context);
  const settlements: Promise<string>[] = [];
  for (let index = 1; index <= 10_000; index += 1) {
    if (index % 2 === 0) port.submit(transaction("/settle"));
    else {
      const reservation = await reserved(port, 2048);
      settlements.push(port.submitDurable(transaction(index % 3 === 0 ? "/refuse" : "/settle"), reservation));
    }
    // A turn of the loop, as traffic makes them, so that batches leave and credits come back.
    if (index % 100 === 0) await new Promise(setImmediate);
  }
  const settled = await Promise.all(settlements);
  equal(settled.length, 5000);
  settled.forEach((settlement, index) => equal(settlement, (index * 2 + 1) % 3 === 0 ? "refused" : "spooled"));
  const { seen } = (await host.call("seen", null)) as Seen;
  deepEqual(
    seen,
    Array.from({ length: 10_000 }, (_, index) => `${host.bootId}-${index + 1}`),
  );
  const counters = host.counters();
  equal(counters.handoverBytes, 0);
  equal(counters.unsettled, 0);
  deepEqual(counters.lost, []);
  // 5,000 best-effort records, and of the durable ones those that were spooled.
  deepEqual(counters.captured, [{ source: "front", count: 5000 + settled.filter((settlement) => settlement === "spooled").length }]);
});

test("a start that fails rejects with the engine's own code, text and cause, and may be tried again", async (context) => {
  const { host, port } = hostUnderTest(context, { starts: { 1: "locked" } });
  await rejects(host.start(), (error: Error & { code?: string }) => {
    equal(error.code, "SST_SPOOL_LOCKED");
    equal(error.message, "process 1 holds /data");
    equal((error.cause as Error).message, "database is locked");
    return true;
  });
  equal(host.counters().engineUp, false);
  await host.start();
  equal(await port.submitDurable(transaction("/settle"), await reserved(port)), "spooled");
});

for (const [how, code, message] of [
  ["throw", "SST_ENGINE_LOST", /before it was ready: not a known error/],
  ["exit", "SST_ENGINE_LOST", /exit code 7/],
  ["never", "SST_ENGINE_SILENT", /not ready within 300 ms/],
] as const) {
  test(`an engine that opens with "${how}" rejects the start with ${code}`, async (context) => {
    const { host } = hostUnderTest(context, { starts: { 1: how } }, how === "never" ? { readyMsMax: 300 } : {});
    await rejects(host.start(), { code, message });
  });
}

test("a worker script that does not exist rejects the start", async (context) => {
  const { host } = hostUnderTest(context, {}, { url: new URL("./nowhere.ts", import.meta.url) });
  await rejects(host.start(), { code: "SST_ENGINE_LOST" });
});

test("worker data that can't be cloned rejects the start", async (context) => {
  const { host } = hostUnderTest(context, {}, { workerData: () => 1 });
  await rejects(host.start(), { code: "SST_ENGINE_LOST" });
});

test("records without room are dropped and counted by source and route", async (context) => {
  const { host, port } = await startedHost(context, {}, { handoverBytesMax: 4096 });
  const large = bodyOf(Buffer.alloc(5000));
  port.submit(transaction("/settle", { requestBody: large }));
  port.submit(transaction("/settle", { requestBody: large, route: 1 }));
  port.submit(transaction("/settle", { requestBody: large, route: 1 }));
  port.submit(transaction("/settle", { requestBody: large, route: 77 }));
  port.countLoss(1, "stream");
  port.submit(transaction("/snowman-\u2603"));
  deepEqual(host.counters().lost, [
    { source: "front", route: "default", reason: "no-room", count: 2 },
    { source: "front", route: "default", reason: "refused", count: 1 },
    { source: "front", route: "/bulk/*", reason: "no-room", count: 2 },
    { source: "front", route: "/bulk/*", reason: "stream", count: 1 },
  ]);
  equal(await port.reserve(5000, 60_000), null);
});

test("held bodies and the batches of an engine that gives no credit stay within the bound, and all comes back", async (context) => {
  const { host, port } = await startedHost(context, {}, { handoverBytesMax: 100_000 });
  const other = host.port({ index: 3, name: "agents", routes: ["default"] });
  ok(port.hold(50_000));
  // Far more than was taken: another source's bytes must stay taken.
  other.unhold(90_000);
  equal(host.counters().handoverBytes, 50_000);
  for (let index = 0; index < 1000; index += 1) port.submit(transaction("/hold"));
  ok(host.counters().handoverBytes <= 100_000);
  equal(port.hold(50_000), false);
  const [lost] = host.counters().lost;
  equal(lost?.reason, "no-room");
  equal(lost.count + (host.counters().captured[0]?.count ?? 0), 1000);
  port.unhold(50_000);
  // The engine gives its credits when it stops; without them the records would count as lost with it.
  await host.stop(1_200);
  deepEqual(host.counters().lost, [lost]);
  equal(host.counters().handoverBytes, 0);
});

test("a waiter is let in when the engine credits a batch", async (context) => {
  const { host, port } = await startedHost(context, {}, { handoverBytesMax: 10_000 });
  const settled = port.submitDurable(transaction("/hold", { requestBody: bodyOf(Buffer.alloc(8000)) }), await reserved(port, 9000));
  equal(await port.reserve(5000, 0), null);
  const waiting = port.reserve(5000, 10_000);
  equal(host.counters().waiters, 1);
  // A call may overtake the batch, which leaves at the end of the turn: until the engine has it there is nothing to release.
  while (((await host.call("seen", null)) as Seen).seen.length === 0);
  await host.call("release", null);
  equal(await settled, "spooled");
  ok((await waiting) !== null);
});

test("the room in the spool that the engine tells before it is ready limits the first reservation", async (context) => {
  const { host, port } = await startedHost(context, { roomBytes: 1000 });
  equal(await port.reserve(2000, 0), null);
  const waiting = port.reserve(2000, 10_000);
  await host.call("room", 1_000_000);
  ok((await waiting) !== null);
  equal(host.counters().spoolRoomBytes, 1_000_000);
});

test("a durable record that can't be encoded is refused and gives its room back", async (context) => {
  const { host, port } = await startedHost(context);
  equal(await port.submitDurable(transaction("/snowman-\u2603"), await reserved(port)), "refused");
  equal(host.counters().handoverBytes, 0);
});

test("a durable record beyond its reservation is refused when there is no room for it", async (context) => {
  const { host, port } = await startedHost(context, {}, { handoverBytesMax: 4096 });
  const record = transaction("/settle", { requestBody: bodyOf(Buffer.alloc(8000)) });
  equal(await port.submitDurable(record, await reserved(port, 1000)), "refused");
  equal(host.counters().handoverBytes, 0);
});

test("a source made after the start is known to the engine before its first record", async (context) => {
  const { host } = await startedHost(context);
  const agents = host.port({ index: 5, name: "agents", routes: ["default"] });
  equal(await agents.submitDurable(agentRecord("event-1"), await reserved(agents)), "spooled");
  const { seen } = (await host.call("seen", null)) as Seen;
  deepEqual(seen, ["event-1"]);
});

test("two sources with one index are a fault of the caller", (context) => {
  const { host } = hostUnderTest(context);
  throws(() => host.port({ index: 0, name: "again", routes: ROUTES }), /index of its own/);
});

test("a record that the engine can't read is settled as refused and the engine goes on", async (context) => {
  const { host, port } = await startedHost(context);
  const broken = port.submitDurable(transaction("/x", { requestHead: "no request line" }), await reserved(port));
  const whole = port.submitDurable(transaction("/settle"), await reserved(port));
  deepEqual(await Promise.all([broken, whole]), ["refused", "spooled"]);
  const { undecodable, life } = (await host.call("seen", null)) as Seen;
  deepEqual({ undecodable, life }, { undecodable: 1, life: 1 });
  equal(host.counters().unreadable, 1);
});

test("questions are answered, and the engine's errors reach the asker with their code", async (context) => {
  const { host } = await startedHost(context, {}, { callMsMax: 1_000 });
  deepEqual(await host.call("echo", { a: [1, "2"] }), { a: [1, "2"] });
  await rejects(host.call("nonsense", null), { code: "SST_CONFIG_INVALID", message: 'there is no "nonsense"' });
  await rejects(host.call("unclonable", null), /could not be cloned/);
  await rejects(
    host.call("echo", () => 1),
    { name: "DataCloneError" },
  );
  await rejects(host.call("silent", null), { code: "SST_ENGINE_SILENT" });
});

test("a clean stop settles everything that was captured, and what comes after is turned away", async (context) => {
  const { host, port } = await startedHost(context);
  const reservations = await Promise.all(Array.from({ length: 50 }, () => reserved(port)));
  const settlements = reservations.map((reservation) => port.submitDurable(transaction("/settle"), reservation));
  port.submit(transaction("/settle"));
  const late = await reserved(port);
  const stopped = host.stop(5_000);
  equal(await port.submitDurable(transaction("/settle"), late), "lost");
  equal(await port.reserve(10, 60_000), null);
  port.submit(transaction("/settle"));
  await stopped;
  await host.stop(5_000);
  deepEqual(new Set(await Promise.all(settlements)), new Set(["spooled"]));
  deepEqual(host.counters().lost, [{ source: "front", route: "default", reason: "engine-lost", count: 1 }]);
  equal(host.counters().handoverBytes, 0);
  await rejects(host.call("echo", null), { code: "SST_ENGINE_LOST" });
});

test("a clean stop leaves time to the engine to settle what it kept", async (context) => {
  const { host, port, events } = await startedHost(context);
  const settlement = port.submitDurable(transaction("/hold"), await reserved(port));
  await host.stop(1_200);
  equal(await settlement, "spooled");
  deepEqual(
    events.map(({ kind }) => kind),
    ["engine-ready"],
  );
});

test("stopping while the engine starts rejects the start", async (context) => {
  const { host } = hostUnderTest(context, { starts: { 1: "never" } });
  const started = rejects(host.start(), { code: "SST_ENGINE_LOST" });
  await host.stop(1_000);
  await started;
});

test("stopping before any start is harmless", async (context) => {
  const { host } = hostUnderTest(context);
  await host.stop(1_000);
});

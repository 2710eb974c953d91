/** The flow inside another program: what becomes of an event whose topic, room or owner is missing. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createFlow, type EmbeddedFlow, type Event } from "../../src/index.ts";
import { readMessages } from "./support/messages.ts";

const EMPTY = { bytes: Buffer.alloc(0), sizeBytes: 0, truncated: false };
let number = 0;

function event(over: { readonly tenant?: string; readonly path?: string; readonly body?: Buffer } = {}): Event {
  number += 1;
  const body = over.body ?? EMPTY.bytes;
  return {
    id: `event-${number}`,
    kind: "transaction",
    source: "front",
    sourcePosition: 0,
    timeMs: Date.now(),
    agent: null,
    transaction: {
      method: "POST",
      target: over.path ?? "/things/1",
      httpVersion: "1.1",
      requestHeaders: ["host", "here", ...(over.tenant === undefined ? [] : ["x-okapi-tenant", over.tenant])],
      requestBody: { bytes: body, sizeBytes: body.length, truncated: false },
      status: 201,
      responseHeaders: [],
      responseBody: EMPTY,
      outcome: "complete",
      durationMs: 1,
      remoteAddress: "127.0.0.1",
    },
  };
}

async function open(
  test: TestContext,
  options: { readonly rules: readonly string[]; readonly destination?: string; readonly more?: string; readonly blocked?: boolean },
): Promise<{ readonly flow: EmbeddedFlow; readonly folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-test-"));
  let flow: EmbeddedFlow | null = null;
  // The flow first: what it still writes must not come into a folder that is being removed.
  test.after(async () => {
    await flow?.close(0);
    rmSync(folder, { recursive: true, force: true });
  });
  writeFileSync(
    join(folder, "sidestream.yaml"),
    `version: 1
enabled: true
data: ./data
sources:
  front:
    type: gateway
    listen: "127.0.0.1:0"
    upstream: "http://127.0.0.1:1"
    platform: { type: static, tenant: [ { header: x-okapi-tenant } ], defaultTenant: null, routes: [ { path: "/things/{id}", moduleName: mod-things } ] }
destinations:
  out: { type: file, path: ./events${options.destination ?? ""} }
  off: { type: stdout, enabled: false }
streams: [ ./stream.yaml ]
${options.more ?? ""}`,
  );
  writeFileSync(
    join(folder, "stream.yaml"),
    `stream: things\ntenants: all\nrules:\n${options.rules.map((rule) => `  - ${JSON.stringify(rule)}\n`).join("")}`,
  );
  // A file where the destination's folder should be keeps everything in the spool.
  if (options.blocked === true) writeFileSync(join(folder, "events"), "");
  flow = await createFlow({ config: join(folder, "sidestream.yaml"), logLevel: "silent" });
  return { flow, folder };
}

/** Waits until everything was delivered, then ends the flow. */
async function finish(flow: EmbeddedFlow): Promise<void> {
  const pending = () => flow.snapshot().messages.reduce((sum, counts) => sum + counts.pending, 0);
  while (pending() > 0) await new Promise(setImmediate);
  await flow.close(5_000);
}

const only = (flow: EmbeddedFlow) => {
  const [counts, ...others] = flow.snapshot().messages;
  deepEqual(others, []);
  return counts;
};

test("an accepted event is delivered and counted once", async (t) => {
  const { flow, folder } = await open(t, { rules: ["METHOD=POST , publish , out:{tenant}.{entity}"] });
  await flow.accept(event({ tenant: "diku" }));
  await finish(flow);
  const [message, ...others] = readMessages(join(folder, "events"));
  deepEqual(others, []);
  equal(message?.["partitionkey"], "diku/1");
  deepEqual(only(flow), {
    stream: "things",
    tenant: "diku",
    destination: "out",
    accepted: 1,
    delivered: 1,
    dead: 0,
    dropped: {},
    pending: 0,
  });
});

test("two rules that come to the same topic make one message; two topics make two", async (t) => {
  const { flow, folder } = await open(t, {
    rules: ["METHOD=POST , publish , out:things", "STATUS=201 , publish , out:{entity}", "STATUS=201 , publish , out:copy"],
  });
  await flow.accept(event({ tenant: "diku" }));
  await finish(flow);
  const messages = readMessages(join(folder, "events"));
  deepEqual(
    messages.map((message) => message["sidestreamrule"]),
    ["3", "1"],
  );
});

test("a rule for a destination that is off or absent makes nothing, and the rest goes on", async (t) => {
  const { flow, folder } = await open(t, {
    rules: ["METHOD=POST , publish , off:a", "METHOD=POST , publish , nowhere:b", "METHOD=POST , publish , out:c"],
  });
  await flow.accept(event({ tenant: "diku" }));
  await finish(flow);
  equal(readMessages(join(folder, "events")).length, 1);
});

test("an event without an owner makes no message and is counted", async (t) => {
  const { flow } = await open(t, { rules: ["METHOD=POST , publish , out:things"] });
  await flow.accept(event());
  deepEqual(flow.snapshot().messages, []);
  equal(flow.snapshot().unidentified, 1);
});

test("a template value that would forge a topic makes the message dead, with its reason, and it counts", async (t) => {
  const { flow, folder } = await open(t, { rules: ["METHOD=POST , publish , out:{tenant}.things"] });
  await flow.accept(event({ tenant: "a.b" }));
  await flow.accept(event({ tenant: "good" }));
  await finish(flow);
  deepEqual(
    readMessages(join(folder, "events")).map((message) => message["sidestreamtenant"]),
    ["good"],
  );
  const snapshot = flow.snapshot();
  equal(snapshot.destinations.find(({ destination }) => destination === "out")?.deadLetters.messages, 1);
  deepEqual(
    snapshot.messages
      .map(({ tenant, accepted, delivered, dead }) => ({ tenant, accepted, delivered, dead }))
      .toSorted((left, right) => (left.tenant < right.tenant ? -1 : 1)),
    [
      { tenant: "a.b", accepted: 1, delivered: 0, dead: 1 },
      { tenant: "good", accepted: 1, delivered: 1, dead: 0 },
    ],
  );
});

test("one topic more than the bound is dead, not a new topic", async (t) => {
  const { flow, folder } = await open(t, { rules: ["METHOD=POST , publish , out:{tenant}"], more: "limits: { topicsMax: 2 }\n" });
  for (const tenant of ["one", "two", "three", "one"]) await flow.accept(event({ tenant }));
  await finish(flow);
  equal(readMessages(join(folder, "events")).length, 3);
  equal(
    flow.snapshot().messages.reduce((sum, { dead }) => sum + dead, 0),
    1,
  );
});

test("a full spool refuses an event that is answered for, whole: not one of its messages is kept", async (t) => {
  const rules = ["METHOD=POST , publish , out:a", "METHOD=POST , publish , out:b"];
  const { flow } = await open(t, { rules, destination: ", spool: { bytesMax: 4MiB, tenantSharePercent: 100 }", blocked: true });
  const body = Buffer.from(JSON.stringify({ filler: "x".repeat(200_000) }));
  let taken = 0;
  const fill = async () => {
    for (; taken < 100; taken++) await flow.accept(event({ tenant: "diku", body }));
  };
  await rejects(fill, { code: "SST_SPOOL_FULL" });
  ok(taken > 0 && taken < 20, `${taken} taken`);
  const counts = only(flow);
  deepEqual(counts, {
    stream: "things",
    tenant: "diku",
    destination: "out",
    accepted: taken * 2,
    delivered: 0,
    dead: 0,
    dropped: {},
    pending: taken * 2,
  });
});

test("a tenant that has more than its share of a spool that is half full is refused, others are not", async (t) => {
  const { flow } = await open(t, { rules: ["METHOD=POST , publish , out:a"], destination: ", spool: { bytesMax: 4MiB }", blocked: true });
  const body = Buffer.from(JSON.stringify({ filler: "x".repeat(200_000) }));
  const fill = async () => {
    for (let taken = 0; taken < 100; taken++) await flow.accept(event({ tenant: "diku", body }));
  };
  await flow.accept(event({ tenant: "college" }));
  await rejects(fill, { code: "SST_TENANT_SHARE" });
  await flow.accept(event({ tenant: "college", body }));
  await rejects(flow.accept(event({ tenant: "diku" })), { code: "SST_TENANT_SHARE" });
  deepEqual(
    flow.snapshot().destinations.flatMap(({ heldBack }) => heldBack.map(({ tenant }) => tenant)),
    ["diku"],
  );
});

/** Hands an event in again until it is taken, as whoever embeds the flow would. */
async function acceptAtLast(t: TestContext, flow: EmbeddedFlow, handed: Event): Promise<void> {
  for (;;) {
    t.signal.throwIfAborted();
    const code = await flow.accept(handed).then(
      () => null,
      (error: { readonly code?: string }) => error.code,
    );
    if (code === null) return;
    equal(code, "SST_SPOOL_FULL");
    await new Promise(setImmediate);
  }
}

test("a spool that is full says so in the snapshot, and no more once there is room", { timeout: 60_000 }, async (t) => {
  const { flow, folder } = await open(t, {
    rules: ["METHOD=POST , publish , out:a"],
    destination: ", spool: { bytesMax: 4MiB }",
    blocked: true,
  });
  const body = Buffer.from(JSON.stringify({ filler: "x".repeat(200_000) }));
  const trouble = () => flow.snapshot().destinations.find(({ destination }) => destination === "out")?.trouble?.code ?? null;
  const until = async (wanted: string | null) => {
    while (trouble() !== wanted) {
      t.signal.throwIfAborted();
      await new Promise(setImmediate);
    }
  };
  await rejects(
    async () => {
      for (let taken = 0; taken < 100; taken++) await flow.accept(event({ tenant: "diku", body }));
    },
    { code: "SST_SPOOL_FULL", message: /hand it in again later/ },
  );
  await until("SST_SPOOL_FULL");
  rmSync(join(folder, "events"));
  await until(null);
});

test("a spool that gives up its oldest messages takes new events at last, however they come", { timeout: 60_000 }, async (t) => {
  const { flow } = await open(t, {
    rules: ["METHOD=POST , publish , out:a"],
    destination: ", inFlightMax: 1, spool: { bytesMax: 4MiB, whenFull: drop-oldest }",
    blocked: true,
  });
  const body = Buffer.from(JSON.stringify({ filler: "x".repeat(600_000) }));
  for (let taken = 0; taken < 20; taken++) await acceptAtLast(t, flow, event({ tenant: "diku", body }));
  equal(only(flow)?.accepted, 20);
  ok((only(flow)?.dropped["drop-oldest"] ?? 0) > 10);
});

test("a log that was cut is told in the snapshot and by each refusal, with what to do; other destinations go on", async (t) => {
  const rules = ["PATH=/things/* , publish , out:a", "PATH=/other/* , publish , second:a"];
  const destination = " }\n  second: { type: file, path: ./second";
  const { flow, folder } = await open(t, { rules, destination });
  await flow.accept(event({ tenant: "diku" }));
  await finish(flow);
  const spool = join(folder, "data/spool/out");
  for (const name of readdirSync(spool)) if (!name.startsWith("cursor-")) rmSync(join(spool, name));
  const again = await createFlow({ config: join(folder, "sidestream.yaml"), logLevel: "silent" });
  t.after(() => again.close(0));
  const stopped =
    /SST_SPOOL_CUT: the log of out ends before .* The log has stopped\. Nothing is taken in, and what it holds waits: .* section 8 /;
  match(again.snapshot().destinations.find((state) => state.destination === "out")?.stopped ?? "", stopped);
  await rejects(again.accept(event({ tenant: "diku" })), { code: "SST_SPOOL_CUT", message: stopped });
  await again.accept(event({ tenant: "diku", path: "/other/1" }));
  await finish(again);
  equal(readMessages(join(folder, "second")).length, 1);
});

test("the data folder is locked while a flow is open, and free afterwards", async (t) => {
  const { flow, folder } = await open(t, { rules: ["METHOD=POST , publish , out:a"] });
  await flow.accept(event({ tenant: "diku" }));
  await rejects(createFlow({ config: join(folder, "sidestream.yaml") }), { code: "SST_SPOOL_LOCKED" });
  await flow.close(1_000);
  const again = await createFlow({ config: join(folder, "sidestream.yaml"), logLevel: "silent" });
  match(again.snapshot().destinations[0]?.logId ?? "", /^[0-9a-f]{32}$/);
  ok(again.snapshot().destinations[0]?.logId === flow.snapshot().destinations[0]?.logId);
  await again.close(1_000);
});

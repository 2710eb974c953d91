/** What becomes of events when a log runs out of room: through the whole flow, over the real spool. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { registerDestination } from "../driver/registry.ts";
import { SidestreamError } from "../errors.ts";
import { conservationBreaches, type MessageCounts } from "../observe/conservation.ts";
import { createLog } from "../observe/log.ts";
import type { Event } from "./event.ts";
import { Flow } from "./flow.ts";
import { parseRule } from "./match/parse.ts";
import { FRONT_SOURCE } from "./message/testing/front-source.ts";
import { body, JSON_TYPE, stream, transactionEvent } from "./message/testing/messages.ts";
import type { BudgetSettings, DestinationSettings, FlowSettings } from "./settings.ts";
import { dropOldestBytesMin, messagesBytesMax } from "./spool-room.ts";
import { ScriptedDestination } from "./transmit/testing/scripted-destination.ts";

const KIB = 2 ** 10;
const MIB = 2 ** 20;
/** Messages that a destination which is away may hold in memory: they are not given up. */
const IN_FLIGHT_MAX = 10;

interface FlowUnderTest {
  readonly flow: Flow;
  readonly told: readonly { readonly msg: string; readonly code?: string }[];
  /** Lets destinations be reached from now on. */
  readonly open: () => void;
  /** Texts that arrived at a destination, in order. */
  readonly arrived: (destination: string) => readonly string[];
  readonly counts: (destination: string, tenant: string) => Omit<MessageCounts, "stream" | "tenant" | "destination"> | null;
}

/** A flow with one stream that sends each event to all of the destinations given, which can't be reached yet. */
async function setUp(
  context: TestContext,
  budgets: Readonly<Record<string, Partial<BudgetSettings>>>,
  topics: readonly string[] = ["things"],
  { messageBytesMax = 64 * KIB, inFlightMax = IN_FLIGHT_MAX }: { readonly messageBytesMax?: number; readonly inFlightMax?: number } = {},
): Promise<FlowUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-flow-"));
  let isOpen = false;
  const scripted = Object.keys(budgets).map((name) => {
    const destination = new ScriptedDestination();
    destination.beforeOpen = async () => {
      if (!isOpen) throw new SidestreamError("SST_DESTINATION_UNREACHABLE", "not yet");
    };
    registerDestination({ ...destination.driver, type: `scripted-${name}` });
    return [name, destination] as const;
  });
  const destinations = Object.entries(budgets).map(([name, budget]): DestinationSettings => ({
    name,
    type: `scripted-${name}`,
    options: {},
    spool: { bytesMax: 4 * MIB, whenFull: "drop-newest", tenantSharePercent: 25, parkBytes: MIB, ...budget },
    deadLetters: { keepMs: 60_000, bytesMax: MIB },
    inFlightMax,
    maxRate: null,
    dormant: null,
  }));
  const targets = Object.keys(budgets).flatMap((name) => topics.map((topic) => `${name}:${topic}`));
  const rules = targets.map((target, index) => ({ ...parseRule(`METHOD=POST , publish , ${target}`).rule, number: index + 1 }));
  const settings: FlowSettings = {
    instance: "test",
    env: "test",
    dataFolder: folder,
    sources: [FRONT_SOURCE],
    streams: [stream({ id: "all", rules })],
    destinations,
    limits: { messageBytesMax, topicsMax: 100, tenantLabelsMax: 100, handoverBytesMax: MIB, decodedBytesMax: MIB },
  };
  const told: { readonly msg: string; readonly code?: string }[] = [];
  const log = createLog({ level: "info", name: "test", write: (line) => told.push(JSON.parse(line) as (typeof told)[number]) });
  const flow = await Flow.open(settings, log);
  context.after(async () => {
    await flow.close(0);
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    flow,
    told,
    open: () => (isOpen = true),
    arrived: (name) => {
      const [, destination] = scripted.find(([each]) => each === name) ?? [];
      return (destination?.arrived ?? []).map(({ value }) => idOf(value));
    },
    counts: (destination, tenant) => {
      const { messages } = flow.snapshot();
      deepEqual(conservationBreaches(messages), []);
      const found = messages.find((counts) => counts.destination === destination && counts.tenant === tenant);
      if (found === undefined) return null;
      const { accepted, delivered, dead, dropped, pending } = found;
      return { accepted, delivered, dead, dropped, pending };
    },
  };
}

function idOf(value: Buffer): string {
  return (JSON.parse(value.toString("utf8")) as { readonly id: string }).id;
}

/** An event whose message takes about so many bytes. */
function event(id: string, tenant: string, bytes = 32 * KIB): Event {
  const requestHeaders = ["x-okapi-tenant", tenant, ...JSON_TYPE];
  return { ...transactionEvent({ requestHeaders, requestBody: body(JSON.stringify("x".repeat(bytes))) }), id };
}

/** Hands in events until one isn't taken. @returns How many were, and why the next one wasn't. */
function fill(flow: Flow, tenant: string, acknowledging: boolean): { readonly taken: number; readonly refused: string | null } {
  for (let taken = 0; ; taken++) {
    ok(taken < 1_000, "the log has a bound");
    const { refused, writes } = flow.accept(event(`${tenant}-${taken}`, tenant), acknowledging);
    if (refused !== null || writes.length === 0) return { taken, refused };
  }
}

async function until(context: TestContext, condition: () => boolean): Promise<void> {
  while (!condition()) {
    context.signal.throwIfAborted();
    await new Promise(setImmediate);
  }
}

test("with `refuse`, an event that one destination has no room for goes to none of them, and is not accepted", async (context) => {
  const { flow, counts } = await setUp(context, { small: { whenFull: "refuse", tenantSharePercent: 100 }, large: { bytesMax: 64 * MIB } });
  const { taken, refused } = fill(flow, "diku", false);
  equal(refused, "SST_SPOOL_FULL");
  ok(taken > 50, `${taken} taken`);
  await flow.flush();
  const all = { accepted: taken, delivered: 0, dead: 0, dropped: {}, pending: taken };
  deepEqual([counts("small", "diku"), counts("large", "diku")], [all, all]);
});

test("with `drop-newest`, the destination that has no room loses its message, counted, and the others get theirs", async (context) => {
  const { flow, counts } = await setUp(context, { small: { tenantSharePercent: 100 }, large: { bytesMax: 64 * MIB } });

  for (let index = 0; index < 200; index++) equal(flow.accept(event(`e${index}`, "diku"), false).refused, null);
  await flow.flush();
  const small = counts("small", "diku");
  const dropped = small?.dropped["spool-full"] ?? 0;
  ok(dropped > 0 && dropped < 150, `${dropped} dropped`);
  deepEqual(small, { accepted: 200, delivered: 0, dead: 0, dropped: { "spool-full": dropped }, pending: 200 - dropped });
  deepEqual(counts("large", "diku"), { accepted: 200, delivered: 0, dead: 0, dropped: {}, pending: 200 });
});

test("an event that is answered for is refused as a whole, whatever `whenFull` says", async (context) => {
  for (const whenFull of ["drop-newest", "refuse"] as const) {
    const { flow, counts } = await setUp(context, { small: { whenFull, tenantSharePercent: 100 }, large: { bytesMax: 64 * MIB } }, [
      "a",
      "b",
    ]);
    const { taken, refused } = fill(flow, "diku", true);
    equal(refused, "SST_SPOOL_FULL");
    await flow.flush();
    const all = { accepted: taken * 2, delivered: 0, dead: 0, dropped: {}, pending: taken * 2 };
    deepEqual([counts("small", "diku"), counts("large", "diku")], [all, all], whenFull);
  }
});

test("a tenant over its share is refused alone, where its source is told; others' events are kept", async (context) => {
  const { flow, counts, told } = await setUp(context, { out: {} }, ["a", "b"]);
  equal(flow.accept(event("calm-0", "calm"), true).refused, null);
  const { taken, refused } = fill(flow, "flood", true);
  equal(refused, "SST_TENANT_SHARE");
  equal(flow.accept(event("calm-1", "calm"), true).refused, null);
  equal(flow.accept(event("flood-x", "flood"), true).refused, "SST_TENANT_SHARE");
  await flow.flush();
  deepEqual(counts("out", "flood"), { accepted: taken * 2, delivered: 0, dead: 0, dropped: {}, pending: taken * 2 });
  deepEqual(counts("out", "calm"), { accepted: 4, delivered: 0, dead: 0, dropped: {}, pending: 4 });
  const shares = told.filter(({ code }) => code === "SST_TENANT_SHARE");
  equal(shares.length, 1);
  match(shares[0]?.msg ?? "", /^over their share of 1\.0 MiB in the spool of out: flood \((1\.9|2\.\d) MiB\)\. /);
});

test("a tenant over its share loses its messages, counted by that reason; it has room again once some are delivered", async (context) => {
  const { flow, counts, told, open, arrived } = await setUp(context, { out: {}, large: { bytesMax: 64 * MIB } });
  equal(flow.accept(event("calm-first", "calm"), false).refused, null);
  for (let index = 0; index < 100; index++) equal(flow.accept(event(`flood-${index}`, "flood"), false).refused, null);
  for (let index = 0; index < 9; index++) flow.accept(event(`calm-${index}`, "calm"), false);
  await flow.flush();
  const flood = counts("out", "flood");
  const dropped = flood?.dropped["tenant-share"] ?? 0;
  ok(dropped > 20 && dropped < 60, `${dropped} dropped`);
  deepEqual(flood, { accepted: 100, delivered: 0, dead: 0, dropped: { "tenant-share": dropped }, pending: 100 - dropped });
  deepEqual(counts("large", "flood")?.pending, 100);
  deepEqual(counts("out", "calm"), { accepted: 10, delivered: 0, dead: 0, dropped: {}, pending: 10 });
  const held = flow.snapshot().destinations.find(({ destination }) => destination === "out");
  equal(held?.tenantsHeldBack, 1);
  deepEqual(
    held.heldBack.map(({ tenant, bytes }) => [tenant, bytes > 1.5 * MIB && bytes < 2.5 * MIB]),
    [["flood", true]],
  );
  open();
  await until(context, () => arrived("out").length === 110 - dropped);
  await until(context, () => counts("out", "flood")?.pending === 0);
  equal(flow.accept(event("flood-x", "flood"), false).writes.length, 2);
  flow.lookAtRoom();
  equal(flow.snapshot().destinations.find(({ destination }) => destination === "out")?.tenantsHeldBack, 0);
  ok(told.some(({ msg }) => msg.startsWith("no tenant is over its share in the spool of out any more")));
});

test("with `refuse`, an event of a tenant that is over its share goes to no destination", async (context) => {
  const { flow, counts } = await setUp(context, { small: { whenFull: "refuse" }, large: { bytesMax: 64 * MIB } });
  equal(flow.accept(event("calm-0", "calm"), false).refused, null);
  const { taken, refused } = fill(flow, "flood", false);
  equal(refused, "SST_TENANT_SHARE");
  equal(flow.accept(event("calm-1", "calm"), false).refused, null);
  await flow.flush();
  const all = { accepted: taken, delivered: 0, dead: 0, dropped: {}, pending: taken };
  deepEqual([counts("small", "flood"), counts("large", "flood")], [all, all]);
  deepEqual([counts("small", "calm")?.pending, counts("large", "calm")?.pending], [2, 2]);
});

test("with `drop-oldest`, the newest messages are kept and delivered in order, the rest counted as given up", async (context) => {
  const { flow, counts, told, open, arrived } = await setUp(context, { out: { whenFull: "drop-oldest", tenantSharePercent: 100 } });
  const ids = Array.from({ length: 250 }, (_, index) => `e${index}`);
  for (const id of ids) {
    equal(flow.accept(event(id, "diku"), false).refused, null);
    await flow.flush();
    // Not faster than room is made.
    await until(context, () => flow.roomBytes > 128 * KIB);
  }
  flow.lookAtRoom();
  ok(told.some(({ msg }) => /^the spool of out is full: .* Its oldest messages are given up /.test(msg)));
  open();
  await until(context, () => counts("out", "diku")?.pending === 0);
  const got = arrived("out");
  const oldest = ids.slice(0, IN_FLIGHT_MAX);
  const newest = got.filter((id) => !oldest.includes(id));
  deepEqual(newest, ids.slice(-newest.length), "the newest, in order");
  ok(newest.length > 50, `${newest.length} of the newest arrived`);
  deepEqual(got.slice(0, -newest.length), oldest.slice(0, got.length - newest.length), "before them those that were being sent");
  deepEqual(counts("out", "diku"), {
    accepted: 250,
    delivered: got.length,
    dead: 0,
    dropped: { "drop-oldest": 250 - got.length },
    pending: 0,
  });
});

test("a tenant that has the log to itself isn't held back; what becomes free goes to a second one that found no room", async (context) => {
  const { flow, counts, open, told } = await setUp(context, { out: {} });
  let taken = 0;
  for (; flow.accept(event(`first-${taken}`, "first"), true).refused === null; taken++) await flow.flush();
  ok(taken > 100, `${taken} taken`);
  equal(flow.accept(event("second-1", "second"), true).refused, "SST_SPOOL_FULL");
  await flow.flush();
  flow.lookAtRoom();
  match(told.find(({ code }) => code === "SST_SPOOL_FULL")?.msg ?? "", /^the spool of out is full: /);
  open();
  await until(context, () => counts("out", "first")?.pending === 0 && flow.roomBytes > 3 * MIB);
  equal(flow.accept(event("second-1", "second"), true).refused, null);
  flow.lookAtRoom();
  ok(told.some(({ msg }) => msg.startsWith("the spool of out has room again, after ")));
});

test("with `drop-oldest`, the largest events find room in the least budget, also once the log has come to its end", async (context) => {
  const messageBytesMax = 300 * KIB;
  // Two messages each.
  const bytesMax = dropOldestBytesMin(messagesBytesMax({ limits: { messageBytesMax } as FlowSettings["limits"] }, 2));
  const { flow, counts } = await setUp(context, { out: { whenFull: "drop-oldest", bytesMax } }, ["a", "b"], {
    messageBytesMax,
    inFlightMax: 1,
  });
  for (let index = 0; index < 20; index++) {
    // Sent again until it is taken, as a webhook is.
    await until(context, () => {
      flow.lookAtRoom();
      return flow.accept(event(`e${index}`, "diku", 400 * KIB), true).refused === null;
    });
    await flow.flush();
    const { spoolBytes = 0 } = flow.snapshot().destinations[0] ?? {};
    ok(index > 0 || spoolBytes > 1.9 * messageBytesMax, `the messages are as large as can be: ${spoolBytes} bytes`);
  }
  equal(counts("out", "diku")?.accepted, 40);
});

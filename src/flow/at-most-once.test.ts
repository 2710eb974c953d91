/** Messages that are sent once, from memory, through the whole flow: counted, numbered, and in nobody's way. */
import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
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
import { flowSettings, outDestination } from "./message/testing/flow-settings.ts";
import { body, JSON_TYPE, stream, transactionEvent } from "./message/testing/messages.ts";
import type { Delivery, DestinationSettings, FlowSettings, RuleSettings } from "./settings.ts";
import { MEMORY_MESSAGES_MAX } from "./transmit/memory-queue.ts";
import { failFrom, refuse, ScriptedDestination } from "./transmit/testing/scripted-destination.ts";

const MIB = 2 ** 20;

interface RuleOf {
  readonly rule: string;
  readonly delivery?: Delivery;
}

interface Wanted {
  readonly streams: Readonly<Record<string, { readonly delivery: Delivery; readonly rules: readonly RuleOf[] }>>;
  readonly bytesMax?: number;
  readonly topicsMax?: number;
  readonly memory?: DestinationSettings["memory"];
  readonly whenFull?: "drop-newest" | "refuse";
}

interface Arrived {
  readonly id: string;
  readonly stream: string;
  readonly logId: string;
  readonly sequence: number;
}

const ONCE: Wanted = { streams: { once: { delivery: "at-most-once", rules: [{ rule: "METHOD=POST , publish , out:things" }] } } };

async function setUp(
  context: TestContext,
  { streams, bytesMax = 4 * MIB, topicsMax = 100, memory, whenFull = "drop-newest" }: Wanted = ONCE,
) {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-once-"));
  const destination = new ScriptedDestination();
  let isOpen = false;
  destination.beforeOpen = async () => {
    if (!isOpen) throw new SidestreamError("SST_DESTINATION_UNREACHABLE", "not yet");
  };
  registerDestination({ ...destination.driver, type: "scripted-once" });
  const settings: FlowSettings = {
    ...flowSettings(folder, "scripted-once", []),
    streams: Object.entries(streams).map(([id, { delivery, rules }]) =>
      stream({
        id,
        delivery,
        rules: rules.map(({ rule, ...own }, index): RuleSettings => ({ ...parseRule(rule).rule, ...own, number: index + 1 })),
      }),
    ),
    destinations: [
      {
        ...outDestination("scripted-once"),
        spool: { bytesMax, whenFull, tenantSharePercent: 100, parkBytes: MIB },
        ...(memory === undefined ? {} : { memory }),
      },
    ],
    limits: { messageBytesMax: 64 * 1024, topicsMax, tenantLabelsMax: 100, handoverBytesMax: MIB, decodedBytesMax: MIB },
  };
  const told: { readonly level: string; readonly msg: string; readonly dropped?: unknown }[] = [];
  const log = createLog({ level: "info", name: "test", write: (line) => told.push(JSON.parse(line) as (typeof told)[number]) });
  const flow = await Flow.open(settings, log);
  let isClosed = false;
  const close = async (graceMs: number): Promise<void> => {
    if (!isClosed) await flow.close(graceMs);
    isClosed = true;
  };
  context.after(async () => {
    await close(0);
    rmSync(folder, { recursive: true, force: true });
  });
  const counts = (streamId = "once", tenant = "diku"): Omit<MessageCounts, "stream" | "tenant" | "destination"> => {
    const { messages } = flow.snapshot();
    deepEqual(conservationBreaches(messages), []);
    const found = messages.filter((row) => row.stream === streamId && row.tenant === tenant);
    equal(found.length, 1, `one row of ${streamId} and ${tenant}`);
    const { accepted, delivered, dead, dropped, pending } = found[0] as MessageCounts;
    return { accepted, delivered, dead, dropped, pending };
  };
  return {
    flow,
    told,
    destination,
    close,
    counts,
    open: () => (isOpen = true),
    arrived: () => destination.arrived.map(({ value }): Arrived => arrivedOf(value)),
    pending: () => flow.snapshot().messages.reduce((sum, { pending }) => sum + pending, 0),
  };
}

function arrivedOf(value: Buffer): Arrived {
  const event = JSON.parse(value.toString("utf8")) as Record<string, string>;
  const { id = "", sidestreamstream: streamId = "", sidestreamlog: logId = "", sequence } = event;
  return { id, stream: streamId, logId, sequence: Number(sequence) };
}

function event(id: string, { tenant = "diku", path = "/things", bytes = 10 } = {}): Event {
  const requestHeaders = ["x-okapi-tenant", tenant, ...JSON_TYPE];
  return { ...transactionEvent({ requestHeaders, target: path, requestBody: body(JSON.stringify("x".repeat(bytes))) }), id };
}

async function until(context: TestContext, condition: () => boolean): Promise<void> {
  while (!condition()) {
    context.signal.throwIfAborted();
    await new Promise(setImmediate);
  }
}

test("messages of an at-most-once stream arrive without a write to any log, and nobody is asked to wait for them", async (context) => {
  const { flow, open, arrived, counts, pending } = await setUp(context);
  open();
  for (let index = 0; index < 50; index += 1)
    deepEqual(flow.accept(event(`e${index}`), index % 2 === 0), { refused: null, writes: [] }, "also where the source acknowledges");
  deepEqual(await flow.flush(), new Set());
  await until(context, () => pending() === 0);
  deepEqual(counts(), { accepted: 50, delivered: 50, dead: 0, dropped: {}, pending: 0 });
  deepEqual(
    arrived().map(({ id, sequence }) => [id, sequence]),
    Array.from({ length: 50 }, (_, index) => [`e${index}`, index + 1]),
  );
  const after = flow.snapshot().destinations[0];
  deepEqual([after?.memory?.messages, after?.memory?.bytes], [0, 0]);
  match(after?.memory?.logId ?? "", /^[0-9a-f]{32}$/);
  notEqual(after?.memory?.logId, after?.logId);
  deepEqual(new Set(arrived().map(({ logId }) => logId)), new Set([after?.memory?.logId]));
});

test("a destination that is away costs at-most-once messages beyond the bound, counted, told once and seen as holes", async (context) => {
  const { flow, told, open, arrived, counts, pending } = await setUp(context);
  const count = MEMORY_MESSAGES_MAX + 20;
  for (let index = 0; index < count; index += 1) equal(flow.accept(event(`e${index}`), false).refused, null);
  deepEqual(counts(), { accepted: count, delivered: 0, dead: 0, dropped: { "memory-full": 20 }, pending: MEMORY_MESSAGES_MAX });
  deepEqual(
    told.flatMap(({ msg, dropped }) => (dropped === undefined ? [] : [msg.split("-full")[0]])),
    ["a message for out with `delivery: at-most-once` was dropped, counted 1 as `memory"],
  );
  open();
  await until(context, () => pending() === 0);
  flow.accept(event("last"), false);
  await until(context, () => pending() === 0);
  const sequences = arrived().map(({ sequence }) => sequence);
  deepEqual(sequences, [...Array.from({ length: MEMORY_MESSAGES_MAX }, (_, index) => index + 1), count + 1]);
});

test("the bounds of the memory are those of the configuration", async (context) => {
  const { flow, counts } = await setUp(context, { ...ONCE, memory: { messagesMax: 5, bytesMax: MIB } });
  for (let index = 0; index < 7; index += 1) flow.accept(event(`e${index}`), false);
  deepEqual(counts(), { accepted: 7, delivered: 0, dead: 0, dropped: { "memory-full": 2 }, pending: 5 });
});

test("whatever the destination refuses or fails is counted by its reason, and conservation holds", async (context) => {
  const { flow, open, destination, counts, pending } = await setUp(context);
  open();
  destination.script.push(
    failFrom(3, "SST_DESTINATION_UNSURE"),
    refuse(({ sequence }) => sequence % 2 === 0),
  );
  for (let index = 0; index < 5; index += 1) flow.accept(event(`a${index}`), false);
  await until(context, () => pending() === 0);
  for (let index = 0; index < 4; index += 1) flow.accept(event(`b${index}`), false);
  await until(context, () => pending() === 0);
  const dropped = { SST_DESTINATION_UNSURE: 2, SST_DESTINATION_REFUSED: 2 };
  deepEqual(counts(), { accepted: 9, delivered: 5, dead: 0, dropped, pending: 0 });
  equal(flow.snapshot().destinations[0]?.deadLetters.messages, 0);
});

test("a bad topic drops the message, and so does one topic too many; nothing goes to the dead letters", async (context) => {
  const rules = [{ rule: "METHOD=POST , publish , out:{method}.{entity}" }];
  const { flow, open, counts, pending } = await setUp(context, { streams: { once: { delivery: "at-most-once", rules } }, topicsMax: 2 });
  open();
  for (const [index, path] of ["/a", "/b", "/c", "/%20%20", "/a"].entries()) flow.accept(event(`e${index}`, { path }), true);
  await until(context, () => pending() === 0);
  deepEqual(counts(), { accepted: 5, delivered: 3, dead: 0, dropped: { SST_TOPIC_LIMIT: 1, SST_TEMPLATE_VALUE: 1 }, pending: 0 });
  equal(flow.snapshot().destinations[0]?.deadLetters.messages, 0);
});

test("of one stream some rules send from memory and others through the log: one row counts both", async (context) => {
  const rules = [
    { rule: "METHOD=POST , publish , out:safe" },
    { rule: "METHOD=POST , publish , out:fast", delivery: "at-most-once" as const },
  ];
  const { flow, open, arrived, counts, pending } = await setUp(context, { streams: { mixed: { delivery: "at-least-once", rules } } });
  open();
  for (let index = 0; index < 20; index += 1) equal(flow.accept(event(`e${index}`), true).writes.length, 1);
  await flow.flush();
  await until(context, () => pending() === 0);
  deepEqual(counts("mixed"), { accepted: 40, delivered: 40, dead: 0, dropped: {}, pending: 0 });
  const { logId, memory } = flow.snapshot().destinations[0] ?? {};
  const byLog = Map.groupBy(arrived(), (each) => each.logId);
  for (const id of [logId, memory?.logId])
    deepEqual(
      byLog.get(id ?? "")?.map(({ sequence }) => sequence),
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
});

test("a full log neither refuses nor holds back events that are sent from memory alone", async (context) => {
  const { flow, counts } = await setUp(context, {
    streams: {
      safe: { delivery: "at-least-once", rules: [{ rule: "METHOD=POST AND PATH=/safe , publish , out:safe" }] },
      once: { delivery: "at-most-once", rules: [{ rule: "METHOD=POST , publish , out:once" }] },
    },
    bytesMax: MIB,
    whenFull: "refuse",
  });
  let taken = 0;
  while (flow.accept(event(`s${taken}`, { path: "/safe", bytes: 10_000 }), true).refused === null) taken += 1;
  await flow.flush();
  equal(counts().accepted, taken, "an event that is refused as a whole isn't sent from memory either");
  deepEqual(flow.accept(event("x"), true), { refused: null, writes: [] });
  equal(counts().accepted, taken + 1);
  equal(counts("safe").accepted, taken);
});

test("a destination that gets at-most-once messages alone doesn't bound the room of any request", async (context) => {
  const { flow } = await setUp(context);
  equal(flow.roomBytes, Number.MAX_SAFE_INTEGER);
  deepEqual(flow.stopped, []);
});

test("neither a flood from memory nor one from the log keeps the other's messages waiting", async (context) => {
  const { flow, open, arrived, pending } = await setUp(context, {
    streams: {
      safe: { delivery: "at-least-once", rules: [{ rule: "METHOD=POST , publish , out:safe" }] },
      once: { delivery: "at-most-once", rules: [{ rule: "METHOD=POST , publish , out:once" }] },
    },
  });
  for (let index = 0; index < 800; index += 1) flow.accept(event(`e${index}`), false);
  await flow.flush();
  // Both have something to send as the connection comes.
  await until(context, () => (flow.snapshot().destinations[0]?.transmit?.inFlight ?? 0) > 0);
  open();
  await until(context, () => pending() === 0);
  const streams = arrived().map(({ stream: name }) => name);
  ok(streams.indexOf("safe") <= 500 && streams.indexOf("once") <= 500, "each comes after one batch of the other at most");
  ok(streams.lastIndexOf("once") > streams.indexOf("safe") || streams.lastIndexOf("safe") > streams.indexOf("once"));
  equal(streams.length, 1_600);
});

test("at the stop what waits is sent; where that can't be it is dropped and told in one line", async (context) => {
  const up = await setUp(context);
  up.open();
  for (let index = 0; index < 30; index += 1) up.flow.accept(event(`e${index}`), false);
  await until(context, () => up.flow.snapshot().destinations[0]?.up === true);
  await up.close(2_000);
  equal(up.arrived().length, 30);

  const away = await setUp(context);
  for (let index = 0; index < 30; index += 1) away.flow.accept(event(`e${index}`), false);
  await away.close(60_000);
  deepEqual(
    away.told.flatMap(({ msg, dropped }) => (dropped === undefined ? [] : [msg])),
    ["30 messages for out with `delivery: at-most-once` waited in memory at the stop and could not be sent in time: dropped"],
  );
  deepEqual(away.counts(), { accepted: 30, delivered: 0, dead: 0, dropped: { stopped: 30 }, pending: 0 });
});

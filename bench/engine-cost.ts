/** What one event of about 1 KiB costs the engine thread, step by step and as a whole, with few rules and with many. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfiguration } from "../src/config/load.ts";
import type { TransactionRecord } from "../src/driver/source.ts";
import { registerBuiltInDrivers } from "../src/drivers.ts";
import { Batcher } from "../src/flow/capture/batcher.ts";
import { decodeBatch } from "../src/flow/capture/decode.ts";
import { measureRecord } from "../src/flow/capture/record.ts";
import { ContentValues } from "../src/flow/content/pointers.ts";
import type { Event, IdentifiedEvent } from "../src/flow/event.ts";
import { Flow } from "../src/flow/flow.ts";
import { createIdentify } from "../src/flow/identify/identify.ts";
import { attributesOf } from "../src/flow/match/attributes.ts";
import { parseRule } from "../src/flow/match/parse.ts";
import type { Attributes } from "../src/flow/match/rule.ts";
import { StreamRules } from "../src/flow/match/stream-rules.ts";
import { MessageMaker } from "../src/flow/message/maker.ts";
import type { FlowSettings, StreamSettings } from "../src/flow/settings.ts";
import { lockDataFolder } from "../src/flow/spool/lock.ts";
import { createLog } from "../src/observe/log.ts";
import { markdownTable, median } from "./figures.ts";
import { rulesOf, TENANT_RULES, tenantOf } from "./tenant-rules.ts";

const EVENTS = 20_000;
const PASSES = 5;

/** Rules beside the one that every event meets: ten for each tenant, of which hardly any holds. */
const RULE_COUNTS = [0, 1_000, 100_000] as const;
const STREAM_RULES = 1_000;

interface Costs {
  readonly decoding: number;
  readonly identifying: number;
  readonly matching: number;
  readonly making: number;
  readonly whole: number;
}

/** Prints the cost of each step, with one rule and with many. */
export async function engineCost(folder: string): Promise<void> {
  registerBuiltInDrivers();
  const rows: string[][] = [["CPU µs per event", "decode", "+ identify", "+ match", "redact + encode", "all, with append and commit"]];
  for (const count of RULE_COUNTS) {
    const costs = await costsWith(join(folder, String(count)), count);
    const { decoding, identifying, matching, making, whole } = costs;
    rows.push([
      count === 0 ? "1 rule" : `${(count + 1).toLocaleString("en")} rules`,
      ...[decoding, identifying, matching, making, whole].map((cost) => cost.toFixed(1)),
    ]);
  }
  process.stdout.write(
    `\nengine, one event of about 1 KiB that makes one message, CPU of its thread, median of ${PASSES} passes of ${EVENTS}:\n${markdownTable(rows)}`,
  );
}

async function costsWith(folder: string, count: number): Promise<Costs> {
  const settings = await settingsWith(folder, count);
  const identify = createIdentify(settings.sources);
  const rules = new StreamRules(settings.streams);
  const maker = new MessageMaker({ instance: "bench", env: "bench", limits: settings.limits, redactionKey: Buffer.alloc(32, 7) });
  const [stream] = settings.streams as [StreamSettings];
  const evidence = { stream: stream.id, rule: 1, revision: stream.revision, instance: "bench", logId: "0".repeat(32), sequence: 1 };
  const batches = batchesOf(Math.max(1, count / TENANT_RULES));
  const match = (one: IdentifiedEvent): { readonly content: ContentValues; readonly attributes: Attributes } => {
    const content = new ContentValues(one, settings.limits);
    const attributes = attributesOf(one, content);
    rules.select({ event: one, attributes, content });
    return { content, attributes };
  };
  const decoding = await medianMicroseconds(batches, () => undefined);
  const identifying = await medianMicroseconds(batches, (event) => void identify(event));
  const matching = await medianMicroseconds(batches, (event) => void match(identify(event) as IdentifiedEvent));
  const withMessage = await medianMicroseconds(batches, (event) => {
    const one = identify(event) as IdentifiedEvent;
    const { content, attributes } = match(one);
    const prepared = maker.prepare(one, content);
    maker.make(prepared, stream, { number: 1 }, "users", maker.key(prepared, stream, attributes), evidence);
  });
  // A file where the destination's folder should be: nothing is sent, so that only taking in is measured.
  writeFileSync(join(folder, "events"), "");
  const lock = await lockDataFolder(settings.dataFolder);
  const flow = await Flow.open(settings, createLog({ level: "silent", name: "bench" }));
  const whole = await medianMicroseconds(
    batches,
    (event) => void flow.accept(event, false),
    async () => void (await flow.flush()),
  );
  await flow.close(0);
  lock.release();
  return { decoding, identifying, matching, making: withMessage - matching, whole };
}

async function settingsWith(folder: string, count: number): Promise<FlowSettings> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "sidestream.yaml"),
    `version: 1
enabled: true
data: ./data
sources: { front: { type: gateway, listen: "127.0.0.1:0", upstream: "http://127.0.0.1:1", platform: { type: static, tenant: [ { header: x-okapi-tenant } ], routes: [ { path: "/users/{id}", moduleName: mod-users } ] } } }
destinations: { out: { type: file, path: ./events, spool: { bytesMax: 4GiB } } }
streams: [ ./stream.yaml ]
`,
  );
  writeFileSync(join(folder, "stream.yaml"), 'stream: everything\ntenants: all\nrules: [ "MODULENAME=mod-users , publish , out:users" ]\n');
  const { settings } = await loadConfiguration(join(folder, "sidestream.yaml"), { environment: {} });
  const [stream] = settings.streams as [StreamSettings];
  const texts = Array.from({ length: count / TENANT_RULES }, (_, tenant) => rulesOf(tenantOf(tenant))).flat();
  const more = Array.from({ length: Math.ceil(texts.length / STREAM_RULES) }, (_, part): StreamSettings => {
    const own = texts.slice(part * STREAM_RULES, (part + 1) * STREAM_RULES);
    return {
      ...stream,
      id: `part${part}`,
      rules: own.map((text, index) => ({ ...parseRule(`${text} , publish , out:more`).rule, number: index + 1 })),
    };
  });
  return { ...settings, streams: [stream, ...more] };
}

/** All CPU of the thread counts, garbage collection and commits included; decoding is part of each. */
async function medianMicroseconds(
  batches: readonly ArrayBuffer[],
  act: (event: Event) => void,
  between: () => Promise<void> = nextTurn,
): Promise<number> {
  const costs: number[] = [];
  // The first pass warms up and doesn't count.
  for (let pass = 0; pass <= PASSES; pass++) {
    const before = process.threadCpuUsage();
    for (const batch of batches) {
      for (const { event } of decodeBatch(batch, ["front"]).records) act(event);
      await between();
    }
    const { user, system } = process.threadCpuUsage(before);
    if (pass > 0) costs.push((user + system) / EVENTS);
  }
  return median(costs);
}

function nextTurn(): Promise<void> {
  return new Promise(setImmediate);
}

/** As the edge hands them over; the tenants take turns, far apart. */
function batchesOf(tenants: number): readonly ArrayBuffer[] {
  const batches: ArrayBuffer[] = [];
  const batcher = new Batcher(Buffer.alloc(8, 1), ({ buffer }) => batches.push(buffer));
  for (let index = 0; index < EVENTS; index++) {
    const record = recordOf(index, tenantOf((index * 7919) % tenants));
    batcher.add(record, { sourceIndex: 0, recordNumber: index + 1, durable: false }, measureRecord(record), null);
  }
  batcher.flush();
  return batches;
}

const RESPONSE_HEAD = [
  "HTTP/1.1 200 OK",
  "content-type: application/json",
  "x-okapi-request-id: 483921/users",
  "date: Sun, 22 Nov 2026 10:00:00 GMT",
].join("\r\n");
const TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkaWt1X2FkbWluIiwidGVuYW50IjoiZGlrdSJ9.c2lnbmF0dXJl";
const NO_BODY = { slices: [], sizeBytes: 0, truncated: false };

/** A user's record that is read: the body is most of what the event has. */
function recordOf(index: number, tenant: string): TransactionRecord {
  const id = `2f3c0a52-7a2e-4b61-9a5e-${String(index).padStart(12, "0")}`;
  const body = Buffer.from(
    JSON.stringify({
      id,
      username: `reader${index}`,
      active: true,
      patronGroup: "3684a786-6671-4268-8ed0-9db82ebca60b",
      personal: { lastName: "Reader", email: "reader@diku.example", phone: "123", addresses: [{ city: "Aarhus", postalCode: "8000" }] },
      metadata: { createdDate: "2026-11-22T10:00:00.000+00:00", updatedDate: "2026-11-22T10:00:00.000+00:00", note: "x".repeat(180) },
    }),
  );
  return {
    kind: "transaction",
    route: 0,
    startedMs: 1_795_000_000_000,
    durationMs: 3.2,
    outcome: "complete",
    requestHead: [
      `GET /users/${id} HTTP/1.1`,
      "host: okapi.example",
      "accept: application/json",
      `x-okapi-tenant: ${tenant}`,
      "user-agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0",
      `x-okapi-token: ${TOKEN}`,
    ].join("\r\n"),
    requestBody: NO_BODY,
    responseHead: RESPONSE_HEAD,
    responseBody: { slices: [body], sizeBytes: body.length, truncated: false },
    remoteAddress: "127.0.0.1",
  };
}

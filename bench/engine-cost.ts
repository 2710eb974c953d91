/** What one event of about 1 KiB costs the engine thread: match, redact, encode, append, each by itself and together. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfiguration } from "../src/config/load.ts";
import { registerBuiltInDrivers } from "../src/drivers.ts";
import { ContentValues } from "../src/flow/content/pointers.ts";
import type { Event, IdentifiedEvent } from "../src/flow/event.ts";
import { Flow } from "../src/flow/flow.ts";
import { createIdentify } from "../src/flow/identify/identify.ts";
import { attributesOf } from "../src/flow/match/attributes.ts";
import { select } from "../src/flow/match/select.ts";
import { MessageMaker } from "../src/flow/message/maker.ts";
import type { StreamSettings } from "../src/flow/settings.ts";
import { lockDataFolder } from "../src/flow/spool/lock.ts";
import { createLog } from "../src/observe/log.ts";

const EVENTS = 20_000;
const PASSES = 5;
const BATCH = 64;

export async function engineCost(folder: string): Promise<void> {
  registerBuiltInDrivers();
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
  writeFileSync(
    join(folder, "stream.yaml"),
    'stream: everything\ntenants: all\nrules: [ "x-okapi-tenant=diku AND MODULENAME=mod-users , publish , out:users" ]\n',
  );
  const { settings } = await loadConfiguration(join(folder, "sidestream.yaml"), { environment: {} });
  const identify = createIdentify(settings.sources);
  const maker = new MessageMaker({ instance: "bench", env: "bench", limits: settings.limits, redactionKey: Buffer.alloc(32, 7) });
  const [stream] = settings.streams as [StreamSettings];
  const evidence = { stream: stream.id, rule: 1, revision: stream.revision, instance: "bench", logId: "0".repeat(32), sequence: 1 };
  const identified = (index: number): IdentifiedEvent => identify(event(index)) as IdentifiedEvent;

  const matching = await medianMicroseconds((index) => {
    const one = identified(index);
    const content = new ContentValues(one, settings.limits);
    select(attributesOf(one, content), settings.streams, one.identity.tenant);
  });
  const making = await medianMicroseconds((index) => {
    const one = identified(index);
    const content = new ContentValues(one, settings.limits);
    const attributes = attributesOf(one, content);
    const prepared = maker.prepare(one, content);
    maker.make(prepared, stream, { number: 1 }, "users", maker.key(prepared, stream, attributes), evidence);
  });
  const identifying = await medianMicroseconds((index) => void identified(index));
  // A file where the destination's folder should be: nothing is sent, so that only taking in is measured.
  writeFileSync(join(folder, "events"), "");
  const lock = await lockDataFolder(settings.dataFolder);
  const flow = await Flow.open(settings, createLog({ level: "silent", name: "bench" }));
  const whole = await medianMicroseconds(
    (index) => void flow.accept(event(index), false),
    async () => void (await flow.flush()),
  );
  await flow.close(0);
  lock.release();
  process.stdout.write(
    `\nengine, one event of about 1 KiB, CPU µs of its thread, median of ${PASSES} passes of ${EVENTS}:\n` +
      `identify ${identifying.toFixed(1)}, identify + match ${matching.toFixed(1)}, identify + redact + encode ${making.toFixed(1)}, ` +
      `all with append and commit ${whole.toFixed(1)}\n`,
  );
}

/** All CPU of the thread counts, garbage collection and commits included. */
async function medianMicroseconds(act: (index: number) => void, between: () => Promise<void> = nextTurn): Promise<number> {
  const costs: number[] = [];
  // The first pass warms up and doesn't count.
  for (let pass = 0; pass <= PASSES; pass++) {
    const before = process.threadCpuUsage();
    for (let done = 0; done < EVENTS; done += BATCH) {
      for (let index = done; index < done + BATCH; index++) act(index);
      await between();
    }
    const { user, system } = process.threadCpuUsage(before);
    if (pass > 0) costs.push((user + system) / EVENTS);
  }
  return costs.toSorted((left, right) => left - right)[Math.floor(PASSES / 2)] ?? 0;
}

function nextTurn(): Promise<void> {
  return new Promise(setImmediate);
}

const RESPONSE_HEADERS = [
  "content-type",
  "application/json",
  "x-okapi-request-id",
  "483921/users",
  "date",
  "Sun, 22 Nov 2026 10:00:00 GMT",
];
const REQUEST_HEADERS = [
  "host",
  "okapi.example",
  "accept",
  "application/json",
  "x-okapi-tenant",
  "diku",
  "user-agent",
  "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0",
  "x-okapi-token",
  "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkaWt1X2FkbWluIiwidGVuYW50IjoiZGlrdSJ9.c2lnbmF0dXJl",
];

function event(index: number): Event {
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
  const transaction = {
    method: "GET",
    target: `/users/${id}`,
    httpVersion: "1.1",
    requestHeaders: REQUEST_HEADERS,
    requestBody: { bytes: Buffer.alloc(0), sizeBytes: 0, truncated: false },
    status: 200,
    responseHeaders: RESPONSE_HEADERS,
    responseBody: { bytes: body, sizeBytes: body.length, truncated: false },
    outcome: "complete" as const,
    durationMs: 3.2,
    remoteAddress: "127.0.0.1",
  };
  return {
    id: `bench-${index}`,
    kind: "transaction",
    source: "front",
    sourcePosition: 0,
    timeMs: 1_795_000_000_000,
    transaction,
    agent: null,
  };
}

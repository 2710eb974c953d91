/** The event log as a running flow writes it: what is in it, what never is, and who may take it away. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { registerDestination } from "../driver/registry.ts";
import { createLog } from "../observe/log.ts";
import type { Event } from "./event.ts";
import { eventsOfFile, findEvent, keptEvents, noneLeft } from "./event-log/reading.ts";
import type { EventsErased } from "./event-log/tenant-erasing.ts";
import { Flow } from "./flow.ts";
import { parseRule } from "./match/parse.ts";
import { flowSettings } from "./message/testing/flow-settings.ts";
import { agentEvent, body, field, JSON_TYPE, stream, transactionEvent } from "./message/testing/messages.ts";
import type { FlowSettings, StreamSettings } from "./settings.ts";
import { ScriptedDestination } from "./transmit/testing/scripted-destination.ts";

const MIB = 2 ** 20;
const LIMITS = { decodedBytesMax: MIB };

let types = 0;

interface Site {
  readonly folder: string;
  readonly told: string[];
  readonly start: (over?: Partial<FlowSettings>) => Promise<Flow>;
}

function makeSite(context: TestContext): Site {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-flow-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const type = `kept-${(types += 1)}`;
  registerDestination({ ...new ScriptedDestination().driver, type });
  const settings: FlowSettings = {
    ...flowSettings(folder, type, [takesPosts()]),
    keepEvents: { keepMs: 3_600_000, bytesMax: 16 * MIB },
  };
  const told: string[] = [];
  const log = createLog({ level: "info", name: "test", write: (line) => told.push(line) });
  return { folder, told, start: (over = {}) => Flow.open({ ...settings, ...over }, log) };
}

function takesPosts(over: Partial<StreamSettings> = {}): StreamSettings {
  return stream({ tenants: ["diku"], rules: [{ ...parseRule("METHOD=POST , publish , out:things").rule, number: 1 }], ...over });
}

function event(id: string, method: string, tenant: string, json: unknown = {}, headers: readonly string[] = []): Event {
  const requestHeaders = ["x-okapi-tenant", tenant, ...headers, ...JSON_TYPE];
  return { ...transactionEvent({ method, requestHeaders, requestBody: body(JSON.stringify(json)) }), id, timeMs: Date.now() };
}

/** All bytes under the folder of the events. */
function bytesIn(folder: string): string {
  return readdirSync(join(folder, "events"))
    .map((name) => readFileSync(join(folder, "events", name), "latin1"))
    .join("");
}

async function idsIn(folder: string, sinceMs = 0): Promise<readonly string[]> {
  return await Array.fromAsync(keptEvents(folder, sinceMs, LIMITS, noneLeft()), (read) => `${read.event.identity.tenant} ${read.event.id}`);
}

test("every event that was identified is kept, whether a rule wants it or not, and reads back as it was", async (context) => {
  const { folder, start } = makeSite(context);
  const flow = await start();
  flow.accept(event("1", "POST", "diku", { name: "Ada" }), true);
  flow.accept(event("2", "GET", "diku"), true);
  flow.accept(event("3", "POST", "college"), false);
  flow.accept({ ...agentEvent({ payload: body('{"state":"done",\n"n":1.0}') }), source: "front", id: "4", timeMs: Date.now() }, false);
  await flow.flush();
  await flow.close(0);
  deepEqual(await idsIn(folder), ["diku 1", "diku 2", "college 3", "w-1 4"]);
  deepEqual(await idsIn(folder, Date.now() + 1_000), []);
  const [first] = await Array.fromAsync(keptEvents(folder, 0, LIMITS, noneLeft()));
  deepEqual(first?.attributes.content("request.body", ["name"]), ["Ada"]);
  equal(first?.attributes.word("METHOD"), "POST");
  equal(first?.stream, "");
  const agent = (await Array.fromAsync(keptEvents(folder, 0, LIMITS, noneLeft())))[3];
  deepEqual([agent?.attributes.content("payload", ["n"]), agent?.attributes.word("STATE")], [["1.0"], "done"]);
  const found = await findEvent(folder, "3");
  match(found?.place ?? "", /^events\/\d{16}\.jsonl$/);
  equal((JSON.parse(found?.value.toString() ?? "null") as { readonly id: string }).id, "3");
  equal(await findEvent(folder, "none"), null);
});

test("nothing that redaction removes comes to the disk: by default, or by any stream's own list", async (context) => {
  const { folder, start } = makeSite(context);
  const redact = [field("request.body", "personal", "email"), { kind: "requestHeader", name: "x-patron" } as const];
  const flow = await start({ streams: [takesPosts(), takesPosts({ id: "other", tenants: [], redact })] });
  const secrets = { password: "geheim-1", personal: { email: "geheim-2@example.org", city: "Delft" } };
  const headers = ["x-okapi-token", "geheim-3", "Authorization", "Bearer geheim-4", "Cookie", "sid=geheim-5", "x-patron", "geheim-6"];
  for (const method of ["POST", "GET"]) flow.accept(event(method, method, "diku", secrets, headers), true);
  const login = transactionEvent({
    target: "/authn/login?access_token=geheim-7",
    requestBody: body("geheim-8"),
    requestHeaders: JSON_TYPE,
  });
  flow.accept({ ...login, id: "login" }, true);
  await flow.flush();
  await flow.close(0);
  const bytes = bytesIn(folder);
  ok(!bytes.includes("geheim"), "a secret is in the log");
  deepEqual(bytes.match(/Delft/g)?.length, 2);
});

test("without the setting nothing is kept, and what was kept before goes with the next start", async (context) => {
  const { folder, start, told } = makeSite(context);
  let flow = await start();
  flow.accept(event("1", "GET", "diku"), true);
  await flow.close(0);
  deepEqual(await idsIn(folder), ["diku 1"]);
  flow = await start({ keepEvents: null });
  deepEqual([readdirSync(join(folder, "events")), flow.snapshot().keptEvents], [[], null]);
  flow.accept(event("2", "GET", "diku"), true);
  await flow.close(0);
  deepEqual(readdirSync(join(folder, "events")), []);
  rmSync(join(folder, "events"), { recursive: true });
  writeFileSync(join(folder, "events"), "somebody's file");
  flow = await start({ keepEvents: null });
  await flow.close(0);
  match(told.join(""), /can't be removed: remove them/);
});

test("an event that is refused is not kept: it comes again", async (context) => {
  const { folder, start } = makeSite(context);
  const flow = await start();
  const large = (id: string): Event => event(id, "POST", "diku", { text: "x".repeat(60_000) });
  let refused = 0;
  for (let id = 0; refused === 0; id++) if (flow.accept(large(String(id)), true).refused !== null) refused = id;
  await flow.flush();
  await flow.close(0);
  equal((await idsIn(folder)).length, refused);
});

test("an event that can't be encoded is left out and counted, and goes on all the same", async (context) => {
  const { start, told } = makeSite(context);
  const flow = await start();
  const broken = event("1", "GET", "diku");
  const { transaction } = broken;
  const trap = new Proxy(transaction ?? {}, {
    get: (target, name) => {
      if (name === "remoteAddress") throw new Error("a fault of ours");
      return Reflect.get(target, name) as unknown;
    },
  }) as NonNullable<Event["transaction"]>;
  deepEqual(flow.accept({ ...broken, transaction: trap }, true), { refused: null, writes: [] });
  equal(flow.snapshot().keptEvents?.dropped.unmade, 1);
  match(told.join(""), /could not be encoded for the event log/);
  await flow.close(0);
});

test("a tenant that is purged goes from the event log, too, also where none is kept any more", async (context) => {
  const { folder, start } = makeSite(context);
  const flow = await start();
  for (const [id, tenant] of [
    ["1", "diku"],
    ["2", "college"],
    ["3", "diku"],
  ] as const)
    flow.accept(event(id, "GET", tenant), true);
  const erased = (await flow.act("purgeEvents", { tenant: "diku", after: "" })) as EventsErased;
  deepEqual([erased.events, erased.isThrough, erased.left], [2, true, []]);
  deepEqual(await idsIn(folder), ["college 2"]);
  ok(!bytesIn(folder).includes("diku"));
  await flow.close(0);
  const off = await start({ keepEvents: null });
  const path = join(folder, "events", "0000001790000000.jsonl");
  writeFileSync(path, '{"sidestreamtenant":"diku"}\n{"sidestreamtenant":"college"}\n');
  equal(((await off.act("purgeEvents", { tenant: "diku", after: "" })) as EventsErased).events, 1);
  equal(readFileSync(path, "utf8"), '{"sidestreamtenant":"college"}\n');
  await off.close(0);
});

test("a file that is removed while it is read is read to its end, and one that is gone by then is passed over", async (context) => {
  const { folder, start } = makeSite(context);
  const flow = await start();
  for (const id of ["1", "2"]) flow.accept(event(id, "GET", "diku"), true);
  await flow.close(0);
  const [name = ""] = readdirSync(join(folder, "events"));
  const [first, later] = [join(folder, "events", name), join(folder, "events", "9999999999999999.jsonl")];
  writeFileSync(later, readFileSync(first));
  const ids: string[] = [];
  const left = noneLeft();
  for await (const read of keptEvents(folder, 0, LIMITS, left)) {
    ids.push(read.event.id);
    for (const path of [first, later]) rmSync(path, { force: true });
  }
  deepEqual([ids, left], [["1", "2"], noneLeft()]);
});

test("what is no event is told, and a torn end is left out", async (context) => {
  const { folder, start } = makeSite(context);
  const flow = await start();
  flow.accept(event("1", "GET", "diku"), true);
  await flow.close(0);
  const [name = ""] = readdirSync(join(folder, "events"));
  const path = join(folder, "events", name);
  writeFileSync(path, `{"no":"event"}\n\n${readFileSync(path, "utf8")}{"specversion":"1.0","torn`);
  const left = noneLeft();
  const read = await Array.fromAsync(eventsOfFile(path, LIMITS, left));
  equal(read.length, 1);
  deepEqual([left.unreadable, left.tornBytes, left.oversized], [1, 26, 0]);
  match(left.reason, /no CloudEvent/);
  equal(await findEvent(folder, "1").then((found) => found?.place), `events/${name}`);
  deepEqual(await Array.fromAsync(eventsOfFile(join(folder, "gone"), LIMITS, left)), []);
  mkdirSync(join(folder, "empty"));
  deepEqual(await idsIn(join(folder, "empty")), []);
});

/** What operators do to a running flow: hold a destination, discard, purge a tenant, see how far it is. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { registerDestination } from "../driver/registry.ts";
import { conservationBreaches } from "../observe/conservation.ts";
import { createLog } from "../observe/log.ts";
import type { DestinationHold } from "../observe/snapshot.ts";
import type { Event } from "./event.ts";
import { Flow } from "./flow.ts";
import type { Draining } from "./drain-act.ts";
import { parseRule } from "./match/parse.ts";
import { flowSettings } from "./message/testing/flow-settings.ts";
import { body, JSON_TYPE, stream, transactionEvent } from "./message/testing/messages.ts";
import type { FlowSettings } from "./settings.ts";
import type { GivenUp } from "./spool/give-up.ts";
import type { TenantPurged } from "./spool/tenant-purge.ts";
import { ScriptedDestination } from "./transmit/testing/scripted-destination.ts";

const ADA: DestinationHold = { user: "ada", sinceMs: 1_795_000_000_000, reason: "new disks" };

interface Site {
  readonly folder: string;
  readonly settings: FlowSettings;
  readonly destination: ScriptedDestination;
  readonly told: readonly { readonly msg: string }[];
  readonly start: () => Promise<Flow>;
}

let types = 0;

function makeSite(context: TestContext): Site {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-flow-"));
  const destination = new ScriptedDestination();
  const type = `operated-${(types += 1)}`;
  registerDestination({ ...destination.driver, type });
  const settings = flowSettings(folder, type, [
    stream({ id: "all", rules: [{ ...parseRule("METHOD=POST , publish , out:things").rule, number: 1 }] }),
  ]);
  const told: { readonly msg: string }[] = [];
  const log = createLog({ level: "info", name: "test", write: (line) => told.push(JSON.parse(line) as { readonly msg: string }) });
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return { folder, settings, destination, told, start: () => Flow.open(settings, log) };
}

function event(id: string, tenant: string): Event {
  const requestHeaders = ["x-okapi-tenant", tenant, ...JSON_TYPE];
  return { ...transactionEvent({ requestHeaders, requestBody: body(JSON.stringify(`secret of ${tenant}`)) }), id };
}

async function put(flow: Flow, ...tenants: readonly string[]): Promise<void> {
  for (const [index, tenant] of tenants.entries()) flow.accept(event(`${tenant}-${index}`, tenant), true);
  equal((await flow.flush()).size, 0);
}

async function until(context: TestContext, condition: () => boolean): Promise<void> {
  while (!condition()) {
    context.signal.throwIfAborted();
    await new Promise(setImmediate);
  }
}

const pendingOf = (flow: Flow): number => {
  const { messages } = flow.snapshot();
  deepEqual(conservationBreaches(messages), []);
  return messages.reduce((sum, { pending }) => sum + pending, 0);
};
const discard = { destination: "out", stream: null, tenant: null, beforeMs: null, from: 0, to: null };

test(
  "a destination that is held gets nothing, over restarts, too; once it is resumed it gets all, in order",
  { timeout: 30_000 },
  async (context) => {
    const site = makeSite(context);
    let flow = await site.start();
    await put(flow, "diku");
    await until(context, () => site.destination.arrived.length === 1);
    deepEqual(await flow.act("hold", { destination: "out", hold: ADA }), { before: null, pending: 0 });
    await put(flow, "diku", "college");
    const held = flow.snapshot().destinations[0];
    deepEqual([held?.held, held?.transmit, held?.stopped, flow.stopped], [ADA, null, null, []]);
    const later = { ...ADA, user: "bob" };
    deepEqual(await flow.act("hold", { destination: "out", hold: later }), { before: ADA, pending: 2 });
    await flow.close(0);
    flow = await site.start();
    match(
      site.told.map(({ msg }) => msg).join("\n"),
      /^out is held by ada since 2026-.*: new disks; nothing is sent to it until `sidestream resume out`/m,
    );
    deepEqual([flow.snapshot().destinations[0]?.held, pendingOf(flow), site.destination.arrived.length], [ADA, 2, 1]);
    deepEqual(await flow.act("hold", { destination: "out", hold: null }), { before: ADA, pending: 2 });
    await until(context, () => site.destination.arrived.length === 3);
    deepEqual(site.destination.violations, []);
    await until(context, () => pendingOf(flow) === 0);
    await flow.close(0);
  },
);

test("how long the oldest message waits is told of a destination that is held, too", { timeout: 30_000 }, async (context) => {
  const site = makeSite(context);
  const flow = await site.start();
  await flow.act("hold", { destination: "out", hold: ADA });
  const age = () => flow.snapshot().destinations[0]?.oldestUnsentMs ?? 0;
  equal(age(), 0);
  await put(flow, "diku", "college");
  await until(context, () => age() > 0);
  await flow.act("discard", discard);
  equal(age(), 0);
  await flow.close(0);
});

test("a hold that can't be read holds all the same, and goes when it is resumed", { timeout: 30_000 }, async (context) => {
  const site = makeSite(context);
  mkdirSync(join(site.folder, "spool", "out"), { recursive: true });
  writeFileSync(join(site.folder, "spool", "out", "hold.json"), "{");
  const flow = await site.start();
  match(flow.snapshot().destinations[0]?.held?.reason ?? "", /hold\.json can't be read$/);
  await put(flow, "diku");
  equal(site.destination.openCount, 0);
  await flow.act("hold", { destination: "out", hold: null });
  await until(context, () => site.destination.arrived.length === 1);
  await flow.close(0);
});

test("what is discarded is dropped with its reason, and what is left arrives", { timeout: 30_000 }, async (context) => {
  const site = makeSite(context);
  const flow = await site.start();
  await flow.act("hold", { destination: "out", hold: ADA });
  await put(flow, "diku", "college", "diku", "college");
  const given = (await flow.act("discard", { ...discard, tenant: "diku" })) as GivenUp;
  deepEqual([given.messages, given.next], [2, given.to]);
  equal(pendingOf(flow), 2);
  const row = flow.snapshot().messages.find(({ tenant }) => tenant === "diku");
  deepEqual(row?.dropped, { discarded: 2 });
  equal(site.destination.openCount, 1);
  await flow.act("hold", { destination: "out", hold: null });
  await until(context, () => site.destination.arrived.length === 2);
  await flow.close(0);
});

test("after an act on a destination that isn't held sending goes on", { timeout: 30_000 }, async (context) => {
  const site = makeSite(context);
  const flow = await site.start();
  await flow.act("discard", discard);
  await put(flow, "diku");
  await until(context, () => site.destination.arrived.length === 1);
  await flow.close(0);
});

test("a tenant is purged from a destination and from an orphaned log, and those of others stay", { timeout: 30_000 }, async (context) => {
  const site = makeSite(context);
  let flow = await site.start();
  await flow.act("hold", { destination: "out", hold: ADA });
  await put(flow, "diku", "college", "diku");
  await flow.close(0);
  const [destination] = site.settings.destinations;
  ok(destination !== undefined);
  // What was of `out` is an orphan now.
  Object.assign(site.settings, { destinations: [{ ...destination, name: "new" }] });
  flow = await site.start();
  const purged = (await flow.act("purgeTenant", { log: "out", tenant: "diku", place: null })) as TenantPurged;
  deepEqual([purged.messages, purged.letters, purged.isThrough, purged.left], [2, 0, true, []]);
  const spool = join(site.folder, "spool", "out");
  const texts = readdirSync(spool).map((name) => readFileSync(join(spool, name), "latin1"));
  deepEqual(
    [texts.some((text) => text.includes("secret of diku")), texts.some((text) => text.includes("secret of college"))],
    [false, true],
  );
  deepEqual(flow.snapshot().orphanedPending, [{ log: "out", messages: 1 }]);
  equal(((await flow.act("purgeTenant", { log: "new", tenant: "diku", place: null })) as TenantPurged).messages, 0);
  await rejects(flow.act("purgeTenant", { log: "none", tenant: "diku", place: null }), { code: "SST_COMMAND_INVALID" });
  await flow.close(0);
});

test("nothing is redriven, replayed, adopted or removed while a tenant is purged", { timeout: 30_000 }, async (context) => {
  const site = makeSite(context);
  const flow = await site.start();
  await flow.act("purgeTenant", { log: "out", tenant: "diku", place: null });
  const filter = { fromMs: null, toMs: null, stream: null, tenant: null, rule: null, eventId: null };
  const replay = { destination: "out", filter, span: { next: 0, end: null }, into: "out", topic: null, id: "replay-1", rate: 1 };
  const refused = { code: "SST_COMMAND_INVALID", message: /^a tenant is being purged/ };
  await rejects(flow.act("replay", replay), refused);
  await rejects(flow.act("redriveLetters", { destination: "out", filter: {}, span: { from: 0, to: null } }), refused);
  await rejects(flow.adopt({ log: "old", destination: "out" }), refused);
  await rejects(flow.purge({ log: "old" }), refused);
  await flow.close(0);
});

test("what is accepted after the first look isn't waited for", { timeout: 30_000 }, async (context) => {
  const site = makeSite(context);
  const flow = await site.start();
  await flow.act("hold", { destination: "out", hold: ADA });
  await put(flow, "diku", "diku");
  const look = async (marks: Readonly<Record<string, number>> | null) => {
    const [draining] = (await flow.act("drain", { destination: null, marks })) as readonly Draining[];
    ok(draining !== undefined);
    return draining;
  };
  const first = await look(null);
  deepEqual([first.destination, first.left, first.state, first.held], ["out", 2, null, ADA]);
  site.destination.otherwise = () => new Promise(() => undefined);
  const marks = { out: first.mark };
  await flow.act("discard", discard);
  await put(flow, "diku");
  await flow.act("hold", { destination: "out", hold: null });
  const last = await look(marks);
  deepEqual([last.left, last.held, (await look(null)).left], [0, null, 1]);
  await flow.close(0);
});

test("a name that no destination has is refused with the one that may be meant", { timeout: 30_000 }, async (context) => {
  const flow = await makeSite(context).start();
  const refused = { code: "SST_COMMAND_INVALID", message: 'no destination is named "ou"; did you mean out?' };
  await rejects(flow.act("hold", { destination: "ou", hold: ADA }), refused);
  await rejects(flow.act("discard", { ...discard, destination: "ou" }), refused);
  await rejects(flow.act("drain", { destination: "ou", marks: null }), refused);
  await flow.close(0);
});

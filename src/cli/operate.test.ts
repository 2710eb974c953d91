/** `pause`, `resume`, `discard` and `tenant purge` as commands, beside a program and without one. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { mkdirSync, copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { before, test, type TestContext } from "node:test";
import { join } from "node:path";
import { openControlSocket } from "../admin/control-socket.ts";
import { registerFakeDrivers } from "../config/testing/fake-drivers.ts";
import { createLog } from "../observe/log.ts";
import { lockDataFolder } from "../flow/spool/lock.ts";
import type { PurgePlace } from "../flow/spool/tenant-purge.ts";
import { message } from "../flow/spool/testing/fixtures.ts";
import { answerCommand } from "./control-commands.ts";
import type { ControlParts } from "./control/control-parts.ts";
import { runDiscard, type DiscardOptions } from "./discard.ts";
import { runHold, type HoldOptions } from "./hold.ts";
import { runTenantPurge, type TenantPurgeOptions } from "./tenant-purge.ts";
import { makeArchive, openSpool, orphanSite, recordedLog, RecordedOutput, type OrphanSite } from "./testing/orphaned-log.ts";

before(() => registerFakeDrivers());

const PLACE: PurgePlace = { next: 3, below: 9, rewritten: 0, archived: "", letters: null };

/** Of `files`: so many messages of two tenants by turns; of the orphan `old`: a dead letter and messages of `diku`. */
async function makeSite(t: TestContext, count = 6): Promise<OrphanSite> {
  const site = await orphanSite(t, 3);
  const spool = await openSpool(site.data, ["files"]);
  const log = spool.logs.get("files");
  for (let index = 0; index < count; index += 1)
    log?.append(message(`m${index}`, { tenant: index % 2 === 0 ? "diku" : "college", acceptedMs: 1_795_000_000_000 + index }), true);
  await log?.flush();
  await spool.close();
  return site;
}

async function pendingOf(site: OrphanSite, name = "files"): Promise<number> {
  const spool = await openSpool(site.data, [name]);
  const { pendingCount } = spool.logs.get(name)?.status() ?? { pendingCount: -1 };
  await spool.close();
  return pendingCount;
}

const common = ({ config, data }: OrphanSite) => ({ config, data, json: false, environment: { SUDO_USER: "ada" } });

async function hold(site: OrphanSite, over: Partial<HoldOptions> = {}) {
  const out = new RecordedOutput();
  const { log, lines } = recordedLog();
  const options: HoldOptions = { ...common(site), action: "pause", destination: "files", reason: null, ...over };
  return { status: await runHold(options, out, log), out: out.out, told: lines.map(({ msg }) => msg) };
}

async function discard(site: OrphanSite, over: Partial<DiscardOptions> = {}) {
  const out = new RecordedOutput();
  const { log, lines } = recordedLog();
  const choice = { stream: null, tenant: null, beforeMs: null, yes: true, given: "files --config c" };
  return {
    status: await runDiscard({ ...common(site), destination: "files", ...choice, ...over }, out, log),
    out: out.out,
    told: lines.map(({ msg }) => msg),
  };
}

async function purge(site: OrphanSite, over: Partial<TenantPurgeOptions> = {}) {
  const out = new RecordedOutput();
  const { log, lines } = recordedLog();
  const options = { ...common(site), tenant: "diku", yes: true, given: "diku --config c", ...over };
  return { status: await runTenantPurge(options, out, log), out: out.out, told: lines.map(({ msg }) => msg) };
}

/** A program that answers commands so. */
async function running(t: TestContext, { data }: OrphanSite, answer: (command: string, payload: unknown) => unknown, more: object = {}) {
  const lock = await lockDataFolder(data);
  const status = { destinations: [{ destination: "files" }], orphaned: ["old"], ...more };
  const listener = await openControlSocket(data, (command, payload) =>
    Promise.resolve(command === "status" ? status : answer(command, payload)),
  );
  t.after(async () => {
    await listener.close();
    lock.release();
  });
}

test("a destination is held and resumed where no program runs; who did it is logged, once", async (t) => {
  const site = await makeSite(t);
  const first = await hold(site, { reason: "new disks" });
  match(first.out, /^files is held\. Nothing is sent to it until `sidestream resume files`, over restarts, too\./);
  match(first.told.join("\n"), /^files is held by ada as .+ since 2.+Z: new disks$/);
  const again = await hold(site, { reason: "another" });
  match(again.out, /^files was held already \(held by ada as .+: new disks\)/);
  deepEqual(again.told, []);
  const resumed = await hold(site, { action: "resume" });
  match(resumed.out, /^files goes on with the next start\. It was held by ada/);
  match(resumed.told.join("\n"), /^ada as .+ resumed files, which was held by ada as .+: new disks$/);
  const nothing = await hold(site, { action: "resume" });
  deepEqual([nothing.status, nothing.out, nothing.told], [0, "files was not held: nothing to do.\n", []]);
});

test("the running program is asked to hold, and nobody writes beside it", async (t) => {
  const site = await makeSite(t);
  const asked: unknown[] = [];
  await running(t, site, (command, payload) => {
    asked.push([command, payload]);
    return { before: null, pending: 7 };
  });
  const { out, told } = await hold(site, { config: null, reason: "x" });
  match(out, / 7 messages wait\.\n$/);
  deepEqual(told, []);
  const [[command, payload]] = asked as [[string, { readonly destination: string; readonly hold: { readonly reason: string } }]];
  deepEqual([command, payload.destination, payload.hold.reason], ["hold", "files", "x"]);
});

test("what was chosen is counted first, exit 1; with --yes it is given up, the rest stays", async (t) => {
  const site = await makeSite(t);
  const counted = await discard(site, { yes: false, tenant: "college" });
  equal(counted.status, 1);
  match(
    counted.out,
    /^3 messages that wait for files, .*:\nstream +tenant +messages +bytes +oldest\nusers-audit +college +3 +.*2026-11-18T/,
  );
  match(counted.out, /Nothing was discarded\. To give them up for good: sidestream discard files --config c --yes\n$/);
  equal(await pendingOf(site), 6);
  const given = await discard(site, { tenant: "college" });
  match(given.out, /Given up for good: 3 messages, counted as dropped, reason discarded\./);
  match(given.told.join("\n"), /^ada as .+ discarded 3 messages that waited for files$/);
  equal((await discard(site, { beforeMs: 1_795_000_000_003 })).status, 0);
  equal(await pendingOf(site), 1);
  deepEqual(JSON.parse((await discard(site, { json: true, yes: false })).out).chosen, 1);
});

test("a stream or a tenant that nothing is of is told, with the one that may be meant, and nothing is done", async (t) => {
  const site = await makeSite(t);
  const { status, out } = await discard(site, { stream: "user-audit", tenant: "diku" });
  equal(status, 0);
  equal(
    out,
    'Nothing of that waits for files: nothing to discard. Its log never had a message of stream "user-audit"; did you mean users-audit?\n',
  );
  const purged = await purge(site, { tenant: "dikuu" });
  deepEqual([purged.status, purged.out], [0, 'No log ever had a message of tenant "dikuu"; did you mean diku? Nothing was purged.\n']);
  equal(await pendingOf(site), 6);
});

test("the running program discards piece by piece, from where the answer before ended", async (t) => {
  const site = await makeSite(t);
  const asked: { readonly from: number; readonly to: number | null }[] = [];
  await running(t, site, (_command, payload) => {
    asked.push(payload as (typeof asked)[number]);
    return { messages: 3, bytes: 1, next: asked.length * 5, to: 10 };
  });
  match((await discard(site, { config: null })).out, /Given up for good: 6 messages/);
  deepEqual(
    asked.map(({ from, to }) => [from, to]),
    [
      [0, null],
      [5, 10],
    ],
  );
});

test("a tenant is counted in all logs, and with --yes purged from all, orphaned ones and dead letters among them", async (t) => {
  const site = await makeSite(t);
  const counted = await purge(site, { yes: false });
  equal(counted.status, 1);
  match(counted.out, /^files +3 +0 +0 +0\nold +2 +1 +0 +1$/m);
  match(counted.out, /unassign it first\. To remove all of it for good: sidestream tenant purge diku --config c --yes\n$/);
  const purged = await purge(site);
  equal(purged.status, 0);
  match(purged.out, /^Removed for good: 5 messages that waited, counted as dropped, reason purged, 1 dead letter, /m);
  equal(purged.told.length, 2);
  deepEqual([await pendingOf(site), await pendingOf(site, "old")], [3, 0]);
  const nothing = await purge(site, { yes: false });
  match(nothing.out, /^No message of tenant diku is held/);
});

test("what is in an archive is counted and purged, also when the log was begun anew since, and when there is none", async (t) => {
  const site = await orphanSite(t, 0);
  await makeArchive(site, "files", 100);
  rmSync(join(site.data, "spool", "files"), { recursive: true });
  const counted = await purge(site, { yes: false });
  const [, archived] = /^files +0 +0 +(\d+) +0$/m.exec(counted.out) ?? [];
  ok(Number(archived) > 80, counted.out);
  rmSync(join(site.data, "dead", "files"), { recursive: true });
  renameSync(join(site.data, "archive", "files"), join(site.data, "archive", "gone"));
  const purged = await purge(site);
  equal(purged.status, 0);
  match(purged.out, new RegExp(`, ${archived} archived messages, and every byte`));
  equal(existsSync(join(site.data, "spool", "gone")), false);
  match((await purge(site, { yes: false, tenant: "college" })).out, /^gone +0 +0 +\d+ +0$/m);
  match((await purge(site, { yes: false })).out, /^No log ever had a message of tenant "diku"/);
});

test("where files are that nobody can read, a tenant that no log knows is taken for one that may be in them", async (t) => {
  const site = await orphanSite(t, 0);
  await makeArchive(site, "files", 20);
  const folder = join(site.data, "archive", "files");
  const [first = ""] = readdirSync(folder).toSorted();
  const path = join(folder, first);
  writeFileSync(path, readFileSync(path).fill(0xff, 0, 8192));
  const { status, out } = await purge(site, { tenant: "nobody" });
  equal(status, 1);
  ok(out.endsWith(`\n  ${path}\n`), out);
});

test("a kill's leftovers in the archive of a log that is gone are removed", async (t) => {
  const site = await orphanSite(t, 0);
  await makeArchive(site, "files", 20);
  const folder = join(site.data, "archive", "gone");
  renameSync(join(site.data, "archive", "files"), folder);
  for (const parent of ["spool", "dead"]) rmSync(join(site.data, parent, "files"), { recursive: true });
  const [first = ""] = readdirSync(folder).toSorted();
  for (const name of ["compacting", `${first}.removing`]) copyFileSync(join(folder, first), join(folder, name));
  equal((await purge(site)).status, 0);
  equal(readdirSync(folder).filter((name) => !name.endsWith(".segment")).length, 0);
});

test("the running program is asked for each log until it is through, and files that are left are named, exit 1", async (t) => {
  const site = await makeSite(t);
  const asked: { readonly log: string; readonly place: unknown }[] = [];
  await running(t, site, (_command, payload) => {
    asked.push(payload as (typeof asked)[number]);
    const isThrough = asked.length > 1;
    return {
      place: PLACE,
      messages: 1,
      archived: 0,
      letters: 0,
      isThrough,
      left: asked.length === 3 ? ["/data/x.segment.damaged"] : [],
    };
  });
  const { status, out } = await purge(site, { config: null });
  equal(status, 1);
  deepEqual(
    asked.map(({ log, place }) => [log, place]),
    [
      ["files", null],
      ["files", PLACE],
      ["old", null],
    ],
  );
  match(out, /These can't be read whole, .*\n {2}\/data\/x\.segment\.damaged\n$/);
});

test("the event log is counted and purged, too, under the lock, and by the running program piece by piece", async (t) => {
  const site = await orphanSite(t, 0);
  mkdirSync(join(site.data, "events"));
  const path = join(site.data, "events", "0000001790000000.jsonl");
  writeFileSync(path, '{"sidestreamtenant":"visitor"}\n{"sidestreamtenant":"college"}\n{"sidestreamtenant":"visitor"}\n');
  const counted = await purge(site, { yes: false, tenant: "visitor" });
  match(counted.out, /^In the event log: 2 events of tenant visitor\.$/m);
  equal(counted.status, 1);
  const purged = await purge(site, { tenant: "visitor" });
  match(purged.out, /0 archived messages, 2 events of the event log, and every byte/);
  deepEqual([purged.status, readFileSync(path, "utf8")], [0, '{"sidestreamtenant":"college"}\n']);
  match(purged.told.join("\n"), /purged tenant visitor from the event log: 2 events/);

  const asked: unknown[] = [];
  const answer = (command: string, payload: unknown): unknown => {
    if (command === "purgeTenant") return { place: PLACE, messages: 0, archived: 0, letters: 0, isThrough: true, left: [] };
    asked.push((payload as { readonly after: string }).after);
    return { events: 3, after: "file", isThrough: asked.length > 1, left: asked.length > 1 ? ["/data/events/x"] : [] };
  };
  await running(t, site, answer, { keptEvents: null });
  const { status, out } = await purge(site, { config: null, tenant: "college" });
  equal(status, 1);
  deepEqual(asked, ["", "file"]);
  match(out, /6 events of the event log[^]*\n {2}\/data\/events\/x\n$/);
});

test("what can't be right is refused, and nothing is changed", async (t) => {
  const site = await makeSite(t);
  const unknown = { code: "SST_COMMAND_INVALID", message: 'no destination is named "file"; did you mean files?' };
  await rejects(hold(site, { destination: "file" }), unknown);
  await rejects(discard(site, { destination: "file" }), unknown);
  await rejects(hold(site, { reason: "x".repeat(1_001) }), { code: "SST_COMMAND_INVALID" });
  const noConfig = { code: "SST_COMMAND_INVALID", message: /name its configuration with --config/ };
  for (const act of [hold(site, { config: null }), discard(site, { config: null }), purge(site, { config: null })])
    await rejects(act, noConfig);
  await rejects(purge(site, { config: null, data: join(site.folder, "none") }), { code: "SST_DATA_MISSING" });
  const lock = await lockDataFolder(site.data);
  for (const act of [hold(site), discard(site), purge(site)]) await rejects(act, { code: "SST_SPOOL_LOCKED" });
  lock.release();
  equal(await pendingOf(site), 6);
});

test("the program tells in its log who gave each command, where it changed something", async () => {
  const told: Record<string, unknown>[] = [];
  const log = createLog({ level: "info", name: "test", write: (line) => told.push(JSON.parse(line) as Record<string, unknown>) });
  const answers: Record<string, unknown> = {
    hold: { before: null, pending: 0 },
    discard: { messages: 2, bytes: 9, next: 1, to: 1 },
    drain: [],
    purgeTenant: { place: null, messages: 1, archived: 3, letters: 2, isThrough: true, left: [] },
  };
  const edge = { act: (name: string) => Promise.resolve(answers[name]) };
  const parts = { edge, log, loaded: {} } as unknown as ControlParts;
  const user = "ada";
  const held = { user, sinceMs: 0, reason: null };
  await answerCommand(parts, "hold", { destination: "out", hold: held, user });
  await answerCommand(parts, "hold", { destination: "out", hold: null, user });
  await answerCommand(parts, "discard", { destination: "out", stream: null, tenant: null, beforeMs: null, from: 0, to: null, user });
  await answerCommand(parts, "drain", { destination: null, marks: null });
  await answerCommand(parts, "purgeTenant", { log: "out", tenant: "diku", place: null, user });
  const place: PurgePlace = { next: 1, below: 2, rewritten: 3, archived: "0000000000000001.segment", letters: { from: 1, below: 2 } };
  answers["purgeTenant"] = { place, messages: 0, archived: 0, letters: 0, isThrough: true, left: [] };
  // As it was answered, it is asked again.
  await answerCommand(parts, "purgeTenant", { log: "out", tenant: "diku", place, user });
  deepEqual(
    told.map(({ level, msg }) => `${String(level)} ${String(msg)}`),
    [
      "warn out is held by ada",
      "warn ada discarded 2 messages that waited for out",
      "warn ada purged tenant diku from out: 1 message, 2 dead letters, 3 archived messages",
    ],
  );
  for (const command of ["hold", "discard", "drain", "purgeTenant"])
    for (const payload of [null, {}, { destination: 1 }])
      await rejects(answerCommand(parts, command, payload), { code: "SST_COMMAND_INVALID", message: /^the command can't be read: / });
  ok(told.length === 3);
});

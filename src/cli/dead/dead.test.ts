import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { before, test, type TestContext } from "node:test";
import { openControlSocket } from "../../admin/control-socket.ts";
import { configFolder } from "../../config/testing/config-folder.ts";
import { registerFakeDrivers } from "../../config/testing/fake-drivers.ts";
import { lockDataFolder } from "../../flow/spool/lock.ts";
import type { LettersActed } from "../../flow/spool/redrive.ts";
import type { Spool } from "../../flow/spool/spool.ts";
import { delivered, message, readAll } from "../../flow/spool/testing/fixtures.ts";
import { openSpool, recordedLog, RecordedOutput } from "../testing/orphaned-log.ts";
import { runDeadAct, type LetterActOptions } from "./dead-act.ts";
import { runDeadList, runDeadShow, type ShowOptions } from "./dead-list.ts";

before(() => registerFakeDrivers());

interface Site {
  readonly config: string;
  readonly data: string;
}

/** Destinations `files` and `other` with letters, and an orphan of the name `old` with one. */
async function lettersSite(t: TestContext, options = ""): Promise<Site> {
  const configuration = `version: 1\ndata: ./data\ndestinations:\n  files: { type: file, path: out${options} }\n  other: { type: file, path: other }\n`;
  const folder = configFolder(t, { "sidestream.yaml": configuration });
  const data = join(folder, "data");
  const spool = await openSpool(data, ["files", "other", "old"]);
  for (const [name, tenants] of [
    ["files", ["diku", "diku", "other"]],
    ["other", ["diku"]],
    ["old", ["diku"]],
  ] as const)
    for (const [index, tenant] of tenants.entries()) await addLetter(spool, name, `${name}${index}`, { tenant });
  const letters = spool.deadLetters.get("files");
  letters?.append(message("nowhere", { topic: "" }), "SST_TEMPLATE_VALUE", "tenant is missing");
  await letters?.flush();
  await spool.close();
  return { config: join(folder, "sidestream.yaml"), data };
}

async function addLetter(spool: Spool, name: string, text: string, over: Parameters<typeof message>[1] = {}): Promise<void> {
  const log = spool.logs.get(name);
  ok(log !== undefined);
  log.append(message(text, over), true);
  await log.flush();
  for (const each of await readAll(log)) {
    await spool.deadLetters.get(name)?.add(each, "SST_DESTINATION_REFUSED", "too large");
    await log.confirm([{ ...delivered(each), outcome: "dead", reason: "SST_DESTINATION_REFUSED" }]);
  }
}

async function list({ data }: Site, over: Partial<ShowOptions> = {}) {
  const out = new RecordedOutput();
  const status = await runDeadList({ data, destination: null, filter: {}, json: false, ...over }, out);
  return { status, out: out.out };
}

async function show({ data }: Site, over: Partial<ShowOptions> = {}) {
  const out = new RecordedOutput();
  const status = await runDeadShow({ data, destination: null, filter: {}, json: false, limit: 20, ...over }, out);
  return { status, out: out.out, error: out.error };
}

async function act({ config, data }: Site, action: "redrive" | "purge", over: Partial<LetterActOptions> = {}) {
  const out = new RecordedOutput();
  const { log, lines } = recordedLog();
  const common = { destination: null, filter: {}, config, data, yes: true, json: false, environment: { SUDO_USER: "ada" }, given: "" };
  const status = await runDeadAct({ action, ...common, ...over }, out, log);
  return { status, out: out.out, told: lines.map(({ msg }) => msg) };
}

/** Letters by destination. */
async function left(site: Site): Promise<Record<string, number>> {
  const { counts } = JSON.parse((await list(site, { json: true })).out) as {
    readonly counts: readonly { readonly destination: string; readonly letters: number }[];
  };
  const sums: Record<string, number> = {};
  for (const { destination, letters } of counts) sums[destination] = (sums[destination] ?? 0) + letters;
  return sums;
}

async function waiting({ data }: Site, name: string): Promise<readonly string[]> {
  const spool = await openSpool(data, [name]);
  const log = spool.logs.get(name);
  const messages = log === undefined ? [] : await readAll(log);
  await spool.close();
  return messages.map(({ eventId }) => eventId);
}

test("list counts by destination, stream, tenant and reason, also while the program runs", async (t) => {
  const site = await lettersSite(t);
  const lock = await lockDataFolder(site.data);
  t.after(() => lock.release());
  const { status, out } = await list(site);
  equal(status, 0);
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;
  const rows = out.split("\n");
  match(rows[0] ?? "", /^destination +stream +tenant +reason +letters +oldest +newest$/);
  match(rows[1] ?? "", new RegExp(`^files +users-audit +diku +SST_DESTINATION_REFUSED +2 +${time} +${time}$`));
  match(out, /^files +users-audit +diku +SST_TEMPLATE_VALUE +1 /m);
  ok(out.endsWith("\n6 dead letters.\n1 died before a topic was known, and can't be redriven.\n"), out);
  equal((await list(site, { filter: { tenant: "nobody" } })).out, 'No dead letters of this kind. None has the tenant "nobody".\n');
  const misspelled = await list(site, { filter: { tenant: "dikuu", reason: "SST_DESTINATION_REFUSE" } });
  match(
    misspelled.out,
    /None has the tenant "dikuu"; did you mean diku\? None has the reason .*; did you mean SST_DESTINATION_REFUSED\?\n$/,
  );
  await rejects(list(site, { destination: "file" }), { code: "SST_COMMAND_INVALID", message: /did you mean files\?$/ });
});

test("each filter chooses, and those that are given hold together", async (t) => {
  const site = await lettersSite(t);
  const count = async (over: Partial<ShowOptions>) =>
    (JSON.parse((await list(site, { json: true, ...over })).out) as { letters: number }).letters;
  equal(await count({ destination: "files" }), 4);
  equal(await count({ filter: { tenant: "other" } }), 1);
  equal(await count({ filter: { stream: "users-audit" } }), 6);
  equal(await count({ filter: { stream: "none" } }), 0);
  equal(await count({ filter: { reason: "SST_TEMPLATE_VALUE" } }), 1);
  equal(await count({ filter: { eventId: "event-files1", reason: "SST_DESTINATION_REFUSED" } }), 1);
  equal(await count({ filter: { sinceMs: Date.now() + 1_000 } }), 0);
  equal(await count({ filter: { untilMs: Date.now() + 1_000, sinceMs: 0 } }), 6);
});

test("show prints letter by letter, control characters as text and bytes that are no text by their number", async (t) => {
  const site = await lettersSite(t);
  const spool = await openSpool(site.data, ["files"]);
  await addLetter(spool, "files", "wild", { value: Buffer.from("a\u001b[31mb"), key: "k" });
  await addLetter(spool, "files", "bytes", { value: Buffer.from([0xff, 0xfe]) });
  await addLetter(spool, "files", "long", { value: Buffer.from("x".repeat(5_000)) });
  await spool.close();
  const { out, error } = await show(site, { destination: "files", limit: 3 });
  equal(out.split("\n\n").length - 1, 3);
  match(out, /^files \d+: died .*Z, accepted 2026-11-18T\d\d:\d\d:\d\dZ\n {2}reason {2}SST_DESTINATION_REFUSED: too large\n/);
  match(error, /--limit 30 shows more/);
  const wild = (await show(site, { filter: { eventId: "event-wild" } })).out;
  ok(wild.includes("  value   a\\u{1b}[31mb\n") && wild.includes("  topic   users, key k\n"), wild);
  match((await show(site, { filter: { eventId: "event-bytes" } })).out, /value {3}2 bytes that are no text/);
  match((await show(site, { filter: { eventId: "event-long" } })).out, /x{2000} … \(5000 bytes in all/);
  match((await show(site, { filter: { reason: "SST_TEMPLATE_VALUE" } })).out, /topic {3}none: it died before one was known/);
  const lines = (await show(site, { json: true, filter: { eventId: "event-long" } })).out.split("\n");
  equal(lines.length, 2);
  const { destination, eventId, stream, value, dead } = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  deepEqual(
    [destination, eventId, stream, Buffer.from(String(value), "base64").length, (dead as { code: string }).code],
    ["files", "event-long", "users-audit", 5_000, "SST_DESTINATION_REFUSED"],
  );
});

test("without --yes nothing is done, and how to do it is told", async (t) => {
  const site = await lettersSite(t);
  const { status, out, told } = await act(site, "redrive", { yes: false, filter: { tenant: "diku" }, given: "--tenant diku --config c " });
  equal(status, 1);
  ok(out.includes("\nold is left out: no destination is named so. Its dead letters go with `sidestream spool purge old`.\n"), out);
  ok(out.endsWith("\nNothing was done. To redrive them: sidestream dead redrive --tenant diku --config c --yes\n"), out);
  deepEqual(told, []);
  deepEqual(await left(site), { files: 4, other: 1, old: 1 });
  equal((await act(site, "purge", { yes: false, config: null })).status, 1);
});

test("where nothing runs the spool is opened: letters become messages, in order, those without a topic stay", async (t) => {
  const site = await lettersSite(t);
  const { status, out, told } = await act(site, "redrive");
  equal(status, 0);
  ok(
    out.includes(
      "\n3 dead letters of files redriven: they wait in the log of files, which delivers while the program runs; 1 without a topic stay.\n",
    ),
    out,
  );
  equal(told.length, 2);
  match(told[0] ?? "", /^ada as .+ redrove 3 dead letters of files$/);
  deepEqual(await waiting(site, "files"), ["event-files0", "event-files1", "event-files2"]);
  deepEqual(await waiting(site, "other"), ["event-other0"]);
  deepEqual(await left(site), { files: 1, old: 1 });
});

test("purged letters are gone, and the others stay", async (t) => {
  const site = await lettersSite(t);
  const { status, out } = await act(site, "purge", { destination: "files", filter: { tenant: "diku" }, json: true });
  equal(status, 0);
  const { letters, outcomes } = JSON.parse(out) as Record<string, unknown>;
  deepEqual([letters, outcomes], [3, [{ destination: "files", done: 3, skipped: 0, state: "done" }]]);
  deepEqual(await left(site), { files: 1, other: 1, old: 1 });
  deepEqual(await waiting(site, "files"), []);
});

test("an orphan's letters are refused by name, with what to do", async (t) => {
  const site = await lettersSite(t);
  for (const action of ["redrive", "purge"] as const)
    await rejects(act(site, action, { destination: "old" }), { code: "SST_COMMAND_INVALID", message: /spool purge old/ });
  await rejects(act(site, "redrive", { config: null }), { code: "SST_COMMAND_INVALID", message: /name its configuration with --config/ });
  deepEqual(await left(site), { files: 4, other: 1, old: 1 });
});

test("a log that is half full ends it with what to do, and the rest stays", async (t) => {
  const site = await lettersSite(t, ", spool: { bytesMax: 2MiB }");
  const spool = await openSpool(site.data, ["files"]);
  for (let index = 0; index < 5; index++) await addLetter(spool, "files", `large${index}`, { value: Buffer.alloc(300_000) });
  await spool.close();
  await rejects(act(site, "redrive", { destination: "files" }), {
    code: "SST_SPOOL_FULL",
    message: /^the log of files is half full.*: \d dead letters redriven/,
  });
  const { files = 0 } = await left(site);
  ok(files > 2 && files < 7, `${files} left`);
});

test("the running program is asked until all is through, from where it ended", async (t) => {
  const site = await lettersSite(t);
  const lock = await lockDataFolder(site.data);
  t.after(() => lock.release());
  const asked: unknown[] = [];
  const answers: LettersActed[] = [
    { done: 1, skipped: 0, state: "more", span: { from: 5, to: 9 } },
    { done: 1, skipped: 1, state: "full", span: { from: 6, to: 9 } },
    { done: 1, skipped: 0, state: "done", span: { from: 9, to: 9 } },
  ];
  const listener = await openControlSocket(site.data, (command, payload) => {
    if (command === "status") return Promise.resolve({ destinations: [{ destination: "files" }, { destination: "other" }] });
    const { user, ...rest } = payload as Record<string, unknown>;
    match(String(user), /^ada as /);
    asked.push([command, rest]);
    return Promise.resolve(answers.shift());
  });
  t.after(() => listener.close());
  const { out, told } = await act(site, "redrive", { config: null, destination: "files", filter: { tenant: "diku" } });
  match(out, /^3 dead letters of files redriven: .*; 1 without a topic stay\.$/m);
  deepEqual(told, []);
  const call = (from: number, to: number | null) => [
    "dead",
    { action: "redrive", destination: "files", filter: { tenant: "diku" }, span: { from, to } },
  ];
  deepEqual(asked, [call(0, null), call(5, 9), call(6, 9)]);
});

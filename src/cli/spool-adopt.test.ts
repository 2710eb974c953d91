import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { openControlSocket } from "../admin/control-socket.ts";
import { registerFakeDrivers } from "../config/testing/fake-drivers.ts";
import type { Adopted } from "../flow/spool/adopt.ts";
import { lockDataFolder } from "../flow/spool/lock.ts";
import { readAll } from "../flow/spool/testing/fixtures.ts";
import { runSpoolAdopt, type AdoptOptions } from "./spool-adopt.ts";
import { openSpool, orphanSite, recordedLog, RecordedOutput, type OrphanSite } from "./testing/orphaned-log.ts";

before(() => registerFakeDrivers());

async function adopt({ config, data }: OrphanSite, over: Partial<AdoptOptions> = {}, isTerminal = false) {
  const out = new RecordedOutput(isTerminal);
  const { log, lines } = recordedLog();
  const options = { log: "old", destination: "files", config, data, json: false, environment: { SUDO_USER: "ada" }, ...over };
  const status = await runSpoolAdopt(options, out, log);
  return { status, out, told: lines.map(({ msg }) => msg) };
}

async function waiting(data: string): Promise<string[]> {
  const spool = await openSpool(data, ["files"]);
  const log = spool.logs.get("files");
  const messages = log === undefined ? [] : await readAll(log);
  await spool.close();
  return messages.map(({ eventId }) => eventId);
}

test("where nothing runs the spool is opened: what waits moves, the log is gone, dead letters are told, and who did it is logged", async (t) => {
  const site = await orphanSite(t, 4);
  const { status, out, told } = await adopt(site);
  equal(status, 0);
  equal(
    out.out,
    [
      "3 messages of old moved to the log of files, which delivers while the program runs.",
      "Nothing waits in old any more: it is removed.",
      "Its dead letters stay: `sidestream spool export old --dead` prints them.",
      "`sidestream spool purge old` removes what is left.",
      "",
    ].join("\n"),
  );
  equal(told.length, 1);
  match(told[0] ?? "", /^ada as .+ has files adopt the orphaned log old: 3 messages moved, 0 left$/);
  deepEqual(await waiting(site.data), ["event-m1", "event-m2", "event-m3"]);
  ok(!existsSync(join(site.data, "spool", "old")) && existsSync(join(site.data, "dead", "old")));
  await rejects(adopt(site), { code: "SST_COMMAND_INVALID", message: /only dead letters, or an archive, are left of log "old"/ });
});

test("for programs it is JSON", async (t) => {
  const { out } = await adopt(await orphanSite(t, 2), { json: true });
  deepEqual(JSON.parse(out.out), { moved: 1, left: 0, state: "done", damaged: false, deadLetters: true });
});

test("a destination's log is filled up to half where nothing runs, and the command can be given again", async (t) => {
  const site = await orphanSite(t, 40, 60_000, ", spool: { bytesMax: 2MiB }");
  await rejects(adopt(site), {
    code: "SST_SPOOL_FULL",
    message: /^the log of files is half full, .*: \d+ messages of old moved, \d+ left; give the command again/,
  });
  const first = await waiting(site.data);
  ok(first.length > 5 && first.length < 20, `${first.length} moved`);
  ok(existsSync(join(site.data, "spool", "old")));
  await rejects(adopt(site), { code: "SST_SPOOL_FULL", message: /: 0 messages of old moved/ });
});

test("the running program is asked until all is moved, and the spool is left alone", async (t) => {
  const site = await orphanSite(t, 4);
  const lock = await lockDataFolder(site.data);
  t.after(() => lock.release());
  const asked: unknown[] = [];
  const answers: Adopted[] = [
    { moved: 500, left: 600, state: "more", damaged: false },
    { moved: 100, left: 500, state: "full", damaged: false },
    { moved: 500, left: 0, state: "done", damaged: false },
    { moved: 7, left: 3, state: "full", damaged: false },
    { moved: 0, left: 3, state: "full", damaged: false },
  ];
  const listener = await openControlSocket(site.data, (command, payload) => {
    asked.push([command, payload]);
    return Promise.resolve(answers.shift());
  });
  t.after(() => listener.close());
  const { out, told } = await adopt(site, {}, true);
  match(out.out, /^1100 messages of old moved to the log of files/);
  match(out.error, /adopting old into files: 500 messages moved, 600 left/);
  ok(out.error.endsWith("\r\x1b[K"));
  deepEqual(told, []);
  equal(asked.length, 3);
  const [command, { user, ...payload }] = asked[0] as [string, Record<string, unknown>];
  deepEqual([command, payload], ["adopt", { log: "old", destination: "files" }]);
  match(String(user), /^ada as /);
  await rejects(adopt(site, { config: null }), { code: "SST_SPOOL_FULL", message: /: 7 messages of old moved, 3 left; / });
  deepEqual(answers, []);
});

test("what can't be right is refused before anything is touched", async (t) => {
  const site = await orphanSite(t, 2);
  const refused = (over: Partial<AdoptOptions>, message: RegExp) => rejects(adopt(site, over), { code: "SST_COMMAND_INVALID", message });
  await refused({ destination: "file" }, /^no destination is named "file"; did you mean files\?$/);
  await refused({ log: "files" }, /^"files" is a destination of the configuration/);
  await refused({ log: "olf" }, /^no orphaned log is named "olf": there is old$/);
  await refused({ config: null }, /^no sidestream runs in .*: name its configuration with --config/);
  const lock = await lockDataFolder(site.data);
  t.after(() => lock.release());
  await rejects(adopt(site), { code: "SST_SPOOL_LOCKED" });
});

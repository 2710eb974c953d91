import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { openControlSocket } from "../admin/control-socket.ts";
import { registerFakeDrivers } from "../config/testing/fake-drivers.ts";
import { lockDataFolder } from "../flow/spool/lock.ts";
import { runSpoolPurge, type PurgeOptions } from "./spool-purge.ts";
import { makeArchive, openSpool, orphanSite, recordedLog, RecordedOutput, type OrphanSite } from "./testing/orphaned-log.ts";

before(() => registerFakeDrivers());

async function purge({ config, data }: OrphanSite, over: Partial<PurgeOptions> = {}) {
  const out = new RecordedOutput();
  const { log, lines } = recordedLog();
  const options = { log: "old", yes: true, config, data, json: false, environment: { SUDO_USER: "ada" }, ...over };
  const status = await runSpoolPurge(options, out, log);
  return { status, out: out.out, told: lines.map(({ msg }) => msg) };
}

const isThere = ({ data }: OrphanSite) => ["spool", "dead"].filter((parent) => existsSync(join(data, parent, "old")));

test("without --yes it is only said what is in the log and how it would go, exit 1", async (t) => {
  const site = await orphanSite(t, 4);
  const { status, out, told } = await purge(site, { yes: false });
  equal(status, 1);
  match(out, /^The orphaned log old has 3 messages waiting, 1 dead letter, \d+\.\d KiB in all\.\n/);
  ok(out.endsWith(`\nNothing was removed. To remove it for good: sidestream spool purge old --config ${site.config} --yes\n`));
  deepEqual([isThere(site), told], [["spool", "dead"], []]);
});

test("with --yes the log is gone with its dead letters, and who did it is logged", async (t) => {
  const site = await orphanSite(t, 4);
  const { status, out, told } = await purge(site);
  equal(status, 0);
  match(out, /^Removed for good: the log old with 3 messages waiting, 1 dead letter, \d+\.\d KiB in all\.\n$/);
  deepEqual(isThere(site), []);
  equal(told.length, 1);
  match(told[0] ?? "", /^ada as .+ purged the orphaned log old with its dead letters$/);
  await rejects(purge(site), { code: "SST_COMMAND_INVALID", message: 'no orphaned log is named "old": there is none' });
});

test("for programs it is JSON", async (t) => {
  const site = await orphanSite(t, 4);
  const { bytes, ...rest } = JSON.parse((await purge(site, { yes: false, json: true })).out) as Record<string, unknown>;
  deepEqual(rest, { log: "old", purged: false, messages: 3, deadLetters: 1, archived: 0, problems: 0 });
  ok(Number(bytes) > 16_384);
  equal((JSON.parse((await purge(site, { json: true })).out) as { purged: boolean }).purged, true);
});

test("what its archive holds is told before it goes with it", async (t) => {
  const site = await orphanSite(t, 0);
  await makeArchive(site, "old", 50);
  const { out } = await purge(site, { yes: false });
  match(
    out,
    /^The orphaned log old has 0 messages waiting, 0 dead letters, \d+ archived messages that could be replayed, \d+\.\d KiB in all\.\n/,
  );
  match((await purge(site)).out, /\d+ archived messages/);
  equal(existsSync(join(site.data, "archive", "old")), false);
});

test("dead letters that are left alone can be purged, and damage is told before", async (t) => {
  const site = await orphanSite(t, 2);
  const folder = join(site.data, "dead", "old");
  const [name = ""] = readdirSync(folder);
  writeFileSync(join(folder, name), readFileSync(join(folder, name)).fill(0, 0, 8192));
  const { out } = await purge(site, { yes: false });
  match(out, /0 dead letters/);
  match(out, /\nIt is damaged: `sidestream spool inspect` tells how\.\n/);
  equal((await purge(site)).status, 0);
});

test("the running program is asked to, and its destinations count as well as those of the file", async (t) => {
  const site = await orphanSite(t, 2);
  await (await openSpool(site.data, ["running"])).close();
  const lock = await lockDataFolder(site.data);
  t.after(() => lock.release());
  const asked: [string, unknown][] = [];
  const listener = await openControlSocket(site.data, (command, payload) => {
    if (command === "status") return Promise.resolve({ destinations: [{ destination: "running" }] });
    asked.push([command, payload]);
    return Promise.resolve({ purged: true });
  });
  t.after(() => listener.close());
  const refused = { code: "SST_COMMAND_INVALID", message: /is a destination of the configuration/ };
  for (const log of ["running", "files"]) await rejects(purge(site, { log }), refused);
  equal((await purge(site, { config: null, yes: false })).status, 1);
  deepEqual(asked, []);
  deepEqual((await purge(site, { config: null })).told, []);
  const [command, { user, ...payload }] = asked[0] as unknown as [string, Record<string, unknown>];
  deepEqual([command, payload], ["purge", { log: "old" }]);
  match(String(user), /^ada as /);
  deepEqual(isThere(site), ["spool", "dead"]);
});

test("what can't be right is refused before anything is touched", async (t) => {
  const site = await orphanSite(t, 2);
  await rejects(purge(site, { config: null }), { code: "SST_COMMAND_INVALID", message: /name its configuration with --config/ });
  await rejects(purge(site, { log: "../dead/old" }), { code: "SST_COMMAND_INVALID", message: /there is old$/ });
  await rejects(purge(site, { config: null, data: join(site.folder, "none") }), { code: "SST_DATA_MISSING" });
  const lock = await lockDataFolder(site.data);
  await rejects(purge(site), { code: "SST_SPOOL_LOCKED" });
  lock.release();
  deepEqual(isThere(site), ["spool", "dead"]);
});

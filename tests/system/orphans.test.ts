/** Logs whose destination is gone: the page's own example, the running program, and kills in the midst of adopting. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { disk } from "../../src/flow/spool/disk.ts";
import { Spool } from "../../src/flow/spool/spool.ts";
import { delivered, message, readAll } from "../../src/flow/spool/testing/fixtures.ts";
import { command, launch, start, statusOf, statusWhen, stop, temporaryFolder, type Program } from "./support/program.ts";
import { seeded } from "./support/random.ts";
import { makeSite } from "./support/site.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const MIB = 1024 * 1024;
/** What a kill can double of what is adopted. */
const CHUNK_MESSAGES_MAX = 500;
const IN_FLIGHT_MAX = 200;

function openSpool(dataFolder: string, name: string): Promise<Spool> {
  const destinations = [{ name, bytesMax: 1024 * MIB, deadLetters: { keepMs: 1e12, bytesMax: MIB } }];
  return Spool.open({ disk, dataFolder, destinations, topicsMax: 10, onFinding: () => undefined });
}

/** Makes a log of a destination that no configuration has. @param deadCount - The first so many are dead letters. */
async function makeOrphan(dataFolder: string, name: string, count: number, deadCount = 0): Promise<void> {
  const spool = await openSpool(dataFolder, name);
  const log = spool.logs.get(name);
  ok(log !== undefined);
  for (let index = 0; index < count; index++) {
    log.append(message(String(index), { topic: "things", value: Buffer.from(JSON.stringify({ index, padding: "x".repeat(400) })) }), true);
    if (index % 2_000 === 0) await log.flush();
  }
  await log.flush();
  for (const each of deadCount === 0 ? [] : (await readAll(log)).slice(0, deadCount)) {
    await spool.deadLetters.get(name)?.add(each, "SST_DESTINATION_REFUSED", "too large");
    await log.confirm([{ ...delivered(each), outcome: "dead", reason: "SST_DESTINATION_REFUSED" }]);
  }
  await spool.close();
}

/** Bytes of the files in a folder. */
function bytesIn(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder).reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Looks until it is so; a few milliseconds late at most. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pause(2);
}

function deliveredNumbers(events: string): number[] {
  return readdirSync(events)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => readFileSync(join(events, name), "utf8").split("\n").filter(Boolean))
    .map((line) => (JSON.parse(line) as { index: number }).index);
}

/** That each message is there, in order where it came first, and few of them twice. */
function assertAll(numbers: readonly number[], count: number, doubledMax: number, t: TestContext): void {
  const first = [...new Set(numbers)];
  deepEqual(
    first,
    Array.from({ length: count }, (_, index) => index),
  );
  t.diagnostic(`${numbers.length - count} of ${count} doubled`);
  ok(numbers.length - count <= doubledMax, `${numbers.length - count} are doubled`);
}

test("the example of docs/cli.md does what it says", async (t) => {
  const page = readFileSync(join(ROOT, "docs/cli.md"), "utf8");
  const section = page.slice(page.indexOf("## A log whose destination is gone"));
  const example = /```text\n([^]*?)```/.exec(section)?.[1] ?? "";
  const folder = temporaryFolder(t);
  writeFileSync(
    join(folder, "sidestream.yaml"),
    "version: 1\nenabled: true\ndata: ./data\ndestinations:\n  crm: { type: file, path: ./events }\n",
  );
  await makeOrphan(join(folder, "data"), "crm-old", 4, 1);
  const steps = example.split(/^\$ /mu).slice(1);
  ok(steps.length >= 4);
  const sizes = /\d+\.\d KiB/gu;
  for (const step of steps) {
    const [line = "", ...expected] = step.split("\n");
    const { stdout, stderr } = spawnSync("sh", ["-c", `${ROOT}/bin/${line}`], { cwd: folder, encoding: "utf8" });
    equal(stdout.replaceAll(sizes, "SIZE"), expected.join("\n").replaceAll(sizes, "SIZE"), `${line}\n${stderr}`);
  }
  equal(readFileSync(join(folder, "crm-old.dead.jsonl"), "utf8").split("\n").length, 2);
  deepEqual(readdirSync(join(folder, "data/dead")), ["crm"]);
});

test("the command that prints what waits ends quietly when its reader does", async (t) => {
  const data = join(temporaryFolder(t), "data");
  await makeOrphan(data, "crm-old", 20_000);
  const line = `${ROOT}/bin/sidestream spool export crm-old --pending --data ${data} | head -n 3`;
  const { status, stdout, stderr } = spawnSync("sh", ["-c", line], { encoding: "utf8" });
  deepEqual([status, stderr], [0, ""]);
  equal(stdout.split("\n").length, 4);
  const whole = spawnSync(`${ROOT}/bin/sidestream`, ["spool", "export", "crm-old", "--data", data], {
    encoding: "utf8",
    maxBuffer: 64 * MIB,
  });
  equal(whole.status, 0);
  equal(whole.stdout.split("\n").length, 20_001);
});

test("a renamed destination's log is told, adopted and purged while the program runs", { timeout: 120_000 }, async (t) => {
  const site = await makeSite(t);
  await makeOrphan(site.data, "renamed", 1_200, 2);
  await makeOrphan(site.data, "unwanted", 10);
  const program = await start(t, ["--config", site.configuration]);
  match((await program.logged("orphaned log renamed")).msg, /spool adopt renamed DESTINATION.*spool purge renamed/);
  deepEqual(statusOf(site.data).orphaned, ["renamed", "unwanted"]);
  const health = (await program.logged("health checks and metrics")).address ?? "";
  const waiting = async (): Promise<readonly string[]> =>
    [...(await (await fetch(`${health}/metrics`)).text()).matchAll(/^sidestream_orphaned_messages_pending\{log="(.+)"\} (\d+)$/gmu)].map(
      ([, log, messages]) => `${log} ${messages}`,
    );
  // They are counted once the program runs.
  while ((await waiting()).length < 2) await pause(2);
  deepEqual(await waiting(), ["renamed 1198", "unwanted 10"]);
  const adopted = command(["spool", "adopt", "renamed", "out", "--data", site.data]);
  equal(adopted.status, 0, adopted.stderr);
  await program.logged("has out adopt the orphaned log renamed: 1198 messages moved, 0 left");
  const status = statusWhen(site.data, ({ totals }) => totals.pending === 0 && totals.delivered === 1_198);
  deepEqual(status.breaches, []);
  deepEqual(await waiting(), ["renamed 0", "unwanted 10"]);
  // Its two dead letters are left.
  deepEqual(status.orphaned, ["renamed", "unwanted"]);
  for (const log of ["renamed", "unwanted"]) {
    equal(command(["spool", "purge", log, "--data", site.data]).status, 1);
    const purged = command(["spool", "purge", log, "--data", site.data, "--yes"]);
    equal(purged.status, 0, purged.stderr);
    await program.logged(`purged the orphaned log ${log} with its dead letters`);
  }
  deepEqual(statusOf(site.data).orphaned, []);
  deepEqual([...readdirSync(join(site.data, "spool")), ...readdirSync(join(site.data, "dead"))], ["out", "out"]);
  equal(command(["spool", "purge", "out", "--data", site.data, "--yes"]).status, 2);
  equal(command(["spool", "adopt", "renamed", "out", "--data", site.data]).status, 2);
  await stop(program);
  deepEqual(
    deliveredNumbers(site.events),
    Array.from({ length: 1_198 }, (_, index) => index + 2),
  );
});

test("the program killed in the midst of adopting loses nothing, and the command given again goes on", { timeout: 240_000 }, async (t) => {
  const count = 30_000;
  const kills = 3;
  const { seed, next } = seeded();
  t.diagnostic(`seed ${seed}`);
  const site = await makeSite(t, { destination: `inFlightMax: ${IN_FLIGHT_MAX}` });
  await makeOrphan(site.data, "old", count);
  const wanted = bytesIn(join(site.data, "spool/old"));
  const adopt = (): Program => launch(t, ["spool", "adopt", "old", "out", "--data", site.data]);
  let program = await start(t, ["--config", site.configuration]);
  for (let kill = 1; kill <= kills; kill++) {
    const target = (wanted * (kill - 1 + next() * 0.8)) / (kills + 1);
    const running = adopt();
    await until(() => bytesIn(site.events) > target || running.process.exitCode !== null);
    program.process.kill("SIGKILL");
    await program.ended;
    await running.ended;
    program = await start(t, ["--config", site.configuration]);
  }
  const last = adopt();
  const { status } = await last.ended;
  ok(status === 0 || (status === 2 && !existsSync(join(site.data, "spool/old"))), last.errors());
  deepEqual(statusWhen(site.data, ({ totals }) => totals.pending === 0).breaches, []);
  await stop(program);
  const numbers = deliveredNumbers(site.events);
  assertAll(numbers, count, kills * (CHUNK_MESSAGES_MAX + IN_FLIGHT_MAX), t);
  equal(command(["spool", "fsck", "--data", site.data]).status, 0);
});

test("the command killed in the midst of adopting where nothing runs loses nothing", { timeout: 120_000 }, async (t) => {
  const count = 20_000;
  const { seed, next } = seeded();
  t.diagnostic(`seed ${seed}`);
  const site = await makeSite(t);
  await makeOrphan(site.data, "old", count);
  const wanted = bytesIn(join(site.data, "spool/old"));
  const args = ["spool", "adopt", "old", "out", "--config", site.configuration];
  for (let kill = 0; kill < 2; kill++) {
    const running = launch(t, args);
    const target = wanted * (kill * 0.5 + next() * 0.4);
    await until(() => bytesIn(join(site.data, "spool/out")) > target || running.process.exitCode !== null);
    running.process.kill("SIGKILL");
    await running.ended;
  }
  equal(command(args).status, 0);
  const spool = await openSpool(site.data, "out");
  const log = spool.logs.get("out");
  ok(log !== undefined);
  const numbers = (await readAll(log)).map(({ value }) => (JSON.parse(value.toString()) as { index: number }).index);
  await spool.close();
  assertAll(numbers, count, 2 * CHUNK_MESSAGES_MAX, t);
});

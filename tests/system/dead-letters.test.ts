/** Dead letters: the page's own examples, the running program, and kills in the midst of a redrive. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { StatusReport } from "../../src/cli/status-report.ts";
import { disk } from "../../src/flow/spool/disk.ts";
import { Spool } from "../../src/flow/spool/spool.ts";
import { delivered, message, readAll } from "../../src/flow/spool/testing/fixtures.ts";
import { command, launch, start, statusWhen, stop, temporaryFolder, type Program } from "./support/program.ts";
import { seeded } from "./support/random.ts";
import { makeSite, type Site } from "./support/site.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const GIB = 1024 * 1024 * 1024;
const CODE = "SST_DESTINATION_REFUSED";

function openSpool(dataFolder: string, name: string): Promise<Spool> {
  const destinations = [{ name, bytesMax: 10 * GIB, deadLetters: { keepMs: 1e12, bytesMax: GIB } }];
  return Spool.open({ disk, dataFolder, destinations, topicsMax: 10, onFinding: () => undefined });
}

interface Letter {
  readonly id: string;
  readonly value: string;
  readonly tenant?: string;
}

/** Has messages accepted and refused, as a destination would. */
async function makeLetters(dataFolder: string, name: string, letters: readonly Letter[]): Promise<void> {
  const spool = await openSpool(dataFolder, name);
  const log = spool.logs.get(name);
  const dead = spool.deadLetters.get(name);
  ok(log !== undefined && dead !== undefined);
  for (const { id, value, tenant = "diku" } of letters)
    log.append(message(id, { value: Buffer.from(value), tenant, acceptedMs: Date.now() }), true);
  await log.flush();
  const all = await readAll(log);
  await Promise.all(all.map((each) => dead.add(each, CODE, "too large")));
  await log.confirm(all.map((each) => ({ ...delivered(each), outcome: "dead" as const, reason: CODE })));
  await spool.close();
}

const numbered = (count: number): Letter[] =>
  Array.from({ length: count }, (_, index) => ({ id: String(index), value: JSON.stringify({ index, padding: "x".repeat(200) }) }));

const rising = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Numbers of the messages that wait in the log, in its order. */
async function waitingNumbers(dataFolder: string, name: string): Promise<readonly number[]> {
  const spool = await openSpool(dataFolder, name);
  const log = spool.logs.get(name);
  const messages = log === undefined ? [] : await readAll(log);
  await spool.close();
  return messages.map(({ value }) => (JSON.parse(value.toString()) as { index: number }).index);
}

function writtenLines(events: string): readonly string[] {
  const files = existsSync(events) ? readdirSync(events).filter((name) => name.endsWith(".jsonl")) : [];
  return files.flatMap((name) => readFileSync(join(events, name), "utf8").split("\n").filter(Boolean));
}

/** Bytes of the segments in a folder. */
function bytesIn(folder: string): number {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".segment"))
    .reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Looks until it is so; a few milliseconds late at most. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pause(2);
}

function totalsOf({ totals, breaches }: StatusReport): StatusReport["totals"] {
  deepEqual(breaches, []);
  return totals;
}

test("the examples of docs/dead-letters.md do what they say", async (t) => {
  const page = readFileSync(join(ROOT, "docs/dead-letters.md"), "utf8");
  const examples = [...page.matchAll(/```text\n([^]*?)```/g)].map(([, example = ""]) => example);
  equal(examples.length, 3);
  const folder = temporaryFolder(t);
  writeFileSync(
    join(folder, "sidestream.yaml"),
    "version: 1\nenabled: true\ndata: ./data\ndestinations:\n  crm: { type: file, path: ./events }\n",
  );
  const data = join(folder, "data");
  const letter = (id: string, tenant: string): Letter => ({ id, tenant, value: JSON.stringify({ name: id }) });
  await makeLetters(data, "crm", [letter("a", "diku"), letter("b", "diku"), letter("c", "testlib")]);
  const spool = await openSpool(data, "crm");
  spool.deadLetters.get("crm")?.append(message("d", { topic: "", tenant: "testlib" }), "SST_TEMPLATE_VALUE", "tenant is missing");
  await spool.close();
  const times = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/gu;
  for (const step of examples.flatMap((example) => example.split(/^\$ /mu).slice(1))) {
    const [line = "", ...expected] = step.split("\n");
    const { stdout, stderr } = spawnSync("sh", ["-c", `${ROOT}/bin/${line}`], { cwd: folder, encoding: "utf8" });
    equal(stdout.replaceAll(times, "TIME"), expected.join("\n").replaceAll(times, "TIME"), `${line}\n${stderr}`);
  }
  equal(command(["spool", "fsck", "--data", data]).status, 0);
});

test("letters are redriven by the running program: delivered, or refused again and dead once", { timeout: 120_000 }, async (t) => {
  const site = await makeSite(t);
  await makeLetters(site.data, "out", [...numbered(1_200), { id: "broken", value: "two\nlines" }]);
  const program = await start(t, ["--config", site.configuration]);
  const before = totalsOf(statusWhen(site.data, ({ totals }) => totals.dead === 1_201));
  equal(before.pending, 0);
  equal(command(["dead", "redrive", "--data", site.data]).status, 1);
  for (let round = 0; round < 2; round++) {
    const redriven = command(["dead", "redrive", "--data", site.data, "--yes"]);
    equal(redriven.status, 0, redriven.stderr);
    const after = totalsOf(statusWhen(site.data, ({ totals }) => totals.pending === 0));
    deepEqual(after, { accepted: 1_201, delivered: 1_200, dead: 1, dropped: 0, pending: 0 });
  }
  match((await program.logged("redrove 1201 dead letters of out")).msg, / redrove /);
  match((await program.logged("a message is dead, set aside")).msg, /line break/);
  ok(!program.errors().includes('"stream":"redrive/'), "people see the stream's own name");
  const { stdout } = command(["dead", "list", "--data", site.data, "--json"]);
  const { counts } = JSON.parse(stdout) as { readonly counts: readonly Record<string, unknown>[] };
  deepEqual(
    counts.map(({ destination, stream, letters, reason }) => [destination, stream, letters, reason]),
    [["out", "users-audit", 1, CODE]],
  );
  equal(command(["dead", "purge", "--data", site.data, "--id", "event-broken", "--yes"]).status, 0);
  await program.logged("purged 1 dead letter of out");
  const { destinations } = statusWhen(site.data, ({ totals }) => totals.dead === 1);
  equal(destinations[0]?.deadLetters.messages, 0);
  await stop(program);
  const lines = writtenLines(site.events);
  deepEqual(
    lines.map((line) => (JSON.parse(line) as { index: number }).index),
    rising(1_200),
  );
  equal(command(["spool", "fsck", "--data", site.data]).status, 0);
});

/** Kills what redrives once the log has grown to some part of what it will be, several times over. */
async function killRedrives(
  site: Site,
  next: () => number,
  redrive: () => Promise<{ readonly running: Program; readonly kill: () => Promise<void> }>,
) {
  const log = join(site.data, "spool/out");
  const wanted = bytesIn(join(site.data, "dead/out"));
  const before = bytesIn(log);
  const kills = 3;
  for (let kill = 0; kill < kills; kill++) {
    const { running, kill: end } = await redrive();
    const target = before + (wanted * (kill + next() * 0.8)) / (kills + 1);
    await until(() => bytesIn(log) > target || running.process.exitCode !== null);
    await end();
  }
}

test("the program killed in the midst of a redrive loses no letter and doubles none", { timeout: 240_000 }, async (t: TestContext) => {
  const count = 20_000;
  const { seed, next } = seeded();
  t.diagnostic(`seed ${seed}`);
  const site = await makeSite(t);
  await makeLetters(site.data, "out", numbered(count));
  // Where the folder should be is a file: all that is redriven waits, and can be counted.
  writeFileSync(site.events, "");
  const args = ["dead", "redrive", "--data", site.data, "--yes"];
  let program = await start(t, ["--config", site.configuration]);
  await killRedrives(site, next, async () => {
    const running = launch(t, args);
    return {
      running,
      kill: async () => {
        program.process.kill("SIGKILL");
        await program.ended;
        await running.ended;
        program = await start(t, ["--config", site.configuration]);
      },
    };
  });
  const last = command(args);
  equal(last.status, 0, last.stderr);
  deepEqual(totalsOf(statusWhen(site.data, ({ totals }) => totals.dead === 0)), {
    accepted: count,
    delivered: 0,
    dead: 0,
    dropped: 0,
    pending: count,
  });
  program.process.kill("SIGKILL");
  await program.ended;
  deepEqual(await waitingNumbers(site.data, "out"), rising(count));
  rmSync(site.events);
  program = await start(t, ["--config", site.configuration]);
  equal(totalsOf(statusWhen(site.data, ({ totals }) => totals.pending === 0)).delivered, count);
  await stop(program);
  deepEqual(
    writtenLines(site.events).map((line) => (JSON.parse(line) as { index: number }).index),
    rising(count),
  );
});

test(
  "the command killed in the midst of a redrive where nothing runs loses no letter and doubles none",
  { timeout: 120_000 },
  async (t) => {
    const count = 20_000;
    const { seed, next } = seeded();
    t.diagnostic(`seed ${seed}`);
    const site = await makeSite(t);
    await makeLetters(site.data, "out", numbered(count));
    const args = ["dead", "redrive", "--config", site.configuration, "--yes"];
    await killRedrives(site, next, async () => {
      const running = launch(t, args);
      return {
        running,
        kill: async () => {
          running.process.kill("SIGKILL");
          await running.ended;
        },
      };
    });
    const last = command(args);
    equal(last.status, 0, last.stderr);
    deepEqual(await waitingNumbers(site.data, "out"), rising(count));
    equal(command(["spool", "fsck", "--data", site.data]).status, 0);
  },
);

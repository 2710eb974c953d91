/** Operating a program that runs: hold a destination, drain, discard, purge a tenant, by the commands a person gives. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { disk } from "../../src/flow/spool/disk.ts";
import { Spool } from "../../src/flow/spool/spool.ts";
import { outcomeOf } from "../../src/flow/spool/testing/counting.ts";
import { message, readAll } from "../../src/flow/spool/testing/fixtures.ts";
import { command, launch, start, statusOf, statusWhen, stop } from "./support/program.ts";
import { seeded } from "./support/random.ts";
import { makeSite, post, type Site } from "./support/site.ts";

const MIB = 1024 * 1024;
const SECRET = "Erika Mustermann, Heidestr. 17";

function sidestream(site: Site, ...args: readonly string[]) {
  return command([...args, "--data", site.data]);
}

function files(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

/** Files of the data folder in which a text stands. */
function holding(site: Site, text: string): string[] {
  return files(site.data).filter((path) => readFileSync(path).includes(text));
}

function delivered(site: Site): string[] {
  return files(site.events).flatMap((path) => readFileSync(path, "utf8").split("\n").filter(Boolean));
}

test(
  "a destination is held over a restart, messages of it are discarded, and drain tells when the rest is there",
  { timeout: 120_000 },
  async (t) => {
    const site = await makeSite(t);
    const place = ["--config", site.configuration];
    equal(command(["pause", "out", "--reason", "new disks", ...place]).status, 0);
    let program = await start(t, place);
    match((await program.logged("out is held by")).msg, /: new disks; nothing is sent to it until `sidestream resume out`/);
    const url = () => `${program.address("front")}/things`;
    for (let index = 0; index < 6; index += 1)
      equal((await post(url(), { index }, { "x-okapi-tenant": index % 2 === 0 ? "diku" : "college" }))?.status, 201);
    const status = sidestream(site, "status");
    equal(status.status, 1);
    match(status.stdout, /^out +HELD .* held by .*: new disks$/m);
    match(status.stdout, /^out: HELD: nothing is sent to it.*`sidestream resume out`/m);
    const health = (await program.logged("health checks and metrics")).address ?? "";
    equal((await fetch(`${health}/ready`)).status, 200);
    match(await (await fetch(`${health}/metrics`)).text(), /^sidestream_destination_held\{destination="out"\} 1$/m);

    const stuck = sidestream(site, "drain", "--timeout", "30s");
    equal(stuck.status, 1);
    match(stuck.stdout, /^out +6 +held by .*: new disks$/m);

    const counted = sidestream(site, "discard", "out", "--tenant", "diku");
    equal(counted.status, 1);
    match(counted.stdout, /^3 messages that wait for out, .*\n.*\neverything +diku +3 /m);
    match(counted.stdout, /To give them up for good: sidestream discard out --tenant diku --data \S+ --yes$/m);
    const discarded = sidestream(site, "discard", "out", "--tenant", "diku", "--yes");
    equal(discarded.status, 0, discarded.stderr);
    match(discarded.stdout, /^Given up for good: 3 messages, counted as dropped, reason discarded\./m);
    match((await program.logged("discarded 3 messages")).msg, /that waited for out$/);

    await stop(program);
    program = await start(t, place);
    equal(statusOf(site.data).totals.pending, 3);
    // Waits while it is held no more.
    const resumed = sidestream(site, "resume", "out");
    equal(resumed.status, 0, resumed.stderr);
    match(resumed.stdout, /^out goes on\. It was held by .*: new disks\n/);
    const drained = sidestream(site, "drain", "out");
    deepEqual([drained.status, drained.stderr], [0, ""]);
    match(drained.stdout, /^out +0 +drained$/m);
    const report = statusOf(site.data);
    deepEqual([report.breaches, report.totals], [[], { accepted: 6, delivered: 3, dead: 0, dropped: 3, pending: 0 }]);
    deepEqual(
      delivered(site).map((line) => line.includes("college")),
      [true, true, true],
    );
    await stop(program);
  },
);

test("after a purge no byte of a tenant's messages is left, and others' arrive", { timeout: 120_000 }, async (t) => {
  const site = await makeSite(t);
  const program = await start(t, ["--config", site.configuration]);
  equal(sidestream(site, "pause", "out").status, 0);
  const posts = Array.from({ length: 60 }, (_, index) => index);
  for (const index of posts) {
    const tenant = index % 3 === 0 ? "college" : "gone";
    equal(
      (
        await post(
          `${program.address("front")}/things`,
          { index, name: tenant === "gone" ? SECRET : "other", pad: "x".repeat(2_000) },
          { "x-okapi-tenant": tenant },
        )
      )?.status,
      201,
    );
  }
  ok(holding(site, SECRET).length > 0);
  const counted = sidestream(site, "tenant", "purge", "gone");
  equal(counted.status, 1);
  match(counted.stdout, /^out +40 +0 +0 +0$/m);
  const purged = sidestream(site, "tenant", "purge", "gone", "--yes");
  equal(purged.status, 0, purged.stderr);
  match(purged.stdout, /^Removed for good: 40 messages that waited/m);
  await program.logged("purged tenant gone from out: 40 messages");
  deepEqual(holding(site, SECRET), []);
  const unknown = sidestream(site, "tenant", "purge", "colege", "--yes");
  deepEqual(
    [unknown.status, unknown.stdout],
    [0, 'No log ever had a message of tenant "colege"; did you mean college? Nothing was purged.\n'],
  );
  equal(sidestream(site, "resume", "out").status, 0);
  equal(sidestream(site, "drain").status, 0);
  deepEqual(statusWhen(site.data, ({ totals }) => totals.pending === 0).totals, {
    accepted: 60,
    delivered: 20,
    dead: 0,
    dropped: 40,
    pending: 0,
  });
  await stop(program);
  deepEqual(
    delivered(site).map((line) => /"index":(\d+)/.exec(line)?.[1]),
    posts.filter((index) => index % 3 === 0).map(String),
  );
  equal(command(["spool", "fsck", "--data", site.data]).status, 0);
});

test("where no program runs a tenant is purged and messages are discarded under the lock", { timeout: 120_000 }, async (t) => {
  const site = await makeSite(t);
  const place = ["--config", site.configuration];
  equal(command(["pause", "out", ...place]).status, 0);
  const program = await start(t, place);
  for (const tenant of ["gone", "diku", "gone", "college"])
    equal((await post(`${program.address("front")}/things`, { name: SECRET }, { "x-okapi-tenant": tenant }))?.status, 201);
  program.process.kill("SIGKILL");
  await program.ended;
  equal(sidestream(site, "tenant", "purge", "gone", "--yes").status, 2);
  const purged = command(["tenant", "purge", "gone", "--yes", ...place]);
  equal(purged.status, 0, purged.stderr);
  match(purged.stderr, /purged tenant gone from out: 2 messages, 0 dead letters, 0 archived messages/);
  const discarded = command(["discard", "out", "--tenant", "college", "--yes", "--json", ...place]);
  equal(discarded.status, 0, discarded.stderr);
  equal((JSON.parse(discarded.stdout) as { readonly discarded: number }).discarded, 1);
  equal(command(["drain", ...place]).status, 75);
  equal(command(["resume", "out", ...place]).status, 0);
  const again = await start(t, place);
  const waiting = launch(t, ["drain", "--data", site.data, "--json"]);
  equal((await waiting.ended).status, 0);
  deepEqual(statusOf(site.data).totals, { accepted: 4, delivered: 1, dead: 0, dropped: 3, pending: 0 });
  await stop(again);
});

test("a purge that is killed in its midst loses nothing of others, and given again it goes on", { timeout: 120_000 }, async (t) => {
  const { seed, next } = seeded();
  t.diagnostic(`seed ${seed}`);
  const site = await makeSite(t);
  const count = 24_000;
  const open = () =>
    Spool.open({
      disk,
      dataFolder: site.data,
      destinations: [{ name: "out", bytesMax: 256 * MIB, deadLetters: { keepMs: 1e12, bytesMax: MIB } }],
      topicsMax: 10,
      onFinding: () => undefined,
    });
  let spool = await open();
  for (let index = 0; index < count; index += 1) {
    const tenant = index % 2 === 0 ? "gone" : "college";
    const value = Buffer.from(JSON.stringify({ index, name: tenant === "gone" ? SECRET : "other", pad: "x".repeat(400) }));
    spool.logs.get("out")?.append(message(String(index), { tenant, value }), true);
    if (index % 2_000 === 0) await spool.logs.get("out")?.flush();
  }
  await spool.close();
  const folder = join(site.data, "spool", "out");
  // Each change of a file there is a step of the purge: a cursor, a segment that is rewritten.
  const state = () =>
    readdirSync(folder)
      .map((name) => `${name} ${statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0}`)
      .join();
  const args = ["tenant", "purge", "gone", "--yes", "--config", site.configuration];
  for (let kill = 0; kill < 3; kill += 1) {
    const running = launch(t, args);
    for (let before = state(), left = 1 + Math.floor(next() * 12); left > 0 && running.process.exitCode === null; await pause(1)) {
      if (state() === before) continue;
      before = state();
      left -= 1;
    }
    running.process.kill("SIGKILL");
    await running.ended;
  }
  const { status, stdout, stderr } = command(args);
  equal(status, 0, stdout + stderr);
  deepEqual(holding(site, SECRET), []);
  spool = await open();
  const log = spool.logs.get("out");
  ok(log !== undefined);
  deepEqual(
    (await readAll(log)).map(({ value }) => (JSON.parse(value.toString()) as { readonly index: number }).index),
    Array.from({ length: count / 2 }, (_, index) => 2 * index + 1),
  );
  equal(outcomeOf(log, "gone", "purged"), count / 2);
  await spool.close();
  equal(command(["spool", "fsck", "--data", site.data]).status, 0);
});

/** The running program on a disk that fails it: what it answered arrives, what it can't keep it says, with what to do. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { DurableSite, IN_FLIGHT_MAX } from "./support/durable-site.ts";
import { makeFaultyDisk } from "./support/faulty-disk.ts";
import { mountExt4, mountTmpfs, type MountedDisk } from "./support/mounted-disk.ts";
import { statusOf, statusWhen, temporaryFolder } from "./support/program.ts";
import { guarantee } from "../guarantees.ts";

guarantee(
  {
    failure: "power-lost",
    capture: ["durable"],
    test: "what was answered arrives after the power was lost under the program",
    lost: "nothing that was answered, on a disk that does what docs/crash-model.md asks of it",
    todo: "nothing; start it again",
  },
  {
    failure: "power-lost",
    delivery: ["at-least-once"],
    to: "files",
    test: "what was answered arrives after the power was lost under the program",
    lost: "nothing",
    doubled: "what was sent and not yet confirmed on disk",
    todo: "nothing; start it again",
  },
  {
    failure: "disk-full",
    delivery: ["at-least-once"],
    test: "a disk that filled up while the destination was down drains when it is back, and its room comes back",
    lost: "nothing that was accepted: confirming needs no room, and gives it back",
    doubled: "nothing",
    todo: "mend the destination, or make room",
  },
  {
    failure: "disk-fails",
    capture: ["durable"],
    test: "syncs that fail from some moment on stop the log, which says so; a start goes on with all that was answered",
    lost: "nothing that was answered; while the log is stopped, as for a full disk",
    todo: "look at the disk, then start it again; `sidestream spool fsck` tells what is damaged",
  },
  {
    failure: "disk-fails",
    delivery: ["at-least-once"],
    test: "a disk that is read-only for a while, in the midst of writing and confirming, doubles nothing",
    lost: "nothing",
    doubled: "nothing, unless the program is killed before it could confirm",
    todo: "mount it writable; it goes on by itself",
  },
);

const MIB = 1024 * 1024;
/** As most tries fail before the first that counts: a request may fail for having been under way. */
const TRIES_MAX = 300;

/** Sends until nothing more is taken. */
async function sendUntilRefused(site: DurableSite): Promise<void> {
  const padding = "x".repeat(20_000);
  for (let tries = 0, refused = 0; refused < 3; tries++) {
    ok(tries < TRIES_MAX, "the disk becomes full");
    const [taken] = await site.send(1, padding);
    refused = taken === true ? 0 : refused + 1;
  }
}

function stoppedOf(site: DurableSite): string | null {
  return statusOf(site.data).destinations[0]?.stopped ?? null;
}

/** After a disk that failed works again: either the program goes on by itself, or it has said that it must be started again. */
async function expectGoesOnOrSays(site: DurableSite): Promise<void> {
  const taken = await site.send(5);
  if (taken.at(-1) === true) return;
  ok(stoppedOf(site) !== null, "a log that takes nothing more says that it stopped");
  match(site.program.errors(), /restart/iu, "and the log says what to do");
  await site.kill();
  await site.startAgain();
  deepEqual(await site.send(2), [true, true]);
}

async function fullAndDown(t: TestContext, mounted: MountedDisk): Promise<DurableSite> {
  const site = await DurableSite.start(t, { data: join(mounted.path, "data"), down: true });
  await sendUntilRefused(site);
  mounted.fill();
  ok(site.answered.length > 5, `${site.answered.length} were answered`);
  equal((await site.program.logged("can't be kept")).level, "error");
  await site.expectHealthy();
  return site;
}

test(
  "a disk that filled up while the destination was down drains when it is back, and its room comes back",
  { timeout: 120_000 },
  async (t) => {
    const mounted = mountTmpfs(t, 3 * MIB);
    if (mounted === null) return;
    const site = await fullAndDown(t, mounted);
    site.destinationIsBack();
    statusWhen(site.data, ({ totals }) => totals.pending === 0);
    ok(mounted.freeBytes > 0);
    deepEqual(await site.send(3), [true, true, true], "requests are taken again, with the other file where it was");
    await site.expectDelivered(0);
  },
);

test("a program that is killed on a full disk starts on it and drains", { timeout: 120_000 }, async (t) => {
  const mounted = mountExt4(t, 4 * MIB);
  if (mounted === null) return;
  const site = await fullAndDown(t, mounted);
  await site.kill();
  mounted.fill();
  site.destinationIsBack();
  await site.startAgain();
  statusWhen(site.data, ({ totals }) => totals.pending === 0);
  deepEqual(await site.send(3), [true, true, true], "requests are taken again, with the other file where it was");
  await site.expectDelivered(0);
});

test("a disk that refuses each byte more keeps nothing from draining", { timeout: 120_000 }, async (t) => {
  const data = join(temporaryFolder(t), "data");
  const faulty = makeFaultyDisk(t, data);
  const site = await DurableSite.start(t, { data, down: true, environment: faulty.environment });
  await site.send(10);
  equal(site.answered.length, 10);
  faulty.plan("grow ENOSPC 1 on", "create ENOSPC 1 on");
  ok(!(await site.send(3)).includes(true));
  await site.expectHealthy();
  await site.kill();
  site.destinationIsBack();
  await site.startAgain(faulty.environment);
  statusWhen(data, ({ totals }) => totals.pending === 0);
  faulty.plan();
  deepEqual((await site.send(4)).slice(-3), [true, true, true]);
  await site.expectDelivered(0);
});

test(
  "a file system that turns read-only in the midst is told by its code; mended, all that was answered arrives",
  { timeout: 120_000 },
  async (t) => {
    const mounted = mountExt4(t, 16 * MIB);
    if (mounted === null) return;
    const site = await DurableSite.start(t, { data: join(mounted.path, "data"), down: true });
    await site.send(10);
    equal(site.answered.length, 10);
    mounted.turnReadOnly();
    ok(!(await site.send(4)).includes(true), "nothing is answered that can't be kept");
    match((await site.program.logged("can't be kept")).msg, /EROFS/);
    match(site.program.errors(), /SST_SPOOL_READ_ONLY/);
    await site.expectHealthy();
    equal(statusOf(site.data).destinations[0]?.trouble?.code, "SST_SPOOL_READ_ONLY");
    await site.kill();
    mounted.mountAgain();
    site.destinationIsBack();
    await site.startAgain();
    deepEqual(await site.send(3), [true, true, true]);
    await site.expectDelivered(0);
  },
);

test("a disk that is read-only for a while, in the midst of writing and confirming, doubles nothing", { timeout: 120_000 }, async (t) => {
  const data = join(temporaryFolder(t), "data");
  const faulty = makeFaultyDisk(t, data);
  const site = await DurableSite.start(t, { data, down: true, environment: faulty.environment });
  await site.send(10);
  equal(site.answered.length, 10);
  faulty.plan("any EROFS 1 on", "open EROFS 1 on");
  ok(!(await site.send(3)).includes(true), "nothing is answered that can't be kept");
  match((await site.program.logged("can't be kept")).msg, /EROFS/);
  // What is delivered now can't be confirmed.
  site.destinationIsBack();
  const { destinations } = statusWhen(data, (report) => report.destinations[0]?.transmit?.state === "paused");
  equal(destinations[0]?.transmit?.lastError?.code, "SST_SPOOL_READ_ONLY");
  await site.expectHealthy();
  faulty.plan();
  statusWhen(data, (report) => report.destinations[0]?.transmit?.state === "up");
  await expectGoesOnOrSays(site);
  await site.expectDelivered(0);
});

test("a sync that fails once under the program costs nobody an answer", { timeout: 120_000 }, async (t) => {
  const data = join(temporaryFolder(t), "data");
  const faulty = makeFaultyDisk(t, data);
  const site = await DurableSite.start(t, { data, environment: faulty.environment });
  await site.send(3);
  faulty.plan("sync:/spool/out/0 EVICT 2");
  await site.send(6);
  equal(site.answered.length, 9, "each is answered, also the one whose sync failed");
  equal(stoppedOf(site), null);
  await site.expectDelivered(0);
});

test(
  "syncs that fail from some moment on stop the log, which says so; a start goes on with all that was answered",
  { timeout: 120_000 },
  async (t) => {
    const data = join(temporaryFolder(t), "data");
    const faulty = makeFaultyDisk(t, data);
    const site = await DurableSite.start(t, { data, down: true, environment: faulty.environment });
    await site.send(5);
    equal(site.answered.length, 5);
    faulty.plan("sync:/spool/out EIO 1 on");
    ok(!(await site.send(4)).includes(true));
    match((await site.program.logged("can't be kept")).msg, /EIO/);
    await site.expectHealthy();
    ok(stoppedOf(site) !== null);
    faulty.plan();
    site.destinationIsBack();
    statusWhen(data, ({ totals }) => totals.pending === 0);
    await expectGoesOnOrSays(site);
    await site.expectDelivered(0);
  },
);

test("what was answered arrives after the power was lost under the program", { timeout: 120_000 }, async (t) => {
  const mounted = mountExt4(t, 24 * MIB);
  if (mounted === null) return;
  const site = await DurableSite.start(t, { data: join(mounted.path, "data") });
  const sending = site.send(25);
  // In the midst of it.
  while (site.answered.length < 10) await new Promise((later) => setImmediate(later));
  const { length } = site.answered;
  mounted.losePower();
  await sending;
  // Of a sync that runs while the disk is taken away, the system may say anything.
  site.answered.length = length;
  ok(!(await site.send(2)).includes(true), "without a disk nothing is answered");
  await site.expectHealthy();
  await site.kill();
  mounted.mountAgain();
  await site.startAgain();
  deepEqual(await site.send(2), [true, true]);
  await site.expectDelivered(IN_FLIGHT_MAX);
});

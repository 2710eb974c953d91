/** A data folder that can't be written to: told at the start with what to do, and nothing that was kept is lost. */
import { deepEqual, equal, match } from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { readMessages, type TransactionData } from "./support/messages.ts";
import { command, start, statusWhen, stop, temporaryFolder } from "./support/program.ts";
import { makeSite, post } from "./support/site.ts";
import { badDiskLibrary, makeReadOnly, makeWritable, mountSmallDisk } from "./support/small-disk.ts";

/** Leaves a spool with three messages that could not be sent. */
async function siteWithPending(t: TestContext, data: string) {
  const site = await makeSite(t, { data });
  writeFileSync(site.events, "a file where the folder should be");
  const program = await start(t, ["--config", site.configuration]);
  for (let number = 1; number <= 3; number++) equal((await post(`${program.address("front")}/things`, { number }))?.status, 201);
  await stop(program);
  return site;
}

async function expectAllDelivered(t: TestContext, site: Awaited<ReturnType<typeof siteWithPending>>) {
  rmSync(site.events);
  mkdirSync(site.events);
  const program = await start(t, ["--config", site.configuration]);
  statusWhen(site.data, ({ totals }) => totals.pending === 0);
  await stop(program);
  const numbers = readMessages(site.events).map(({ data }) => ((data as TransactionData).request.body as { number: number }).number);
  deepEqual(numbers, [1, 2, 3]);
}

test("a read-only mount is told by its name and ends the start with 74; nothing is lost", { timeout: 120_000 }, async (t) => {
  const disk = mountSmallDisk(t, 16 * 1024 * 1024);
  if (disk === null) return;
  const site = await siteWithPending(t, join(disk, "data"));
  makeReadOnly(disk);
  const refused = command(["run", "--config", site.configuration]);
  equal(refused.status, 74);
  match(refused.stderr, /SST_SPOOL_READ_ONLY: Mount the data folder writable/);
  match(refused.stderr, new RegExp(join(disk, "data")));
  for (const look of ["inspect", "fsck"]) {
    const { status, stdout, stderr } = command(["spool", look, "--data", site.data]);
    deepEqual([status, stderr], [0, ""], "it only reads, under the lock");
    match(stdout, /^out +messages +1 +\d+ +3 +3 /m);
  }
  makeWritable(disk);
  await expectAllDelivered(t, site);
});

test("the same where the system itself refuses to open a file for writing", { timeout: 120_000 }, async (t) => {
  const folder = temporaryFolder(t);
  const library = badDiskLibrary(folder);
  const site = await siteWithPending(t, join(folder, "data"));
  const refused = command(["run", "--config", site.configuration], { env: { LD_PRELOAD: library, READ_ONLY_FOLDER: site.data } });
  equal(refused.status, 74, refused.stderr);
  match(refused.stderr, /SST_SPOOL_READ_ONLY/);
  await expectAllDelivered(t, site);
});

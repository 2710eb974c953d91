import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { conservationBreaches } from "../../observe/conservation.ts";
import { messageCounts } from "../message-counts.ts";
import { adoptLog } from "./adopt.ts";
import { disk as systemDisk } from "./disk.ts";
import { Spool } from "./spool.ts";
import { FailingDisk, message, readAll, temporaryFolder } from "./testing/fixtures.ts";
import {
  deadOf,
  lettersOf,
  LETTERS_FOLDER,
  makeLetters,
  openLetters,
  redriveAll,
  refuse,
  whereabouts,
  type LettersSite,
} from "./testing/letters-site.ts";
import { MemoryDisk, seededRandom } from "./testing/memory-disk.ts";
import { purgeLetters } from "./redrive.ts";

const memory = (seed = 1) => new MemoryDisk(seededRandom(seed));
const ids = (...numbers: readonly number[]): string[] => numbers.map((number) => `event-${number}`);

/** Counts of the one stream and tenant. */
function countsOf({ log }: LettersSite): Record<string, unknown> {
  const rows = messageCounts("out", log.status());
  deepEqual(conservationBreaches(rows), []);
  equal(rows.length, 1);
  const { accepted, delivered, dead, pending, stream } = rows[0] ?? {};
  return { accepted, delivered, dead, pending, stream };
}

function purge({ letters }: LettersSite, filter: Parameters<typeof purgeLetters>[0]["filter"] = {}) {
  const { signal } = new AbortController();
  return purgeLetters({ letters, filter, signal, span: { from: 0, to: null }, waitMsMax: Number.POSITIVE_INFINITY });
}

test("letters that are redriven wait in the log again, in order, unchanged but for a mark, and count as pending instead of dead", async () => {
  const disk = memory();
  const site = await openLetters(disk);
  await makeLetters(site, 5, { exactlyOnce: true });
  deepEqual(countsOf(site), { accepted: 5, delivered: 0, dead: 5, pending: 0, stream: "users-audit" });
  const before = await lettersOf(site);
  const { done, skipped, state } = await redriveAll(site);
  deepEqual([done, skipped, state], [5, 0, "done"]);
  deepEqual(await whereabouts(site), { dead: [], waiting: ids(0, 1, 2, 3, 4) });
  const again = await readAll(site.log);
  for (const [index, each] of again.entries()) {
    const { stream, sequence, logSequence, frameBytes, lane, headers, ...rest } = before[index]?.message ?? ({} as never);
    const own = { stream, sequence, logSequence, frameBytes, lane };
    deepEqual({ ...each, ...own }, { ...rest, ...own, headers: [...headers, ["sidestream-redrive", "1"]] });
    equal(each.stream, "redrive/users-audit");
    ok(each.exactlyOnce);
  }
  equal(site.letters.messages, 0);
  deepEqual(countsOf(site), { accepted: 5, delivered: 0, dead: 0, pending: 5, stream: "users-audit" });
  deepEqual(
    disk.files(LETTERS_FOLDER).map((path) => path.slice(LETTERS_FOLDER.length + 1)),
    ["cursor-0", "cursor-1"],
  );
  await site.spool.close();
});

test("only letters that are meant are redriven; the others stay, also after a restart", async () => {
  const disk = memory();
  const site = await openLetters(disk);
  await makeLetters(site, 3, { tenant: "a" });
  await makeLetters(site, 2, { tenant: "b" });
  site.letters.append(message("nowhere", { topic: "", tenant: "a" }), "SST_TEMPLATE_VALUE", "no tenant");
  await site.letters.flush();
  equal((await redriveAll(site, { filter: { eventId: "event-1", tenant: "a" } })).done, 1);
  const { done, skipped } = await redriveAll(site, { filter: { tenant: "a" } });
  deepEqual([done, skipped], [2, 1]);
  equal(site.letters.messages, 3);
  await site.spool.close();
  const again = await openLetters(disk);
  deepEqual(await whereabouts(again), { dead: [...ids(0, 1), "event-nowhere"], waiting: ids(1, 0, 2) });
  equal(again.letters.messages, 3);
  deepEqual(again.findings, []);
  await again.spool.close();
});

test("a letter that is refused again is dead once, and can be redriven again", async () => {
  const site = await openLetters(memory());
  await makeLetters(site, 3);
  for (let round = 0; round < 3; round++) {
    await redriveAll(site);
    await refuse(site, await readAll(site.log));
    deepEqual(await whereabouts(site), { dead: ids(0, 1, 2), waiting: [] });
    deepEqual(countsOf(site), { accepted: 3, delivered: 0, dead: 3, pending: 0, stream: "users-audit" });
  }
  await site.spool.close();
});

test("letters that die while others are redriven are left to the next redrive", async () => {
  const site = await openLetters(memory());
  await makeLetters(site, 3);
  const first = await redriveAll(site, { waitMsMax: 0 });
  deepEqual([first.done, first.state], [0, "more"]);
  await makeLetters(site, 2);
  const second = await redriveAll(site, { span: first.span });
  deepEqual([second.done, second.state], [3, "done"]);
  equal(site.letters.messages, 2);
  await site.spool.close();
});

test("letters of a log before this one count as accepted here when they are redriven", async () => {
  const disk = memory();
  const site = await openLetters(disk);
  await makeLetters(site, 3);
  await site.spool.close();
  for (const path of disk.files("/data/spool/out")) disk.lose(path);
  const again = await openLetters(disk);
  await redriveAll(again);
  deepEqual(countsOf(again), { accepted: 3, delivered: 0, dead: 0, pending: 3, stream: "users-audit" });
  await again.spool.close();
});

test("a redrive fills half of the log, says that it is full, and goes on where it was", async () => {
  const site = await openLetters(memory(), { bytesMax: 2 * 1024 * 1024 });
  for (let index = 0; index < 30; index++) await makeLetters(site, 1, { value: Buffer.alloc(60_000) });
  const first = await redriveAll(site);
  equal(first.state, "full");
  ok(first.done > 5 && first.done < 20, `${first.done} redriven`);
  equal(site.letters.messages, 30 - first.done);
  const { log } = site;
  let acted = first;
  for (let calls = 0; acted.state !== "done" && calls < 10; calls++) {
    for (const each of await readAll(log)) await log.confirm([{ ...deadOf(each), outcome: "delivered", reason: null }]);
    acted = await redriveAll(site, { span: acted.span });
  }
  equal(acted.state, "done");
  equal(site.letters.messages, 0);
  await site.spool.close();
});

test("letters that are purged are gone, also after a restart, and stay counted as dead; the numbers of new ones go on", async () => {
  const disk = memory();
  const site = await openLetters(disk);
  await makeLetters(site, 4);
  equal((await purge(site, { eventId: "event-2" })).done, 1);
  deepEqual((await whereabouts(site)).dead, ids(0, 1, 3));
  equal((await purge(site)).done, 3);
  equal(site.letters.messages, 0);
  equal(site.letters.usedBytes, 0);
  await makeLetters(site, 1);
  await site.spool.close();
  const again = await openLetters(disk);
  deepEqual((await whereabouts(again)).dead, ids(0));
  equal(countsOf(again)["dead"], 5);
  equal((await purge(again)).done, 1);
  await again.spool.close();
  // The numbers of an empty log begin anew: what was noted of them before means nothing.
  const empty = await openLetters(disk);
  await makeLetters(empty, 2);
  deepEqual((await whereabouts(empty)).dead, ids(0, 1));
  await empty.spool.close();
  const last = await openLetters(disk);
  deepEqual((await whereabouts(last)).dead, ids(0, 1));
  deepEqual(last.findings, []);
  await last.spool.close();
});

test("segments go with their last letter, also from between others", async () => {
  const disk = memory();
  const site = await openLetters(disk, { deadBytesMax: 4 * 1024 * 1024 });
  for (let index = 0; index < 20; index++)
    await makeLetters(site, 1, { value: Buffer.alloc(60_000), tenant: index < 6 || index > 14 ? "a" : "b" });
  const files = () => disk.files(LETTERS_FOLDER).filter((path) => path.endsWith(".segment")).length;
  const before = files();
  await purge(site, { tenant: "b" });
  ok(files() < before && before > 3, `${files()} of ${before}`);
  await site.spool.close();
  const again = await openLetters(disk, { deadBytesMax: 4 * 1024 * 1024 });
  deepEqual(again.findings, []);
  equal((await lettersOf(again)).length, 11);
  equal(again.letters.messages, 11);
  await again.spool.close();
});

for (const end of ["killProcess", "losePower"] as const) {
  test(`a redrive that ends at any step (${end}) loses no letter and doubles none`, async () => {
    let steps = 0;
    let between = 0;
    for (let left = 0; ; left++) {
      const disk = memory(left + 1);
      const site = await openLetters(disk);
      await makeLetters(site, 4);
      await site.spool.close();
      const running = await openLetters(disk);
      disk.operationsLeft = left;
      const isThrough = await redriveAll(running, { filter: left % 2 === 0 ? {} : { tenant: "diku" } }).then(
        () => true,
        () => false,
      );
      disk[end]();
      const again = await openLetters(disk);
      const { dead, waiting } = await whereabouts(again);
      deepEqual([...waiting, ...dead], ids(0, 1, 2, 3), `after ${left} operations`);
      if (waiting.length > 0 && !isThrough) between += 1;
      deepEqual(countsOf(again), { accepted: 4, delivered: 0, dead: dead.length, pending: waiting.length, stream: "users-audit" });
      equal(again.letters.messages, dead.length);
      ok(!disk.files(LETTERS_FOLDER).includes(`${LETTERS_FOLDER}/redrive`));
      await redriveAll(again);
      deepEqual(await whereabouts(again), { dead: [], waiting: ids(0, 1, 2, 3) });
      await again.spool.close();
      disk.killProcess();
      steps = left;
      if (isThrough) break;
    }
    ok(steps > 10 && between > 2, `${steps} steps, ${between} of them with messages in the log`);
  });
}

test("a redrive whose disk fails for a while goes on with the next call, and neither loses nor doubles", async () => {
  for (const failing of ["write", "sync", "rename", "syncFolder", "remove", "create", "open"] as const) {
    for (let skip = 0; skip < 8; skip++) {
      const under = memory();
      const disk = new FailingDisk(under);
      const site = await openLetters(disk);
      await makeLetters(site, 4);
      let seen = 0;
      disk.fail = (operation) => (operation === failing && seen++ === skip ? "ENOSPC" : null);
      await redriveAll(site).catch(() => undefined);
      disk.fail = () => null;
      if (site.log.refusing === null) {
        await redriveAll(site);
        deepEqual(await whereabouts(site), { dead: [], waiting: ids(0, 1, 2, 3) }, `${failing} ${skip}`);
      }
      await site.spool.close();
      const again = await openLetters(disk);
      const { dead, waiting } = await whereabouts(again);
      deepEqual([...waiting, ...dead], ids(0, 1, 2, 3), `${failing} ${skip}, after a restart`);
      await again.spool.close();
    }
  }
});

test("an intent that is damaged is told, and what can't be told apart stays dead", async () => {
  const disk = memory();
  const site = await openLetters(disk);
  await makeLetters(site, 2);
  const failing = new FailingDisk(disk);
  await site.spool.close();
  const running = await openLetters(failing);
  failing.fail = (operation, path) => (operation === "remove" && path.endsWith("/redrive") ? "EIO" : null);
  await rejects(redriveAll(running), { code: "SST_SPOOL_IO" });
  disk.killProcess();
  disk.damage(`${LETTERS_FOLDER}/redrive`, (bytes) => bytes.fill(0, 20, 30));
  const again = await openLetters(disk);
  deepEqual(
    again.findings.map(({ kind }) => kind),
    ["damage"],
  );
  ok(!disk.files(LETTERS_FOLDER).includes(`${LETTERS_FOLDER}/redrive`));
  await again.spool.close();
});

test("a redriven message that another destination adopts is like any other there", async (t) => {
  const dataFolder = temporaryFolder(t);
  const disk = systemDisk;
  const site = await openLetters(disk, { dataFolder });
  await makeLetters(site, 2);
  await redriveAll(site);
  await site.spool.close();
  const destinations = [{ name: "heir", bytesMax: 16 * 1024 * 1024, deadLetters: { keepMs: 1e12, bytesMax: 1024 * 1024 } }];
  const spool = await Spool.open({ disk, dataFolder, destinations, topicsMax: 10, onFinding: () => undefined });
  const heir = spool.logs.get("heir");
  ok(heir !== undefined);
  const { signal } = new AbortController();
  const waits = { waitMsMax: Number.POSITIVE_INFINITY, waitsForRoom: false, signal, onFinding: () => undefined };
  equal((await adoptLog({ disk, dataFolder, log: "out", into: heir, ...waits })).moved, 2);
  const [row] = messageCounts("heir", heir.status());
  deepEqual([row?.stream, row?.accepted, row?.dead, row?.pending], ["users-audit", 2, 0, 2]);
  await spool.close();
});

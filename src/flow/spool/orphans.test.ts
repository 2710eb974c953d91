import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { SidestreamError } from "../../errors.ts";
import { disk, type Disk } from "./disk.ts";
import { orphanedLogs, purgeLog, removeMessages } from "./orphans.ts";
import { Spool } from "./spool.ts";
import { FailingDisk, message, readAll, temporaryFolder } from "./testing/fixtures.ts";

const MIB = 1024 * 1024;

function open(dataFolder: string, names: readonly string[], over: { disk?: Disk; unremoved?: SidestreamError[] } = {}): Promise<Spool> {
  return Spool.open({
    disk: over.disk ?? disk,
    dataFolder,
    destinations: names.map((name) => ({ name, bytesMax: 16 * MIB, deadLetters: { keepMs: 1e12, bytesMax: MIB } })),
    topicsMax: 10,
    onFinding: () => undefined,
    onUnremoved: (error) => over.unremoved?.push(error),
  });
}

/** A data folder with the logs `kafka1` and `old`; the latter has a message and a dead letter. */
async function dataFolder(t: TestContext): Promise<string> {
  const data = join(temporaryFolder(t), "data");
  const spool = await open(data, ["kafka1", "old"]);
  const log = spool.logs.get("old");
  ok(log !== undefined);
  log.append(message("a"), true);
  await log.flush();
  const [first] = await readAll(log);
  ok(first !== undefined);
  await spool.deadLetters.get("old")?.add(first, "SST_DESTINATION_REFUSED", "too large");
  await spool.close();
  return data;
}

const orphans = (data: string) => orphanedLogs({ disk, dataFolder: data }, (name) => name === "kafka1");

/** Paths of all files and folders that have to do with a log. */
function left(data: string, name: string): string[] {
  return readdirSync(data, { recursive: true, encoding: "utf8" })
    .filter((path) => path.includes(name))
    .toSorted();
}

test("a log with messages or with dead letters alone is orphaned; empty dead letters, files and other folders are not", async (t) => {
  const data = await dataFolder(t);
  deepEqual(await orphans(data), ["old"]);
  deepEqual(await orphanedLogs({ disk, dataFolder: data }, () => true), []);
  rmSync(join(data, "spool", "old"), { recursive: true });
  deepEqual(await orphans(data), ["old"]);
  for (const name of readdirSync(join(data, "dead", "old"))) rmSync(join(data, "dead", "old", name));
  deepEqual(await orphans(data), []);
  writeFileSync(join(data, "spool", "notes.txt"), "");
  mkdirSync(join(data, "spool", ".purged-older"));
  deepEqual(await orphans(data), []);
  deepEqual(await orphanedLogs({ disk, dataFolder: join(data, "none") }, () => false), []);
});

test("a purged log is gone with its dead letters, and no other is touched", async (t) => {
  const data = await dataFolder(t);
  const others = left(data, "kafka1");
  await purgeLog({ disk, dataFolder: data }, "old");
  deepEqual(left(data, "old"), []);
  deepEqual(left(data, "kafka1"), others);
  deepEqual(await orphans(data), []);
});

test("where only messages are removed, dead letters stay, and their folder goes when there are none", async (t) => {
  const data = await dataFolder(t);
  await removeMessages({ disk, dataFolder: data }, "old");
  ok(!existsSync(join(data, "spool", "old")));
  deepEqual(await orphans(data), ["old"]);
  const empty = await dataFolder(t);
  for (const name of readdirSync(join(empty, "dead", "old"))) rmSync(join(empty, "dead", "old", name));
  await removeMessages({ disk, dataFolder: empty }, "old");
  deepEqual(left(empty, "old"), []);
});

test("a removal that is cut short anywhere leaves messages and dead letters whole or gone, and the next start ends it", async (t) => {
  const example = await dataFolder(t);
  const whole = Object.fromEntries(["spool", "dead"].map((parent) => [parent, readdirSync(join(example, parent, "old")).length]));
  let cut = true;
  for (let operations = 0; cut; operations++) {
    const data = await dataFolder(t);
    const dying = new FailingDisk();
    let count = 0;
    dying.fail = (operation) => (["rename", "remove", "syncFolder"].includes(operation) && count++ >= operations ? "EIO" : null);
    cut = await purgeLog({ disk: dying, dataFolder: data }, "old").then(
      () => false,
      () => true,
    );
    for (const parent of ["spool", "dead"]) {
      const folder = join(data, parent, "old");
      if (existsSync(folder)) equal(readdirSync(folder).length, whole[parent], `${parent} after ${operations} operations`);
    }
    const spool = await open(data, ["kafka1"]);
    deepEqual(spool.orphaned, await orphans(data));
    await spool.close();
    equal(left(data, ".purged-").length, 0, `after ${operations} operations`);
  }
  deepEqual(left(example, ".purged-"), []);
});

test("what an earlier removal left under the name is not in the way", async (t) => {
  const data = await dataFolder(t);
  const aside = join(data, "spool", ".purged-old");
  mkdirSync(aside);
  writeFileSync(join(aside, "0000000000000001.segment"), "");
  await purgeLog({ disk, dataFolder: data }, "old");
  deepEqual(left(data, "old"), []);
});

test("a log's folder with a folder in it is left alone", async (t) => {
  const data = await dataFolder(t);
  mkdirSync(join(data, "spool", "old", "backup"));
  const before = left(data, "old");
  for (const remove of [purgeLog, removeMessages])
    await rejects(remove({ disk, dataFolder: data }, "old"), { code: "SST_COMMAND_INVALID", message: /backup is none of the spool's/ });
  deepEqual(left(data, "old"), before);
});

test("what can't be removed at a start is told and tried again with the next", async (t) => {
  const data = await dataFolder(t);
  const failing = new FailingDisk();
  failing.fail = (operation, path) => (operation === "remove" && path.includes(".purged-") ? "EACCES" : null);
  await rejects(purgeLog({ disk: failing, dataFolder: data }, "old"), { code: "SST_SPOOL_IO" });
  const unremoved: SidestreamError[] = [];
  const first = await open(data, ["kafka1"], { disk: failing, unremoved });
  equal(unremoved.length, 1);
  deepEqual(first.orphaned, ["old"]);
  await first.close();
  await (await open(data, ["kafka1"], { unremoved })).close();
  equal(unremoved.length, 1);
  equal(left(data, ".purged-").length, 0);
});

test("an archive alone is an orphan too; a purge removes it with the rest, and adopting leaves it", async (t) => {
  const data = await dataFolder(t);
  const archive = join(data, "archive", "old");
  mkdirSync(archive, { recursive: true });
  deepEqual(await orphans(data), ["old"]);
  writeFileSync(join(archive, "0000000000000001.segment"), "");
  rmSync(join(data, "dead", "old"), { recursive: true });
  await removeMessages({ disk, dataFolder: data }, "old");
  ok(existsSync(archive));
  deepEqual(await orphans(data), ["old"]);
  await purgeLog({ disk, dataFolder: data }, "old");
  deepEqual(await orphans(data), []);
  deepEqual(left(data, "old"), []);
});

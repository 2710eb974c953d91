import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { disk } from "./disk.ts";
import { Spool } from "./spool.ts";
import type { SpoolFinding } from "./findings.ts";
import { FailingDisk, message, readAll, temporaryFolder, texts } from "./testing/fixtures.ts";
import { MemoryDisk, seededRandom } from "./testing/memory-disk.ts";

const MIB = 1024 * 1024;
const destination = (name: string) => ({ name, bytesMax: 16 * MIB, deadLetters: { keepMs: 1e12, bytesMax: MIB } });

async function open(disk: MemoryDisk | FailingDisk, names: readonly string[], found: [string, SpoolFinding][] = []): Promise<Spool> {
  return Spool.open({
    disk,
    dataFolder: "/data",
    destinations: names.map(destination),
    topicsMax: 10,
    onFinding: (name, finding) => found.push([name, finding]),
  });
}

async function write(spool: Spool, name: string, text: string): Promise<void> {
  spool.logs.get(name)?.append(message(text), true);
  await spool.logs.get(name)?.flush();
}

test("each destination has a log of its own, and dead letters of its own", async () => {
  const disk = new MemoryDisk(seededRandom(1));
  const first = await open(disk, ["kafka1", "rabbit-eu"]);
  await write(first, "kafka1", "a");
  await write(first, "rabbit-eu", "b");
  const log = first.logs.get("kafka1");
  ok(log !== undefined);
  const [message] = await readAll(log);
  ok(message !== undefined);
  await first.deadLetters.get("kafka1")?.add(message, "SST_DESTINATION_REFUSED", "no");
  await first.close();
  const second = await open(disk, ["kafka1", "rabbit-eu"]);
  for (const [name, text] of [
    ["kafka1", "a"],
    ["rabbit-eu", "b"],
  ] as const) {
    const each = second.logs.get(name);
    ok(each !== undefined);
    deepEqual(texts(await readAll(each)), [text]);
  }
  deepEqual(
    [...second.deadLetters.values()].map((letters) => letters.messages),
    [1, 0],
  );
  deepEqual(second.orphaned, []);
  await second.close();
  equal(disk.openFiles, 0);
});

test("the log of a destination that is no longer configured is kept, shown, and there again when it is", async () => {
  const disk = new MemoryDisk(seededRandom(1));
  const first = await open(disk, ["kafka1", "rabbit-eu"]);
  await write(first, "rabbit-eu", "b");
  await first.close();
  const second = await open(disk, ["kafka1"]);
  deepEqual(second.orphaned, ["rabbit-eu"]);
  await second.close();
  const third = await open(disk, ["kafka1", "rabbit-eu"]);
  const log = third.logs.get("rabbit-eu");
  ok(log !== undefined);
  deepEqual(texts(await readAll(log)), ["b"]);
  await third.close();
});

test("a file beside the logs is no orphan", async () => {
  const disk = new MemoryDisk(seededRandom(1));
  await (await open(disk, ["kafka1"])).close();
  await (await disk.open("/data/spool/notes.txt", "create")).close();
  const spool = await open(disk, ["kafka1"]);
  deepEqual(spool.orphaned, []);
  await spool.close();
});

test("what is found is told with the destination it is about", async () => {
  const disk = new MemoryDisk(seededRandom(1));
  const first = await open(disk, ["kafka1", "rabbit-eu"]);
  await write(first, "rabbit-eu", "b");
  await first.close();
  const path = disk.files("/data/spool/rabbit-eu").find((each) => each.endsWith(".segment")) ?? "";
  disk.damage(path, (bytes) => Buffer.concat([bytes, Buffer.alloc(10, 1)]));
  const found: [string, SpoolFinding][] = [];
  await (await open(disk, ["kafka1", "rabbit-eu"], found)).close();
  deepEqual(
    found.map(([name, { kind }]) => [name, kind]),
    [["rabbit-eu", "cut-tail"]],
  );
});

test("one log that can't be opened leaves no other open, and one that can't be closed keeps no other open", async () => {
  const disk = new MemoryDisk(seededRandom(1));
  const failing = new FailingDisk(disk);
  const spool = await open(failing, ["kafka1", "rabbit-eu"]);
  await write(spool, "kafka1", "a");
  failing.fail = (operation, path) => (operation === "close" && path.includes("kafka1") ? "EIO" : null);
  await rejects(spool.close(), { code: "SST_SPOOL_IO" });
  equal(disk.openFiles, 0);
  failing.fail = (operation, path) => (operation === "open" && path.includes("rabbit-eu") ? "EIO" : null);
  await rejects(open(failing, ["kafka1", "rabbit-eu"]), { code: "SST_SPOOL_IO" });
  equal(disk.openFiles, 0);
});

test("a destination that numbers its lanes keeps things in its log, the others can't", async () => {
  const disk = new MemoryDisk(seededRandom(1));
  const destinations = [{ ...destination("kafka1"), numbered: true }, destination("file1")];
  const spool = await Spool.open({ disk, dataFolder: "/data", destinations, topicsMax: 10, onFinding: () => undefined });
  await spool.logs.get("kafka1")?.memory.set("cluster", "c1");
  equal(spool.logs.get("kafka1")?.memory.get("cluster"), "c1");
  await rejects(spool.logs.get("file1")?.memory.set("cluster", "c1") ?? Promise.resolve(), { code: "ERR_ASSERTION" });
  await spool.close();
});

for (const hit of ["archive", "archive/kafka1"])
  test(`where something else has the name ${hit} the spool opens, and delivers, without an archive`, async (t) => {
    const data = temporaryFolder(t);
    mkdirSync(dirname(join(data, hit)), { recursive: true });
    writeFileSync(join(data, hit), "in the way");
    const notices: string[] = [];
    const retain = { keepMs: 1e12, bytesMax: MIB };
    const spool = await Spool.open({
      disk,
      dataFolder: data,
      destinations: [{ ...destination("kafka1"), retain }, destination("rabbit-eu")],
      topicsMax: 10,
      onFinding: () => undefined,
      onArchive: (name, text) => notices.push(`${name}: ${text}`),
    });
    await write(spool, "kafka1", "a");
    equal(notices.length, 1);
    match(notices[0] ?? "", /^kafka1: .*can't be made or listed/);
    deepEqual(spool.orphaned, []);
    await spool.close();
  });

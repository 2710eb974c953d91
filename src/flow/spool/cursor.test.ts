import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { Cursor } from "./cursor.ts";
import { CURSOR_FILES, isCursorLost, newestSlot, readSlots } from "./cursor-slot.ts";
import type { DiskFile } from "./disk.ts";
import type { Confirmation } from "./spooled.ts";
import { FailingDisk } from "./testing/fixtures.ts";
import { MemoryDisk, seededRandom } from "./testing/memory-disk.ts";
import { withWriteSynced } from "./testing/write-synced.ts";

const FOLDER = "/data/spool/out";
const PATHS = CURSOR_FILES.map((name) => `${FOLDER}/${name}`) as [string, string];

const done = (logSequence: number, outcome: Confirmation["outcome"] = "delivered"): Confirmation => ({
  logSequence,
  stream: "users-audit",
  tenant: "diku",
  frameBytes: 100,
  lane: "3",
  outcome,
  reason: outcome === "dropped" ? "spool-full" : null,
});

const memory = () => new MemoryDisk(seededRandom(1));

/** Confirms 1, 2, 3 and so on, each with a write of its own. */
async function written(disk: MemoryDisk, saves: number): Promise<void> {
  const cursor = await Cursor.open(disk, FOLDER);
  for (let sequence = 1; sequence <= saves; sequence++) {
    cursor.mark(done(sequence), "diku", 1_000 + sequence);
    await cursor.save();
  }
  await cursor.close();
}

async function lowWater(disk: MemoryDisk): Promise<number> {
  const cursor = await Cursor.open(disk, FOLDER);
  await cursor.close();
  return cursor.ranges.lowWater;
}

test("what was saved is there again: ranges, lanes, outcomes, what was turned away", async () => {
  const disk = memory();
  const first = await Cursor.open(disk, FOLDER);
  for (const confirmation of [done(1), done(2, "dead"), done(4, "dropped")]) equal(first.mark(confirmation, "diku", 5_000), true);
  equal(first.mark(done(4), "diku", 6_000), false);
  first.turnedAway.add("users-audit", "__proto__", "dropped", "spool-full", 2);
  await first.save();
  await first.close();
  const { record, generation } = newestSlot(await readSlots(disk, FOLDER));
  equal(generation, 1);
  deepEqual(record.ranges, [[4, 5]]);
  deepEqual(record.lanes, { 3: [4, 5_000] });
  deepEqual(record.outcomes, { "users-audit": { diku: { delivered: 1, dead: 1, dropped: { "spool-full": 1 } } } });
  const second = await Cursor.open(disk, FOLDER);
  equal(second.ranges.lowWater, 3);
  equal(second.savedLowWater, 3);
  equal(second.turnedAway.table()["users-audit"]?.["__proto__"]?.dropped["spool-full"], 2);
  await second.close();
});

test("slots are written in turn, and nothing is written when nothing changed", async () => {
  const disk = memory();
  await written(disk, 3);
  deepEqual(
    (await readSlots(disk, FOLDER)).map((slot) => typeof slot === "object" && slot.generation),
    [2, 3],
  );
  const before = PATHS.map((path) => Buffer.from(disk.bytes(path)));
  await (await Cursor.open(disk, FOLDER)).close();
  deepEqual(
    PATHS.map((path) => disk.bytes(path)),
    before,
  );
});

test("with the newer slot cut or changed at any byte, the other one counts", async () => {
  const disk = memory();
  await written(disk, 4);
  const [newer, older] = PATHS;
  // Behind the slot the file is kept for longer ones.
  const whole = Buffer.from(disk.bytes(newer).subarray(0, disk.bytes(newer).lastIndexOf("}") + 1));
  const slots = await readSlots(disk, FOLDER);
  ok(typeof slots[0] === "object" && slots[0].generation === 4, "the fourth write went to the first slot");
  for (let at = 0; at < whole.length; at++) {
    disk.damage(newer, () => whole.subarray(0, at));
    equal(await lowWater(disk), 4, `cut at ${at}`);
    disk.damage(newer, (bytes) => {
      const changed = Buffer.from(whole);
      changed.writeUInt8(changed.readUInt8(at) ^ (1 << (at % 8)), at);
      return changed.length === bytes.length ? changed : Buffer.from(changed);
    });
    // The four bytes before the payload are kept for later and not under the checksum.
    equal(await lowWater(disk), at >= 28 && at < 32 ? 5 : 4, `changed at ${at}`);
  }
  disk.damage(newer, () => whole);
  disk.damage(older, () => Buffer.alloc(0));
  equal(await lowWater(disk), 5);
});

test("the slot that counts is never the one that is written", async () => {
  const disk = memory();
  await written(disk, 2);
  const counts = Buffer.from(disk.bytes(PATHS[0]));
  disk.damage(PATHS[1], () => counts);
  disk.damage(PATHS[0], () => Buffer.from("gone"));
  const failing = new FailingDisk(disk);
  const cursor = await Cursor.open(failing, FOLDER);
  failing.fail = (operation) => (operation === "sync" ? "EIO" : null);
  failing.writtenShare = 0.5;
  cursor.mark(done(9), "diku", 1);
  await rejects(cursor.save(), { code: "SST_SPOOL_IO" });
  deepEqual(disk.bytes(PATHS[1]), counts);
  failing.fail = () => null;
  await cursor.close();
  deepEqual(newestSlot(await readSlots(disk, FOLDER)).record.ranges, [[9, 10]]);
});

test("with both slots gone the cursor is that of a new log, and known to be lost", async () => {
  const disk = memory();
  await written(disk, 4);
  for (const path of PATHS) disk.damage(path, (bytes) => bytes.subarray(0, 40));
  const cursor = await Cursor.open(disk, FOLDER);
  await cursor.close();
  equal(cursor.ranges.lowWater, 1);
  equal(isCursorLost(cursor.found, false), true);
  equal(isCursorLost(cursor.found, true), false);
  equal(isCursorLost(["absent", "absent"], false), true);
  equal(isCursorLost(["empty", "empty"], false), false, "a log of which nothing was confirmed yet");
  equal(isCursorLost(["empty", "damaged"], false), false, "a first write that never ended");
  equal(isCursorLost([newestSlot([]), "absent"], false), false);
});

/** Holds the cursor's writes back until they are let through, and counts them. */
function gate(disk: MemoryDisk) {
  const failing = new FailingDisk(disk);
  const opened = Promise.withResolvers<void>();
  let writes = 0;
  let isShut = false;
  const openFile = failing.open.bind(failing);
  failing.open = async (path, mode): Promise<DiskFile> => {
    const file = await openFile(path, mode);
    return withWriteSynced({
      ...file,
      write: async (bytes, offset) => {
        if (isShut) {
          writes += 1;
          await opened.promise;
        }
        await file.write(bytes, offset);
      },
    });
  };
  return { disk: failing, shut: () => (isShut = true), writes: () => writes, open: opened.resolve };
}

test("saves that come while one is written share the next, and see all that was marked before it", async () => {
  const disk = memory();
  const gated = gate(disk);
  const cursor = await Cursor.open(gated.disk, FOLDER);
  gated.shut();
  cursor.mark(done(1), "diku", 1);
  const first = cursor.save();
  await new Promise((resolve) => setImmediate(resolve));
  const later = [2, 3, 4].map((sequence) => {
    cursor.mark(done(sequence), "diku", 1);
    return cursor.save();
  });
  equal(cursor.savedLowWater, 1, "not before it is on disk");
  gated.open();
  await first;
  equal(cursor.savedLowWater, 2);
  await Promise.all(later);
  equal(cursor.savedLowWater, 5);
  equal(gated.writes(), 2);
  await cursor.close();
});

test("a failed save is told to whoever waits for it, and the next one carries all of it", async () => {
  const disk = memory();
  const failing = new FailingDisk(disk);
  const cursor = await Cursor.open(failing, FOLDER);
  failing.fail = (operation) => (operation === "write" ? "ENOSPC" : null);
  cursor.mark(done(1), "diku", 1);
  await rejects(cursor.save(), { code: "SST_SPOOL_IO" });
  equal(cursor.savedLowWater, 1);
  failing.fail = () => null;
  cursor.mark(done(2), "diku", 1);
  await cursor.save();
  equal(cursor.savedLowWater, 3);
  failing.fail = (operation) => (operation === "write" ? "EIO" : null);
  cursor.touch();
  await rejects(cursor.close(), { code: "SST_SPOOL_IO" });
  equal(disk.openFiles, 0, "its files are closed all the same");
});

test("a cursor of a newer format is refused by name, with no file left open", async () => {
  const disk = memory();
  await written(disk, 2);
  disk.damage(PATHS[0], (bytes) => {
    bytes.writeUInt32LE(2, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(32, 32 + bytes.readUInt32LE(12)), crc32(bytes.subarray(0, 24))), 24);
    return bytes;
  });
  await rejects(Cursor.open(disk, FOLDER), { code: "SST_SPOOL_VERSION", message: "the cursor has format 2; this release reads up to 1" });
  equal(disk.openFiles, 0);
});

const at = (logSequence: number, number: number, position: string | null, lane = "t:0"): Confirmation => ({
  ...done(logSequence),
  lane,
  position: { number, position },
});

test("each lane's position is that of its last confirmation, whatever the numbers in the log, and is there again", async () => {
  const disk = memory();
  const first = await Cursor.open(disk, FOLDER);
  equal(first.lanePosition("t:0"), null);
  for (const each of [at(7, 1, "p1"), at(5, 2, "p2"), at(6, 1, "q1", "__proto__"), at(9, 3, null), { ...done(8), lane: "plain" }])
    equal(first.mark(each, "diku", 5_000), true);
  await first.save();
  const { record } = newestSlot(await readSlots(disk, FOLDER));
  deepEqual(Object.entries(record.lanes), [
    ["t:0", [9, 5_000, 3, null]],
    ["__proto__", [6, 5_000, 1, "q1"]],
    ["plain", [8, 5_000]],
  ]);
  await first.close();
  const second = await Cursor.open(disk, FOLDER);
  deepEqual(second.lanePosition("t:0"), { number: 3, position: null });
  deepEqual(second.lanePosition("__proto__"), { number: 1, position: "q1" });
  equal(second.lanePosition("plain"), null);
  await second.close();
});

test("a message without a lane changes none, and one without a position leaves that of its lane", async () => {
  const cursor = await Cursor.open(memory(), FOLDER);
  cursor.mark(at(2, 5, "p"), "diku", 1);
  cursor.mark({ ...done(3), lane: null }, "diku", 2);
  cursor.mark({ ...done(4), lane: "t:0" }, "diku", 3);
  deepEqual(cursor.lanePosition("t:0"), { number: 5, position: "p" });
  await cursor.close();
});

test("a message that is confirmed again takes its lane forward, never back", async () => {
  const cursor = await Cursor.open(memory(), FOLDER);
  cursor.mark(at(2, 1, "p1"), "diku", 1);
  cursor.mark(at(3, 2, "p2"), "diku", 1);
  equal(cursor.mark(at(2, 1, "p1"), "diku", 2), false);
  deepEqual(cursor.lanePosition("t:0"), { number: 2, position: "p2" });
  // Damage took it, and counted it, while it was on its way.
  cursor.ranges.addRange(4, 5);
  equal(cursor.mark(at(4, 3, "p3"), "diku", 2), false);
  deepEqual(cursor.lanePosition("t:0"), { number: 3, position: "p3" });
  await cursor.close();
});

test("numbers in doubt are kept, since a lane may be asked about long after", async () => {
  const disk = memory();
  const first = await Cursor.open(disk, FOLDER);
  first.doubtful = [2, 4];
  first.mark(done(1), "diku", 1);
  first.mark(done(3), "diku", 1);
  await first.save();
  await first.close();
  const second = await Cursor.open(disk, FOLDER);
  deepEqual(second.doubtful, [2, 4]);
  second.mark(done(2), "diku", 1);
  await second.save();
  await second.close();
  const third = await Cursor.open(disk, FOLDER);
  deepEqual(third.doubtful, [2, 4]);
  await third.close();
});

test("up to where messages may have been sent is kept, and known as saved once it is on disk", async () => {
  const disk = memory();
  const first = await Cursor.open(disk, FOLDER);
  first.maySend("t:0", 7);
  equal(first.sentBelow("t:0"), 7);
  equal(first.savedSentBelow("t:0"), 0);
  await first.save();
  equal(first.savedSentBelow("t:0"), 7);
  equal(first.savedSentBelow("t:1"), 0, "another lane may not have sent");
  await first.close();
  const second = await Cursor.open(disk, FOLDER);
  equal(second.sentBelow("t:0"), 7);
  equal(second.sentEnd, 7);
  for (let number = 1; number < 7; number += 1) second.mark(done(number), "diku", 1);
  await second.save();
  equal(second.sentBelow("t:0"), 0, "nothing is left that could be taken for sent");
  await second.close();
});

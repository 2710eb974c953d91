/** Control records in a destination's log: kept, taken back, carried on, bounded. */
import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { MEMORY_VALUE_BYTES_MAX } from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import { decodeSegmentHeader, FLAG_CONTROL } from "./format.ts";
import { LogMemory } from "./log-memory.ts";
import { delivered, FailingDisk, message, openLog, readAll, texts, type OpenedLog } from "./testing/fixtures.ts";
import { MemoryDisk, seededRandom } from "./testing/memory-disk.ts";
import type { Disk } from "./disk.ts";
import type { DestinationLog } from "./destination-log.ts";

const FOLDER = "/data/spool/out";
const MIB = 1024 * 1024;
const CODE = "SST_DESTINATION_REFUSED";

const memory = () => new MemoryDisk(seededRandom(1));
const open = (disk: Disk, bytesMax = 16 * MIB): Promise<OpenedLog> => openLog(FOLDER, { disk, bytesMax, numbered: true });
const segments = (disk: MemoryDisk) => disk.files(FOLDER).filter((path) => path.endsWith(".segment"));
const flags = (disk: MemoryDisk) => segments(disk).map((path) => decodeSegmentHeader(disk.bytes(path))?.flags);
const kept = ({ memory }: DestinationLog) => memory.names().map((name) => [name, memory.get(name)]);

/** A message of a third of a MiB: the next batch begins a segment. */
async function large(log: DestinationLog, name: string): Promise<void> {
  log.append(message(name, { value: Buffer.alloc(350_000, name) }), true);
  await log.flush();
}

test("what is set is told once it is on disk, and after a restart", async () => {
  const disk = memory();
  const { log } = await open(disk);
  const setting = log.memory.set("cluster", { id: "xyz", epoch: 3 });
  equal(log.memory.get("cluster"), undefined, "not on disk yet");
  await setting;
  deepEqual(log.memory.get("cluster"), { id: "xyz", epoch: 3 });
  await log.memory.set("topic größe", [1, null, "ü"]);
  await log.memory.set("cluster", { id: "xyz", epoch: 4 });
  await log.memory.set("gone", 1);
  await log.memory.set("gone", null);
  const expected = [
    ["topic größe", [1, null, "ü"]],
    ["cluster", { id: "xyz", epoch: 4 }],
  ];
  deepEqual(kept(log), expected);
  await log.close();
  const again = await open(disk);
  deepEqual(kept(again.log), expected);
  deepEqual(again.findings, []);
  deepEqual(texts(await readAll(again.log)), []);
  await again.log.close();
});

test("what waits for the next write is not told with the one before it", async () => {
  const { log } = await open(memory());
  const first = log.memory.set("x", 1);
  // What is set in the same turn goes with it.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  const second = log.memory.set("x", 2);
  const skipping = log.skip("t:0", 3, CODE);
  await first;
  equal(log.memory.get("x"), 1);
  equal(log.skipCode(3), null);
  await Promise.all([second, skipping]);
  equal(log.memory.get("x"), 2);
  equal(log.skipCode(3), CODE);
  await log.close();
});

test("what is told can't be changed in place", async () => {
  const { log } = await open(memory());
  const value = { topics: ["a"] };
  await log.memory.set("x", value);
  value.topics.push("b");
  const told = log.memory.get("x") as { topics: string[] };
  deepEqual(told, { topics: ["a"] });
  throws(() => told.topics.push("c"), TypeError);
  await log.close();
});

test("the next message gets the number that the memory told, or a higher one", async () => {
  const { log } = await open(memory());
  const first = log.memory.nextSequence;
  ok(log.append(message("a"), true) >= first);
  await log.memory.set("x", 1);
  const next = log.memory.nextSequence;
  equal(log.append(message("b"), true), next);
  await log.close();
});

test("control records between messages are stepped over and hold nothing up", async () => {
  const disk = memory();
  const { log } = await open(disk);
  for (const name of ["a", "b"]) {
    log.append(message(name), true);
    await log.memory.set(name, 1);
  }
  await log.flush();
  deepEqual(texts(await readAll(log)), ["a", "b"]);
  equal(log.doubtfulFrom, null);
  await log.confirm((await readAll(log)).map(delivered));
  await readAll(log);
  equal(log.confirmedSequence, log.durableSequence);
  await log.close();
});

test("values, names and all of it together are bounded, and what is refused changes nothing", async () => {
  const { log } = await open(memory());
  await log.memory.set("x", "kept");
  const quotes = 2;
  await rejects(log.memory.set("x", "v".repeat(MEMORY_VALUE_BYTES_MAX - quotes + 1)), { code: "SST_SPOOL_FULL" });
  await rejects(log.memory.set("ü".repeat(257), 1), { code: "SST_SPOOL_FULL" });
  equal(log.memory.get("x"), "kept");
  await log.memory.set("x", "v".repeat(MEMORY_VALUE_BYTES_MAX - quotes));
  await log.memory.set("ü".repeat(256), 1);
  await log.close();
});

/** A memory on a log that writes at once. */
function alone(found: readonly unknown[] = []): LogMemory {
  const segments = { nextSequence: 1, append: () => 1, commit: async () => (held.sealBatch(), held.batchDurable()) };
  const held: LogMemory = new LogMemory({ destination: "out", segments, numbered: true, stopped: () => null }, found);
  return held;
}

test("100,000 names are kept, and not one more; known ones can still be set and forgotten", async () => {
  const held = alone(Array.from({ length: 100_000 }, (_, index) => ({ kind: "record", name: String(index), value: index })));
  await rejects(held.set("new", 1), { code: "SST_SPOOL_FULL" });
  await held.set("5", "five");
  await held.skip("t:0", 1, CODE);
  await held.set("6", null);
  await held.set("new", 1);
  equal(held.names().length, 100_000);
});

test("16 MiB of values are kept; a skip is never refused for them", async () => {
  const value = "v".repeat(MEMORY_VALUE_BYTES_MAX - 2);
  const held = alone();
  for (let index = 0; index < 255; index++) await held.set(String(index), value);
  await rejects(held.set("more", value), { code: "SST_SPOOL_FULL" });
  await held.set("0", value);
  await held.skip("t:0", 1, CODE);
  equal(held.skipCode(1), CODE);
  await held.set("0", null);
  await held.set("more", value);
});

test("100,000 messages may be skipped and not confirmed, and not one more", async () => {
  const held = alone(Array.from({ length: 100_000 }, (_, index) => ({ kind: "skip", lane: "t:0", logSequence: index + 1, code: CODE })));
  await rejects(held.skip("t:0", 100_001, CODE), { code: "SST_SPOOL_FULL" });
  held.confirmed([{ logSequence: 7 }], 0);
  await held.skip("t:0", 100_001, CODE);
});

test("a log that isn't numbered takes no control records, and keeps those it finds", async () => {
  const disk = memory();
  const first = await open(disk);
  await first.log.memory.set("x", 1);
  await first.log.close();
  const { log } = await openLog(FOLDER, { disk, bytesMax: 16 * MIB });
  await rejects(log.memory.set("x", 2), { code: "ERR_ASSERTION" });
  await rejects(log.skip("t:0", 2, CODE), { code: "ERR_ASSERTION" });
  await large(log, "a");
  await large(log, "b");
  await log.confirm((await readAll(log)).map(delivered));
  await log.close();
  const again = await open(disk);
  deepEqual(kept(again.log), [["x", 1]]);
  await again.log.close();
});

test("a log that is stopped takes no control records", async () => {
  const stopped = new SidestreamError("SST_SPOOL_CUT", "cut");
  const segments = { nextSequence: 1, append: () => 1, commit: async () => undefined };
  const held = new LogMemory({ destination: "out", segments, numbered: true, stopped: () => stopped }, []);
  await rejects(held.set("x", 1), { code: "SST_SPOOL_CUT" });
});

test("segments of a numbered log say that they may hold control records; one that doesn't is not written on", async () => {
  const disk = memory();
  const first = await openLog(FOLDER, { disk, bytesMax: 16 * MIB });
  first.log.append(message("a"), true);
  await first.log.flush();
  await first.log.close();
  deepEqual(flags(disk), [0]);
  const second = await open(disk);
  await second.log.memory.set("x", 1);
  second.log.append(message("b"), true);
  await second.log.flush();
  deepEqual(flags(disk), [0, FLAG_CONTROL]);
  await second.log.close();
  const third = await open(disk);
  await third.log.memory.set("y", 2);
  deepEqual(flags(disk), [0, FLAG_CONTROL], "one that does is");
  deepEqual(texts(await readAll(third.log)), ["a", "b"]);
  deepEqual([...second.findings, ...third.findings], []);
  equal(third.log.doubtfulFrom, null);
  await third.log.close();
});

test("records in force are carried from segment to segment, and outlive those that they were written to", async () => {
  const disk = memory();
  const { log } = await open(disk);
  await log.memory.set("x", { epoch: 1 });
  await log.memory.set("y", "forgotten");
  for (const name of ["a", "b", "c"]) await large(log, name);
  await log.memory.set("y", null);
  const read = await readAll(log);
  const [a, b, c] = read;
  ok(a !== undefined && b !== undefined && c !== undefined);
  await log.skip("t:0", c.logSequence, CODE);
  await large(log, "d");
  const oldest = segments(disk)[0] ?? "";
  await log.confirm([delivered(a), delivered(b)]);
  await large(log, "e");
  ok(!segments(disk).includes(oldest), "the segment in which it was written is gone");
  await log.close();
  const again = await open(disk);
  deepEqual(kept(again.log), [["x", { epoch: 1 }]]);
  equal(again.log.skipCode(c.logSequence), CODE);
  await again.log.close();
});

test("a full disk takes back what was set, with what waits behind it, and no segment says otherwise", async () => {
  const disk = memory();
  const failing = new FailingDisk(disk);
  const { log } = await open(failing);
  await log.memory.set("x", "before");
  failing.fail = (operation, path) => (operation === "write" && path.endsWith(".segment") ? "ENOSPC" : null);
  failing.writtenShare = 0.7;
  const first = log.memory.set("x", "refused");
  log.append(message("fills the segment", { value: Buffer.alloc(350_000) }), true);
  const second = log.memory.set("y", "refused");
  const flushed = log.flush();
  await rejects(first, { code: "SST_SPOOL_IO" });
  await rejects(second, { code: "SST_SPOOL_IO" });
  await rejects(flushed, { code: "SST_SPOOL_IO" });
  deepEqual(kept(log), [["x", "before"]]);
  failing.fail = () => null;
  for (const name of ["a", "b", "c"]) await large(log, name);
  await log.confirm((await readAll(log)).map(delivered));
  await log.memory.set("z", "after");
  await log.close();
  const again = await open(disk);
  deepEqual(kept(again.log), [
    ["x", "before"],
    ["z", "after"],
  ]);
  await again.log.close();
});

test("a segment that can't be made takes back the record that opens it, and the summary before it doesn't tell it", async () => {
  const disk = memory();
  const failing = new FailingDisk(disk);
  const { log } = await open(failing);
  await log.memory.set("x", "before");
  await large(log, "a");
  failing.fail = (operation) => (operation === "create" ? "ENOSPC" : null);
  await rejects(log.memory.set("x", "refused"), { code: "SST_SPOOL_IO" });
  await rejects(log.skip("t:0", 3, CODE), { code: "SST_SPOOL_IO" });
  deepEqual(kept(log), [["x", "before"]]);
  equal(log.skipCode(3), null);
  await log.close();
  const again = await open(disk);
  deepEqual(kept(again.log), [["x", "before"]]);
  equal(again.log.skipCode(3), null);
  await again.log.close();
});

test("a failed sync refuses what was set and all that comes later", async () => {
  const disk = memory();
  const failing = new FailingDisk(disk);
  const { log } = await open(failing);
  await log.memory.set("x", "before");
  failing.fail = (operation, path) => (operation === "sync" && path.endsWith(".segment") ? "EIO" : null);
  await rejects(log.memory.set("x", "refused"), { code: "SST_SPOOL_IO" });
  failing.fail = () => null;
  await rejects(log.memory.set("x", "late"), { code: "SST_SPOOL_IO" });
  await rejects(log.skip("t:0", 3, CODE), { code: "SST_SPOOL_IO" });
  deepEqual(kept(log), [["x", "before"]]);
  await log.close();
  const again = await open(disk);
  deepEqual(kept(again.log), [["x", "before"]]);
  await again.log.close();
});

test("messages and records that share a write are each told once how it ended", async () => {
  const failing = new FailingDisk(memory());
  const { log } = await open(failing);
  await log.memory.set("x", "before");
  failing.fail = (operation, path) => (operation === "write" && path.endsWith(".segment") ? "ENOSPC" : null);
  log.append(message("refused"), true);
  await rejects(log.memory.set("x", "refused"), { code: "SST_SPOOL_IO" });
  failing.fail = () => null;
  await log.memory.set("x", "after");
  equal(log.memory.get("x"), "after", "what became of the message is not the record's");
  await rejects(log.flush(), { code: "SST_SPOOL_IO" });
  await log.flush();
  deepEqual(texts(await readAll(log)), []);
  await log.close();
});

test("a message that is appended to a write that fails is refused, also when others flushed that write before", async () => {
  const failing = new FailingDisk(memory());
  const { log } = await open(failing);
  failing.fail = (operation, path) => (operation === "write" && path.endsWith(".segment") ? "ENOSPC" : null);
  log.append(message("first"), true);
  const first = log.flush();
  log.append(message("second"), true);
  const second = log.flush();
  log.append(message("third"), true);
  await rejects(first, { code: "SST_SPOOL_IO" });
  await rejects(second, { code: "SST_SPOOL_IO" });
  failing.fail = () => null;
  await rejects(log.flush(), { code: "SST_SPOOL_IO" });
  await log.close();
});

test("a record whose write was never finished is not in force, wherever it was cut", async () => {
  const disk = memory();
  const first = await open(disk);
  await first.log.memory.set("x", "before");
  const [path = ""] = segments(disk);
  const size = disk.bytes(path).length;
  await first.log.memory.set("x", "after");
  await first.log.close();
  const whole = Buffer.from(disk.bytes(path));
  // Behind the last byte of the payload there is only filling.
  for (let cut = size; cut <= whole.lastIndexOf("}"); cut++) {
    disk.damage(path, () => whole.subarray(0, cut));
    const { log } = await open(disk);
    deepEqual(kept(log), [["x", "before"]], `cut at ${cut}`);
    equal(log.doubtfulFrom, null);
    await log.memory.set("y", cut);
    await log.close();
    const again = await open(disk);
    deepEqual(
      kept(again.log),
      [
        ["x", "before"],
        ["y", cut],
      ],
      `cut at ${cut}`,
    );
    await again.log.close();
  }
});

test("a skip is in force until the cursor on disk has its message, and in no state after that", async () => {
  const disk = memory();
  const failing = new FailingDisk(disk);
  const first = await open(failing);
  for (const name of ["a", "b", "c"]) first.log.append(message(name), true);
  await first.log.flush();
  const [a, b] = await readAll(first.log);
  ok(a !== undefined && b !== undefined);
  const skipping = first.log.skip("t:0", a.logSequence, CODE);
  equal(first.log.skipCode(a.logSequence), null, "not on disk yet");
  await skipping;
  await first.log.skip("t:0", b.logSequence, "SST_TOPIC_INVALID");
  equal(first.log.skipCode(a.logSequence), CODE);
  failing.fail = (operation, path) => (operation === "sync" && path.includes("cursor") ? "EIO" : null);
  await rejects(first.log.confirm([{ ...delivered(a), outcome: "dead", reason: CODE }]), { code: "SST_SPOOL_IO" });
  equal(first.log.skipCode(a.logSequence), CODE);
  failing.fail = () => null;
  await first.log.confirm([{ ...delivered(b), outcome: "dead", reason: "SST_TOPIC_INVALID" }]);
  equal(first.log.skipCode(b.logSequence), null);
  equal(first.log.skipCode(a.logSequence), null, "the same cursor has it");
  deepEqual(first.log.state().control, []);
  await first.log.close();
  const { log } = await open(disk);
  equal(log.skipCode(a.logSequence), null, "the frame is there still, and the cursor has its message");
  deepEqual(log.state().control, []);
  await log.close();
});

test("a full log takes skips and records, drains, and has room again", async () => {
  const disk = memory();
  const { log } = await open(disk, MIB);
  const value = Buffer.alloc(60_000, "x");
  let count = 0;
  while (log.roomBytes > 70_000) {
    log.append(message(String(count++), { value }), true);
    await log.flush();
  }
  throws(() => log.append(message("one more", { value }), true), { code: "SST_SPOOL_FULL" });
  const all = await readAll(log);
  for (const each of all) await log.skip("t:0", each.logSequence, CODE);
  await log.memory.set("x", "v".repeat(60_000));
  equal(log.roomBytes, 0);
  await log.confirm(all.map(delivered));
  deepEqual(await readAll(log), []);
  await log.freeSegments();
  log.append(message("again", { value }), true);
  await log.flush();
  deepEqual(
    (await readAll(log)).map(({ eventId }) => eventId),
    ["event-again"],
  );
  await log.close();
  const again = await open(disk, MIB);
  deepEqual(kept(again.log), [["x", "v".repeat(60_000)]]);
  await again.log.close();
});

test("a record behind the last message doesn't keep the log full: reading past it is written down", async () => {
  const disk = memory();
  const { log } = await open(disk, MIB);
  log.append(message("large", { value: Buffer.alloc(880_000) }), true);
  await log.flush();
  await log.confirm((await readAll(log)).map(delivered));
  await log.memory.set("x", 1);
  const next = message("next", { value: Buffer.alloc(200_000) });
  throws(() => log.append(next, true), { code: "SST_SPOOL_FULL" });
  deepEqual((await log.read(log.confirmedSequence, MIB)).messages, []);
  await log.freeSegments();
  log.append(next, true);
  await log.flush();
  await log.close();
  const again = await open(disk, MIB);
  deepEqual(kept(again.log), [["x", 1]]);
  await again.log.close();
});

test("reading past a record that frees a segment is written down without anybody asking", async () => {
  const disk = memory();
  const { log } = await open(disk);
  log.append(message("a"), true);
  await log.flush();
  await log.confirm((await readAll(log)).map(delivered));
  await log.memory.set("x", 1);
  await log.read(log.confirmedSequence, MIB);
  const end = log.durableSequence;
  disk.killProcess();
  await log.close().catch(() => undefined);
  const again = await open(disk);
  ok(again.log.confirmedSequence <= end);
  await again.log.read(again.log.confirmedSequence, MIB);
  await again.log.close();
  const third = await open(disk);
  equal(third.log.confirmedSequence, end);
  await third.log.close();
});

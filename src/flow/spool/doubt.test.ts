/** From which number on a log can't tell the numbers of its lanes. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { CURSOR_FILES } from "./cursor-slot.ts";
import { DATA_OFFSET } from "./format.ts";
import { delivered, message, openLog, readAll, type OpenedLog } from "./testing/fixtures.ts";
import { MemoryDisk, seededRandom } from "./testing/memory-disk.ts";
import type { DestinationLog } from "./destination-log.ts";
import type { SpooledMessage } from "./spooled.ts";

const FOLDER = "/data/spool/out";

const memory = () => new MemoryDisk(seededRandom(1));
const open = (disk: MemoryDisk): Promise<OpenedLog> => openLog(FOLDER, { disk, bytesMax: 16 * 1024 * 1024, numbered: true });
const segments = (disk: MemoryDisk) => disk.files(FOLDER).filter((path) => path.endsWith(".segment"));
const names = (messages: readonly SpooledMessage[]) => messages.map(({ eventId }) => eventId.slice("event-".length));

/** One batch each. With 120 kB three make a segment, with 350 kB each has its own. */
async function write(log: DestinationLog, ids: readonly string[], bytes: number): Promise<void> {
  for (const id of ids) {
    log.append(message(id, { value: Buffer.alloc(bytes, id) }), true);
    await log.flush();
  }
}

/** A closed log of such messages, those named confirmed; and the numbers of all. */
async function written(ids: readonly string[], bytes: number, confirmed: readonly string[] = []) {
  const disk = memory();
  const { log } = await open(disk);
  await write(log, ids, bytes);
  const all = await readAll(log);
  const chosen = all.filter((each) => confirmed.includes(names([each])[0] ?? ""));
  if (chosen.length > 0) await log.confirm(chosen.map(delivered));
  const end = log.status().nextSequence;
  await log.close();
  const numbers = new Map(all.map((each) => [names([each])[0] ?? "", each.logSequence]));
  return { disk, end, number: (id: string): number => numbers.get(id) ?? 0 };
}

function damage(disk: MemoryDisk, id: string): void {
  const text = `event-${id}`;
  const path = segments(disk).find((each) => disk.bytes(each).includes(text)) ?? "";
  disk.damage(path, (bytes) => bytes.fill(0, bytes.indexOf(text), bytes.indexOf(text) + text.length));
}

test("nothing is in doubt in a log that is whole, also when it was killed, rolled and holds control records", async () => {
  const disk = memory();
  const first = await open(disk);
  equal(first.log.doubtfulFrom, null);
  await write(first.log, ["a", "b", "c", "d"], 120_000);
  await first.log.memory.set("x", 1);
  await write(first.log, ["e"], 50);
  await first.log.confirm((await readAll(first.log)).slice(1, 3).map(delivered));
  disk.losePower();
  const { log } = await open(disk);
  deepEqual(names(await readAll(log)), ["a", "d", "e"]);
  equal(log.doubtfulFrom, null);
  await log.close();
});

test("with the cursor lost all is in doubt from the first number on, in an empty log too", async () => {
  const { disk } = await written(["a", "b", "c"], 350_000, ["a"]);
  for (const name of CURSOR_FILES) disk.lose(`${FOLDER}/${name}`);
  const { log } = await open(disk);
  equal(log.doubtfulFrom, log.confirmedSequence);
  deepEqual(names(await readAll(log)), ["b", "c"]);
  await log.confirm((await readAll(log)).map(delivered));
  await log.close();
  for (const name of CURSOR_FILES) disk.lose(`${FOLDER}/${name}`);
  const again = await open(disk);
  equal(again.log.doubtfulFrom, again.log.confirmedSequence);
  await again.log.close();
});

test("with a cursor older than the log all is in doubt", async () => {
  const { disk } = await written(["a"], 350_000);
  const old = CURSOR_FILES.map((name) => [`${FOLDER}/${name}`, Buffer.from(disk.bytes(`${FOLDER}/${name}`))] as const);
  const first = await open(disk);
  await write(first.log, ["b", "c"], 350_000);
  await first.log.confirm((await readAll(first.log)).slice(0, 2).map(delivered));
  await first.log.close();
  for (const [path, bytes] of old) disk.damage(path, () => bytes);
  const { log, findings } = await open(disk);
  deepEqual(
    findings.map(({ kind }) => kind),
    ["cursor-behind"],
  );
  equal(log.doubtfulFrom, log.confirmedSequence);
  await log.close();
});

test("a hole that a start finds is in doubt from its first number on that is not confirmed", async () => {
  const { disk, number } = await written(["a", "b", "c", "d"], 120_000, ["a"]);
  damage(disk, "b");
  const { log } = await open(disk);
  equal(log.doubtfulFrom, number("b"));
  await log.close();
});

test("a hole that reading meets is in doubt before a message behind it is given out", async () => {
  const { disk, number } = await written(["a", "b", "c", "d", "e", "f", "g"], 120_000);
  damage(disk, "e");
  const { log } = await open(disk);
  equal(log.doubtfulFrom, null);
  let next = log.confirmedSequence;
  const seen: string[] = [];
  while (next < log.durableSequence) {
    const result = await log.read(next, 1000);
    seen.push(...names(result.messages));
    if (seen.includes("f")) equal(log.doubtfulFrom, number("e"));
    next = result.nextSequence;
  }
  deepEqual(seen, ["a", "b", "c", "d", "f", "g"]);
  await log.close();
});

test("it comes down when damage is met below it", async () => {
  const { disk, number } = await written(["a", "b", "c", "d", "e", "f", "g"], 120_000);
  damage(disk, "b");
  const path = segments(disk)[1] ?? "";
  disk.lose(path);
  const { log } = await open(disk);
  const above = log.doubtfulFrom;
  ok(above !== null && above > number("b"), "the missing segment is known at once");
  deepEqual(names(await readAll(log)), ["a", "c", "g"]);
  equal(log.doubtfulFrom, number("b"));
  await log.close();
});

test("a hole whose numbers are all confirmed is none", async () => {
  const { disk } = await written(["a", "b", "c", "d", "e", "f"], 60_000, ["b"]);
  damage(disk, "b");
  const { log } = await open(disk);
  deepEqual(names(await readAll(log)), ["a", "c", "d", "e", "f"]);
  equal(log.doubtfulFrom, null);
  await log.close();
});

test("what is booked with a hole before it was read itself is in doubt at once", async () => {
  const { disk, number } = await written(["a", "b", "c", "d", "e", "f"], 60_000);
  const { log } = await open(disk);
  const all = await readAll(log);
  await log.confirm(all.slice(1, 2).map(delivered));
  damage(disk, "b");
  damage(disk, "d");
  const { messages } = await log.read(log.confirmedSequence, 1000, "behind");
  deepEqual(names(messages), ["a"]);
  equal(log.doubtfulFrom, null);
  deepEqual(names((await log.read(number("b"), 1000, "behind")).messages), ["c"]);
  equal(log.doubtfulFrom, number("d"));
  await log.close();
});

test("where control records may be lost all that is not confirmed is in doubt, though the hole's numbers are confirmed", async () => {
  const disk = memory();
  const first = await open(disk);
  await write(first.log, ["a", "b"], 50);
  await first.log.memory.set("identity", "lost-with-the-hole");
  await write(first.log, ["c"], 50);
  const all = await readAll(first.log);
  await first.log.confirm(all.slice(1, 2).map(delivered));
  await first.log.close();
  const [path = ""] = segments(disk);
  disk.damage(path, (bytes) => bytes.fill(0, bytes.indexOf("identity"), bytes.indexOf("identity") + 8));
  const { log } = await open(disk);
  equal(log.memory.get("identity"), undefined);
  equal(log.doubtfulFrom, log.confirmedSequence);
  await log.close();
});

test("numbers that a last file which can't be read may have held are in doubt", async () => {
  const { disk, end } = await written(["a", "b"], 350_000);
  const path = segments(disk).at(-1) ?? "";
  disk.damage(path, (bytes) => bytes.fill(0, 0, DATA_OFFSET));
  const { log } = await open(disk);
  ok(log.status().nextSequence > end);
  ok(log.doubtfulFrom !== null && log.doubtfulFrom <= end);
  await log.close();
});

test("damage to what this process appended itself puts nothing in doubt", async () => {
  const disk = memory();
  const { log } = await open(disk);
  await write(log, ["a", "b", "c", "d"], 120_000);
  damage(disk, "b");
  deepEqual(names(await readAll(log)), ["a", "c", "d"]);
  equal(log.doubtfulFrom, null);
  await log.close();
});

test("a lane is in doubt over restarts until a message of it is confirmed that came after the damage was found", async () => {
  const { disk, number } = await written(["a", "b", "c", "d"], 120_000);
  damage(disk, "b");
  const first = await open(disk);
  const read = await readAll(first.log);
  equal(first.log.doubtfulFrom, number("b"));
  ok(!first.log.isDoubtful("things/1", number("a")), "what comes before the damage");
  ok(first.log.isDoubtful("things/1", number("c")));
  await first.log.confirm(read.slice(0, 1).map(delivered));
  await first.log.close();
  const second = await open(disk);
  await write(second.log, ["e"], 50);
  const [c, d, e] = await readAll(second.log);
  ok(c !== undefined && d !== undefined && e !== undefined);
  await second.log.confirm([c, d].map((message) => ({ ...delivered(message), lane: "things/1" })));
  ok(second.log.isDoubtful("things/1", e.logSequence), "c and d were there when the damage was found");
  await second.log.confirm([{ ...delivered(e), lane: "things/1" }]);
  ok(!second.log.isDoubtful("things/1", e.logSequence + 1));
  ok(second.log.isDoubtful("things/2", e.logSequence + 1), "nobody asked about the other lane yet");
  await second.log.close();
  const third = await open(disk);
  ok(!third.log.isDoubtful("things/1", e.logSequence + 1));
  ok(third.log.isDoubtful("things/2", e.logSequence + 1));
  await third.log.close();
});

test("what this process itself may have sent, and damage takes, is in doubt for the next one", async () => {
  const disk = memory();
  const first = await open(disk);
  await write(first.log, ["a", "b", "c", "d"], 350_000);
  const [, , c] = await readAll(first.log);
  ok(c !== undefined);
  await first.log.maySend("things/1", c.logSequence);
  damage(disk, "b");
  await readAll(first.log);
  await first.log.memory.set("x", 1);
  await first.log.close();
  const second = await open(disk);
  deepEqual(names(await readAll(second.log)), ["a", "c", "d"]);
  ok(second.log.isDoubtful("things/1", c.logSequence));
  await write(second.log, ["e"], 50);
  const e = (await readAll(second.log)).at(-1);
  ok(e !== undefined);
  await second.log.confirm([{ ...delivered(e), lane: "things/1" }]);
  ok(!second.log.isDoubtful("things/1", e.logSequence + 1));
  await second.log.close();
});

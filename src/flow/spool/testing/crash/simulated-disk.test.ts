/** The simulated disk loses what a real one may lose, and nothing that it was made to keep. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../memory-disk.ts";
import { ImageDisk } from "./image-disk.ts";
import { placeOf, placeText } from "./place.ts";
import { RecordingDisk, type Fault } from "./recording-disk.ts";
import { SimulatedDisk, type DiskImage, type JournalEntry } from "./simulated-disk.ts";
import { CrashState } from "./surviving.ts";

const EMPTY: DiskImage = { files: new Map(), folders: new Set(["/log"]) };
const SECTOR = 512;
const EIO: Fault = { code: "EIO", writtenPercent: 0, forgets: false };

function filled(letter: string, sectors = 1): Buffer {
  return Buffer.alloc(sectors * SECTOR, letter);
}

/** A file that is on the disk for sure, with what is done to it afterwards. */
function after(bytes: Buffer, ...entries: readonly JournalEntry[]): CrashState {
  const disk = new SimulatedDisk({ files: new Map([["/log/a", bytes]]), folders: EMPTY.folders });
  for (const entry of entries) disk.apply(entry);
  return new CrashState(disk);
}

/** Every state, each file as the first letters of its sectors; a dot for zeros. */
function states(state: CrashState): string[] {
  const text = (bytes: Buffer): string =>
    Array.from({ length: Math.ceil(bytes.length / SECTOR) }, (_, at) =>
      bytes[at * SECTOR] === 0 ? "." : String.fromCodePoint(bytes[at * SECTOR] ?? 0),
    ).join("");
  return [...state.survivors(10_000, seededRandom(1))]
    .map((survivors) => [...state.image(survivors).files].map(([path, bytes]) => `${path.slice(5)}=${text(bytes)}`).join(" "))
    .toSorted();
}

const write = (letter: string, offset: number, sectors = 1): JournalEntry => ({
  kind: "write",
  file: 0,
  offset: offset * SECTOR,
  bytes: filled(letter, sectors),
});
const sync = (id: number): JournalEntry => ({ kind: "sync", file: 0, id });
const synced = (id: number, succeeded = true, forgets = false): JournalEntry => ({ kind: "synced", id, succeeded, forgets });

test("of a write that was not synced any sectors may be there, in any order", () => {
  deepEqual(states(after(filled("o", 2), write("n", 0, 2))), ["a=nn", "a=no", "a=on", "a=oo"]);
});

test("a file that grew may be as long as before, longer by some sectors, or hold zeros where the data is lost", () => {
  deepEqual(states(after(filled("o"), write("n", 1, 2))), ["a=o", "a=o.", "a=o..", "a=o.n", "a=on", "a=on.", "a=onn"]);
});

test("what was written before a sync began is there once it ended well, and what came meanwhile may be", () => {
  deepEqual(states(after(filled("o"), write("n", 0), sync(1))), ["a=n", "a=o"]);
  deepEqual(states(after(filled("o"), write("n", 0), sync(1), synced(1))), ["a=n"]);
  deepEqual(states(after(filled("o"), write("n", 0), sync(1), write("m", 0), synced(1))), ["a=m", "a=n"]);
});

test("after a sync that failed a later one doesn't help, until it is written again", () => {
  const failed = [write("n", 0), sync(1), synced(1, false)];
  deepEqual(states(after(filled("o"), ...failed, sync(2), synced(2))), ["a=n", "a=o"]);
  deepEqual(states(after(filled("o"), ...failed, write("n", 0), sync(2), synced(2))), ["a=n"]);
});

test("a system that forgets what it failed to sync gives readers what was there before", () => {
  const disk = new SimulatedDisk({ files: new Map([["/log/a", filled("o")]]), folders: EMPTY.folders });
  for (const entry of [write("n", 0), sync(1), synced(1, false, true)]) disk.apply(entry);
  const target = Buffer.alloc(1);
  equal(disk.file(0).read(target, 0), 1);
  equal(target.toString(), "o");
  deepEqual(states(new CrashState(disk)), ["a=n", "a=o"]);
});

test("a cut that was not synced may not have happened", () => {
  const cut: JournalEntry = { kind: "truncate", file: 0, bytes: SECTOR };
  deepEqual(states(after(filled("o", 2), cut)), ["a=o", "a=o.", "a=oo"]);
  deepEqual(states(after(filled("o", 2), cut, sync(1), synced(1))), ["a=o"]);
});

test("names that were not synced may be there or not, and a rename may be there in half but never as no name at all", () => {
  const rename: JournalEntry = { kind: "rename", from: "/log/a", to: "/log/b" };
  const create: JournalEntry = { kind: "create", path: "/log/c", file: 1 };
  const syncFolder: readonly JournalEntry[] = [{ kind: "syncFolder", path: "/log", id: 1 }, synced(1)];
  deepEqual(states(after(filled("o"), rename)), ["a=o", "a=o b=o", "b=o"]);
  deepEqual(states(after(filled("o"), rename, ...syncFolder)), ["b=o"]);
  deepEqual(states(after(filled("o"), create)), ["a=o", "a=o c="]);
  deepEqual(states(after(filled("o"), { kind: "remove", path: "/log/a" })), ["", "a=o"]);
});

test("a file under two names is one file", async () => {
  const state = after(filled("o"), { kind: "rename", from: "/log/a", to: "/log/b" });
  const both = [...state.survivors(10, seededRandom(1))].map((survivors) => state.image(survivors)).find(({ files }) => files.size === 2);
  ok(both !== undefined);
  const disk = new ImageDisk(both);
  const file = await disk.open("/log/a", "write");
  await file.write(filled("n"), 0);
  equal(disk.image.files.get("/log/b")?.toString("latin1", 0, 1), "n");
  equal(both.files.get("/log/b")?.toString("latin1", 0, 1), "o", "the image itself stays as it was");
});

test("of too many states a sample is given: each once, all and nothing among them", () => {
  const state = after(filled("o", 20), write("n", 0, 20));
  equal(state.count, 2 ** 20);
  const sample = [...state.survivors(50, seededRandom(7))].map((survivors) => survivors.join("."));
  equal(new Set(sample).size, 50);
  ok(sample.includes(state.live.join(".")));
  ok(sample.includes([0, 0, ...Array.from({ length: 20 }, () => 0)].join(".")));
});

test("a recorded journal gives the same states again", async () => {
  const disk = new RecordingDisk(EMPTY, [], seededRandom(3));
  const file = await disk.open("/log/a", "create");
  await file.write(filled("n", 2), 0);
  await file.sync();
  await file.close();
  await disk.syncFolder("/log");
  equal(disk.openFiles, 0);
  const state = new SimulatedDisk(EMPTY);
  for (const entry of disk.journal) state.apply(entry);
  deepEqual(states(new CrashState(state)), ["a=nn"]);
});

test("a failed write leaves part of its bytes, and is told", async () => {
  const disk = new RecordingDisk(EMPTY, [], seededRandom(3));
  const file = await disk.open("/log/a", "create");
  disk.fault = (operation) => (operation === "write" ? { ...EIO, code: "ENOSPC", writtenPercent: 50 } : null);
  await rejects(file.write(filled("n", 2), 0), { code: "SST_SPOOL_IO" });
  equal(await file.size(), SECTOR);
});

test("a place is told as one word and read back", () => {
  const place = { family: "long", seed: 7, history: 3, part: "life-2", operation: 12, survivors: "0.1.1" };
  equal(placeText(place), "long:7:3:life-2:12:0.1.1");
  deepEqual(placeOf(placeText(place)), place);
  deepEqual(placeOf("long:7:3:life-2::")?.operation, null);
  equal(placeOf("long:7"), null);
  equal(placeOf("long:7:x:life-2:12:0.1.1"), null);
});

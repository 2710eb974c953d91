import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { DeadLetterLog } from "./dead-letter-log.ts";
import { DestinationLog } from "./destination-log.ts";
import type { SpoolFinding } from "./findings.ts";
import { DATA_OFFSET, decodeSegmentHeader, encodeSegmentHeader } from "./format.ts";
import { inspectSpool, type InspectProgress, type LogReport } from "./inspect.ts";
import { encodeSummary, readSummary, segmentOf } from "./segment.ts";
import { delivered, message, openLog, readAll } from "./testing/fixtures.ts";
import { MemoryDisk, seededRandom } from "./testing/memory-disk.ts";
import { betweenSteps } from "./testing/between-steps.ts";

const DATA = "/data";
const FOLDER = "/data/spool/out";
const BYTES_MAX = 16 * 1024 * 1024;

/** A spool of three segments with three messages each of 100 kB, one more message, and a dead letter. */
async function spool(confirm = 4): Promise<MemoryDisk> {
  const disk = new MemoryDisk(seededRandom(1));
  for (const folder of ["/data/spool", "/data/dead"]) await disk.makeFolder(folder);
  const { log } = await openLog(FOLDER, { disk, bytesMax: BYTES_MAX, topicsMax: 10 });
  for (let index = 0; index < 10; index++) {
    log.append(message(`m${index}`, { value: Buffer.alloc(100_000, `m${index}`) }), true);
    await log.flush();
  }
  if (confirm > 0) await log.confirm((await readAll(log)).slice(0, confirm).map(delivered));
  const letters = await DeadLetterLog.open({
    disk,
    folder: "/data/dead/out",
    destination: "out",
    messagesLogId: "ab".repeat(16),
    keepMs: 1e12,
    bytesMax: 1e9,
    onFinding: () => undefined,
  });
  await letters.add({ ...message("dead"), logSequence: 1, sequence: 1, frameBytes: 200 }, "SST_DESTINATION_REFUSED", "no");
  await letters.close();
  await log.close();
  equal(disk.openFiles, 0);
  return disk;
}

const segments = (disk: MemoryDisk) => disk.files(FOLDER).filter((path) => path.endsWith(".segment"));
const findings = (reports: readonly LogReport[]): SpoolFinding[] => reports.flatMap((report) => [...report.findings]);
const short = (reports: readonly LogReport[]) => findings(reports).map(({ kind, framesLost }) => [kind, framesLost]);
const deep = async (disk: MemoryDisk) => inspectSpool(disk, DATA, true, () => undefined);
const shallow = async (disk: MemoryDisk) => inspectSpool(disk, DATA, false, () => undefined);

test("a clean spool is reported whole, with nothing found and nothing changed", async () => {
  const disk = await spool();
  const before = [...disk.files(FOLDER), ...disk.files("/data/dead/out")].map((path) => [path, disk.bytes(path)]);
  const progress: InspectProgress[] = [];
  const [messages, dead] = await inspectSpool(disk, DATA, true, (at) => progress.push(at));
  ok(messages !== undefined && dead !== undefined);
  deepEqual([...new Set(progress.map(({ log }) => log))], ["spool/out", "dead/out"]);
  const last = progress.findLast(({ log }) => log === "spool/out");
  deepEqual([last?.bytesRead, last?.bytesTotal], [messages.bytes, messages.bytes]);
  deepEqual([messages.kind, messages.name, messages.messages, messages.pending, messages.findings], ["messages", "out", 7, 6, []]);
  deepEqual(
    messages.segments.map(({ number, messages: count, sealed }) => [number, count, sealed]),
    [
      [2, 3, true],
      [3, 3, true],
      [4, 1, false],
    ],
  );
  // Each segment has a state frame, each sealed one a summary: 5 numbers a segment.
  deepEqual(
    messages.segments.map(({ firstSequence, nextSequence }) => [firstSequence, nextSequence]),
    [
      [6, 11],
      [11, 16],
      [16, 18],
    ],
  );
  equal(messages.nextSequence, 18);
  equal(
    messages.bytes,
    messages.segments.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  deepEqual([dead.kind, dead.messages, dead.pending, dead.lowWater, dead.findings], ["deadLetters", 1, null, null, []]);
  equal((await shallow(disk))[0]?.pending, messages.pending);
  deepEqual(
    [...disk.files(FOLDER), ...disk.files("/data/dead/out")].map((path) => [path, disk.bytes(path)]),
    before,
  );
  equal(disk.openFiles, 0);
});

test("an empty data folder has no logs, and a stray file is none", async () => {
  const disk = new MemoryDisk(seededRandom(1));
  deepEqual(await deep(disk), []);
  await disk.makeFolder("/data/spool");
  await (await disk.open("/data/spool/stray", "create")).close();
  deepEqual(await deep(disk), []);
});

test("damage in the middle of a segment is found by a deep look, with its place and its numbers", async () => {
  const disk = await spool();
  const [, path = ""] = segments(disk);
  const at = disk.bytes(path).indexOf("m7m7m7");
  disk.damage(path, (bytes) => bytes.fill(0, at + 500, at + 600));
  deepEqual(short(await shallow(disk)), []);
  const [found, ...more] = findings(await deep(disk));
  ok(found !== undefined);
  equal(more.length, 0);
  deepEqual([found.kind, found.path, found.framesLost], ["damage", path, 1]);
  ok(found.offset < at && found.offset + found.bytes > at + 600, "the hole is the frame");
  equal(found.text, `${found.bytes} bytes that were on disk can't be read any more; frame 13 is lost`);
  equal((await deep(disk))[0]?.pending, 5);
});

test("a missing segment is found by its numbers, but only while they are not done", async () => {
  const disk = await spool();
  const [, path = ""] = segments(disk);
  disk.lose(path);
  const [found] = findings(await shallow(disk));
  deepEqual([found?.kind, found?.framesLost, found?.text], ["missing-numbers", 5, "numbers 11 to 15 are missing before this segment"]);
  const cursor = await DestinationLog.open({
    disk,
    folder: FOLDER,
    destination: "out",
    bytesMax: 16 * 1024 * 1024,
    topicsMax: 10,
    onFinding: () => undefined,
  });
  await cursor.confirm((await readAll(cursor)).slice(0, 1).map(delivered));
  await cursor.close();
  deepEqual(short(await shallow(disk)), []);
});

test("a summary that tells another number of messages than the segment holds is found", async () => {
  const disk = await spool();
  const [path = ""] = segments(disk);
  const header = decodeSegmentHeader(disk.bytes(path));
  ok(header !== null);
  const file = await disk.open(path, "write");
  const summary = await readSummary(file, header.salt, await file.size());
  ok(summary !== null);
  const offset = disk.bytes(path).readDoubleLE((await file.size()) - 24);
  const counts = { "users-audit": { diku: 4 } };
  await file.truncate(offset);
  await file.write(encodeSummary(segmentOf(header, path), { ...summary, messages: 4, counts }, offset), offset);
  await file.sync();
  await file.close();
  const [found, ...more] = findings(await deep(disk));
  equal(more.length, 0);
  deepEqual(
    [found?.kind, found?.path, found?.text],
    ["summary-mismatch", path, "the summary counts 4 messages of stream users-audit, the segment holds 3"],
  );
});

test("a summary that is damaged is damage of one frame, and the messages are all there", async () => {
  const disk = await spool();
  const [, path = ""] = segments(disk);
  disk.damage(path, (bytes) => bytes.fill(0, bytes.indexOf('"firstSequence"'), bytes.indexOf('"firstSequence"') + 5));
  deepEqual(short(await deep(disk)), [["damage", 1]]);
  equal((await deep(disk))[0]?.messages, 7);
});

test("a cursor beyond the log is found", async () => {
  const disk = await spool(10);
  const [path = ""] = segments(disk);
  disk.damage(path, (bytes) => bytes.subarray(0, bytes.length - 50_000));
  const reports = await shallow(disk);
  deepEqual(short(reports), [
    ["cut-tail", 0],
    ["cursor-ahead", 1],
  ]);
  equal(findings(reports)[1]?.text, "the cursor knows number 17, the log ends before 17: numbers that were used are gone");
});

test("a lost, an old and a torn cursor are told apart", async () => {
  const torn = await spool();
  torn.damage(`${FOLDER}/cursor-0`, () => Buffer.from("torn"));
  deepEqual(short(await shallow(torn)), [["torn-cursor", 0]]);
  const lost = await spool();
  for (const name of ["cursor-0", "cursor-1"]) lost.damage(`${FOLDER}/${name}`, () => Buffer.from("torn"));
  deepEqual(short(await shallow(lost)), [["cursor-lost", 0]]);
  const old = await spool(0);
  old.lose(segments(old)[0] ?? "");
  deepEqual(short(await shallow(old)), [["cursor-behind", 0]]);
});

test("a tail that was never finished is told as what a kill leaves, and what will become of it", async () => {
  const disk = await spool();
  const path = segments(disk).at(-1) ?? "";
  disk.damage(path, (bytes) => Buffer.concat([bytes, Buffer.alloc(77, 1)]));
  const [found, ...more] = findings(await deep(disk));
  equal(more.length, 0);
  deepEqual([found?.kind, found?.bytes], ["cut-tail", 77]);
  equal(
    found?.text,
    "the last write was never finished: 77 bytes will be cut at the next start; nothing in them was acknowledged by a disk that keeps its word",
  );
});

test("an unreadable header, a lost state and what was set aside are told", async () => {
  const disk = await spool();
  const last = segments(disk).at(-1) ?? "";
  disk.damage(last, (bytes) => bytes.fill(0, 0, DATA_OFFSET));
  const [unreadable] = findings(await shallow(disk));
  deepEqual([unreadable?.kind, unreadable?.path], ["unreadable-segment", last]);
  ok(unreadable?.text.includes("at the next start the file is set aside as"));
  const aside = await spool();
  await aside.rename(segments(aside)[0] ?? "", `${segments(aside)[0]}.damaged`);
  deepEqual(
    short(await shallow(aside)).map(([kind]) => kind),
    ["set-aside", "cursor-behind"],
  );
  const stateless = await spool(9);
  const log = await DestinationLog.open({
    disk: stateless,
    folder: FOLDER,
    destination: "out",
    bytesMax: 16 * 1024 * 1024,
    topicsMax: 10,
    onFinding: () => undefined,
  });
  log.append(message("later"), true);
  await log.flush();
  await log.close();
  stateless.damage(segments(stateless)[0] ?? "", (bytes) => bytes.fill(7, DATA_OFFSET + 60, DATA_OFFSET + 64));
  deepEqual(short(await shallow(stateless)), [
    ["damage", 1],
    ["state-lost", 0],
  ]);
});

test("a folder that holds segments of two logs is told, and the other logs are reported all the same", async () => {
  const disk = await spool();
  const [path = ""] = segments(disk);
  const header = decodeSegmentHeader(disk.bytes(path));
  ok(header !== null);
  disk.damage(path, (bytes) => Buffer.concat([encodeSegmentHeader({ ...header, logId: "cd".repeat(16) }), bytes.subarray(DATA_OFFSET)]));
  const reports = await deep(disk);
  deepEqual(
    reports.map(({ kind, logId }) => [kind, logId === null]),
    [
      ["messages", true],
      ["deadLetters", false],
    ],
  );
  deepEqual(short(reports), [["mixed-up-folder", 0]]);
  disk.damage(path, (bytes) => Buffer.concat([encodeSegmentHeader({ ...header, version: 2 }), bytes.subarray(DATA_OFFSET)]));
  await rejects(deep(disk), { code: "SST_SPOOL_VERSION" });
});

test("a program that goes on meanwhile is no finding: what it frees, uses again and confirms is no surprise", async () => {
  for (let after = 0; after < 80; after++) {
    const disk = await spool(0);
    const { log } = await openLog(FOLDER, { disk, bytesMax: BYTES_MAX, topicsMax: 10 });
    const all = await readAll(log);
    let count = 0;
    // Between any two steps of the look, the program confirms, frees, and uses the files that it freed again.
    const step = async (): Promise<void> => {
      if (count++ !== after) return;
      end();
      await log.confirm(all.slice(0, after % 10).map(delivered));
      for (let index = 0; index < 5; index++) {
        log.append(message("more", { value: Buffer.alloc(100_000, "more") }), true);
        await log.flush();
      }
    };
    const end = betweenSteps(disk, step);
    const found = findings(await deep(disk));
    end();
    deepEqual(
      found.filter(({ kind }) => kind !== "torn-cursor"),
      [],
      `after ${after}`,
    );
    await log.close();
  }
});

test("control records in force are counted, without skips that the cursor has and without what was forgotten", async () => {
  const disk = new MemoryDisk(seededRandom(1));
  for (const folder of ["/data/spool", "/data/dead"]) await disk.makeFolder(folder);
  await disk.makeFolder(FOLDER);
  const { log } = await openLog(FOLDER, { disk, numbered: true });
  for (const name of ["a", "b"]) log.append(message(name), true);
  await log.flush();
  const [a, b] = await readAll(log);
  ok(a !== undefined && b !== undefined);
  for (const [name, value] of [
    ["x", 1],
    ["y", 2],
    ["y", null],
  ] as const)
    await log.memory.set(name, value);
  for (const each of [a, b]) await log.skip("t:0", each.logSequence, "SST_DESTINATION_REFUSED");
  await log.confirm([delivered(b)]);
  await log.close();
  for (const reports of [await deep(disk), await shallow(disk)]) {
    deepEqual([reports[0]?.records, reports[0]?.skips, reports[0]?.messages, short(reports)], [1, 1, 2, []]);
  }
});

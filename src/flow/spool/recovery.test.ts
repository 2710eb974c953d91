/** What a start makes of a folder that something happened to: copies, damage, missing files, lost state. */
import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { DestinationLog } from "./destination-log.ts";
import type { Disk } from "./disk.ts";
import type { SpoolFinding } from "./findings.ts";
import { DATA_OFFSET, encodeSegmentHeader, decodeSegmentHeader } from "./format.ts";
import { encodeMessage, LANE_UNASSIGNED, messagePayloadBytesMax } from "./message-codec.ts";
import { SegmentLog } from "./segment-log.ts";
import { delivered, FailingDisk, message, readAll, texts } from "./testing/fixtures.ts";
import { MemoryDisk, seededRandom } from "./testing/memory-disk.ts";

const FOLDER = "/data/spool/out";
const MIB = 1024 * 1024;
const STREAM = "users-audit";

interface Opened {
  readonly log: DestinationLog;
  readonly findings: SpoolFinding[];
}

async function open(disk: Disk, bytesMax = 16 * MIB): Promise<Opened> {
  const findings: SpoolFinding[] = [];
  const log = await DestinationLog.open({
    disk,
    folder: FOLDER,
    destination: "out",
    bytesMax,
    topicsMax: 100,
    onFinding: (finding) => findings.push(finding),
  });
  return { log, findings };
}

const memory = () => new MemoryDisk(seededRandom(1));
const segments = (disk: MemoryDisk) => disk.files(FOLDER).filter((path) => path.endsWith(".segment"));
const kinds = (findings: readonly SpoolFinding[]) => findings.map(({ kind }) => kind);
const total = (table: Record<string, Record<string, number>>) =>
  Object.values(table)
    .flatMap((row) => Object.values(row))
    .reduce((sum, count) => sum + count, 0);

/** Accepted less everything that became of it: 0 when the counts add up. */
function difference(log: DestinationLog): number {
  const { accepted, outcomes, pending } = log.status();
  const left = Object.values(outcomes).flatMap((row) => Object.values(row));
  const gone = left.reduce(
    (sum, { delivered, dead, dropped }) => sum + delivered + dead + Object.values(dropped).reduce((all, count) => all + count, 0),
    0,
  );
  return total(accepted) - gone - total(pending);
}

function damaged(log: DestinationLog): number {
  return Object.values(log.status().outcomes)
    .flatMap((row) => Object.values(row))
    .reduce((sum, { dropped }) => sum + (dropped["damaged"] ?? 0), 0);
}

/** Messages of a third of a MiB, each in a batch of its own: one a segment. */
async function large(log: DestinationLog, names: readonly string[], topic = "users"): Promise<void> {
  for (const name of names) {
    log.append(message(name, { topic, value: Buffer.alloc(350_000, name) }), true);
    await log.flush();
  }
}

async function small(log: DestinationLog, names: readonly string[], topic = "users"): Promise<void> {
  for (const name of names) {
    log.append(message(name, { topic }), true);
    await log.flush();
  }
}

const names = async (log: DestinationLog) => (await readAll(log)).map(({ eventId }) => eventId.slice("event-".length));

/** Begins a segment anew from a number on, as after a write whose sync failed. */
async function rewriteFrom(
  disk: MemoryDisk,
  logId: string,
  sequence: number,
  topicNext: number,
  accepted: number,
  contents: readonly string[],
): Promise<void> {
  const owner = {
    state: () => ({
      version: 1 as const,
      sequences: { [STREAM]: { users: topicNext } },
      accepted: { [STREAM]: { diku: accepted } },
      progress: {},
      control: [],
    }),
    durableState: () => owner.state(),
    batchSealed: () => undefined,
    batchDurable: () => undefined,
    batchesFailed: () => undefined,
  };
  const lastNumber = segments(disk).length;
  const found = { segments: [], open: null, nextSequence: sequence, lastNumber };
  const log = new SegmentLog(
    {
      disk,
      folder: FOLDER,
      log: { id: logId, kind: "messages", name: "out", flags: 0 },
      onRewritten: () => undefined,
      segmentBytesMax: MIB,
    },
    owner,
    found,
  );
  for (const [index, text] of contents.entries()) {
    const one = message(text);
    const tag = { stream: STREAM, tenant: "diku", lane: LANE_UNASSIGNED, acceptedMs: one.acceptedMs, frameBytes: 0, acknowledging: true };
    log.append(
      "message",
      messagePayloadBytesMax(one),
      (target, offset) => encodeMessage(target, offset, one, topicNext + index, LANE_UNASSIGNED),
      tag,
    );
  }
  await log.flush();
  await log.close();
}

test("frames at or above the number that the next segment begins with are a copy, and ignored", async () => {
  const disk = memory();
  const first = await open(disk);
  await small(first.log, ["kept", "copy-1", "copy-2"]);
  const { logId } = first.log;
  await first.log.close();
  // State 1, kept 2; the next segment begins with 3, which is copy-1 here.
  await rewriteFrom(disk, logId, 3, 2, 1, ["anew-1", "anew-2", "anew-3"]);
  const { log, findings } = await open(disk);
  deepEqual(findings, []);
  const read = await readAll(log);
  deepEqual(texts(read), ["kept", "anew-1", "anew-2", "anew-3"]);
  deepEqual(
    read.map(({ sequence }) => sequence),
    [1, 2, 3, 4],
  );
  deepEqual(
    read.map(({ logSequence }) => logSequence),
    [2, 4, 5, 6],
  );
  equal(difference(log), 0);
  equal(log.nextNumber(STREAM, "users"), 5);
  await log.confirm(read.slice(0, 2).map(delivered));
  deepEqual(await names(log), ["anew-2", "anew-3"]);
  await log.close();
  const again = await open(disk);
  deepEqual(again.findings, []);
  deepEqual(await names(again.log), ["anew-2", "anew-3"]);
  equal(difference(again.log), 0);
  equal(segments(disk).length, 1, "the segment with the copies was freed");
  await again.log.close();
});

test("damage among the copies is no damage, and a torn summary after them is none either", async () => {
  const disk = memory();
  const first = await open(disk);
  await small(first.log, ["kept", "copy-1", "copy-2"]);
  const { logId } = first.log;
  await first.log.close();
  const [path] = segments(disk);
  await rewriteFrom(disk, logId, 3, 2, 1, ["anew"]);
  const whole = Buffer.from(disk.bytes(path ?? ""));
  const copyAt = whole.indexOf("copy-1");
  for (const change of [
    (bytes: Buffer) => bytes.fill(0, copyAt, copyAt + 4),
    (bytes: Buffer) => bytes.subarray(0, copyAt + 2),
    (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(333, 7)]),
  ]) {
    disk.damage(path ?? "", () => change(Buffer.from(whole)));
    const { log, findings } = await open(disk);
    deepEqual(findings, []);
    deepEqual(texts(await readAll(log)), ["kept", "anew"]);
    equal(difference(log), 0);
    await log.close();
  }
});

test("a segment whose frames are all copies, or that never got any, is passed over", async () => {
  const disk = memory();
  const first = await open(disk);
  await small(first.log, ["kept"]);
  const { logId } = first.log;
  await first.log.close();
  await rewriteFrom(disk, logId, 3, 2, 1, ["copy"]);
  await rewriteFrom(disk, logId, 3, 2, 1, ["anew"]);
  const { log, findings } = await open(disk);
  deepEqual(findings, []);
  const read = await readAll(log);
  deepEqual(texts(read), ["kept", "anew"]);
  await log.confirm(read.map(delivered));
  equal(difference(log), 0);
  await log.close();
  const again = await open(disk);
  deepEqual(again.findings, []);
  equal(segments(disk).length, 1);
  equal(again.log.nextNumber(STREAM, "users"), 3);
  await again.log.close();
});

test("damage in the middle of a sealed segment is met when it is read, reported once, and counted as dropped once", async () => {
  const disk = memory();
  const first = await open(disk);
  for (const name of ["a", "b", "c"])
    first.log.append(message(name, { tenant: `tenant-${name}`, value: Buffer.alloc(120_000, name) }), true);
  await first.log.flush();
  await large(first.log, ["d"]);
  await first.log.close();
  const [path] = segments(disk);
  disk.damage(path ?? "", (bytes) => bytes.fill(0, bytes.indexOf("bbbb"), bytes.indexOf("bbbb") + 100));
  const { log, findings } = await open(disk);
  deepEqual(findings, []);
  equal(total(log.status().pending), 4);
  equal(difference(log), 0);
  const read = await readAll(log);
  deepEqual(
    read.map(({ eventId }) => eventId),
    ["event-a", "event-c", "event-d"],
  );
  deepEqual(
    findings.map(({ kind, framesLost }) => [kind, framesLost]),
    [["damage", 1]],
  );
  equal(log.status().outcomes[STREAM]?.["tenant-b"]?.dropped["damaged"], 1);
  equal(log.status().damagedMessages, 1);
  equal(total(log.status().pending), 3);
  equal(difference(log), 0);
  deepEqual(await names(log), ["a", "c", "d"]);
  equal(findings.length, 1, "read again, reported once");
  equal(damaged(log), 1);
  await log.confirm(read.map(delivered));
  equal(total(log.status().pending), 0);
  equal(difference(log), 0);
  equal(disk.files(FOLDER).includes(`${path}.damaged`), true, "the damaged file is set aside");
  await log.close();
  const again = await open(disk);
  deepEqual(again.findings, []);
  equal(difference(again.log), 0);
  equal(damaged(again.log), 1);
  await again.log.close();
});

test("damage in a segment that the cursor stands in is found at the start, and counted then", async () => {
  const disk = memory();
  const first = await open(disk);
  for (const name of ["a", "b", "c"]) first.log.append(message(name, { value: Buffer.alloc(120_000, name) }), true);
  await first.log.flush();
  await large(first.log, ["d"]);
  await first.log.confirm((await readAll(first.log)).slice(0, 1).map(delivered));
  await first.log.close();
  const [path] = segments(disk);
  disk.damage(path ?? "", (bytes) => bytes.fill(0, bytes.indexOf("bbbb"), bytes.indexOf("bbbb") + 100));
  const { log, findings } = await open(disk);
  deepEqual(kinds(findings), ["damage"]);
  equal(damaged(log), 1);
  equal(difference(log), 0);
  deepEqual(await names(log), ["c", "d"]);
  equal(findings.length, 1);
  equal(difference(log), 0);
  await log.close();
});

test("damage to a message that was delivered before costs no message", async () => {
  const disk = memory();
  const first = await open(disk);
  for (const name of ["a", "b", "c"]) first.log.append(message(name, { value: Buffer.alloc(120_000, name) }), true);
  await first.log.flush();
  await large(first.log, ["d"]);
  const all = await readAll(first.log);
  await first.log.confirm(all.slice(1, 2).map(delivered));
  await first.log.close();
  const [path] = segments(disk);
  disk.damage(path ?? "", (bytes) => bytes.fill(0, bytes.indexOf("bbbb"), bytes.indexOf("bbbb") + 100));
  const { log } = await open(disk);
  equal(damaged(log), 0);
  equal(difference(log), 0);
  deepEqual(await names(log), ["a", "c", "d"]);
  equal(log.status().damagedMessages, 0);
  await log.close();
});

test("a missing segment is reported with its numbers, its messages count as dropped, and the rest is delivered", async () => {
  const disk = memory();
  const first = await open(disk);
  await large(first.log, ["a", "b", "c", "d"]);
  await first.log.close();
  disk.lose(segments(disk)[1] ?? "");
  const { log, findings } = await open(disk);
  deepEqual(kinds(findings), ["missing-numbers"]);
  equal(damaged(log), 1);
  equal(difference(log), 0);
  deepEqual(await names(log), ["a", "c", "d"]);
  await log.confirm((await readAll(log)).map(delivered));
  equal(total(log.status().pending), 0);
  await log.close();
  const again = await open(disk);
  deepEqual(again.findings, [], "reported until the cursor is past it");
  equal(difference(again.log), 0);
  await again.log.close();
});

test("segments that were removed out of turn are no loss when their messages were done", async () => {
  const disk = memory();
  const failing = new FailingDisk(disk);
  const first = await open(failing);
  await large(first.log, ["a", "b", "c", "d"]);
  const [oldest] = segments(disk);
  failing.fail = (operation, path) => ((operation === "remove" || operation === "rename") && path === oldest ? "EIO" : null);
  await first.log.confirm((await readAll(first.log)).slice(0, 3).map(delivered));
  equal(segments(disk).length, 2, "what can't be removed keeps nothing that comes after it");
  await first.log.close();
  const { log, findings } = await open(disk);
  deepEqual(findings, []);
  equal(difference(log), 0);
  deepEqual(await names(log), ["d"]);
  await log.close();
});

test("after damage in the last segment no number of a topic comes again, and it is not written to any more", async () => {
  const disk = memory();
  const first = await open(disk);
  await small(first.log, ["a1"], "a");
  await small(first.log, ["b1"], "b");
  await small(first.log, ["a2"], "a");
  await small(first.log, ["b2"], "b");
  await first.log.close();
  const [path] = segments(disk);
  const size = disk.bytes(path ?? "").length;
  disk.damage(path ?? "", (bytes) => bytes.fill(0, bytes.indexOf("event-a2"), bytes.indexOf("event-a2") + 8));
  for (let start = 0; start < 3; start++) {
    const { log, findings } = await open(disk);
    deepEqual(
      findings.map(({ kind, framesLost }) => [kind, framesLost]),
      [["damage", 1]],
    );
    equal(log.nextNumber(STREAM, "a"), 3, "as many are left out as were lost");
    equal(log.nextNumber(STREAM, "b"), 4, "nobody knows whose they were");
    equal(difference(log), 0);
    await log.close();
  }
  const { log } = await open(disk);
  await small(log, ["a3"], "a");
  await small(log, ["b4"], "b");
  equal(disk.bytes(path ?? "").length, size);
  equal(segments(disk).length, 2);
  deepEqual(
    (await readAll(log)).map(({ topic, sequence }) => `${topic}${sequence}`),
    ["a1", "b1", "b2", "a3", "b4"],
  );
  await log.close();
  const again = await open(disk);
  equal(again.log.nextNumber(STREAM, "a"), 4);
  equal(again.log.nextNumber(STREAM, "b"), 5);
  equal(difference(again.log), 0);
  await again.log.close();
});

test("a log whose state is lost takes nothing in: which numbers were used is not known", async () => {
  const disk = memory();
  const first = await open(disk);
  await large(first.log, ["a", "b"]);
  await small(first.log, ["c", "d"]);
  await first.log.confirm((await readAll(first.log)).slice(0, 2).map(delivered));
  equal(segments(disk).length, 1);
  await first.log.close();
  const [path] = segments(disk);
  disk.damage(path ?? "", (bytes) => bytes.fill(0, DATA_OFFSET + 60, DATA_OFFSET + 70));
  const { log, findings } = await open(disk);
  deepEqual(kinds(findings), ["damage"]);
  throws(() => log.append(message("e"), true), { code: "SST_SPOOL_CUT", message: /state of the log of out is damaged/ });
  equal(log.roomBytes, 0);
  deepEqual(await names(log), ["c", "d"], "what can be read still is");
  await log.close();
});

test("a state frame that is lost is no loss while the segment before it is there", async () => {
  const disk = memory();
  const first = await open(disk);
  await large(first.log, ["a"], "users");
  await small(first.log, ["b"], "other");
  await small(first.log, ["c"], "users");
  await first.log.close();
  const [, path] = segments(disk);
  disk.damage(path ?? "", (bytes) => bytes.fill(0, DATA_OFFSET + 60, DATA_OFFSET + 70));
  const { log, findings } = await open(disk);
  deepEqual(
    findings.map(({ kind, framesLost }) => [kind, framesLost]),
    [["damage", 1]],
  );
  deepEqual(await names(log), ["a", "b", "c"]);
  // One frame is lost, and that it was the state's is not known.
  equal(log.nextNumber(STREAM, "users"), 4);
  equal(log.nextNumber(STREAM, "other"), 3);
  equal(difference(log), 0);
  await log.close();
});

test("after a last segment that can't be read its numbers are left out, at every start until one is written", async () => {
  const disk = memory();
  const first = await open(disk);
  await large(first.log, ["a", "b"]);
  await small(first.log, ["c"]);
  await first.log.confirm((await readAll(first.log)).slice(2).map(delivered));
  await first.log.close();
  const path = segments(disk).at(-1) ?? "";
  disk.damage(path, (bytes) => bytes.fill(0, 0, DATA_OFFSET));
  const second = await open(disk);
  deepEqual(kinds(second.findings), ["unreadable-segment"]);
  const { nextSequence } = second.log.status();
  ok(nextSequence > 4_000_000);
  await names(second.log);
  await second.log.confirm((await readAll(second.log)).slice(0, 1).map(delivered));
  await second.log.close();
  const third = await open(disk);
  deepEqual(third.findings, []);
  equal(third.log.stopped, null);
  equal(third.log.status().nextSequence, nextSequence);
  ok(third.log.nextNumber(STREAM, "users") > 3);
  await small(third.log, ["d"]);
  deepEqual(await names(third.log), ["b", "d"]);
  const all = await readAll(third.log);
  await third.log.confirm(all.map(delivered));
  equal(third.log.confirmedSequence, third.log.durableSequence);
  equal(difference(third.log), 0);
  await third.log.close();
  const last = await open(disk);
  deepEqual(last.findings, []);
  equal(last.log.stopped, null);
  deepEqual(await names(last.log), []);
  equal(segments(disk).length, 1);
  await last.log.close();
});

test("a crash between the two copies of the header leaves a segment that is whole again after the start", async () => {
  const disk = memory();
  const first = await open(disk);
  await small(first.log, ["a"]);
  await first.log.close();
  const [path] = segments(disk);
  disk.damage(path ?? "", (bytes) => bytes.subarray(0, 3000));
  const second = await open(disk);
  deepEqual(second.findings, []);
  await small(second.log, ["b"]);
  await second.log.close();
  disk.damage(path ?? "", (bytes) => bytes.fill(0, 0, 512));
  const third = await open(disk);
  deepEqual(await names(third.log), ["b"]);
  await third.log.close();
});

test("a cursor that is older than the log costs doubles, not the counts", async () => {
  const disk = memory();
  const first = await open(disk);
  await large(first.log, ["a", "b", "c", "d"]);
  const all = await readAll(first.log);
  await first.log.confirm(all.slice(0, 1).map(delivered));
  const old = ["cursor-0", "cursor-1"].map((name) => Buffer.from(disk.bytes(`${FOLDER}/${name}`)));
  await first.log.confirm(all.slice(1, 3).map(delivered));
  await first.log.close();
  for (const [index, name] of ["cursor-0", "cursor-1"].entries()) disk.damage(`${FOLDER}/${name}`, () => old[index] ?? Buffer.alloc(0));
  const { log, findings } = await open(disk);
  deepEqual(kinds(findings), ["cursor-behind"]);
  equal(log.status().outcomes[STREAM]?.["diku"]?.delivered, 1);
  equal(log.status().outcomes[STREAM]?.["diku"]?.dropped["cursor-lost"], 2);
  equal(difference(log), 0);
  await log.close();
});

test("a folder with segments of two logs, or of another kind, is refused", async () => {
  const disk = memory();
  const first = await open(disk);
  await large(first.log, ["a", "b"]);
  await first.log.close();
  const [, path] = segments(disk);
  const whole = Buffer.from(disk.bytes(path ?? ""));
  const header = decodeSegmentHeader(whole);
  ok(header !== null);
  const withHeader = (over: Partial<typeof header>) =>
    Buffer.concat([encodeSegmentHeader({ ...header, ...over }), whole.subarray(DATA_OFFSET)]);
  disk.damage(path ?? "", () => withHeader({ logId: "ab".repeat(16) }));
  await rejects(open(disk), { code: "SST_SPOOL_DAMAGED", message: /a folder was mixed up/ });
  disk.damage(path ?? "", () => withHeader({ kind: "deadLetters" }));
  await rejects(open(disk), { code: "SST_SPOOL_DAMAGED", message: /another kind of log \(deadLetters\)/ });
  disk.damage(path ?? "", () => withHeader({ kind: null }));
  await rejects(open(disk), { code: "SST_SPOOL_DAMAGED", message: /another kind of log \(unknown\)/ });
  disk.damage(path ?? "", () => withHeader({ flags: 0x0004_0000 }));
  await rejects(open(disk), { code: "SST_SPOOL_VERSION", message: /needs what this release doesn't have \(flags 40000\)/ });
  disk.damage(path ?? "", () => withHeader({ flags: 0x0000_8001 }));
  const again = await open(disk);
  deepEqual(await names(again.log), ["a", "b"], "a flag of the lower half may be ignored");
  await again.log.close();
  equal(disk.openFiles, 0);
});

test("names that are no segment's are left alone", async () => {
  const disk = memory();
  const first = await open(disk);
  await small(first.log, ["a"]);
  await first.log.close();
  const [path] = segments(disk);
  for (const name of ["notes.txt", "copy of 0000000000000001.segment", "1.segment"]) {
    const file = await disk.open(`${FOLDER}/${name}`, "create");
    await file.write(disk.bytes(path ?? ""), 0);
    await file.sync();
    await file.close();
  }
  const again = await open(disk);
  deepEqual(again.findings, []);
  deepEqual(await names(again.log), ["a"]);
  await again.log.close();
});

test("a log that is opened while its disk fails leaves no file open", async () => {
  const disk = memory();
  const first = await open(disk);
  await large(first.log, ["a", "b"]);
  await first.log.confirm((await readAll(first.log)).slice(1).map(delivered));
  await first.log.close();
  const failing = new FailingDisk(disk);
  for (let failAt = 1; ; failAt++) {
    let count = 0;
    failing.fail = (operation) => (operation !== "close" && ++count === failAt ? "EIO" : null);
    const opened = await open(failing).then(
      (one) => one,
      () => null,
    );
    if (count < failAt) {
      await opened?.log.close();
      ok(failAt > 8, "every operation failed once");
      break;
    }
    await opened?.log.close().catch(() => undefined);
    equal(disk.openFiles, 0, `operation ${failAt}`);
  }
});

test("a full open segment of which all is delivered does not keep the log full", async () => {
  const disk = memory();
  const { log } = await open(disk, MIB);
  for (let round = 0; round < 20; round++) {
    log.append(message("x", { value: Buffer.alloc(900_000, "x") }), true);
    await log.flush();
    await log.confirm((await readAll(log)).map(delivered));
  }
  ok(segments(disk).length <= 3, `${segments(disk).length} segments`);
  equal(difference(log), 0);
  await log.close();
});

test("segments are removed by the cursor that is on disk, not by the one in memory", async () => {
  const disk = memory();
  const failing = new FailingDisk(disk);
  const { log } = await open(failing);
  await large(log, ["a", "b", "c"]);
  const all = await readAll(log);
  const before = segments(disk).length;
  failing.fail = (operation, path) => (operation === "sync" && path.includes("cursor") ? "EIO" : null);
  await rejects(log.confirm(all.slice(0, 2).map(delivered)), { code: "SST_SPOOL_IO" });
  equal(segments(disk).length, before);
  failing.fail = () => null;
  await log.confirm([]);
  equal(segments(disk).length, 1);
  await log.close();
});

test("a confirmation on its way frees nothing for the one before it", async () => {
  const disk = memory();
  const failing = new FailingDisk(disk);
  const { log } = await open(failing);
  await large(log, ["a", "b", "c", "d"]);
  const all = await readAll(log);
  // While the cursor of the first is synced, more is confirmed; that one never gets to the disk.
  const second: Promise<unknown>[] = [];
  failing.fail = (operation, path) => {
    if (!path.includes("cursor")) return null;
    if (second.length > 0) return "EIO";
    if (operation === "sync") second.push(log.confirm(all.slice(1, 3).map(delivered)).catch(() => undefined));
    return null;
  };
  await log.confirm(all.slice(0, 1).map(delivered));
  equal(second.length, 1);
  await Promise.all(second);
  disk.losePower();
  const again = await open(disk);
  deepEqual(
    kinds(again.findings).filter((kind) => kind !== "torn-cursor"),
    [],
  );
  equal(difference(again.log), 0);
  await again.log.close();
});

test("what a start frees it frees by a cursor that is on disk, also when only the process died before", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const disk = new MemoryDisk(seededRandom(seed));
    const failing = new FailingDisk(disk);
    const { log } = await open(failing);
    await large(log, ["a", "b", "c"]);
    failing.fail = (operation, path) => (operation === "sync" && path.includes("cursor") ? "EIO" : null);
    await rejects(log.confirm((await readAll(log)).slice(0, 2).map(delivered)), { code: "SST_SPOOL_IO" });
    disk.killProcess();
    const second = await open(disk);
    equal(segments(disk).length, 1, "the write was there, only not synced");
    disk.losePower();
    const third = await open(disk);
    deepEqual(third.findings, [], `seed ${seed}`);
    equal(difference(third.log), 0);
    await third.log.close();
    ok(second.log.stopped === null);
  }
});

test("a read that the disk refuses is told, skips nothing, and succeeds once the disk does", async () => {
  const disk = memory();
  const failing = new FailingDisk(disk);
  const { log, findings } = await open(failing);
  await large(log, ["a", "b"]);
  failing.fail = (operation) => (operation === "read" ? "EIO" : null);
  await rejects(log.read(log.confirmedSequence, MIB), { code: "SST_SPOOL_IO" });
  failing.fail = () => null;
  deepEqual(await names(log), ["a", "b"]);
  deepEqual(findings, []);
  await log.close();
});

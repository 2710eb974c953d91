/** What becomes of segments that are done where their destination retains them. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, linkSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Archive } from "./archive.ts";
import { DestinationLog } from "./destination-log.ts";
import { disk, type Disk } from "./disk.ts";
import { systemError } from "./testing/crash/recording-disk.ts";
import { DATA_OFFSET, decodeSegmentHeader, FLAG_COMPACTED } from "./format.ts";
import { LogRecovery } from "./recovery.ts";
import { archived, ARCHIVE, history, openArchived } from "./testing/archived-log.ts";
import { delivered, message, openLog, readAll, temporaryFolder } from "./testing/fixtures.ts";
import { FOLDER, ids, KIB, named, settled, type SmallLog } from "./testing/small-log.ts";

const FIRST = "0000000000000001.segment";
const isStuck = ({ eventId }: { readonly eventId: string }): boolean => eventId.startsWith("event-s");

/** Lets trimming in the background come to its end. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await settled();
}

async function archiveBytes(small: SmallLog): Promise<number> {
  await quiet();
  return small.memory.files(ARCHIVE).reduce((sum, path) => sum + small.memory.bytes(path).length, 0);
}

test("segments that are done go to the archive under their names, and all that was delivered can be read from both", async () => {
  const { small, notices } = await openArchived();
  const names = named("m", 40);
  await small.put(names);
  const before = small.memory.bytes(`${FOLDER}/${FIRST}`);
  await small.confirm(() => true);
  await quiet();
  ok(archived(small).length >= 4);
  equal(archived(small)[0], FIRST);
  deepEqual(small.memory.bytes(`${ARCHIVE}/${FIRST}`), before);
  equal(small.files().filter((name) => archived(small).includes(name)).length, 0, "no file is in both");
  deepEqual(await history(small), names);
  deepEqual(await small.books(), { accepted: 40, delivered: 40, dead: 0, dropped: {}, pending: 0 });
  deepEqual(notices, []);
  await small.close();
});

test("what waits is never read as done, and reading goes on from any number", async () => {
  const { small } = await openArchived();
  await small.put(named("m", 20));
  await small.confirm(({ eventId }) => eventId !== "event-m3" && eventId !== "event-m15");
  const done = named("m", 20).filter((name) => name !== "m3" && name !== "m15");
  deepEqual(await history(small), done);
  const third = (await history(small))[10];
  let next = 0;
  const read = small.log.history;
  for await (const { messages } of read.read(0, read.end, () => true))
    for (const { eventId, logSequence } of messages) if (eventId === `event-${third}`) next = logSequence;
  deepEqual(await history(small, next), done.slice(10));
  await small.close();
});

test("the oldest files go when the archive takes more than it may", async () => {
  const bytesMax = 100 * KIB;
  const { small } = await openArchived({}, { bytesMax });
  for (let round = 0; round < 10; round += 1) {
    await small.put(named(`r${round}-`, 12));
    await small.confirm(() => true);
    ok((await archiveBytes(small)) <= bytesMax);
  }
  ok((await archiveBytes(small)) > bytesMax / 2);
  const left = await history(small);
  deepEqual(
    left,
    named("r9-", 12).length > left.length
      ? []
      : Array.from({ length: 10 }, (_, round) => named(`r${round}-`, 12))
          .flat()
          .slice(-left.length),
  );
  ok((small.log.archive?.status()?.removed ?? 0) > 0);
  await small.close();
});

test("files go by the age of their newest message", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000_000_000 });
  const { small } = await openArchived({}, { keepMs: 60_000 });
  await small.put(named("a", 12), { acceptedMs: Date.now() });
  t.mock.timers.tick(30_000);
  await small.put(named("b", 12), { acceptedMs: Date.now() });
  await small.confirm(() => true);
  await quiet();
  const before = archived(small).length;
  t.mock.timers.tick(45_000);
  await small.log.archive?.trim();
  await quiet();
  ok(before >= 3);
  // The first round is too old, the second isn't.
  deepEqual(
    (await history(small)).filter((name) => name.startsWith("b")),
    named("b", 12),
  );
  ok(!archived(small).includes(FIRST));
  t.mock.timers.tick(60_000);
  await small.log.archive?.trim();
  await quiet();
  deepEqual(archived(small), []);
  await small.close();
});

test("where messages wait among others, the file as it was is archived, once, and the rewritten one never", async () => {
  const { small } = await openArchived({ parkBytes: 64 * KIB, segmentBytesMax: 96 * KIB });
  const stuck: string[] = [];
  const rest: string[] = [];
  for (let round = 0; round < 30; round += 1) {
    for (let index = 0; index < 10; index += 1) {
      const name = index === 3 ? `s${round}` : `m${round}-${index}`;
      (index === 3 ? stuck : rest).push(name);
      small.append(name, { value: Buffer.alloc(2_600, name) });
      await small.log.flush();
    }
    await small.confirm((message) => !isStuck(message));
  }
  await quiet();
  const isCompacted = (path: string): boolean =>
    ((decodeSegmentHeader(small.memory.bytes(path).subarray(0, DATA_OFFSET))?.flags ?? FLAG_COMPACTED) & FLAG_COMPACTED) !== 0;
  const headers = small.files().map((name) => small.header(name)?.flags ?? 0);
  ok(headers.some((flags) => (flags & FLAG_COMPACTED) !== 0));
  equal(small.memory.files(ARCHIVE).filter(isCompacted).length, 0);
  deepEqual(ids(await small.waiting()), stuck);
  deepEqual(await history(small), rest);
  for (const ending of ["kill", "power", "close"] as const) {
    await small.restart(ending);
    deepEqual(ids(await small.waiting()), stuck);
    deepEqual(await history(small), rest);
  }
  await small.confirm(() => true);
  await quiet();
  equal((await history(small)).length, stuck.length + rest.length);
  await small.close();
});

test("a file that cannot be moved is removed, as without an archive, and that is told once", async () => {
  const { small, notices } = await openArchived();
  const rename = small.memory.rename.bind(small.memory);
  small.memory.rename = (from, to) => (to.startsWith(ARCHIVE) ? Promise.reject(systemError("rename", from, "EXDEV")) : rename(from, to));
  await small.put(named("m", 40));
  await small.confirm(() => true);
  await quiet();
  deepEqual(archived(small), []);
  ok(small.files().length <= 3);
  equal(notices.length, 1);
  match(notices[0] ?? "", /can't be moved to .*removed and can't be replayed/);
  await small.close();
});

test("on a full disk the oldest archived files give way before a message is refused", async () => {
  const { small, notices } = await openArchived();
  await small.put(named("m", 40));
  await small.confirm(() => true);
  const before = archived(small).length;
  small.failing.fail = (operation, path) =>
    operation === "write" && path.endsWith(".segment") && archived(small).length > before - 2 ? "ENOSPC" : null;
  await small.put(["late"]);
  equal(archived(small).length, before - 2);
  ok(!archived(small).includes(FIRST));
  equal(notices.length, 1);
  match(notices[0] ?? "", /give way, the oldest first: the disk is full/);
  deepEqual(ids(await small.waiting()), ["late"]);
  await small.close();
});

test("on a full disk whoever is asked before gives way before any archived file does", async () => {
  const { small, notices } = await openArchived();
  await small.put(named("m", 40));
  await small.confirm(() => true);
  let gives = 2;
  await small.restart("close", { archive: { folder: ARCHIVE, retain: null, before: () => Promise.resolve(gives-- > 0) } });
  const before = archived(small).length;
  small.failing.fail = (operation, path) => (operation === "write" && path.endsWith(".segment") && gives > 0 ? "ENOSPC" : null);
  await small.put(["late"]);
  deepEqual([archived(small).length, gives, notices], [before, 0, []]);
  deepEqual(ids(await small.waiting()), ["late"]);
  await small.close();
});

test("without `retain` what was archived stays and can be read, and nothing comes to it", async () => {
  const { small } = await openArchived();
  await small.put(named("a", 20));
  await small.confirm(() => true);
  await small.restart("close", { archive: { folder: ARCHIVE, retain: null } });
  const before = archived(small);
  await small.put(named("b", 20));
  await small.confirm(() => true);
  await quiet();
  deepEqual(archived(small), before);
  ok((await history(small)).includes("a0"));
  await small.close();
});

test("a tenant's messages are taken out of the archive, and those of others stay", async () => {
  const { small } = await openArchived();
  await small.put(named("m", 40), (id) => ({ tenant: Number(id.slice(1)) % 3 === 0 ? "gone" : "diku" }));
  await small.confirm(() => true);
  await small.log.archive?.erase("gone", "", Number.POSITIVE_INFINITY);
  const last = small.log.archive === null ? 0 : ((await small.log.archive.files()).at(-1)?.nextSequence ?? 0);
  const left: string[] = [];
  for await (const { messages } of small.log.history.read(0, last, () => true)) left.push(...messages.map(({ tenant }) => tenant));
  ok(left.length > 10);
  deepEqual(new Set(left), new Set(["diku"]));
  await small.restart("kill");
  ok((await history(small)).length >= left.length);
  await small.close();
});

test("one file under two names, in the log and in the archive, is let go by the log alone", async (t) => {
  const data = temporaryFolder(t);
  const [logFolder, folder] = [join(data, "spool"), join(data, "archive")];
  const { log } = await openLog(logFolder);
  log.append(message("a"), true);
  await log.flush();
  await log.confirm((await readAll(log)).map(delivered));
  await log.close();
  const found = await new LogRecovery({ disk, folder: logFolder, kind: "messages", writes: false }).run();
  const [segment] = found.segments;
  ok(segment !== undefined);
  const retain = { keepMs: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER };
  const archive = await Archive.open({ disk, folder, logFolder, retain }, []);
  await archive.keep([segment]);
  equal(statSync(join(folder, FIRST)).nlink, 2);
  equal(await archive.take(segment), true);
  deepEqual([existsSync(segment.path), readdirSync(folder)], [false, [FIRST]]);
  await archive.keep([segment]);
  deepEqual(await archive.files().then((files) => files.map(({ path }) => path)), [join(folder, FIRST)]);
  await archive.close();
});

test("a start leaves to the log what a crash left under both names", async () => {
  const { small } = await openArchived();
  await small.put(named("m", 12));
  await small.memory.link(`${FOLDER}/${FIRST}`, `${ARCHIVE}/${FIRST}`);
  await small.restart("kill");
  deepEqual(archived(small), []);
  await small.confirm(() => true);
  await quiet();
  deepEqual(archived(small), [FIRST]);
  deepEqual(await history(small), named("m", 12));
  await small.close();
});

/** A log on the system's disk whose archive is `folder`. */
async function onDisk(data: string, notices: string[], on: Disk = disk): Promise<DestinationLog> {
  const archive = {
    folder: join(data, "archive"),
    retain: { keepMs: 1e12, bytesMax: 1e12 },
    onNotice: (text: string) => notices.push(text),
  };
  const bounds = { segmentBytesMax: 16 * KIB, removalStepBytes: 4 * KIB, bytesMax: 1024 * KIB, topicsMax: 10, onFinding: () => undefined };
  return await DestinationLog.open({ disk: on, folder: join(data, "spool"), destination: "out", ...bounds, archive });
}

async function deliver(log: DestinationLog, from: number, to: number): Promise<void> {
  for (let index = from; index < to; index += 1) {
    log.append(message(`m${index}`, { value: Buffer.alloc(2 * KIB) }), true);
    await log.flush();
  }
  await log.confirm((await readAll(log)).map(delivered));
}

test("where the folder can't be made the log starts all the same, and what is done goes without an archive, which is told", async (t) => {
  const data = temporaryFolder(t);
  writeFileSync(join(data, "archive"), "in the way");
  const notices: string[] = [];
  const log = await onDisk(data, notices);
  await deliver(log, 0, 40);
  await log.close();
  equal(notices.length, 1);
  match(notices[0] ?? "", /archive .*can't be made or listed .* nothing is archived until the next start/);
  ok(readdirSync(join(data, "spool")).filter((name) => name.endsWith(".segment")).length < 4);
});

test("a folder that somebody removes while the program runs is made anew", async (t) => {
  const data = temporaryFolder(t);
  const notices: string[] = [];
  const log = await onDisk(data, notices);
  await log.archive?.files();
  rmSync(join(data, "archive"), { recursive: true });
  await deliver(log, 0, 40);
  await log.close();
  deepEqual(notices, []);
  ok(readdirSync(join(data, "archive")).length > 2);
});

test("a file that can't be read is told once, and stays", async (t) => {
  const data = temporaryFolder(t);
  const notices: string[] = [];
  const first = await onDisk(data, notices);
  await deliver(first, 0, 40);
  await first.close();
  const path = join(data, "archive", FIRST);
  writeFileSync(path, readFileSync(path).fill(0, 0, DATA_OFFSET));
  const log = await onDisk(data, notices);
  await log.archive?.files();
  await log.close();
  deepEqual([notices.length, existsSync(path)], [1, true]);
  match(notices[0] ?? "", /can't be read, 0000000000000001\.segment is the first: they stay, uncounted, until somebody removes them/);
});

test("while nobody knows what is in the archive no file of the log is cut or written over that may have a name there", async (t) => {
  const data = temporaryFolder(t);
  const first = await onDisk(data, []);
  for (let index = 0; index < 40; index += 1) {
    first.append(message(`m${index}`, { value: Buffer.alloc(2 * KIB) }), true);
    await first.flush();
  }
  await first.close();
  const [inLog, inArchive] = [join(data, "spool", FIRST), join(data, "archive", FIRST)];
  // As a kill leaves it.
  linkSync(inLog, inArchive);
  const before = readFileSync(inLog);
  const unlisted: Disk = {
    ...disk,
    list: (folder) => (folder === join(data, "archive") ? Promise.reject(new Error("EACCES")) : disk.list(folder)),
  };
  const log = await onDisk(data, [], unlisted);
  await log.confirm((await readAll(log)).map(delivered));
  await deliver(log, 40, 80);
  await log.close();
  deepEqual([readFileSync(inArchive).equals(before), statSync(inArchive).nlink], [true, 1]);
});

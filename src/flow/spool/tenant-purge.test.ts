import { deepEqual, equal, ok } from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { DeadLetterLog } from "./dead-letter-log.ts";
import { DestinationLog } from "./destination-log.ts";
import { disk, type Disk } from "./disk.ts";
import type { SpoolFinding } from "./findings.ts";
import { giveUp } from "./give-up.ts";
import { lookAtLog } from "./log-look.ts";
import type { SpooledMessage } from "./spooled.ts";
import { outcomeOf, sumOf } from "./testing/counting.ts";
import { delivered, FailingDisk, message, readAll, temporaryFolder, texts } from "./testing/fixtures.ts";
import { purgeTenant, type TenantPurged } from "./tenant-purge.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

interface Opened {
  readonly log: DestinationLog;
  readonly deadLetters: DeadLetterLog;
  readonly findings: SpoolFinding[];
  readonly folders: readonly string[];
}

async function open(
  folder: string,
  segmentBytesMax = 16 * KIB,
  numbered = false,
  on: Disk = disk,
  keepsArchive = false,
  parkBytes = Infinity,
): Promise<Opened> {
  const findings: SpoolFinding[] = [];
  const onFinding = (finding: SpoolFinding): void => void findings.push(finding);
  const folders = [join(folder, "spool"), join(folder, "dead")];
  const archive = keepsArchive ? { archive: { folder: join(folder, "archive"), retain: { keepMs: 1e12, bytesMax: 64 * MIB } } } : {};
  const common = { disk: on, destination: "out", segmentBytesMax, onFinding };
  const log = await DestinationLog.open({
    ...common,
    folder: folders[0] ?? "",
    bytesMax: 64 * MIB,
    topicsMax: 10,
    numbered,
    parkBytes,
    ...archive,
  });
  const dead = { folder: folders[1] ?? "", messagesLogId: log.logId, keepMs: 1e12, bytesMax: MIB };
  return { log, deadLetters: await DeadLetterLog.open({ ...common, ...dead }), findings, folders };
}

async function close({ log, deadLetters }: Opened): Promise<void> {
  await log.close();
  await deadLetters.close();
}

const SECRET = "Erika Mustermann";

function own(index: number, bytes = 500) {
  return message(`own-${index}`, { tenant: "gone", value: Buffer.from(`${SECRET} ${index} ${"x".repeat(bytes)}`) });
}

function other(index: number, bytes = 500) {
  return message(`other-${index}`, { tenant: "stays", value: Buffer.from(`other ${index} ${"y".repeat(bytes)}`) });
}

/** Takes turns between the two tenants. */
async function fill(log: DestinationLog, count: number, bytes = 500): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    log.append(index % 2 === 0 ? own(index, bytes) : other(index, bytes), true);
    await log.flush();
  }
}

/** Files in which the text of the tenant's messages stands. */
function tellTales(folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(folder)
      .map((name) => join(folder, name))
      .filter((path) => readFileSync(path).includes(SECRET)),
  );
}

async function purge(opened: Opened, tenant = "gone"): Promise<TenantPurged> {
  return await purgeTenant({ disk, ...opened, tenant, place: null, endMs: Infinity });
}

const others = (log: DestinationLog) => readAll(log).then((messages) => texts(messages).map((text) => text.split(" ", 2).join(" ")));

async function setUp(t: TestContext, count: number): Promise<Opened & { readonly folder: string }> {
  const folder = temporaryFolder(t);
  const opened = await open(folder);
  await fill(opened.log, count);
  return { ...opened, folder };
}

test("what waits of a tenant is dropped as purged, no byte of it is left, and the others' messages stay in order", async (t) => {
  const opened = await setUp(t, 201);
  equal(tellTales(opened.folders).length > 3, true);
  const { messages, letters, isThrough, left } = await purge(opened);
  deepEqual([messages, letters, isThrough, left], [101, 0, true, []]);
  deepEqual(tellTales(opened.folders), []);
  const expected = Array.from({ length: 100 }, (_, index) => `other ${2 * index + 1}`);
  deepEqual(await others(opened.log), expected);
  equal(outcomeOf(opened.log, "gone", "purged"), 101);
  await close(opened);
  const again = await open(opened.folder);
  deepEqual([await others(again.log), again.findings], [expected, []]);
  equal(sumOf(again.log.status().pending), 100);
  await close(again);
});

test("what was delivered of a tenant and is still on the disk is gone, too; what was delivered of others isn't touched", async (t) => {
  const opened = await setUp(t, 120);
  const { log } = opened;
  const all = await readAll(log);
  await log.confirm(all.filter((_, index) => index !== 1 && index < 80).map(delivered));
  equal(tellTales(opened.folders).length > 2, true);
  const counted = async () => {
    const { found } = await lookAtLog({ disk, folder: opened.folders[0] ?? "", kind: "messages" });
    return found.segments.reduce((sum, { counts }) => sum + (counts.table()["users-audit"]?.["stays"] ?? 0), 0);
  };
  const before = await counted();
  equal((await purge(opened)).messages, 20);
  deepEqual(tellTales(opened.folders), []);
  equal(await counted(), before);
  await close(opened);
  const again = await open(opened.folder);
  equal((await others(again.log)).length, 21);
  deepEqual(again.findings, []);
  await close(again);
});

test("a file that is used again holds nothing of a tenant behind its end", async (t) => {
  const opened = await setUp(t, 0);
  const { log } = opened;
  const segment = 256 * KIB;
  for (let round = 0; round < 12; round += 1) {
    await fill(log, 60, 16 * KIB);
    if (round < 11) await log.confirm((await readAll(log)).map(delivered));
  }
  ok(readdirSync(opened.folders[0] ?? "").includes("spare") || log.status().usedBytes > segment, "some file was used again");
  await purge(opened);
  deepEqual(tellTales(opened.folders), []);
  await close(opened);
});

test("a tenant's dead letters are gone, those that left, too; the others' keep their numbers and can be redriven", async (t) => {
  const folder = temporaryFolder(t);
  const opened = await open(folder);
  const { log, deadLetters } = opened;
  await fill(log, 60);
  const all = await readAll(log);
  for (const each of all.slice(0, 40)) await deadLetters.add(each, "SST_DESTINATION_REFUSED", "too large");
  await log.confirm(all.slice(0, 40).map((each) => ({ ...delivered(each), outcome: "dead", reason: "SST_DESTINATION_REFUSED" })));
  const numbers = async ({ deadLetters: letters }: Opened) => {
    const lots = await Array.fromAsync(letters.read(0, letters.nextNumber));
    return lots.flat().map(({ number, message: { tenant } }) => `${number} ${tenant}`);
  };
  const before = await numbers(opened);
  // One of each tenant left before.
  await deadLetters.leave([before[0], before[1]].map((each) => Number(each?.split(" ")[0])));
  equal(tellTales(opened.folders.slice(1)).length > 1, true);
  const { letters, left } = await purge(opened);
  deepEqual([letters, left], [20, []]);
  deepEqual(tellTales(opened.folders), []);
  const kept = before.slice(2).filter((each) => each.endsWith("stays"));
  deepEqual([await numbers(opened), deadLetters.messages], [kept, 19]);
  await close(opened);
  const again = await open(folder);
  deepEqual([await numbers(again), again.deadLetters.messages, again.findings], [kept, 19, []]);
  equal(outcomeOf(again.log, "gone", null), 20);
  await close(again);
});

test("what comes of the tenant meanwhile and later is taken in, and stays", async (t) => {
  const opened = await setUp(t, 40);
  const { log } = opened;
  const first = await purgeTenant({ disk, ...opened, tenant: "gone", place: null, endMs: 0 });
  ok(!first.isThrough && first.messages > 0);
  log.append(own(1000), true);
  await log.flush();
  const second = await purgeTenant({ disk, ...opened, tenant: "gone", place: first.place, endMs: Infinity });
  deepEqual([second.isThrough, second.messages], [true, 20 - first.messages]);
  deepEqual((await others(log)).at(-1), "Erika Mustermann");
  equal(tellTales(opened.folders).length, 1);
  equal((await others(log)).length, 21);
  await close(opened);
});

test("what can't be read whole is told, and stays", async (t) => {
  const opened = await setUp(t, 100);
  await close(opened);
  const folder = opened.folders[0] ?? "";
  const [first = "", second = ""] = readdirSync(folder).filter((name) => name.endsWith(".segment"));
  const bytes = readFileSync(join(folder, first));
  writeFileSync(join(folder, first), bytes.fill(0xff, 9000, 9100));
  const again = await open(opened.folder);
  const { left, isThrough } = await purge(again);
  equal(isThrough, true);
  deepEqual(left, [join(folder, first)]);
  deepEqual(tellTales(again.folders), left);
  ok(second !== "");
  await close(again);
});

test("what was delivered and is in the archive is gone from there, too", async (t) => {
  const folder = temporaryFolder(t);
  const opened = await open(folder, 16 * KIB, false, disk, true);
  const { log } = opened;
  await fill(log, 120);
  await log.confirm((await readAll(log)).slice(0, 80).map(delivered));
  const archived = join(folder, "archive");
  ok(tellTales([archived]).length > 0, "something is in the archive");
  const { isThrough, left } = await purge(opened);
  deepEqual([isThrough, left, tellTales([...opened.folders, archived])], [true, [], []]);
  const texts = readdirSync(archived).map((name) => readFileSync(join(archived, name), "latin1"));
  ok(
    texts.some((text) => text.includes("other 1 ")),
    "what is of others stays",
  );
  await close(opened);
});

/** A log with an archive of several files; the bytes of the first two are changed. */
async function damagedArchive(t: TestContext) {
  const folder = temporaryFolder(t);
  const opened = await open(folder, 16 * KIB, false, disk, true);
  await fill(opened.log, 200);
  await opened.log.confirm((await readAll(opened.log)).map(delivered));
  await close(opened);
  const archived = join(folder, "archive");
  const [first = "", second = ""] = readdirSync(archived).toSorted();
  const change = (name: string, from: number, to: number): string => {
    const path = join(archived, name);
    writeFileSync(path, readFileSync(path).fill(0xff, from, to));
    return path;
  };
  return { folder, archived, damaged: [change(first, 0, 8192), change(second, 9000, 9100)] };
}

test("files of the archive that can't be read whole stay and are named, with damaged headers, too", async (t) => {
  const { folder, archived, damaged } = await damagedArchive(t);
  const again = await open(folder, 16 * KIB, false, disk, true);
  const { left, isThrough, archived: messages } = await purge(again);
  deepEqual([isThrough, left, tellTales([archived]).filter((path) => !damaged.includes(path))], [true, damaged, []]);
  ok(messages > 20);
  await close(again);
});

test("with no time at all each call goes on behind the one before, and comes to the end", async (t) => {
  const { folder, archived, damaged } = await damagedArchive(t);
  const before = await open(folder, 16 * KIB, false, disk, true);
  await fill(before.log, 60);
  for (const each of await readAll(before.log)) await before.deadLetters.add(each, "SST_DESTINATION_REFUSED", "too large");
  await close(before);
  const hit = before.folders.map((name) => {
    const names = readdirSync(name).filter((each) => each.endsWith(".segment"));
    const path = join(name, names.toSorted()[1] ?? "");
    writeFileSync(path, readFileSync(path).fill(0xff, 9000, 9100));
    return path;
  });
  let calls = 0;
  const left: string[] = [];
  let place: TenantPurged["place"] | null = null;
  for (let isThrough = false; !isThrough && calls < 200; calls += 1) {
    // As for a log that nobody has open, which is opened anew for each call.
    const again = await open(folder, 16 * KIB, false, disk, true);
    // What comes after the first call is none of its own.
    again.log.append(own(10_000 + calls), true);
    await again.log.flush();
    const purged = await purgeTenant({ disk, ...again, tenant: "gone", place, endMs: 0 });
    ({ place, isThrough } = purged);
    left.push(...purged.left);
    await close(again);
  }
  ok(calls > 8 && calls < 200, `${calls} calls`);
  deepEqual(left.toSorted(), [...damaged, ...hit].toSorted());
  const texts = tellTales([...before.folders, archived]).filter((path) => !left.includes(path));
  ok(
    texts.every((path) => !/ (\d{1,4}) x/.test(readFileSync(path, "latin1"))),
    "of the tenant nothing is there but what came later",
  );
});

test("a file that the disk doesn't give out is named, and all others are worked on", async (t) => {
  const { folder, archived } = await damagedArchive(t);
  const bad = join(archived, readdirSync(archived).toSorted()[3] ?? "");
  const failing = new FailingDisk();
  failing.fail = (operation, path) => (operation === "open" && path === bad ? "EIO" : null);
  const again = await open(folder, 16 * KIB, false, failing, true);
  const { left, isThrough } = await purgeTenant({ disk: failing, ...again, tenant: "gone", place: null, endMs: Infinity });
  deepEqual([isThrough, left.length, left.at(-1)], [true, 3, bad]);
  deepEqual(
    tellTales([...again.folders, archived]).filter((path) => !left.includes(path)),
    [],
  );
  await close(again);
});

test("what was joined, between two calls, with what came later is worked on, too", async (t) => {
  const opened = await open(temporaryFolder(t), 256 * KIB, false, disk, false, 256 * KIB);
  const { log } = opened;
  for (let index = 0; index < 290; index += 1) {
    log.append(own(index, 16_000), true);
    await log.flush();
  }
  const first = await purgeTenant({ disk, ...opened, tenant: "gone", place: null, endMs: 0 });
  equal(first.isThrough, false);
  const from = log.durableSequence;
  for (let index = 0; index < 96; index += 1) {
    log.append(other(index, 16_000), true);
    await log.flush();
  }
  const later: SpooledMessage[] = [];
  for (let next = from; next < log.durableSequence;) {
    const { messages, nextSequence } = await log.read(next, MIB, "behind");
    later.push(...messages);
    next = nextSequence;
  }
  await log.confirm(later.filter((_, index) => index % 2 === 1).map(delivered));
  const isJoined = async (): Promise<boolean> => {
    const { found } = await lookAtLog({ disk, folder: opened.folders[0] ?? "", kind: "messages" });
    return found.segments.some(({ header, nextSequence }) => header.baseSequence < first.place.below && nextSequence > first.place.below);
  };
  for (let waits = 0; !(await isJoined()); waits += 1) {
    ok(waits < 500, "segments on either side are joined");
    await pause(10);
  }
  const { isThrough, left } = await purgeTenant({ disk, ...opened, tenant: "gone", place: first.place, endMs: Infinity });
  deepEqual([isThrough, left, tellTales(opened.folders)], [true, [], []]);
  equal(sumOf(log.status().pending), 48);
  await close(opened);
});

test("while segments are rewritten by themselves a purge works all the same", async (t) => {
  for (let round = 0; round < 8; round += 1) {
    const opened = await open(temporaryFolder(t), 32 * KIB, false, disk, false, 64 * KIB);
    const { log } = opened;
    for (let index = 0; index < 200; index += 1) {
      log.append(index % 3 === 0 ? other(index, 3_000) : own(index, 3_000), true);
      if (index % 5 === 0) await log.flush();
    }
    await log.flush();
    const confirming = log.confirm((await readAll(log)).filter((_, index) => index % 4 !== 0).map(delivered));
    const { isThrough, left } = await purge(opened);
    await confirming;
    deepEqual([isThrough, left, tellTales(opened.folders)], [true, [], []]);
    await close(opened);
  }
});

test("a tenant that nothing is held of leaves everything as it is", async (t) => {
  const opened = await setUp(t, 30);
  const before = readdirSync(opened.folders[0] ?? "");
  deepEqual((await purge(opened, "nobody")).messages, 0);
  deepEqual(readdirSync(opened.folders[0] ?? ""), before);
  await close(opened);
});

test("only what was chosen is given up, with its reason, up to the number that was named", async (t) => {
  const opened = await setUp(t, 20);
  const { log } = opened;
  const to = log.durableSequence;
  log.append(message("late", { tenant: "gone", stream: "other" }), true);
  log.append(message("old", { tenant: "gone", acceptedMs: 5 }), true);
  await log.flush();
  const choice = { stream: null, tenant: "gone", beforeMs: null, reason: "discarded", from: 0, to };
  equal((await giveUp(log, choice, Infinity)).messages, 10);
  equal((await giveUp(log, choice, Infinity)).messages, 0);
  equal((await giveUp(log, { ...choice, to: null, stream: "other" }, Infinity)).messages, 1);
  equal((await giveUp(log, { ...choice, to: null, tenant: null, beforeMs: 6 }, Infinity)).messages, 1);
  deepEqual([sumOf(log.status().pending), outcomeOf(log, "gone", "discarded")], [10, 12]);
  await close(opened);
});

test("many single messages that are given up don't stay in the cursor one by one", async (t) => {
  const folder = temporaryFolder(t);
  const opened = await open(folder, MIB);
  const { log } = opened;
  for (let index = 0; index < 40_000; index += 1) {
    log.append(index % 2 === 0 ? own(index, 10) : other(index, 10), true);
    if (index % 1000 === 0) await log.flush();
  }
  await log.flush();
  const call = { stream: null, tenant: "gone", beforeMs: null, reason: "discarded", from: 0, to: null };
  equal((await giveUp(log, call, Infinity)).messages, 20_000);
  ok(log.scattered < 17_000, `${log.scattered} ranges`);
  equal((await others(log)).length, 20_000);
  await close(opened);
  const again = await open(folder, MIB);
  equal((await others(again.log)).length, 20_000);
  deepEqual(again.findings, []);
  await close(again);
});

test("while messages come in none is lost, and those of the tenant that came before are gone", async (t) => {
  const opened = await setUp(t, 200);
  const { log } = opened;
  let isOver = false;
  let came = 0;
  const incoming = async (): Promise<void> => {
    for (; !isOver; came += 1) {
      log.append(other(10_000 + came), true);
      if (came % 3 === 0) await log.flush();
    }
    await log.flush();
  };
  const coming = incoming();
  const { messages, left } = await purge(opened);
  isOver = true;
  await coming;
  deepEqual([messages, left, tellTales(opened.folders)], [100, [], []]);
  const expected = [
    ...Array.from({ length: 100 }, (_, index) => 2 * index + 1),
    ...Array.from({ length: came }, (_, index) => 10_000 + index),
  ];
  deepEqual(
    await others(log),
    expected.map((index) => `other ${index}`),
  );
  await close(opened);
  const again = await open(opened.folder);
  deepEqual([(await others(again.log)).length, again.findings], [100 + came, []]);
  await close(again);
});

test("a disk that fails in its midst loses nothing, and the purge can be given again", async (t) => {
  const folder = temporaryFolder(t);
  const failing = new FailingDisk();
  const opened = await open(folder, 16 * KIB, false, failing);
  await fill(opened.log, 100);
  for (const each of (await readAll(opened.log)).slice(0, 10)) await opened.deadLetters.add(each, "SST_DESTINATION_REFUSED", "too large");
  for (const operation of ["create", "remove", "rename", "syncFolder"]) {
    failing.fail = (each, path) => (each === operation && !path.includes("cursor") ? "EIO" : null);
    await purge(opened).catch(() => undefined);
  }
  failing.fail = () => null;
  equal((await others(opened.log)).length, 50);
  await close(opened);
  const again = await open(folder);
  deepEqual([(await others(again.log)).length, again.findings], [50, []]);
  deepEqual((await purge(again)).left, []);
  deepEqual(tellTales(again.folders), []);
  deepEqual([outcomeOf(again.log, "gone", "purged"), again.deadLetters.messages], [50, 5]);
  await close(again);
});

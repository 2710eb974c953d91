import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CURSOR_FILES } from "./cursor-slot.ts";
import { DATA_OFFSET } from "./format.ts";
import { FailingDisk, delivered, message, openLog, readAll, temporaryFolder, texts } from "./testing/fixtures.ts";

const segments = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(".segment"));
/** Tables have no prototype; for comparing they get one. */
const plain = (table: unknown): unknown => JSON.parse(JSON.stringify(table));
const total = (table: Record<string, Record<string, number>>) =>
  Object.values(table)
    .flatMap((row) => Object.values(row))
    .reduce((sum, count) => sum + count, 0);

test("a flushed message is read back whole, also after the log is opened again", async (t) => {
  const folder = temporaryFolder(t);
  const first = await openLog(folder);
  const sent = message("hello", {
    key: "é/ü",
    tenant: "tenant-1",
    headers: [
      ["a", "1"],
      ["", "ü"],
    ],
    value: Buffer.from([0, 255, 10]),
  });
  first.log.append(sent, true);
  await first.log.flush();
  const [back] = await readAll(first.log);
  deepEqual(
    { ...back, value: [...(back?.value ?? [])] },
    { ...sent, value: [0, 255, 10], logSequence: 2, sequence: 1, frameBytes: 176, lane: 0xffff_ffff },
  );
  await first.log.close();
  const second = await openLog(folder);
  deepEqual(texts(await readAll(second.log)), [sent.value.toString()]);
  deepEqual(second.findings, []);
  equal(second.log.logId, first.log.logId);
  await second.log.close();
});

test("what was appended but not flushed can't be read", async (t) => {
  const { log } = await openLog(temporaryFolder(t));
  log.append(message("a"), true);
  deepEqual(await readAll(log), []);
  await log.flush();
  deepEqual(texts(await readAll(log)), ["a"]);
  await log.close();
});

test("numbers are gap-free per stream and topic, also over a restart", async (t) => {
  const folder = temporaryFolder(t);
  const first = await openLog(folder);
  for (const [text, topic] of [
    ["a1", "a"],
    ["b1", "b"],
    ["a2", "a"],
  ] as const)
    first.log.append(message(text, { topic }), true);
  await first.log.flush();
  await first.log.close();
  const { log } = await openLog(folder);
  equal(log.nextNumber("users-audit", "a"), 3);
  equal(log.nextNumber("users-audit", "b"), 2);
  equal(log.nextNumber("other", "a"), 1);
  log.append(message("a3", { topic: "a" }), true);
  await log.flush();
  deepEqual(
    (await readAll(log)).map(({ topic, sequence }) => `${topic}${sequence}`),
    ["a1", "b1", "a2", "a3"],
  );
  await log.close();
});

test("one topic more than the bound is refused and takes no number", async (t) => {
  const { log } = await openLog(temporaryFolder(t), { topicsMax: 2 });
  log.append(message("1", { topic: "a" }), true);
  log.append(message("2", { topic: "b" }), true);
  throws(() => log.append(message("3", { topic: "c" }), true), { code: "SST_TOPIC_LIMIT" });
  log.append(message("4", { topic: "a" }), true);
  await log.flush();
  equal(total(log.status().accepted), 3);
  await log.close();
});

test("confirmed messages are not read again after a restart, out of order ones among them", async (t) => {
  const folder = temporaryFolder(t);
  const first = await openLog(folder);
  for (const text of ["a", "b", "c", "d"]) first.log.append(message(text), true);
  await first.log.flush();
  const [a, , c] = await readAll(first.log);
  ok(a !== undefined && c !== undefined);
  await first.log.confirm([delivered(c), delivered(a)]);
  await first.log.close();
  const { log } = await openLog(folder);
  deepEqual(texts(await readAll(log)), ["b", "d"]);
  deepEqual(plain(log.status().pending), { "users-audit": { diku: 2 } });
  await log.close();
});

test("confirming twice counts once", async (t) => {
  const { log } = await openLog(temporaryFolder(t));
  log.append(message("a"), true);
  await log.flush();
  const [a] = await readAll(log);
  ok(a !== undefined);
  await log.confirm([delivered(a), delivered(a)]);
  await log.confirm([delivered(a)]);
  equal(log.status().outcomes["users-audit"]?.["diku"]?.delivered, 1);
  equal(total(log.status().pending), 0);
  await log.close();
});

test("a full segment is sealed with a summary, and removed once all of it is confirmed", async (t) => {
  const folder = temporaryFolder(t);
  const first = await openLog(folder, { bytesMax: 16 * 1024 * 1024 });
  const value = Buffer.alloc(100_000, "x");
  for (let index = 0; index < 12; index++) {
    first.log.append(message(String(index), { value }), true);
    await first.log.flush();
  }
  ok(segments(folder).length >= 3, `segments: ${segments(folder).length}`);
  const all = await readAll(first.log);
  equal(all.length, 12);
  await first.log.confirm(all.slice(0, 10).map(delivered));
  const left = segments(folder).length;
  ok(left <= 2, `segments left: ${left}`);
  await first.log.close();
  const second = await openLog(folder, { bytesMax: 16 * 1024 * 1024 });
  equal((await readAll(second.log)).length, 2);
  deepEqual(plain(second.log.status().accepted), { "users-audit": { diku: 12 } });
  equal(second.log.nextNumber("users-audit", "users"), 13);
  deepEqual(second.findings, []);
  await second.log.close();
});

test("pending is known from summaries when many segments wait", async (t) => {
  const folder = temporaryFolder(t);
  const first = await openLog(folder, { bytesMax: 16 * 1024 * 1024 });
  const value = Buffer.alloc(90_000, "x");
  for (let index = 0; index < 20; index++) {
    first.log.append(message(String(index), { value, tenant: `t${index % 2}` }), true);
    await first.log.flush();
  }
  const all = await readAll(first.log);
  await first.log.confirm(all.slice(0, 5).map(delivered));
  await first.log.close();
  const { log } = await openLog(folder, { bytesMax: 16 * 1024 * 1024 });
  deepEqual(plain(log.status().pending), { "users-audit": { t0: 7, t1: 8 } });
  await log.close();
});

test("a full log refuses, takes no number, and takes messages again once there is room", async (t) => {
  const folder = temporaryFolder(t);
  const { log } = await openLog(folder, { bytesMax: 1024 * 1024 });
  const value = Buffer.alloc(60_000, "x");
  let accepted = 0;
  for (;;) {
    try {
      log.append(message(String(accepted), { value }), true);
      await log.flush();
      accepted += 1;
    } catch (error) {
      equal((error as { code?: string }).code, "SST_SPOOL_FULL");
      break;
    }
  }
  ok(accepted > 5);
  equal(log.nextNumber("users-audit", "users"), accepted + 1);
  await log.confirm((await readAll(log)).map(delivered));
  log.append(message("again"), true);
  await log.flush();
  deepEqual(texts(await readAll(log)), ["again"]);
  await log.close();
});

test("a disk that is full refuses what waits, gives the numbers back, and goes on when there is room", async (t) => {
  const folder = temporaryFolder(t);
  const failing = new FailingDisk();
  const { log } = await openLog(folder, { disk: failing });
  log.append(message("kept"), true);
  await log.flush();
  failing.fail = (operation, path) => (operation === "write" && path.endsWith(".segment") ? "ENOSPC" : null);
  log.append(message("refused-1"), true);
  const first = log.flush();
  log.append(message("refused-2"), true);
  const second = log.flush();
  await rejects(first, { code: "SST_SPOOL_IO" });
  await rejects(second, { code: "SST_SPOOL_IO" });
  equal(log.nextNumber("users-audit", "users"), 2);
  equal(total(log.status().accepted), 1);
  failing.fail = () => null;
  log.append(message("after"), true);
  await log.flush();
  deepEqual(
    (await readAll(log)).map(({ sequence, value }) => [sequence, value.toString()]),
    [
      [1, "kept"],
      [2, "after"],
    ],
  );
  await log.close();
  const again = await openLog(folder);
  deepEqual(texts(await readAll(again.log)), ["kept", "after"]);
  deepEqual(again.findings, []);
  await again.log.close();
});

test("a first segment that can't be made leaves a log that works once the disk does", async (t) => {
  const folder = temporaryFolder(t);
  const failing = new FailingDisk();
  const { log } = await openLog(folder, { disk: failing });
  failing.fail = (operation) => (operation === "syncFolder" ? "EIO" : null);
  log.append(message("refused"), true);
  await rejects(log.flush(), { code: "SST_SPOOL_IO" });
  failing.fail = () => null;
  log.append(message("kept"), true);
  await log.flush();
  deepEqual(
    (await readAll(log)).map(({ sequence }) => sequence),
    [1],
  );
  await log.close();
  const again = await openLog(folder);
  deepEqual(texts(await readAll(again.log)), ["kept"]);
  equal(again.log.nextNumber("users-audit", "users"), 2);
  await again.log.close();
});

test("a sync that goes on failing stops the log, and is never tried again on the same file", async (t) => {
  const folder = temporaryFolder(t);
  const failing = new FailingDisk();
  const { log } = await openLog(folder, { disk: failing });
  log.append(message("kept"), true);
  await log.flush();
  const tried: string[] = [];
  failing.fail = (operation, path) => {
    if (operation !== "sync" || !path.endsWith(".segment")) return null;
    tried.push(path);
    return "EIO";
  };
  log.append(message("refused"), true);
  await rejects(log.flush(), { code: "SST_SPOOL_IO" });
  deepEqual(tried, [...new Set(tried)]);
  failing.fail = () => null;
  throws(() => log.append(message("late"), true), { code: "SST_SPOOL_IO" });
  deepEqual(texts(await readAll(log)), ["kept"]);
  equal(log.roomBytes, 0);
  await log.close();
});

test("a log cut at any byte keeps every message before the cut and takes new ones after it", async (t) => {
  const folder = temporaryFolder(t);
  const first = await openLog(folder);
  const batches: number[] = [];
  const path = () => join(folder, segments(folder)[0] ?? "");
  for (const [one, two] of [
    ["a", "b"],
    ["c", "d"],
    ["e", "f"],
  ] as const) {
    first.log.append(message(one), true);
    first.log.append(message(two), true);
    await first.log.flush();
    batches.push(statSync(path()).size);
  }
  await first.log.close();
  const whole = readFileSync(path());
  const last = batches[1] ?? 0;
  for (let size = last; size < whole.length; size += 3) {
    const copy = join(folder, `cut-${size}`);
    mkdirSync(copy);
    copyFileSync(path(), join(copy, segments(folder)[0] ?? ""));
    truncateSync(join(copy, segments(folder)[0] ?? ""), size);
    const { log } = await openLog(copy);
    const kept = texts(await readAll(log));
    deepEqual(kept, ["a", "b", "c", "d", "e", "f"].slice(0, kept.length), `cut at ${size}`);
    ok(kept.length >= 4, `cut at ${size}`);
    log.append(message("new"), true);
    await log.flush();
    await log.close();
    const again = await openLog(copy);
    const messages = await readAll(again.log);
    deepEqual(texts(messages), [...kept, "new"], `cut at ${size}`);
    deepEqual(
      messages.map(({ sequence }) => sequence),
      messages.map((_, index) => index + 1),
      `cut at ${size}`,
    );
    deepEqual(again.findings, [], `cut at ${size}`);
    await again.log.close();
  }
});

test("a flipped bit costs at most the batch it hit, is reported, and never gives a wrong message", async (t) => {
  const folder = temporaryFolder(t);
  const first = await openLog(folder);
  const sent: string[] = [];
  for (let batch = 0; batch < 4; batch++) {
    for (let index = 0; index < 3; index++) {
      sent.push(`${batch}-${index}`);
      first.log.append(message(`${batch}-${index}`), true);
    }
    await first.log.flush();
  }
  await first.log.close();
  const name = segments(folder)[0] ?? "";
  const whole = readFileSync(join(folder, name));
  for (let at = DATA_OFFSET; at < whole.length; at += 7) {
    const copy = join(folder, `flip-${at}`);
    mkdirSync(copy);
    const bytes = Buffer.from(whole);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (at % 8)), at);
    writeFileSync(join(copy, name), bytes);
    const { log, findings } = await openLog(copy);
    const kept = texts(await readAll(log));
    deepEqual(
      kept.filter((text) => !sent.includes(text)),
      [],
      `flip at ${at}`,
    );
    deepEqual(
      kept,
      sent.filter((text) => kept.includes(text)),
      `flip at ${at}`,
    );
    ok(kept.length >= sent.length - 3, `flip at ${at}: ${kept.length} kept`);
    if (kept.length < sent.length) ok(findings.length > 0, `flip at ${at} is reported`);
    log.append(message("new"), true);
    await log.flush();
    equal(texts(await readAll(log)).at(-1), "new", `flip at ${at}`);
    await log.close();
  }
});

test("one copy of the header is enough; with both gone the segment is set aside and the log goes on", async (t) => {
  const folder = temporaryFolder(t);
  const first = await openLog(folder);
  first.log.append(message("a"), true);
  await first.log.flush();
  await first.log.close();
  const name = segments(folder)[0] ?? "";
  const bytes = readFileSync(join(folder, name));
  bytes.fill(0, 0, 512);
  writeFileSync(join(folder, name), bytes);
  const second = await openLog(folder);
  deepEqual(texts(await readAll(second.log)), ["a"]);
  await second.log.close();
  bytes.fill(0, 4096, 4608);
  writeFileSync(join(folder, name), bytes);
  const third = await openLog(folder);
  deepEqual(
    third.findings.map(({ kind }) => kind),
    ["unreadable-segment"],
  );
  third.log.append(message("b"), true);
  await third.log.flush();
  deepEqual(texts(await readAll(third.log)), ["b"]);
  await third.log.close();
  ok(readdirSync(folder).includes(`${name}.damaged`));
});

test("bytes of an earlier use of the file don't pass for frames", async (t) => {
  const folder = temporaryFolder(t);
  const old = await openLog(join(folder, "old"));
  for (const text of ["x", "y", "z"]) {
    old.log.append(message(text), true);
    await old.log.flush();
  }
  await old.log.close();
  const young = await openLog(join(folder, "young"));
  young.log.append(message("a"), true);
  await young.log.flush();
  await young.log.close();
  const name = segments(join(folder, "young"))[0] ?? "";
  const oldBytes = readFileSync(join(folder, "old", segments(join(folder, "old"))[0] ?? ""));
  const youngBytes = readFileSync(join(folder, "young", name));
  writeFileSync(join(folder, "young", name), Buffer.concat([youngBytes, oldBytes.subarray(youngBytes.length)]));
  const again = await openLog(join(folder, "young"));
  deepEqual(texts(await readAll(again.log)), ["a"]);
  deepEqual(
    again.findings.map(({ kind }) => kind),
    ["cut-tail"],
  );
  await again.log.close();
});

test("a log that ends before what was confirmed is stopped: its numbers must not come again", async (t) => {
  const folder = temporaryFolder(t);
  const first = await openLog(folder);
  for (const text of ["a", "b"]) {
    first.log.append(message(text), true);
    await first.log.flush();
  }
  await first.log.confirm((await readAll(first.log)).map(delivered));
  await first.log.close();
  const path = join(folder, segments(folder)[0] ?? "");
  truncateSync(path, statSync(path).size - 8);
  const { log } = await openLog(folder);
  throws(() => log.append(message("c"), true), { code: "SST_SPOOL_CUT" });
  await log.close();
});

test("a lost cursor means that messages are sent again, and is reported", async (t) => {
  const folder = temporaryFolder(t);
  const first = await openLog(folder, { bytesMax: 16 * 1024 * 1024 });
  const value = Buffer.alloc(200_000, "x");
  for (let index = 0; index < 6; index++) {
    first.log.append(message(String(index), { value }), true);
    await first.log.flush();
  }
  await first.log.confirm((await readAll(first.log)).slice(0, 5).map(delivered));
  await first.log.close();
  for (const name of CURSOR_FILES) rmSync(join(folder, name));
  const { log, findings } = await openLog(folder, { bytesMax: 16 * 1024 * 1024 });
  deepEqual(
    findings.map(({ kind }) => kind),
    ["cursor-lost"],
  );
  ok((await readAll(log)).length >= 1);
  await log.close();
});

test("a waiting reader is woken by the commit, and by its signal", async (t) => {
  const { log } = await openLog(temporaryFolder(t));
  const controller = new AbortController();
  const waiting = log.waitBeyond(log.durableSequence, controller.signal);
  log.append(message("a"), true);
  await log.flush();
  await waiting;
  const aborted = log.waitBeyond(log.durableSequence, controller.signal);
  controller.abort();
  await aborted;
  await log.close();
});

test("a newer format is refused by name", async (t) => {
  const folder = temporaryFolder(t);
  const first = await openLog(folder);
  first.log.append(message("a"), true);
  await first.log.flush();
  await first.log.close();
  const path = join(folder, segments(folder)[0] ?? "");
  const bytes = readFileSync(path);
  const { crc32 } = await import("node:zlib");
  for (const copy of [0, 4096]) {
    bytes.writeUInt32LE(2, copy + 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(copy, copy + 508)), copy + 508);
  }
  writeFileSync(path, bytes);
  await rejects(openLog(folder), { code: "SST_SPOOL_VERSION" });
});

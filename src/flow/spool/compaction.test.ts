/** Segments that are rewritten: after a crash at any moment, with damage, with an older cursor, with control records. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { CURSOR_FILES } from "./cursor-slot.ts";
import { isProblem } from "./findings.ts";
import { DATA_OFFSET, encodeSegmentHeader, FLAG_COMPACTED, FLAG_CONTROL } from "./format.ts";
import { delivered } from "./testing/fixtures.ts";
import { checkWhole, FOLDER, ids, KIB, named, settled, SmallLog, type Ending, type Over } from "./testing/small-log.ts";

/** Of 17 messages. A quarter of it holds two, so that a rewritten segment is written on once. */
const SEGMENT_BYTES = 64 * KIB;
const VALUE_BYTES = 3000;
const PARK_BYTES = SEGMENT_BYTES;
const isStuck = ({ eventId }: { readonly eventId: string }): boolean => eventId.startsWith("event-s");

const open = (over: Over = {}, seed = 1): Promise<SmallLog> =>
  SmallLog.open({ segmentBytesMax: SEGMENT_BYTES, parkBytes: PARK_BYTES, ...over }, seed);

const append = (small: SmallLog, name: string): number => small.append(name, { value: Buffer.alloc(VALUE_BYTES, name) });

/** Ten messages, the third of them stuck. @returns The stuck one. */
async function put(small: SmallLog, at: number): Promise<string> {
  for (let index = 0; index < 10; index++) append(small, index === 2 ? `s${at}` : `m${at}-${index}`);
  await small.log.flush();
  return `s${at}`;
}

/** As `put`; the others are confirmed. */
async function round(small: SmallLog, at: number): Promise<string> {
  const stuck = await put(small, at);
  await small.confirm((message) => !isStuck(message));
  return stuck;
}

async function rounds(small: SmallLog, count: number, from = 0): Promise<string[]> {
  const stuck: string[] = [];
  for (let at = from; at < from + count; at++) stuck.push(await round(small, at));
  return stuck;
}

/** In how many rounds two segments become one for the first time. */
async function roundsUntilMerged(): Promise<number> {
  const small = await open();
  for (let count = 1; ; count++) {
    await round(small, count);
    if (compacted(small).some((name) => isMerged(small, name))) {
      await small.close();
      return count;
    }
    ok(count < 50);
  }
}

function isMerged(small: SmallLog, name: string): boolean {
  const header = small.header(name);
  return header !== null && header.baseSequence === 1 && header.number > 1;
}

const compacted = (small: SmallLog): string[] => small.files().filter((name) => ((small.header(name)?.flags ?? 0) & FLAG_COMPACTED) !== 0);

/** What a crash may leave is no problem. */
function nothingFound(small: SmallLog, about: string): void {
  deepEqual(small.findings.filter(isProblem), [], about);
}

for (const [ending, seeds] of [
  ["kill", 1],
  ["power", 4],
] as const) {
  test(`a crash at any operation of a rewrite loses nothing, doubles nothing, and the counts add up (${ending})`, async () => {
    const count = await roundsUntilMerged();
    let isOver = false;
    for (let after = 0; !isOver; after++) {
      for (let seed = 1; seed <= seeds; seed++) isOver = await crash(ending, count, after, after * seeds + seed);
    }
  });
}

/** Crashes so many operations after the confirmation that has two segments made one. @returns True when that was too late. */
async function crash(ending: Ending, count: number, after: number, seed: number): Promise<boolean> {
  const about = `${ending} after ${after} operations, seed ${seed}`;
  const small = await open({}, seed);
  const stuck = await rounds(small, count - 1);
  stuck.push(await put(small, count - 1));
  const chosen = (await small.waiting()).filter((message) => !isStuck(message));
  const before = small.memory.operations;
  small.memory.operationsLeft = after;
  const confirmed = await small.log.confirm(chosen.map(delivered)).then(
    () => true,
    () => false,
  );
  await settled();
  const isOver = small.memory.operations - before < after;
  equal(isOver && !compacted(small).some((name) => isMerged(small, name)), false, "it was rewritten where nothing failed");
  await small.restart(ending);
  nothingFound(small, about);
  const waiting = await small.waiting();
  checkWhole(waiting);
  deepEqual(ids(waiting.filter(isStuck)), stuck, about);
  if (confirmed) deepEqual(ids(waiting), stuck, about);
  equal((await small.books()).accepted, count * 10, about);
  // It goes on, and all of it drains.
  const more = await rounds(small, 4, 100);
  deepEqual(ids((await small.waiting()).filter(isStuck)), [...stuck, ...more], about);
  await small.confirm(() => true);
  await small.confirm(() => true);
  const all = (count + 4) * 10;
  deepEqual(await small.books(), { accepted: all, delivered: all, dead: 0, dropped: {}, pending: 0 }, about);
  equal(small.log.status().segments, 1, about);
  await small.close();
  return isOver;
}

test("files that rewrites replaced one after the other, and whose removal didn't last, are no gap", async () => {
  const small = await open();
  const seen = new Map<string, Buffer>();
  const merged = (): string | undefined => small.files().find((name) => isMerged(small, name));
  const stuck: string[] = [];
  // On until the one that stands for all of the beginning has taken in several.
  for (let at = 0; at < 40 && Number(merged()?.split(".")[0] ?? 0) < 4; at++) {
    for (const name of small.files()) if (!isMerged(small, name)) seen.set(name, Buffer.from(small.memory.bytes(`${FOLDER}/${name}`)));
    stuck.push(await round(small, at));
  }
  await small.log.close();
  const last = merged() ?? "";
  const gone = [...seen.keys()].filter((name) => name < last && !small.files().includes(name));
  ok(gone.length >= 3, `${gone.length} went`);
  for (const name of gone) {
    const file = await small.memory.open(`${FOLDER}/${name}`, "create");
    await file.write(seen.get(name) as Buffer, 0);
    await file.sync();
    await file.close();
  }
  await small.start();
  nothingFound(small, gone.join());
  deepEqual(ids((await small.waiting()).filter(isStuck)), stuck);
  await small.close();
});

test("a cursor that is put back from before a rewrite is told as older, nothing that waits is lost, and the counts add up", async () => {
  for (const before of [1, 3, 5, 8, 11]) {
    const small = await open();
    const stuck = await rounds(small, before);
    const slots = CURSOR_FILES.map((name) => Buffer.from(small.memory.bytes(`${FOLDER}/${name}`)));
    stuck.push(...(await rounds(small, 12, before)));
    await small.log.close();
    for (const [index, name] of CURSOR_FILES.entries()) small.memory.damage(`${FOLDER}/${name}`, () => slots[index] as Buffer);
    await small.start();
    const about = `after ${before} rounds`;
    deepEqual(
      small.kinds().filter((kind) => kind !== "cut-tail"),
      ["cursor-behind"],
      about,
    );
    const found = ids((await small.waiting()).filter(isStuck));
    deepEqual(found, stuck, about);
    const books = await small.books();
    equal(books.accepted, (before + 12) * 10, about);
    ok((books.dropped["cursor-lost"] ?? 0) > 0, about);
    await small.restart();
    deepEqual(small.kinds(), [], about);
    deepEqual(await small.books(), books);
    await small.close();
  }
});

test("a start right after a rewrite is no older cursor, and puts nothing in doubt", async () => {
  for (let at = 4; at < 16; at++) {
    const small = await open({ numbered: true });
    const stuck = await rounds(small, at);
    for (const ending of ["kill", "power", "close"] as const) {
      await small.restart(ending);
      nothingFound(small, `${at} rounds, ${ending}`);
      equal(small.log.doubtfulFrom, null);
      deepEqual(ids(await small.waiting()), stuck);
    }
    await small.close();
  }
});

test("damage in a rewritten segment costs at most its batch, is told, and the counts add up", async () => {
  const small = await open();
  const stuck = await rounds(small, 14);
  await small.log.close();
  const [name] = compacted(small);
  const path = `${FOLDER}/${name ?? ""}`;
  const files = new Map(small.memory.files(FOLDER).map((each) => [each, Buffer.from(small.memory.bytes(each))]));
  const length = files.get(path)?.length ?? 0;
  for (let at = DATA_OFFSET; at < length; at += 211) {
    for (const each of small.memory.files(FOLDER)) if (!files.has(each)) small.memory.lose(each);
    for (const [each, bytes] of files) {
      if (!(await small.memory.exists(each))) await (await small.memory.open(each, "create")).close();
      small.memory.damage(each, () => bytes);
    }
    small.memory.damage(path, (bytes) => {
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (at % 8)), at);
      return bytes;
    });
    await small.start();
    const about = `a bit flipped at ${at} of ${length}`;
    const waiting = await small.waiting();
    checkWhole(waiting);
    const found = ids(waiting);
    deepEqual(
      found,
      stuck.filter((each) => found.includes(each)),
      about,
    );
    ok(found.length >= stuck.length - 1, `${about}: ${found.length} of ${stuck.length}`);
    if (found.length < stuck.length) ok(small.kinds().includes("damage"), about);
    const books = await small.books();
    deepEqual([books.accepted, books.delivered, books.dropped["damaged"] ?? 0], [140, 126, stuck.length - found.length], about);
    await round(small, 20);
    await small.confirm(() => true);
    equal((await small.books()).pending, 0, about);
    await small.log.close();
  }
});

test("what a numbered log keeps outlives the rewrite of the segments that it was written in", async () => {
  const small = await open({ numbered: true });
  await small.log.memory.set("identity", { id: 7 });
  const stuck: string[] = [];
  for (let at = 0; at < 3; at++) stuck.push(await round(small, at));
  const [first, second] = (await small.waiting()).filter(isStuck);
  ok(first !== undefined && second !== undefined);
  await small.log.skip("lane", first.logSequence, "SST_DESTINATION_REFUSED");
  await small.log.memory.set("other", 1);
  await small.log.memory.set("other", null);
  stuck.push(...(await rounds(small, 12, 3)));
  ok(compacted(small).length > 0);
  for (const ending of ["close", "kill", "power"] as const) {
    await small.restart(ending);
    nothingFound(small, ending);
    deepEqual(small.log.memory.get("identity"), { id: 7 });
    deepEqual(small.log.memory.names(), ["identity"]);
    equal(small.log.skipCode(first.logSequence), "SST_DESTINATION_REFUSED");
    equal(small.log.skipCode(second.logSequence), null);
    deepEqual(ids(await small.waiting()), stuck);
  }
  const position = { number: 5, position: "offset 4" };
  await small.log.confirm([{ ...delivered(second), lane: "lane", position }]);
  await small.restart("power");
  deepEqual(small.log.lanePosition("lane"), position);
  await small.close();
});

test("a rewritten segment says that it may hold control records where one of those that it was made of may", async () => {
  const small = await open();
  const stuck = await rounds(small, 8);
  await small.log.close();
  // As though the log were numbered from its last segment on.
  const last = small.files().at(-1) ?? "";
  const header = small.header(last);
  ok(header !== null);
  small.memory.damage(`${FOLDER}/${last}`, (bytes) => {
    encodeSegmentHeader({ ...header, flags: header.flags | FLAG_CONTROL }).copy(bytes);
    return bytes;
  });
  await small.start({ numbered: true });
  stuck.push(...(await rounds(small, 8, 8)));
  const rewritten = compacted(small).flatMap((name) => small.header(name) ?? []);
  ok(
    rewritten.some(({ number, baseSequence }) => number >= header.number && baseSequence < header.baseSequence),
    "two became one",
  );
  for (const { number, flags } of rewritten) equal((flags & FLAG_CONTROL) !== 0, number >= header.number, `segment ${number}`);
  deepEqual(ids(await small.waiting()), stuck);
  await small.close();
});

test("the last message of a segment that has no summary is not taken for one", async () => {
  // A sync that fails leaves a segment without a summary; so does a log that is numbered from a start on.
  for (const how of ["a failed sync", "a log that is numbered now"]) {
    const small = await open();
    for (const name of named("m", 4)) append(small, name);
    append(small, "s0");
    await small.log.flush();
    if (how === "a failed sync") {
      let failures = 1;
      small.failing.fail = (operation, path) => (operation === "sync" && path.endsWith(".segment") && failures-- > 0 ? "EIO" : null);
      append(small, "m4");
      await small.log.flush();
    } else await small.restart("close", { numbered: true });
    await small.confirm((message) => !isStuck(message));
    const stuck = ["s0", ...(await rounds(small, 12, 1))];
    deepEqual(ids(await small.waiting()), stuck, how);
    await small.books();
    await small.restart("close", { numbered: true });
    deepEqual(ids(await small.waiting()), stuck, how);
    await small.books();
    await small.close();
  }
});

test("a segment that can't be rewritten keeps its space, and those behind it are rewritten all the same", async () => {
  const small = await open();
  append(small, "s0");
  append(small, "m0");
  await small.log.flush();
  let failures = 1;
  small.failing.fail = (operation, path) => (operation === "sync" && path.endsWith(".segment") && failures-- > 0 ? "EIO" : null);
  append(small, "m1");
  await small.log.flush();
  const first = small.files()[0] ?? "";
  await small.confirm((message) => !isStuck(message));
  await rounds(small, 30, 1);
  ok(small.files().includes(first));
  ok(small.log.status().usedBytes < 31 * 2 * VALUE_BYTES + PARK_BYTES + 4 * SEGMENT_BYTES, `${small.log.status().usedBytes} bytes`);
  await small.close();
});

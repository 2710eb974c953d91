/** What becomes of a log's space where a lane is stuck and the others get on. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { newestSlot, readSlots } from "./cursor-slot.ts";
import { FLAG_COMPACTED } from "./format.ts";
import type { DiskOperation } from "./testing/fixtures.ts";
import type { Hold } from "./testing/held-disk.ts";
import { checkWhole, FOLDER, ids, KIB, named, settled, SmallLog, type Ending, type Over } from "./testing/small-log.ts";

/** Of 32 messages. */
const SEGMENT_BYTES = 96 * KIB;
const PARK_BYTES = 2 * SEGMENT_BYTES;
const VALUE_BYTES = 2600;
const isStuck = ({ eventId }: { readonly eventId: string }): boolean => eventId.startsWith("event-s");

const open = (over: Over = {}, seed = 1): Promise<SmallLog> =>
  SmallLog.open({ parkBytes: PARK_BYTES, segmentBytesMax: SEGMENT_BYTES, ...over }, seed);

/** Appends rounds of ten messages of which one is stuck, and confirms the others. @returns The stuck ones. */
async function run(small: SmallLog, rounds: number, from = 0): Promise<string[]> {
  const stuck: string[] = [];
  for (let round = from; round < from + rounds; round++) {
    for (let index = 0; index < 10; index++) {
      const name = index === 3 ? `s${round}` : `m${round}-${index}`;
      if (index === 3) stuck.push(name);
      small.append(name, { value: Buffer.alloc(VALUE_BYTES, name) });
      if (index % 3 === 2) await small.log.flush();
    }
    await small.log.flush();
    await small.confirm((message) => !isStuck(message));
  }
  return stuck;
}

/** What so many messages that wait may take, with the headers of their files, what is ahead, a segment between and the open one. */
const boundOf = (stuck: number): number => stuck * (VALUE_BYTES + 512) * 2 + PARK_BYTES + 2 * SEGMENT_BYTES;

/** Goes on until an operation of a rewrite waits, and lets the caller do what comes in between. */
async function runUntil(small: SmallLog, operation: DiskOperation): Promise<{ readonly hold: Hold; readonly stuck: string[] }> {
  const hold = small.held.hold(operation, "/compacting");
  let isMet = false;
  void hold.met.then(() => (isMet = true));
  const stuck: string[] = [];
  while (!isMet && stuck.length < 50) stuck.push(...(await run(small, 1, stuck.length)));
  ok(isMet, operation);
  return { hold, stuck };
}

const compacted = (small: SmallLog): string[] => small.files().filter((name) => ((small.header(name)?.flags ?? 0) & FLAG_COMPACTED) !== 0);

test("without a bound, one message that waits keeps all behind it", async () => {
  const small = await open({ parkBytes: Infinity });
  await run(small, 20);
  ok(small.log.status().usedBytes > 200 * VALUE_BYTES);
  deepEqual(compacted(small), []);
  await small.close();
});

test("a log that was read far ahead and of which nothing is done is not rewritten: nothing would be won", async () => {
  const small = await open();
  for (let index = 0; index < 200; index++) {
    small.append(`s${index}`, { value: Buffer.alloc(VALUE_BYTES, `s${index}`) });
    await small.log.flush();
  }
  await small.waiting();
  await settled();
  await small.log.confirm([]);
  await settled();
  deepEqual(compacted(small), []);
  await small.close();
});

test("once others are far enough ahead of messages that wait, what lies between is freed; what waits is there, in order", async () => {
  const small = await open();
  const stuck: string[] = [];
  for (let at = 0; at < 60; at += 10) {
    stuck.push(...(await run(small, 10, at)));
    const bound = boundOf(stuck.length);
    const { usedBytes } = small.log.status();
    ok(usedBytes <= bound, `${usedBytes} bytes, at most ${bound}`);
    const files = small.files().reduce((sum, name) => sum + small.memory.bytes(`${FOLDER}/${name}`).length, 0);
    ok(files <= bound + 2 * SEGMENT_BYTES, `${files} bytes with what is made ahead`);
  }
  for (const pass of ["ahead", "behind"] as const) {
    const waiting = await small.waiting(pass);
    deepEqual(ids(waiting), stuck);
    checkWhole(waiting);
  }
  deepEqual(await small.books(), { accepted: 600, delivered: 540, dead: 0, dropped: {}, pending: 60 });
  deepEqual(small.kinds(), []);
  await small.close();
});

test("small neighbours become one: a lane that is stuck doesn't leave as many files as there were segments", async () => {
  const small = await open();
  const stuck = await run(small, 100);
  // A quarter of a segment is what a file that is written on may have.
  const files = Math.ceil((stuck.length * VALUE_BYTES) / (SEGMENT_BYTES / 4));
  ok(small.files().length <= files + 6, `${small.files().length} files for ${stuck.length} messages`);
  deepEqual(ids(await small.waiting()), stuck);
  await small.close();
});

for (const ending of ["close", "kill", "power"] as const satisfies readonly Ending[]) {
  test(`what waits in rewritten segments is there after a start (${ending}), keeps its numbers, and is rewritten on`, async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const small = await open({}, seed);
      const stuck: string[] = [];
      let before = await small.waiting();
      for (let at = 0; at < 40; at += 8) {
        stuck.push(...(await run(small, 8, at)));
        before = await small.waiting();
        await small.restart(ending);
        deepEqual(
          (await small.waiting()).map(({ eventId, logSequence, sequence }) => [eventId, logSequence, sequence]),
          before.map(({ eventId, logSequence, sequence }) => [eventId, logSequence, sequence]),
        );
        deepEqual(
          small.kinds().filter((kind) => kind !== "cut-tail"),
          [],
        );
      }
      deepEqual(ids(before), stuck);
      equal((await small.books()).delivered, 360);
      ok(small.log.status().usedBytes < boundOf(stuck.length));
      await small.close();
    }
  });
}

test("the cursor says of rewritten segments only what is done of them since", async () => {
  const small = await open();
  await run(small, 150);
  await small.log.confirm([]);
  const { record } = newestSlot(await readSlots(small.memory, FOLDER));
  ok(record.ranges.length < 40, `${record.ranges.length} ranges`);
  ok((record.compactedBelow ?? 0) > 1000);
  equal(small.log.scattered, record.ranges.length);
  await small.close();
});

test("a lane that revives drains all of it, and nothing is left but the open segment", async () => {
  const small = await open();
  const stuck = await run(small, 40);
  // Back to front, so that the low-water mark moves at the very end.
  for (const name of stuck.toReversed()) await small.confirm(({ eventId }) => eventId === `event-${name}`);
  await run(small, 1, 100);
  await small.confirm(() => true);
  equal(small.log.status().segments, 1);
  ok(small.log.status().usedBytes <= SEGMENT_BYTES + 16 * KIB);
  equal(small.files().filter((name) => name.endsWith(".segment")).length, 1);
  deepEqual(await small.books(), { accepted: 410, delivered: 410, dead: 0, dropped: {}, pending: 0 });
  await small.restart("power");
  deepEqual(await small.books(), { accepted: 410, delivered: 410, dead: 0, dropped: {}, pending: 0 });
  await small.close();
});

test("what is confirmed while its segment is rewritten is done, and stays so", async () => {
  for (const operation of ["create", "write", "sync"] as const) {
    const small = await open();
    const { hold, stuck } = await runUntil(small, operation);
    await small.confirm(({ eventId }) => eventId === "event-s0" || eventId === "event-s2");
    hold.release();
    await settled();
    ok(compacted(small).length > 0);
    const left = stuck.filter((name) => name !== "s0" && name !== "s2");
    deepEqual(ids(await small.waiting()), left, operation);
    for (const ending of ["kill", "power"] as const) {
      await small.restart(ending);
      deepEqual(ids(await small.waiting()), left, `${operation}, ${ending}`);
      await small.books();
    }
    await small.close();
  }
});

test("both passes read on while the segment that they stand in is rewritten", async () => {
  for (const operation of ["write", "sync"] as const) {
    const small = await open();
    const { hold, stuck } = await runUntil(small, operation);
    const from = small.log.confirmedSequence;
    const first = { ahead: await small.log.read(from, 1, "ahead"), behind: await small.log.read(from, 1, "behind") };
    const reading = small.log.read(first.behind.nextSequence, 1, "behind");
    hold.release();
    const more = await reading;
    await settled();
    ok(compacted(small).length > 0);
    for (const [pass, results] of [
      ["ahead", [first.ahead]],
      ["behind", [first.behind, more]],
    ] as const) {
      const messages = results.flatMap((result) => result.messages);
      let next = results.at(-1)?.nextSequence ?? 0;
      while (next < small.log.durableSequence) {
        const result = await small.log.read(next, 1, pass);
        ok(result.nextSequence > next);
        messages.push(...result.messages);
        next = result.nextSequence;
      }
      deepEqual(ids(messages.filter(({ logSequence }) => !small.log.isConfirmed(logSequence))), stuck, pass);
      deepEqual(
        messages.map(({ logSequence }) => logSequence),
        messages.map(({ logSequence }) => logSequence).toSorted((a, b) => a - b),
      );
    }
    deepEqual(small.kinds(), []);
    await small.books();
    await small.close();
  }
});

test("a segment that gets done while it is rewritten goes when it was", async () => {
  for (const operation of ["create", "write", "sync"] as const) {
    const small = await open();
    const { hold } = await runUntil(small, operation);
    await small.confirm(() => true);
    hold.release();
    await settled();
    equal(small.log.status().segments, 1, operation);
    await small.close();
  }
});

test("a rewrite that fails at any of its operations is tried again, and costs nothing", async () => {
  for (const operation of ["create", "write", "sync", "rename", "remove", "open", "read", "close"] as const) {
    const small = await open();
    let failures = 3;
    small.failing.fail = (each, path) => {
      const isOfRewrite = path.endsWith("/compacting") || (path.endsWith(".segment") && (each === "open" || each === "remove"));
      return each === operation && isOfRewrite && failures-- > 0 ? "EIO" : null;
    };
    const stuck: string[] = [];
    for (let at = 0; at < 40; at++) {
      // A read that fails is the reader's to repeat.
      for (let round = at; round < at + 1; round++) stuck.push(...(await run(small, 1, round).catch(() => [`s${round}`])));
    }
    failures = 0;
    await small.confirm((message) => !isStuck(message));
    await small.confirm((message) => !isStuck(message));
    ok(compacted(small).length > 0, operation);
    deepEqual(ids(await small.waiting()), stuck, operation);
    await small.restart("power");
    deepEqual(ids(await small.waiting()), stuck, operation);
    await small.books();
    await small.close();
  }
});

test("where the folder can't be synced after a rewrite, the cursor goes on saying all of it", async () => {
  for (const ending of ["close", "kill", "power"] as const) {
    for (let seed = 1; seed <= 10; seed++) {
      const small = await open({}, seed);
      const { hold, stuck } = await runUntil(small, "sync");
      small.failing.fail = (operation) => (operation === "syncFolder" ? "EIO" : null);
      hold.release();
      await settled();
      ok(compacted(small).length > 0);
      await small.log.confirm([]);
      await small.restart(ending);
      deepEqual(ids(await small.waiting()), stuck, `${ending}, seed ${seed}`);
      deepEqual(
        small.kinds().filter((kind) => kind !== "cut-tail"),
        [],
        `${ending}, seed ${seed}`,
      );
      await small.books();
      await small.close();
    }
  }
});

test("where a sync failed as a segment was closed, its last message is not taken for the summary that didn't count", async () => {
  for (let at = 1; at <= 24; at++) {
    const small = await open();
    let syncs = 0;
    small.failing.fail = (operation, path) => {
      if (operation === "sync" && path.endsWith(".segment")) syncs += 1;
      // What was written stays there.
      return syncs === at && (operation === "sync" || operation === "truncate") ? "EIO" : null;
    };
    for (const name of named("s", 40)) {
      small.append(name, { value: Buffer.alloc(VALUE_BYTES * 4, name) });
      await small.log.flush();
    }
    await small.restart("kill");
    // All but the last of each segment: one of them stands where a summary would.
    const lasts = new Set(await lastsOf(small));
    await small.confirm(({ logSequence }) => !lasts.has(logSequence));
    for (let round = 0; round < 4; round++) await run(small, 10, 100 + round * 10);
    const waiting = (await small.waiting()).filter(({ logSequence }) => lasts.has(logSequence));
    equal(waiting.length, lasts.size, `sync ${at}`);
    await small.restart("power");
    const again = (await small.waiting()).filter(({ logSequence }) => lasts.has(logSequence));
    equal(again.length, lasts.size, `sync ${at}`);
    await small.close();
  }
});

/** Numbers of the last messages of all segments but the last. */
async function lastsOf(small: SmallLog): Promise<number[]> {
  const waiting = (await small.waiting()).map(({ logSequence }) => logSequence);
  const bases = small
    .files()
    .filter((name) => name.endsWith(".segment"))
    .map((name) => small.header(name)?.baseSequence ?? 0);
  return bases.slice(1).map((base) => Math.max(...waiting.filter((each) => each < base)));
}

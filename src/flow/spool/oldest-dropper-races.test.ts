/** What else happens while the oldest messages of a log are given up: damage, rewrites, sends. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { FLAG_COMPACTED } from "./format.ts";
import { delivered } from "./testing/fixtures.ts";
import type { Hold } from "./testing/held-disk.ts";
import { FOLDER, ids, KIB, named, settled, SmallLog, type Over } from "./testing/small-log.ts";

const BYTES_MAX = 1024 * KIB;
const SEGMENT_BYTES = 64 * KIB;
const VALUE_BYTES = 2800;

const open = (over: Over = {}, seed = 1): Promise<SmallLog> =>
  SmallLog.open({ bytesMax: BYTES_MAX, segmentBytesMax: SEGMENT_BYTES, whenFull: "drop-oldest", ...over }, seed);

async function put(small: SmallLog, names: readonly string[]): Promise<void> {
  for (const name of names) {
    small.append(name, { value: Buffer.alloc(VALUE_BYTES, name) });
    await small.log.flush();
    await settled();
  }
}

async function putUntil(small: SmallLog, { met }: Hold): Promise<string[]> {
  let isMet = false;
  void met.then(() => (isMet = true));
  const names: string[] = [];
  while (!isMet && names.length < 500) {
    names.push(`u${names.length}`);
    await put(small, names.slice(-1));
  }
  ok(isMet);
  return names;
}

const compacted = (small: SmallLog): string[] => small.files().filter((name) => ((small.header(name)?.flags ?? 0) & FLAG_COMPACTED) !== 0);

test("damage among what is given up is told and counted as such", async () => {
  const small = await open();
  await put(small, named("m", 100));
  const [name] = small.files();
  small.memory.damage(`${FOLDER}/${name ?? ""}`, (bytes) => {
    bytes.writeUInt8(0, bytes.indexOf("event-m3"));
    return bytes;
  });
  await put(small, named("n", 600));
  const kept = (await small.waiting()).length;
  ok(small.kinds().includes("damage"));
  const books = await small.books();
  deepEqual(books.dropped, { damaged: 1, "drop-oldest": 699 - kept });
  await small.restart();
  deepEqual(await small.books(), books);
  await small.close();
});

test("a segment that is rewritten between two attempts to give it up is given up all the same", async () => {
  const small = await open({ parkBytes: SEGMENT_BYTES });
  await put(small, named("m", 120));
  const held = (await small.waiting()).filter((_, index) => index % 2 === 1);
  const numbers = new Set(held.map(({ logSequence }) => logSequence));
  small.log.heldBy((logSequence) => numbers.has(logSequence));
  // It can't be read to be given up, but to be rewritten.
  let failures = 0;
  small.failing.fail = (operation, path) => {
    if (operation !== "open" || !path.endsWith("0001.segment") || small.files().includes("compacting")) return null;
    failures += 1;
    return "EIO";
  };
  for (let index = 0; failures === 0; index++) await put(small, [`n${index}`]);
  const first = small.files()[0] ?? "";
  const before = small.header(first)?.salt;
  // Others are done, far ahead: it is rewritten without those of its messages that are done.
  await small.log.confirm(held.map(delivered));
  await settled();
  ok(!small.files().includes(first) || small.header(first)?.salt !== before);
  small.failing.fail = () => null;
  await put(small, named("o", 400));
  const kept = ids(await small.waiting());
  deepEqual(kept, named("o", 400).slice(-kept.length));
  equal((await small.books()).delivered, held.length);
  await small.close();
});

test("a rewritten segment that is given up and freed behind one that is held is not missing after a start", async () => {
  const small = await open({ parkBytes: SEGMENT_BYTES });
  await put(small, named("m", 100));
  const all = await small.waiting();
  const held = all.slice(0, 2);
  const numbers = new Set(held.map(({ logSequence }) => logSequence));
  small.log.heldBy((logSequence) => numbers.has(logSequence));
  // Every second one is done: the first segments are rewritten.
  await small.log.confirm(all.filter((_, index) => index > 2 && index % 2 === 0).map(delivered));
  await settled();
  ok(compacted(small).length > 1, `${compacted(small).length} rewritten`);
  await put(small, named("n", 700));
  for (const ending of ["close", "kill", "power"] as const) {
    const books = await small.books();
    const kept = ids(await small.waiting());
    deepEqual(kept.slice(0, 2), ids(held));
    await small.restart(ending);
    deepEqual(small.kinds(), [], ending);
    equal(small.log.doubtfulFrom, null);
    deepEqual(ids(await small.waiting()), kept, ending);
    deepEqual(await small.books(), books, ending);
  }
  await small.close();
});

test("no cursor says that a message may be sent before its predecessors that are given up are done", async () => {
  for (const isReleased of [false, true]) {
    for (let seed = 1; seed <= 10; seed++) {
      const small = await open({ numbered: true }, seed);
      await put(small, named("m", 250));
      const passed = (await small.waiting())[0];
      const holds = [small.held.hold("write", "cursor-0"), small.held.hold("write", "cursor-1")];
      await putUntil(small, { met: Promise.race(holds.map(({ met }) => met)), release: () => undefined });
      ok(passed !== undefined && small.log.isConfirmed(passed.logSequence));
      // The lane's first message is a later one by now, and gets its number.
      const first = (await small.waiting())[0];
      let isSaved = false;
      void small.log.maySend("lane", first?.logSequence ?? 0)?.then(() => (isSaved = true));
      if (isReleased) for (const { release } of holds) release();
      await settled();
      equal(isSaved, isReleased);
      await small.restart("power");
      const mayBeTaken = !small.log.isConfirmed(passed.logSequence) && small.log.sentBelow("lane") > passed.logSequence;
      equal(mayBeTaken, false, `seed ${seed}: ${passed.logSequence} waits again, and its number may have gone to ${first?.logSequence}`);
      await small.close();
    }
  }
});

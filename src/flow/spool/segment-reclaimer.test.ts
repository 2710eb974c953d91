/** Segments that go while others work on them, or beside others that can't go. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { CURSOR_FILES } from "./cursor-slot.ts";
import { delivered } from "./testing/fixtures.ts";
import { FOLDER, ids, KIB, named, settled, SmallLog } from "./testing/small-log.ts";

const TURNS = 100;
const nameOf = ({ eventId }: { readonly eventId: string }): string => eventId.slice("event-".length);

async function turns(): Promise<void> {
  for (let count = 0; count < TURNS; count++) await settled();
}

for (const [valueBytes, segmentBytesMax, perSegment] of [
  [4 * KIB, 32 * KIB, 6],
  [20 * KIB, 400 * KIB, 20],
] as const) {
  test(`a segment that is on its way out is not rewritten, values of ${valueBytes} bytes`, async () => {
    const small = await SmallLog.open({ parkBytes: 1, segmentBytesMax });
    const value = { value: Buffer.alloc(valueBytes, "v") };
    for (const name of named("m", perSegment * 4 + 3)) {
      small.append(name, value);
      await small.log.flush();
    }
    // Half of the first segment waits, one message of the second, and some behind.
    const stuck = new Set(named("m", perSegment).filter((_, index) => index % 2 === 0));
    const last = `m${perSegment + 1}`;
    for (const at of [2, 3]) stuck.add(`m${at * perSegment + 2}`);
    for (const name of named("m", perSegment * 4 + 3).slice(perSegment * 4)) stuck.add(name);
    const settling = small.held.hold("syncFolder", FOLDER);
    await small.confirm((message) => !stuck.has(nameOf(message)) && nameOf(message) !== last);
    await turns();
    // The first one's rewrite isn't settled; now the second has nothing left, and its removal takes its time.
    const second = "0000000000000002.segment";
    const removals = [small.held.hold("remove", second), small.held.hold("rename", second)];
    const confirming = small.confirm((message) => nameOf(message) === last);
    await turns();
    settling.release();
    await turns();
    for (const removal of removals) removal.release();
    await confirming;
    await turns();
    const waiting = ids(await small.waiting());
    deepEqual(
      waiting,
      named("m", perSegment * 4 + 3).filter((name) => stuck.has(name)),
    );
    await small.restart("kill");
    deepEqual(ids(await small.waiting()), waiting);
    deepEqual(small.kinds(), []);
    await small.books();
    await small.close();
  });
}

test("a read that begins while a segment goes finds it whole, or not at all", async () => {
  const small = await SmallLog.open({ segmentBytesMax: 256 * KIB, removalStepBytes: 4 * KIB });
  await small.put(named("m", 140));
  const all = await small.waiting();
  const name = small.files()[0] ?? "";
  const { nextSequence } = await small.log.read(1, 64 * KIB, "behind");
  const renaming = small.held.hold("rename", name);
  const confirming = small.log.confirm(all.slice(0, 100).map(delivered));
  await renaming.met;
  const held = small.held.hold("read", name);
  const reading = small.log.read(nextSequence, 64 * KIB, "behind");
  await settled();
  renaming.release();
  await confirming;
  await turns();
  held.release();
  await reading;
  ok(!small.files().includes(name));
  deepEqual(small.kinds(), []);
  deepEqual(ids(await small.waiting()), named("m", 140).slice(100));
  await small.books();
  await small.close();
});

test("one file that can't be removed keeps none of the others", async () => {
  const small = await SmallLog.open({ segmentBytesMax: 32 * KIB });
  await small.put(named("m", 60), () => ({ value: Buffer.alloc(4 * KIB) }));
  const [first] = small.files();
  small.failing.fail = (operation, path) =>
    (operation === "remove" || operation === "rename") && path === `${FOLDER}/${first}` ? "EIO" : null;
  await small.confirm(() => true);
  await turns();
  deepEqual(small.files().filter((name) => name.endsWith(".segment")).length, 2);
  ok(small.files().includes(first ?? ""));
  small.failing.fail = () => null;
  await small.log.freeSegments();
  ok(!small.files().includes(first ?? ""));
  await small.close();
});

test("with both slots of the cursor gone, segments that went from behind one that waits accuse nobody", async () => {
  const small = await SmallLog.open({});
  await small.put(named("m", 30));
  await small.confirm((message) => nameOf(message) !== "m1");
  ok(small.files().filter((name) => name.endsWith(".segment")).length < 3);
  await small.log.close();
  for (const name of CURSOR_FILES) small.memory.damage(`${FOLDER}/${name}`, (bytes) => bytes.fill(1, 40, 41));
  await small.start();
  deepEqual(small.kinds(), ["cursor-lost"]);
  const { dropped, delivered: left, pending, accepted } = await small.books();
  deepEqual(Object.keys(dropped), ["cursor-lost"]);
  equal((dropped["cursor-lost"] ?? 0) + pending + left, accepted);
  await small.close();
});

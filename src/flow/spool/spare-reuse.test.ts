/** A file that is used again: nothing of its earlier use is ever read. */
import { deepEqual, notEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { busy, openBusy, put, SPARE, taken, used, VALUE } from "./testing/busy-log.ts";
import { checkWhole, FOLDER, ids, named, type SmallLog, type Ending } from "./testing/small-log.ts";

test("a segment that is done becomes the spare, and its file the next segment, in which nothing of it is read", async () => {
  const small = await openBusy();
  const { names, name, before } = await used(small);
  const bytes = small.memory.bytes(`${FOLDER}/${name}`);
  deepEqual(bytes.subarray(bytes.length - 4096, bytes.length - 64), before.subarray(before.length - 4096, before.length - 64));
  const waiting = await small.waiting();
  deepEqual(ids(waiting), names);
  checkWhole(waiting);
  deepEqual((await small.books()).pending, names.length);
  deepEqual(small.kinds(), []);
  await small.close();
});

for (const ending of ["close", "kill"] as const) {
  test(`bytes of an earlier use are not read after a start (${ending}), and an end that isn't torn is not told`, async () => {
    const small = await openBusy();
    const { names, name } = await used(small);
    await small.restart(ending);
    deepEqual(small.kinds(), []);
    deepEqual(ids(await small.waiting()), names);
    ok(!small.files().includes("spare"));
    ok(!small.memory.bytes(`${FOLDER}/${name}`).includes("event-m"), "they are cut");
    await put(small, ["after"]);
    await small.restart("kill");
    deepEqual(ids(await small.waiting()), [...names, "after"]);
    await small.close();
  });
}

/** Stops the program when a message is written to a reserved file, and not synced yet. */
async function written(small: SmallLog): Promise<void> {
  const { met } = small.held.hold("sync", "/spare");
  small.append("last", { value: Buffer.alloc(VALUE, "last") });
  void small.log.flush().catch(() => undefined); // It never ends: the program does before.
  await met;
}

test("a write to a reserved file that was never finished is told, and cut", async () => {
  const small = await openBusy();
  const { names, name, before } = await used(small);
  const path = `${FOLDER}/${name}`;
  const end = small.memory.bytes(path).indexOf(Buffer.from(names.at(-1) ?? ""));
  await written(small);
  small.memory.damage(path, (bytes) => {
    // Its first sectors arrived, the others are as they were.
    const from = bytes.indexOf("event-last");
    before.copy(bytes, from + 1024, from + 1024);
    return bytes;
  });
  ok(end > 0);
  await small.restart("kill");
  deepEqual(small.kinds(), ["cut-tail"]);
  deepEqual(ids(await small.waiting()), names);
  await small.restart();
  deepEqual(small.kinds(), []);
  await small.close();
});

test("a power loss in the midst of a write to a file that is used again leaves what was acknowledged, and no message of its earlier use", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const small = await openBusy({}, seed);
    const { names } = await used(small);
    await written(small);
    await small.restart("power");
    const waiting = await small.waiting();
    deepEqual(ids(waiting).slice(0, names.length), names, `seed ${seed}`);
    deepEqual(
      ids(waiting)
        .slice(names.length)
        .filter((id) => id !== "last"),
      [],
      `seed ${seed}`,
    );
    checkWhole(waiting);
    deepEqual(
      small.kinds().filter((kind) => kind !== "cut-tail"),
      [],
      `seed ${seed}`,
    );
    await small.close();
  }
});

test("a file that is taken over has no other name any more before it is overwritten, also when the power is lost then", async () => {
  for (const [operation, seeds] of [
    ["sync", 30],
    ["rename", 30],
    ["syncFolder", 30],
  ] as const) {
    for (let seed = 1; seed <= seeds; seed++) {
      const small = await openBusy({}, seed);
      await busy(small);
      await taken(small, "u");
      await small.confirm(({ eventId }) => eventId.startsWith("event-m"));
      ok(small.memory.bytes(SPARE).includes("event-m"));
      const kept = ids(await small.waiting());
      const names: string[] = [];
      // The first sync of the folder is the one before the header is written.
      const first = operation === "syncFolder" ? small.held.hold("syncFolder", FOLDER) : null;
      void first?.met.then(() => first.release());
      const { met } = small.held.hold(operation, operation === "syncFolder" ? FOLDER : "/spare");
      let isMet = false;
      void met.then(() => (isMet = true));
      while (!isMet && names.length < 20) {
        const next = `w${names.length}`;
        small.append(next, { value: Buffer.alloc(VALUE, next) });
        const flushed = small.log.flush().then(
          () => true,
          () => false,
        );
        if (await Promise.race([flushed, met.then(() => false)])) names.push(next);
      }
      ok(isMet);
      await small.restart("power");
      const waiting = ids(await small.waiting());
      deepEqual(waiting.slice(0, kept.length + names.length), [...kept, ...names], `${operation}, seed ${seed}`);
      deepEqual(
        small.kinds().filter((kind) => kind !== "cut-tail"),
        [],
        `${operation}, seed ${seed}`,
      );
      await small.books();
      await small.close();
    }
  }
});

test("a segment that gets done while the spare is being taken is not taken for it", async () => {
  for (const operation of ["open", "write", "sync", "rename"] as const) {
    const small = await openBusy();
    const names = await busy(small);
    const hold = small.held.hold(operation, "/spare");
    let isMet = false;
    void hold.met.then(() => (isMet = true));
    let flushed: Promise<void> = Promise.resolve();
    for (let index = 0; !isMet && index < 20; index++) {
      const next = `t${index}`;
      small.append(next, { value: Buffer.alloc(VALUE, next) });
      names.push(next);
      flushed = small.log.flush();
      await Promise.race([flushed, hold.met]);
    }
    ok(isMet, operation);
    await small.confirm(({ eventId }) => eventId.startsWith("event-m"));
    hold.release();
    await flushed;
    await put(small, ["after"]);
    const kept = [...names.filter((name) => name.startsWith("t")), "after"];
    deepEqual(ids(await small.waiting()), kept, operation);
    for (const ending of ["kill", "power"] satisfies Ending[]) {
      await small.restart(ending);
      deepEqual(ids(await small.waiting()), kept, `${operation}, ${ending}`);
      deepEqual(
        small.kinds().filter((kind) => kind !== "cut-tail"),
        [],
        `${operation}, ${ending}`,
      );
      await small.books();
    }
    await small.close();
  }
});

test("a file whose sync failed is not used again", async () => {
  const small = await openBusy();
  await busy(small);
  const { name } = await taken(small);
  await put(small, named("n", 5));
  const path = `${FOLDER}/${name}`;
  let failures = 1;
  small.failing.fail = (operation, each) => (operation === "sync" && (each === SPARE || each === path) && failures-- > 0 ? "EIO" : null);
  // What is before it goes first, and its file is the spare until the next segment takes it.
  await small.confirm(({ eventId }) => eventId.startsWith("event-m"));
  failures = 1;
  await put(small, ["rewritten"]);
  deepEqual(small.kinds(), ["rewritten"]);
  ok(small.files().includes(name));
  await small.confirm(() => true);
  ok(!small.files().includes(name));
  const spare = small.files().includes("spare") ? small.memory.bytes(SPARE) : Buffer.alloc(8);
  notEqual(spare.toString("latin1", 0, 8), "SSTSEGMT");
  await small.close();
});

/** A log with `whenFull: drop-oldest` that is about to be full. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../message/message.ts";
import { delivered } from "./testing/fixtures.ts";
import { checkWhole, FOLDER, ids, KIB, named, settled, SmallLog, type Over } from "./testing/small-log.ts";

const BYTES_MAX = 1024 * KIB;
/** Of 19 messages. */
const SEGMENT_BYTES = 64 * KIB;
const VALUE_BYTES = 2800;

const open = (over: Over = {}, seed = 1): Promise<SmallLog> =>
  SmallLog.open({ bytesMax: BYTES_MAX, segmentBytesMax: SEGMENT_BYTES, whenFull: "drop-oldest", ...over }, seed);

/** Appends one after the other, with time to make room in between. */
async function put(small: SmallLog, names: readonly string[], over: (name: string) => Partial<Message> = () => ({})): Promise<void> {
  for (const name of names) {
    small.append(name, { value: Buffer.alloc(VALUE_BYTES, name), ...over(name) });
    await small.log.flush();
    await settled();
  }
}

/** Files on the disk without what is made ahead. */
const bytesOnDisk = (small: SmallLog): number =>
  small.files().reduce((sum, name) => sum + (name === "spare" ? 0 : small.memory.bytes(`${FOLDER}/${name}`).length), 0);

test("the newest messages stay, in order, none is refused, and what went is counted", async () => {
  const small = await open();
  const names = named("m", 1000);
  await put(small, names);
  const waiting = await small.waiting();
  checkWhole(waiting);
  const kept = ids(waiting);
  deepEqual(kept, names.slice(-kept.length));
  // All of the budget but the headers, what is kept free, and the segment that is given up at a time.
  ok(kept.length * (VALUE_BYTES + 200) > 0.7 * BYTES_MAX, `${kept.length} kept`);
  ok(bytesOnDisk(small) <= BYTES_MAX, `${bytesOnDisk(small)} bytes`);
  const books = await small.books();
  deepEqual(books, { accepted: 1000, delivered: 0, dead: 0, dropped: { "drop-oldest": 1000 - kept.length }, pending: kept.length });
  equal(small.log.givenUp, 1000 - kept.length);
  for (const ending of ["close", "kill", "power"] as const) {
    await small.restart(ending);
    deepEqual(small.kinds(), [], ending);
    deepEqual(ids(await small.waiting()), kept, ending);
    deepEqual(await small.books(), books, ending);
    equal(small.log.givenUp, 0);
  }
  await small.confirm(() => true);
  equal((await small.books()).delivered, kept.length);
  await small.close();
});

test("what somebody holds is never given up, wherever it stands, and can be confirmed", async () => {
  const small = await open();
  await put(small, named("m", 100));
  const held = (await small.waiting()).filter((_, index) => index % 9 === 4);
  const numbers = new Set(held.map(({ logSequence }) => logSequence));
  small.log.heldBy((logSequence) => numbers.has(logSequence));
  await put(small, named("n", 600));
  const waiting = ids(await small.waiting());
  deepEqual(waiting.slice(0, held.length), ids(held));
  deepEqual(waiting.slice(held.length), named("n", 600).slice(held.length - waiting.length));
  // What lies around them is freed.
  ok(bytesOnDisk(small) <= BYTES_MAX, `${bytesOnDisk(small)} bytes`);
  ok(waiting.length * (VALUE_BYTES + 200) > BYTES_MAX / 2, `${waiting.length} kept`);
  await small.log.confirm(held.map(delivered));
  await settled();
  const books = await small.books();
  equal(books.delivered, held.length);
  for (const ending of ["close", "kill", "power"] as const) {
    await small.restart(ending);
    deepEqual(small.kinds(), [], ending);
    deepEqual(await small.books(), books);
  }
  await small.close();
});

test("in a numbered log nothing is given up that a lane may have sent; what no lane has come to is", async () => {
  const small = await open({ numbered: true });
  await put(small, named("m", 60));
  const first = (await small.waiting())[0];
  await small.log.maySend("lane", first?.logSequence ?? 0);
  await put(small, named("n", 600));
  const waiting = ids(await small.waiting());
  deepEqual(waiting.slice(0, 60), named("m", 60));
  deepEqual(waiting.slice(60), named("n", 600).slice(60 - waiting.length));
  const books = await small.books();
  equal(books.dropped["drop-oldest"], 660 - waiting.length);
  await small.restart("power");
  deepEqual(await small.books(), books);
  equal(small.log.doubtfulFrom, null);
  deepEqual(small.kinds(), []);
  await small.close();
});

test("where all of it may have been sent, new messages are turned away instead", async () => {
  const small = await open({ numbered: true });
  await put(small, named("m", 250));
  await small.log.maySend("lane", small.log.durableSequence - 1);
  await small.log.maySend("other", small.log.durableSequence);
  throws(
    () => {
      for (let index = 0; index < 500; index++) small.append(`n${index}`, { value: Buffer.alloc(VALUE_BYTES, "n") });
    },
    { code: "SST_SPOOL_FULL" },
  );
  await small.log.flush();
  await settled();
  deepEqual(ids(await small.waiting()).slice(0, 250), named("m", 250));
  await small.books();
  await small.close();
});

test("what is given up is counted by stream and tenant, and only what waited", async () => {
  const small = await open();
  const over = (name: string): Partial<Message> => {
    const number = Number(name.slice(1));
    return { stream: number % 2 === 0 ? "even" : "odd", tenant: `t${number % 3}` };
  };
  await put(small, named("m", 200), over);
  await small.confirm((_) => _.sequence % 4 === 1, { outcome: "delivered" });
  const before = (await small.books()).delivered;
  await put(small, named("n", 600), over);
  const waiting = await small.waiting();
  const { outcomes, accepted } = small.log.status();
  for (const stream of ["even", "odd"]) {
    for (const tenant of ["t0", "t1", "t2"]) {
      const left = waiting.filter((each) => each.stream === stream && each.tenant === tenant).length;
      const { delivered: confirmed, dead, dropped } = outcomes[stream]?.[tenant] ?? { delivered: 0, dead: 0, dropped: {} };
      deepEqual(Object.keys(dropped), ["drop-oldest"]);
      equal(accepted[stream]?.[tenant], left + confirmed + dead + (dropped["drop-oldest"] ?? 0), `${stream}, ${tenant}`);
    }
  }
  equal((await small.books()).delivered, before);
  await small.close();
});

test("a read that fails while messages are given up is tried again; nothing is lost, and nothing counted twice", async () => {
  for (const operation of ["open", "read"] as const) {
    const small = await open();
    await put(small, named("m", 250));
    let failures = 5;
    small.failing.fail = (each, path) => (each === operation && path.endsWith(".segment") && failures-- > 0 ? "EIO" : null);
    await put(small, named("n", 200));
    small.failing.fail = () => null;
    ok(failures <= 0);
    const names = [...named("m", 250), ...named("n", 200)];
    const kept = ids(await small.waiting());
    deepEqual(kept, names.slice(-kept.length), operation);
    const books = await small.books();
    equal(books.dropped["drop-oldest"], 450 - kept.length);
    await small.restart("kill");
    deepEqual(await small.books(), books);
    await small.close();
  }
});

for (const [operation, pathEnd] of [
  ["read", ".segment"],
  ["write", "cursor-"],
  ["sync", "cursor-"],
  ["remove", ".segment"],
] as const) {
  test(`a program that ends in the midst of giving up (${operation}, ${pathEnd}) has given up all of a segment or nothing of it`, async () => {
    for (const ending of ["kill", "power"] as const) {
      for (let seed = 1; seed <= 8; seed++) {
        const small = await open({}, seed);
        await put(small, named("m", 250));
        const holds =
          pathEnd === "cursor-"
            ? [small.held.hold(operation, "cursor-0"), small.held.hold(operation, "cursor-1")]
            : [small.held.hold(operation, pathEnd)];
        let isMet = false;
        for (const { met } of holds) void met.then(() => (isMet = true));
        const names = named("m", 250);
        for (let index = 0; !isMet && index < 200; index++) {
          names.push(`n${index}`);
          await put(small, names.slice(-1));
        }
        ok(isMet);
        await small.restart(ending);
        // It goes on with making room by itself.
        await small.waiting();
        await settled();
        const about = `${ending}, seed ${seed}`;
        deepEqual(
          small.kinds().filter((kind) => kind !== "torn-cursor" && kind !== "cut-tail"),
          [],
          about,
        );
        const kept = ids(await small.waiting());
        deepEqual(kept, names.slice(names.length - kept.length), about);
        const books = await small.books();
        equal(books.accepted, names.length, about);
        equal(books.dropped["drop-oldest"] ?? 0, names.length - kept.length, about);
        await put(small, named("o", 100));
        await small.books();
        await small.close();
      }
    }
  });
}

test("appends that come faster than room can be made are refused, and taken again once there is room", async () => {
  const small = await open();
  const hold = small.held.hold("read", ".segment");
  const names: string[] = [];
  let refusal: unknown = null;
  while (refusal === null && names.length < 1000) {
    const name = `m${names.length}`;
    await put(small, [name]).then(
      () => names.push(name),
      (error: unknown) => (refusal = error),
    );
  }
  equal((refusal as { code?: string }).code, "SST_SPOOL_FULL");
  ok(bytesOnDisk(small) <= BYTES_MAX);
  hold.release();
  await settled();
  await put(small, named("n", 400));
  deepEqual(ids(await small.waiting()).at(-1), "n399");
  equal((await small.books()).accepted, names.length + 400);
  await small.close();
});

test("a log whose open segment alone takes the budget makes room as any other", async () => {
  const small = await open();
  let taken = 0;
  throws(
    () => {
      for (; ; taken++) small.append(`m${taken}`, { value: Buffer.alloc(VALUE_BYTES, `m${taken}`) });
    },
    { code: "SST_SPOOL_FULL" },
  );
  await small.log.flush();
  for (const name of named("n", 10)) {
    // As the flow does while somebody waits for room.
    await small.log.freeSegments();
    await settled();
    await put(small, [name]);
  }
  deepEqual(ids(await small.waiting()), named("n", 10));
  equal((await small.books()).accepted, taken + 10);
  await small.close();
});

test("what somebody takes, or a lane may send, while messages are looked at is not given up", async () => {
  for (const numbered of [false, true]) {
    const small = await open({ numbered });
    await put(small, named("m", 250));
    const hold = small.held.hold("read", ".segment");
    let isMet = false;
    void hold.met.then(() => (isMet = true));
    for (let index = 0; !isMet; index++) await put(small, [`n${index}`]);
    const first = (await small.log.read(small.log.confirmedSequence, 1, "behind")).messages[0];
    ok(first !== undefined && !small.log.isConfirmed(first.logSequence));
    if (numbered) void small.log.maySend("lane", first.logSequence);
    else small.log.heldBy((logSequence) => logSequence === first.logSequence);
    hold.release();
    await settled();
    ok(!small.log.isConfirmed(first.logSequence));
    equal(ids(await small.waiting())[0], ids([first])[0]);
    await small.books();
    await small.close();
  }
});

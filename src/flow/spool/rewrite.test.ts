/** What becomes of a log whose disk fails, once, to make a write last. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { isProblem } from "./findings.ts";
import { DATA_OFFSET } from "./format.ts";
import { inspectSpool } from "./inspect.ts";
import { checkWhole, FOLDER, ids, named, SmallLog, type Ending } from "./testing/small-log.ts";

const ENDINGS: readonly Ending[] = ["close", "kill", "power"];

/** Makes syncs of segments fail, counted from 1. @returns Whether that has happened. */
function failSyncs(small: SmallLog, ...at: readonly number[]): () => boolean {
  let syncs = 0;
  const left = new Set(at);
  small.failing.fail = (operation, path) => {
    if (operation !== "sync" || !path.endsWith(".segment")) return null;
    syncs += 1;
    return left.delete(syncs) ? "EIO" : null;
  };
  return () => left.size === 0;
}

/** Messages to two topics and control records over three segments, each commit with another one that waits behind it. */
async function history(small: SmallLog): Promise<string[]> {
  const all: string[] = [];
  for (let round = 0; round < 9; round++) {
    const names = named(`r${round}-`, 3);
    small.append(names[0] ?? "", { topic: "a" });
    const first = small.log.flush();
    // These wait while that is written.
    small.append(names[1] ?? "", { topic: "b" });
    const set = small.log.memory.set(`name-${round % 2}`, { round });
    small.append(names[2] ?? "", { topic: "a" }, false);
    await Promise.all([first, small.log.flush(), set]);
    all.push(...names);
  }
  return all;
}

async function check(small: SmallLog, names: readonly string[], about: string): Promise<void> {
  const waiting = await small.waiting();
  deepEqual(ids(waiting), names, about);
  checkWhole(waiting);
  for (const topic of ["a", "b"]) {
    const numbers = waiting.filter((each) => each.topic === topic).map(({ sequence }) => sequence);
    deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
      `${about}: numbers of ${topic}`,
    );
  }
  ok(
    waiting.every(({ logSequence }, index) => logSequence > (waiting[index - 1]?.logSequence ?? 0)),
    about,
  );
  deepEqual([small.log.memory.get("name-0"), small.log.memory.get("name-1")], [{ round: 8 }, { round: 7 }], about);
  deepEqual((await small.books()).accepted, names.length, about);
}

/** Problems that a check of the whole spool finds. */
async function fsck(small: SmallLog): Promise<string[]> {
  await small.memory.makeFolder("/data/spool");
  await small.memory.makeFolder(FOLDER);
  const [report] = await inspectSpool(small.memory, "/data", true, () => undefined);
  return (report?.findings ?? []).filter(isProblem).map(({ kind, text }) => `${kind}: ${text}`);
}

for (const keepsCopy of [false, true]) {
  const how = keepsCopy ? ", also where the old file keeps what was written to it" : "";
  test(`whichever sync of a segment fails once, nothing is refused, and order and numbers hold${how}`, async () => {
    for (let at = 1; ; at++) {
      let isMet = false;
      for (const ending of ENDINGS) {
        const about = `sync ${at}, ${ending}`;
        const small = await SmallLog.open({ numbered: true }, at);
        const hasFailed = failSyncs(small, at);
        const { fail } = small.failing;
        if (keepsCopy) small.failing.fail = (operation, path) => (operation === "truncate" ? "EIO" : fail(operation, path));
        const names = await history(small);
        isMet = hasFailed();
        deepEqual(small.kinds(), isMet ? ["rewritten"] : [], about);
        equal(small.log.stopped, null);
        await check(small, names, about);
        await small.restart(ending);
        deepEqual(small.findings.filter(isProblem), [], about);
        await check(small, names, `${about}, after the start`);
        await small.confirm(() => true);
        await small.put(["after"]);
        deepEqual(ids(await small.waiting()), ["after"], about);
        await small.close();
        deepEqual(await fsck(small), [], about);
      }
      if (!isMet) {
        ok(at > 12, `${at} syncs`);
        return;
      }
    }
  });
}

test("a torn copy of what was written again is gone for good before what follows it is freed", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const small = await SmallLog.open({}, seed);
    failSyncs(small, 2);
    const { fail } = small.failing;
    small.failing.fail = (operation, path) => (operation === "truncate" || operation === "remove" ? "EIO" : fail(operation, path));
    await small.put(named("a", 9));
    // The crash tears the copy, in the first file; the next start removes it.
    small.memory.damage(`${FOLDER}/${small.files()[0]}`, (bytes) => bytes.fill(0xff, DATA_OFFSET, DATA_OFFSET + 512));
    await small.restart("kill");
    await small.confirm(() => true);
    await small.restart("power");
    deepEqual(small.findings.filter(isProblem), [], `seed ${seed}`);
    await small.close();
    deepEqual(await fsck(small), [], `seed ${seed}`);
  }
});

test("what is appended while a batch is written again follows it", async () => {
  const small = await SmallLog.open();
  await small.put(["a"]);
  failSyncs(small, 1);
  const created = small.held.hold("create", ".segment");
  small.append("b");
  const first = small.log.flush();
  await created.met;
  small.append("c");
  const second = small.log.flush();
  small.append("d");
  created.release();
  await Promise.all([first, second, small.log.flush()]);
  deepEqual(ids(await small.waiting()), ["a", "b", "c", "d"]);
  await small.restart("power");
  deepEqual(ids(await small.waiting()), ["a", "b", "c", "d"]);
  await small.close();
});

test("what is appended while the old file is left goes to the new one, also where it would have begun a segment of its own", async () => {
  const small = await SmallLog.open();
  await small.put(named("a", 5));
  failSyncs(small, 1);
  const cut = small.held.hold("truncate", ".segment");
  small.append("b");
  const first = small.log.flush();
  await cut.met;
  for (const name of ["c", "d"]) small.append(name);
  const second = small.log.flush();
  cut.release();
  await Promise.all([first, second]);
  deepEqual(ids(await small.waiting()), [...named("a", 5), "b", "c", "d"]);
  equal(small.log.status().segments, 2);
  await small.restart("kill");
  deepEqual(ids(await small.waiting()), [...named("a", 5), "b", "c", "d"]);
  await small.books();
  await small.close();
});

test("syncs that fail one after another, each once, cost nothing as long as the next one works", async () => {
  const small = await SmallLog.open();
  const names: string[] = [];
  for (let round = 0; round < 5; round++) {
    failSyncs(small, 1);
    names.push(`r${round}`);
    await small.put([`r${round}`]);
  }
  deepEqual(
    small.kinds(),
    Array.from({ length: 5 }, () => "rewritten"),
  );
  deepEqual(ids(await small.waiting()), names);
  await small.restart("power");
  deepEqual(ids(await small.waiting()), names);
  await small.confirm(() => true);
  await small.put(["after"]);
  await small.confirm(() => true);
  equal(small.log.status().segments, 1);
  await small.close();
});

test("a power loss after the file that was left is done, and those behind it, is no damage", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const small = await SmallLog.open({}, seed);
    await small.put(["a"]);
    failSyncs(small, 1);
    await small.put(["b"]);
    await small.put(named("c", 12));
    await small.confirm(({ eventId }) => eventId !== "event-c11");
    ok(Number(small.files()[0]?.slice(0, 16)) > 2, "the first two are removed");
    await small.restart("power");
    deepEqual(small.findings.filter(isProblem), [], `seed ${seed}`);
    deepEqual(ids(await small.waiting()), ["c11"]);
    await small.books();
    await small.close();
  }
});

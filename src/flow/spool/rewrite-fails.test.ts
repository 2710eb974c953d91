/** What becomes of a log whose disk fails a second time, when what was not on disk is written again; and of dead letters. */
import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { DeadLetterLog } from "./dead-letter-log.ts";
import { isProblem, type SpoolFinding } from "./findings.ts";
import { FailingDisk, message, type DiskOperation } from "./testing/fixtures.ts";
import { MemoryDisk, seededRandom } from "./testing/memory-disk.ts";
import { ids, named, settled, SmallLog, VALUE_BYTES, type Ending } from "./testing/small-log.ts";

const ENDINGS: readonly Ending[] = ["close", "kill", "power"];

/** Makes one operation on a segment fail after the sync that fails. */
function failTwice(small: SmallLog, second: DiskOperation): void {
  let hasFailed = false;
  let isOver = false;
  small.failing.fail = (operation, path) => {
    if (isOver || (!path.endsWith(".segment") && operation !== "syncFolder")) return null;
    if (!hasFailed && operation === "sync") {
      hasFailed = true;
      return "EIO";
    }
    if (!hasFailed || operation !== second) return null;
    isOver = true;
    return "EIO";
  };
}

for (const second of ["create", "write", "sync", "syncFolder"] as const) {
  test(`a second failure (${second}) stops the log, refuses all that waited, and what is on disk is still read`, async () => {
    for (const ending of ENDINGS) {
      const small = await SmallLog.open({ numbered: true });
      await small.put(named("a", 4));
      await small.log.memory.set("kept", 1);
      failTwice(small, second);
      small.append("b");
      const first = small.log.flush();
      small.append("c", {}, false);
      const waiting = small.log.flush();
      const set = small.log.memory.set("refused", 2);
      await rejects(first, { code: "SST_SPOOL_IO" });
      await rejects(waiting, { code: "SST_SPOOL_IO" });
      await rejects(set, { code: "SST_SPOOL_IO" });
      small.failing.fail = () => null;
      equal(small.log.stopped?.code, "SST_SPOOL_IO");
      throws(() => small.append("late"), { code: "SST_SPOOL_IO" });
      await rejects(small.log.memory.set("late", 3), { code: "SST_SPOOL_IO" });
      deepEqual(small.kinds(), []);
      deepEqual(ids(await small.waiting()), named("a", 4));
      equal(small.log.memory.get("refused"), undefined);
      const { accepted } = await small.books();
      equal(accepted, 4);
      equal(small.log.status().turnedAway["users-audit"]?.["diku"]?.dropped["disk"], 1);
      await small.restart(ending);
      deepEqual(small.findings.filter(isProblem), []);
      await small.put(["after"]);
      const found = ids(await small.waiting());
      // What was refused may come back, where the disk kept it; nothing comes twice, and the order holds.
      deepEqual(
        found.filter((name) => name !== "b" && name !== "c"),
        [...named("a", 4), "after"],
      );
      deepEqual(
        found,
        [...named("a", 4), "b", "c", "after"].filter((name) => found.includes(name)),
      );
      await small.books();
      await small.close();
    }
  });
}

test("a write that fails is refused as ever, and goes to no other segment", async () => {
  const small = await SmallLog.open();
  await small.put(["a"]);
  let failures = 1;
  small.failing.fail = (operation, path) => (operation === "write" && path.endsWith(".segment") && failures-- > 0 ? "ENOSPC" : null);
  small.append("b");
  await rejects(small.log.flush(), { code: "SST_SPOOL_IO" });
  await small.put(["c"]);
  deepEqual(small.kinds(), []);
  equal(small.log.status().segments, 1);
  deepEqual(ids(await small.waiting()), ["a", "c"]);
  await small.close();
});

test("what is appended after a refusal that nobody heard is written when the log is closed", async () => {
  const small = await SmallLog.open();
  await small.put(["a"]);
  let failures = 1;
  small.failing.fail = (operation, path) => (operation === "write" && path.endsWith(".segment") && failures-- > 0 ? "ENOSPC" : null);
  // Written by somebody else's flush; its own appender has yet to ask.
  small.append("b");
  const first = small.log.flush();
  small.append("c");
  await rejects(first, { code: "SST_SPOOL_IO" });
  small.append("d");
  await small.restart();
  deepEqual(ids(await small.waiting()), ["a", "d"]);
  await small.close();
});

test("a dead letter whose sync fails once is kept, once, and the log of dead letters goes on", async () => {
  for (const ending of ENDINGS) {
    const memory = new MemoryDisk(seededRandom(3));
    const failing = new FailingDisk(memory);
    const findings: SpoolFinding[] = [];
    const open = (): Promise<DeadLetterLog> =>
      DeadLetterLog.open({
        disk: failing,
        folder: "/data/dead/out",
        destination: "out",
        messagesLogId: "ab".repeat(16),
        keepMs: 1e12,
        bytesMax: 64 * 1024 * 1024,
        segmentBytesMax: 32 * 1024,
        onFinding: (finding) => findings.push(finding),
      });
    let letters = await open();
    const add = (name: string): Promise<void> =>
      letters.add(
        { ...message(name, { value: Buffer.alloc(VALUE_BYTES, name) }), logSequence: 7, sequence: 3, frameBytes: 200 },
        "SST_DESTINATION_REFUSED",
        "no",
      );
    for (const name of named("a", 9)) await add(name);
    let failures = 1;
    failing.fail = (operation) => (operation === "sync" && failures-- > 0 ? "EIO" : null);
    await Promise.all([add("b"), add("c")]);
    await add("d");
    deepEqual(
      findings.map(({ kind }) => kind),
      ["rewritten"],
    );
    equal(letters.messages, 12);
    if (ending === "close") await letters.close();
    else if (ending === "kill") memory.killProcess();
    else memory.losePower();
    findings.length = 0;
    letters = await open();
    equal(letters.messages, 12, ending);
    deepEqual(findings.filter(isProblem), []);
    let lasts = true;
    failing.fail = (operation) => (operation === "sync" && lasts ? "EIO" : null);
    await rejects(add("e"), { code: "SST_SPOOL_IO" });
    await rejects(add("f"), { code: "SST_SPOOL_IO" });
    lasts = false;
    equal(letters.messages, 12);
    await letters.close();
    await settled();
  }
});

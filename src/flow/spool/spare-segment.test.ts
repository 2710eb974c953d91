/** The file that the next segment will be: when it is made, what it costs when that fails, when it goes. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { FLAG_RESERVED } from "./format.ts";
import { inspectSpool } from "./inspect.ts";
import { busy, openBusy, put, SEGMENT_BYTES, SPARE, taken } from "./testing/busy-log.ts";
import type { DiskOperation } from "./testing/fixtures.ts";
import { FOLDER, ids, KIB, named, settled, type SmallLog } from "./testing/small-log.ts";

test("a log that appends less than a MiB has no file made ahead", async () => {
  const small = await openBusy();
  await put(small, named("m", 60));
  await settled();
  ok(!small.files().includes("spare"));
  await small.close();
});

test("a log that appends less than that, or than four segments where these are smaller, takes over no segment that is done", async () => {
  const small = await openBusy();
  await put(small, named("m", 24));
  await small.confirm(() => true);
  ok(!small.files().includes("spare"));
  await small.close();
});

test("a log that appends a MiB gets a file of zeros that the next segment takes, under another salt, flagged as reserved", async () => {
  const small = await openBusy();
  const names = await busy(small);
  equal(small.memory.bytes(SPARE).length, SEGMENT_BYTES);
  ok(!small.memory.bytes(SPARE).some((byte) => byte !== 0));
  const salts = new Set(small.files().flatMap((name) => small.header(name)?.salt ?? []));
  const { names: more, name } = await taken(small);
  equal(small.memory.bytes(`${FOLDER}/${name}`).length, SEGMENT_BYTES, "its file is as long as it was made");
  ok(!salts.has(small.header(name)?.salt ?? 0));
  const waiting = await small.waiting();
  deepEqual(ids(waiting), [...names, ...more]);
  deepEqual(
    waiting.map(({ sequence }) => sequence),
    waiting.map((_, index) => index + 1),
  );
  await small.close();
});

test("a reserved file is cut behind its trailer when it is sealed", async () => {
  const small = await openBusy();
  await busy(small);
  const { name } = await taken(small);
  await put(small, named("n", 10));
  const bytes = small.memory.bytes(`${FOLDER}/${name}`);
  equal(bytes.toString("latin1", bytes.length - 32, bytes.length - 24), "SSTTRAIL");
  equal(
    small.log.status().usedBytes,
    small.files().reduce((sum, each) => sum + (each === "spare" ? 0 : lengthOf(small, each)), 0),
  );
  await small.close();
});

/** Of a segment's file; of the open one what was written to it. */
function lengthOf(small: SmallLog, name: string): number {
  const bytes = small.memory.bytes(`${FOLDER}/${name}`);
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return name === small.files().findLast((each) => each.endsWith(".segment")) ? (end + 7) & ~7 : bytes.length;
}

test("the end of a long reserved file, of zeros over more than is read at a time, is not told either", async () => {
  const small = await openBusy({ segmentBytesMax: 9 * 1024 * KIB, bytesMax: 1024 * 1024 * KIB });
  const names = named("m", 50);
  await small.put(names, (id) => ({ value: Buffer.alloc(200 * KIB, id) }));
  const name = small.files().findLast((each) => each.endsWith(".segment")) ?? "";
  equal(small.memory.bytes(`${FOLDER}/${name}`).length, 9 * 1024 * KIB);
  ok(((small.header(name)?.flags ?? 0) & FLAG_RESERVED) !== 0);
  await small.restart("kill");
  deepEqual(small.kinds(), []);
  deepEqual(ids(await small.waiting()), names);
  await small.put(["after"]);
  await small.restart("kill");
  deepEqual(ids(await small.waiting()), [...names, "after"]);
  await small.close();
});

test("while batches are large no file is made ahead: each byte would be written twice", async () => {
  const small = await openBusy({ segmentBytesMax: 1024 * KIB, bytesMax: 1024 * 1024 * KIB });
  await small.put(named("m", 20), (id) => ({ value: Buffer.alloc(300 * KIB, id) }));
  ok(!small.files().includes("spare"));
  await small.close();
});

const OPERATIONS: readonly DiskOperation[] = ["create", "open", "write", "sync", "truncate", "close", "rename", "remove"];

for (const lasts of [false, true]) {
  test(`a file made ahead that fails at any operation (${lasts ? "always" : "once"}) costs nothing`, async () => {
    for (const operation of OPERATIONS) {
      const small = await openBusy();
      let isOver = false;
      // What is written to it once it is a segment is not of the file made ahead.
      small.failing.fail = (each, path) => {
        const ofSpare = path === SPARE && !isSegment(small);
        if (each !== operation || !ofSpare || (isOver && !lasts)) return null;
        isOver = true;
        return "EIO";
      };
      const names: string[] = [];
      for (let round = 0; round < 4; round++) {
        const next = named(`r${round}-`, 40);
        names.push(...next);
        await put(small, next);
        if (round % 2 === 0) await small.confirm(({ eventId }) => eventId.startsWith("event-r0"));
      }
      const kept = names.slice(40);
      deepEqual(ids(await small.waiting()), kept, operation);
      equal(small.log.stopped, null);
      await small.books();
      await small.restart();
      deepEqual(ids(await small.waiting()), kept, operation);
      deepEqual(small.kinds(), [], operation);
      ok(!small.files().includes("spare"));
      await small.close();
    }
  });
}

/** The spare has become the open segment: its handle has the path that it was opened with. */
function isSegment(small: SmallLog): boolean {
  const name = small.files().findLast((each) => each.endsWith(".segment"));
  return name !== undefined && ((small.header(name)?.flags ?? 0) & FLAG_RESERVED) !== 0;
}

test("a spare and a half rewritten segment that a crash left are removed at the start, and a look leaves them alone", async () => {
  const small = await openBusy();
  await put(small, ["kept"]);
  await small.log.close();
  for (const name of ["spare", "compacting"]) {
    const file = await small.memory.open(`${FOLDER}/${name}`, "create");
    await file.write(Buffer.alloc(20 * KIB, "old"), 0);
    await file.close();
  }
  await small.memory.makeFolder("/data/spool");
  await small.memory.makeFolder(FOLDER);
  const [report] = await inspectSpool(small.memory, "/data", true, () => undefined);
  deepEqual(report?.findings, []);
  deepEqual(small.files(), ["0000000000000001.segment", "compacting", "spare"]);
  await small.start();
  deepEqual(small.files(), ["0000000000000001.segment"]);
  deepEqual(small.kinds(), []);
  deepEqual(ids(await small.waiting()), ["kept"]);
  await small.close();
});

test("a log that gets short of room lets the spare go, and all its files stay within the budget", async () => {
  const bytesMax = 2 * 1024 * KIB;
  const small = await openBusy({ bytesMax });
  let wasThere = false;
  for (let index = 0; ; index++) {
    try {
      await put(small, [`m${index}`]);
    } catch (error) {
      equal((error as { code?: string }).code, "SST_SPOOL_FULL");
      break;
    }
    await settled();
    const names = small.files();
    wasThere ||= names.includes("spare");
    const bytes = names.reduce((sum, name) => sum + small.memory.bytes(`${FOLDER}/${name}`).length, 0);
    ok(bytes <= bytesMax, `${bytes} bytes after ${index} messages`);
  }
  ok(wasThere);
  ok(!small.files().includes("spare"));
  await small.confirm(() => true);
  await put(small, ["after"]);
  deepEqual(ids(await small.waiting()), ["after"]);
  await small.close();
});

test("the end of the program removes the spare", async () => {
  const small = await openBusy();
  await busy(small);
  await small.log.close();
  ok(!small.files().includes("spare"));
  equal(small.memory.openFiles, 0);
});

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { SidestreamError } from "../../errors.ts";
import type { Message } from "../message/message.ts";
import { adoptLog, type AdoptSettings } from "./adopt.ts";
import { DestinationLog } from "./destination-log.ts";
import { disk, type Disk } from "./disk.ts";
import type { SpoolFinding } from "./findings.ts";
import { Spool } from "./spool.ts";
import type { SpooledMessage } from "./spooled.ts";
import { delivered, FailingDisk, message, readAll, temporaryFolder, texts } from "./testing/fixtures.ts";
import { described, KINDS } from "./testing/write-fixture.ts";

const MIB = 1024 * 1024;

interface Place {
  readonly data: string;
  readonly folder: string;
}

/** A data folder whose log `old` has these messages, in batches of so many and in segments of 24 kB or a batch. */
async function orphan(t: TestContext, messages: readonly Message[], batch = 50): Promise<Place> {
  const data = join(temporaryFolder(t), "data");
  const folder = join(data, "spool", "old");
  await change(folder, async (log) => {
    for (const [index, each] of messages.entries()) {
      log.append(each, true);
      if ((index + 1) % batch === 0) await log.flush();
    }
    await log.flush();
  });
  return { data, folder };
}

async function change(folder: string, act: (log: DestinationLog) => Promise<void>): Promise<void> {
  const settings = { disk, folder, destination: "old", bytesMax: 64 * MIB, topicsMax: 10, segmentBytesMax: 24 * 1024 };
  const log = await DestinationLog.open({ ...settings, onFinding: () => undefined });
  try {
    await act(log);
  } finally {
    await log.close();
  }
}

function spoolOf(
  data: string,
  over: { readonly bytesMax?: number; readonly topicsMax?: number; readonly disk?: Disk } = {},
): Promise<Spool> {
  const deadLetters = { keepMs: 1e12, bytesMax: MIB };
  return Spool.open({
    disk: over.disk ?? disk,
    dataFolder: data,
    destinations: [{ name: "kafka1", bytesMax: over.bytesMax ?? 64 * MIB, deadLetters }],
    topicsMax: over.topicsMax ?? 100,
    onFinding: () => undefined,
  });
}

function logOf(spool: Spool): DestinationLog {
  const log = spool.logs.get("kafka1");
  ok(log !== undefined);
  return log;
}

function adopt(data: string, into: DestinationLog, over: Partial<AdoptSettings> = {}): ReturnType<typeof adoptLog> {
  const waits = { waitMsMax: 60_000, waitsForRoom: false, signal: new AbortController().signal };
  return adoptLog({ disk, dataFolder: data, log: "old", into, ...waits, onFinding: () => undefined, ...over });
}

const made = (count: number, bytes: number) =>
  Array.from({ length: count }, (_, index) => message(`m${index}`, { value: Buffer.alloc(bytes, `m${index}.`) }));
const ids = (messages: readonly SpooledMessage[]) => messages.map(({ eventId }) => eventId);
/** All but what the log itself gives a message. */
const own = (each: SpooledMessage) => {
  const { logSequence: _, sequence: __, frameBytes: ___, ...rest } = described(each) as Record<string, unknown>;
  return rest;
};

test("what waits is in the destination's log as it was made, in order, and the orphan is gone", async (t) => {
  const { data, folder } = await orphan(t, KINDS);
  const before: SpooledMessage[] = [];
  await change(folder, async (log) => {
    before.push(...(await readAll(log)));
    await log.confirm([before[1], before[4]].flatMap((each) => (each === undefined ? [] : [delivered(each)])));
  });
  const waiting = before.filter((_, index) => index !== 1 && index !== 4);
  const spool = await spoolOf(data);
  const log = logOf(spool);
  log.append(message("live"), true);
  await log.flush();
  deepEqual(await adopt(data, log), { moved: waiting.length, left: 0, state: "done", damaged: false });
  const [live, ...adopted] = await readAll(log);
  equal(live?.eventId, "event-live");
  deepEqual(adopted.map(own), waiting.map(own));
  ok(!existsSync(folder));
  equal(
    log.status().accepted["users-audit"]?.["diku"],
    adopted.filter(({ stream, tenant }) => stream === "users-audit" && tenant === "diku").length + 1,
  );
  await spool.close();
});

test("over many segments nothing is lost or doubled, and what was moved counts as dropped, adopted", async (t) => {
  const messages = made(1_700, 300);
  const { data, folder } = await orphan(t, messages);
  const spool = await spoolOf(data, { bytesMax: 1.2 * MIB });
  const log = logOf(spool);
  const told: number[] = [];
  const first = await adopt(data, log, { onMoved: (moved) => told.push(moved) });
  equal(first.state, "full");
  equal(first.moved + first.left, 1_700);
  equal(told.at(-1), first.moved);
  ok(log.status().usedBytes <= 0.6 * MIB + 64 * 1024, "half of the budget is left to others");
  await change(folder, (old) => {
    deepEqual(old.status().outcomes["users-audit"]?.["diku"], { delivered: 0, dead: 0, dropped: { adopted: first.moved } });
    equal(old.status().pending["users-audit"]?.["diku"], first.left);
    return Promise.resolve();
  });
  const seen: string[] = [];
  for (let calls = 0; existsSync(folder) && calls < 20; calls++) {
    const read = await readAll(log);
    seen.push(...ids(read));
    await log.confirm(read.map(delivered));
    await adopt(data, log);
  }
  seen.push(...ids(await readAll(log)));
  deepEqual(
    seen,
    messages.map(({ eventId }) => eventId),
  );
  await spool.close();
});

test("a kill anywhere loses nothing and doubles at most the chunk that was under way", async (t) => {
  const messages = made(1_200, 20);
  const example = await orphan(t, messages, 2_000);
  const spool = await spoolOf(example.data);
  await adopt(example.data, logOf(spool));
  await spool.close();
  let died = true;
  for (let operations = 0; died; operations += 1) {
    const { data, folder } = await orphan(t, messages, 2_000);
    const dying = new FailingDisk();
    let count = -1;
    // A process that is killed does nothing any more.
    dying.fail = () => (count >= 0 && count++ >= operations ? "EIO" : null);
    const first = await spoolOf(data, { disk: dying });
    count = 0;
    died = await adopt(data, logOf(first), { disk: dying }).then(
      () => false,
      () => true,
    );
    await first.close().catch(() => undefined);
    const second = await spoolOf(data);
    if (existsSync(folder)) await adopt(data, logOf(second));
    const found = ids(await readAll(logOf(second)));
    deepEqual(
      [...new Set(found)],
      messages.map(({ eventId }) => eventId),
      `after ${operations} operations`,
    );
    ok(found.length - messages.length <= 500, `after ${operations} operations ${found.length - messages.length} are doubled`);
    ok(!existsSync(folder));
    await second.close();
  }
});

test("without room it waits for the destination as long as it may, when it is asked to", async (t) => {
  const { data } = await orphan(t, made(40, 60_000));
  const spool = await spoolOf(data, { bytesMax: 2 * MIB });
  const log = logOf(spool);
  const never = new AbortController();
  const delivering = (async () => {
    let next = log.confirmedSequence;
    const seen: string[] = [];
    while (seen.length < 40) {
      await log.waitBeyond(next, never.signal);
      const read = await log.read(next, MIB);
      next = read.nextSequence;
      seen.push(...ids(read.messages));
      await log.confirm(read.messages.map(delivered));
    }
    return seen;
  })();
  deepEqual(await adopt(data, log, { waitsForRoom: true }), { moved: 40, left: 0, state: "done", damaged: false });
  equal(new Set(await delivering).size, 40);
  await spool.close();
});

test("where nothing makes room, waiting for it ends with that answer once the time is over, also when nothing was moved", async (t) => {
  const { data } = await orphan(t, made(40, 60_000));
  const spool = await spoolOf(data, { bytesMax: 2 * MIB });
  const log = logOf(spool);
  // On a slow machine the time may be over before the log is full.
  let first = await adopt(data, log, { waitsForRoom: true, waitMsMax: 50 });
  while (first.state === "more") first = await adopt(data, log, { waitsForRoom: true, waitMsMax: 50 });
  deepEqual([first.state, first.left > 0], ["full", true]);
  const { moved, state } = await adopt(data, log, { waitsForRoom: true, waitMsMax: 50 });
  deepEqual([state, moved], ["full", 0]);
  await spool.close();
});

test("it ends between two chunks when the time is over or the program ends", async (t) => {
  const { data } = await orphan(t, made(1_100, 10), 2_000);
  const spool = await spoolOf(data);
  deepEqual(await adopt(data, logOf(spool), { waitMsMax: 0 }), { moved: 500, left: 600, state: "more", damaged: false });
  const ending = new AbortController();
  const adopted = await adopt(data, logOf(spool), { signal: ending.signal, onMoved: () => ending.abort() });
  deepEqual(adopted, { moved: 500, left: 100, state: "more", damaged: false });
  deepEqual(await adopt(data, logOf(spool)), { moved: 100, left: 0, state: "done", damaged: false });
  await spool.close();
});

test("a topic that the destination's log can't take ends it, and what was before is moved", async (t) => {
  const { data } = await orphan(t, [message("a"), message("b", { topic: "another" }), message("c")]);
  const spool = await spoolOf(data, { topicsMax: 1 });
  await rejects(adopt(data, logOf(spool)), { code: "SST_TOPIC_LIMIT" });
  deepEqual(texts(await readAll(logOf(spool))), ["a"]);
  await spool.close();
  const larger = await spoolOf(data, { topicsMax: 2 });
  equal((await adopt(data, logOf(larger))).moved, 2);
  deepEqual(texts(await readAll(logOf(larger))), ["a", "b", "c"]);
  await larger.close();
});

test("what a failing disk refuses stays in the orphan", async (t) => {
  const { data } = await orphan(t, made(3, 10));
  const failing = new FailingDisk();
  const spool = await spoolOf(data, { disk: failing });
  failing.fail = (operation, path) => (operation === "write" && path.endsWith(".segment") ? "ENOSPC" : null);
  await rejects(adopt(data, logOf(spool)), { code: "SST_SPOOL_IO" });
  failing.fail = () => null;
  deepEqual(await adopt(data, logOf(spool)), { moved: 3, left: 0, state: "done", damaged: false });
  equal((await readAll(logOf(spool))).length, 3);
  await spool.close();
});

test("a log with damage in it hands on what can be read, and its folder stays for a person to look at", async (t) => {
  const { data, folder } = await orphan(t, made(120, 600));
  const [, path = ""] = readdirSync(folder)
    .filter((name) => name.endsWith(".segment"))
    .toSorted()
    .map((name) => join(folder, name));
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill(0, bytes.length / 2, bytes.length / 2 + 100));
  const spool = await spoolOf(data);
  const found: SpoolFinding[] = [];
  const adopted = await adopt(data, logOf(spool), { onFinding: (finding) => found.push(finding) });
  deepEqual([adopted.left, adopted.state, adopted.damaged], [0, "done", true]);
  ok(found.some(({ kind }) => kind === "damage"));
  equal((await readAll(logOf(spool))).length, adopted.moved);
  ok(adopted.moved >= 118 && adopted.moved < 120);
  ok(existsSync(folder));
  deepEqual(await adopt(data, logOf(spool)), { moved: 0, left: 0, state: "done", damaged: true });
  await spool.close();
});

test("a log that can't go on by itself hands on what it holds", async (t) => {
  const { data, folder } = await orphan(t, made(3, 10));
  await change(folder, async (log) => log.confirm((await readAll(log)).slice(0, 1).map(delivered)));
  await change(folder, async (log) => {
    log.append(message("later"), true);
    await log.flush();
    await log.confirm((await readAll(log)).slice(-1).map(delivered));
  });
  const [path = ""] = readdirSync(folder).filter((name) => name.endsWith(".segment"));
  const whole = readFileSync(join(folder, path));
  writeFileSync(join(folder, path), whole.subarray(0, whole.lastIndexOf("event-later") - 8));
  await change(folder, (log) => {
    equal(log.stopped?.code, "SST_SPOOL_CUT");
    return Promise.resolve();
  });
  const spool = await spoolOf(data);
  equal((await adopt(data, logOf(spool))).moved, 2);
  equal((await readAll(logOf(spool))).length, 2);
  await spool.close();
});

test("a destination whose log takes nothing in says why, and dead letters alone can't be adopted", async (t) => {
  const { data, folder } = await orphan(t, made(3, 10));
  const spool = await spoolOf(data);
  const stopped = new SidestreamError("SST_SPOOL_CUT", "it is cut");
  const into = Object.assign(Object.create(logOf(spool)) as DestinationLog, {
    append: () => {
      throw stopped;
    },
  });
  Object.defineProperties(into, { roomBytes: { value: MIB * 60 }, status: { value: () => logOf(spool).status() } });
  await rejects(adopt(data, into), { code: "SST_SPOOL_CUT" });
  rmSync(folder, { recursive: true });
  await rejects(adopt(data, logOf(spool)), {
    code: "SST_COMMAND_INVALID",
    message: /only dead letters, or an archive, are left of log "old"/,
  });
  ok(!existsSync(folder));
  await spool.close();
});

test("of a log whose lanes are numbered, what is left after a part was adopted is in doubt where that may have been sent", async (t) => {
  const { data, folder } = await orphan(t, made(3, 80_000));
  const numbered = async (act: (log: DestinationLog) => Promise<void>): Promise<void> => {
    const settings = { disk, folder, destination: "old", bytesMax: 64 * MIB, topicsMax: 10, numbered: true };
    const log = await DestinationLog.open({ ...settings, onFinding: () => undefined });
    await act(log);
    await log.close();
  };
  // The first two were handed to a send that nobody heard of again.
  await numbered(async (log) => {
    const [, , third] = await readAll(log);
    await log.maySend("t:0", third?.logSequence ?? 0);
    equal(log.isDoubtful("t:0", third?.logSequence ?? 0), false);
  });
  const spool = await spoolOf(data, { bytesMax: 0.5 * MIB });
  equal((await adopt(data, logOf(spool))).moved, 2);
  await spool.close();
  await numbered(async (log) => {
    const [third, ...more] = await readAll(log);
    deepEqual([third?.eventId, more.length], ["event-m2", 0]);
    equal(log.isDoubtful("t:0", third?.logSequence ?? 0), true);
  });
});

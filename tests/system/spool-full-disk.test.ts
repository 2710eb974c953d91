/**
 * A disk that is full to the last byte, at every step: nothing that was kept is lost, nothing that was refused comes
 * back, and what the log holds can always be sent and its room given back.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { DeadLetterLog } from "../../src/flow/spool/dead-letter-log.ts";
import { DestinationLog } from "../../src/flow/spool/destination-log.ts";
import { disk } from "../../src/flow/spool/disk.ts";
import { isProblem, type SpoolFinding } from "../../src/flow/spool/findings.ts";
import { inspectSpool } from "../../src/flow/spool/inspect.ts";
import type { Confirmation, SpooledMessage } from "../../src/flow/spool/spooled.ts";
import { delivered, message, readAll } from "../../src/flow/spool/testing/fixtures.ts";
import { mountExt4, mountTmpfs, type MountedDisk } from "./support/mounted-disk.ts";

const KIB = 1024;
const SEGMENT_BYTES = 64 * KIB;
const ROOM_BYTES = 1024 * KIB;
const TRIES_MAX = 100;
const DISKS: readonly (readonly [name: string, mount: (t: TestContext) => MountedDisk | null])[] = [
  ["a disk in memory", (t) => mountTmpfs(t, 2 * KIB * KIB)],
  ["an ext4 of a few MiB", (t) => mountExt4(t, 5 * KIB * KIB)],
];

async function open(data: string, findings: SpoolFinding[] = []): Promise<DestinationLog> {
  return DestinationLog.open({
    disk,
    folder: join(data, "spool/out"),
    destination: "out",
    // More than the disk has: it is the disk that says no.
    bytesMax: 1024 * KIB * KIB,
    segmentBytesMax: SEGMENT_BYTES,
    topicsMax: 20,
    numbered: true,
    // As in the program, where what a stuck message leaves behind is rewritten without the rest.
    parkBytes: 128 * KIB,
    onFinding: (finding) => findings.push(finding),
  });
}

/** Appends one message; true when it is on disk. */
async function append(log: DestinationLog, id: string, bytes: number, topic = "users"): Promise<boolean> {
  try {
    log.append(message(id, { topic, value: Buffer.alloc(bytes, id) }), true);
  } catch {
    return false;
  }
  return log.flush().then(
    () => true,
    () => false,
  );
}

/** Appends until the disk takes no more, while another file takes what is left of it. */
async function appendUntilFull(log: DestinationLog, mounted: MountedDisk): Promise<string[]> {
  const kept: string[] = [];
  // Enough for some segments; the rest is gone from the start, for a test that is soon over.
  mounted.fill(ROOM_BYTES);
  for (let isFull = false; !isFull;) {
    // What the log had set aside before may have room yet: full is a disk on which neither gets any more.
    isFull = true;
    for (let id = `m${kept.length}`; await append(log, id, 9 * KIB); id = `m${kept.length}`) {
      kept.push(id);
      isFull = false;
    }
    if (mounted.fill()) isFull = false;
  }
  // The system may keep a block that nobody gets.
  ok(mounted.freeBytes <= 4 * KIB, `${mounted.freeBytes} bytes are left`);
  equal(log.stopped, null, "a full disk stops nothing for good");
  return kept;
}

const idsOf = (messages: readonly SpooledMessage[]) => messages.map(({ eventId }) => eventId.slice("event-".length));

/** Reads and confirms as a destination does that is up again: some at a time, in order. */
async function drain(log: DestinationLog, batch = 7): Promise<string[]> {
  const ids: string[] = [];
  let next = log.confirmedSequence;
  let place = 0;
  while (next < log.durableSequence) {
    const { messages, nextSequence } = await log.read(next, 16 * KIB);
    next = nextSequence;
    for (let from = 0; from < messages.length; from += batch) {
      const part = messages.slice(from, from + batch).filter(({ logSequence }) => !log.isConfirmed(logSequence));
      for (const { topic, logSequence } of part) await log.maySend(topic, logSequence);
      await log.confirm(
        part.map((each): Confirmation => ({ ...delivered(each), lane: each.topic, position: { number: (place += 1), position: null } })),
      );
      ids.push(...idsOf(part));
    }
  }
  return ids;
}

/** As JSON has it: the tables have no prototype. */
function countsOf(log: DestinationLog): unknown {
  const { accepted, pending, outcomes, turnedAway } = log.status();
  return JSON.parse(JSON.stringify({ accepted, pending, outcomes, turnedAway }));
}

async function expectSound(data: string): Promise<void> {
  const reports = await inspectSpool(disk, data, true, () => undefined);
  deepEqual(reports.flatMap(({ findings }) => findings).filter(isProblem), []);
}

for (const [name, mount] of DISKS) {
  test(`${name}, full at any step of going over to the next segment, costs nothing that was kept`, { timeout: 60_000 }, async (t) => {
    const mounted = mount(t);
    if (mounted === null) return;
    // From no room at all up to all that a new segment takes.
    for (let leftKib = 0; leftKib <= 36; leftKib += 4) {
      const data = join(mounted.path, `data-${leftKib}`);
      const log = await open(data);
      const kept: string[] = [];
      const refused: string[] = [];
      const put = async (id: string) => void ((await append(log, id, 9 * KIB)) ? kept : refused).push(id);
      // The first segment is full, and still open.
      for (let count = 0; count < 6; count++) await put(`a${count}`);
      await log.confirm((await readAll(log)).slice(0, 1).map(delivered));
      equal(kept.length, 6);
      mounted.fill(leftKib * KIB);
      for (let count = 0; count < 3; count++) await put(`b${count}`);
      deepEqual(idsOf(await readAll(log)), kept.slice(1), `with ${leftKib} KiB left`);
      mounted.makeRoom();
      for (let count = 0; count < 3; count++) await put(`c${count}`);
      deepEqual(kept.slice(-3), ["c0", "c1", "c2"], `with ${leftKib} KiB left: it goes on once there is room`);
      await log.close();
      const findings: SpoolFinding[] = [];
      const again = await open(data, findings);
      deepEqual(findings.filter(isProblem), []);
      deepEqual(idsOf(await readAll(again)), kept.slice(1), `with ${leftKib} KiB left, after a new start`);
      deepEqual(countsOf(again), {
        accepted: { "users-audit": { diku: kept.length } },
        pending: { "users-audit": { diku: kept.length - 1 } },
        outcomes: { "users-audit": { diku: { delivered: 1, dead: 0, dropped: {} } } },
        turnedAway: {},
      });
      await again.close();
      await expectSound(data);
      rmSync(data, { recursive: true });
    }
  });

  test(
    `${name} that is full never keeps a log from draining: confirming needs no room, and gives it back`,
    { timeout: 60_000 },
    async (t) => {
      const mounted = mount(t);
      if (mounted === null) return;
      const data = join(mounted.path, "data");
      const log = await open(data);
      // Nothing was ever confirmed: not even the first cursor may need a block.
      const kept = await appendUntilFull(log, mounted);
      deepEqual(await drain(log), kept);
      equal(log.status().pending["users-audit"]?.["diku"] ?? 0, 0);
      ok(mounted.freeBytes > kept.length * 8 * KIB, `${mounted.freeBytes} bytes came back`);
      ok(await append(log, "after", 9 * KIB), "there is room again, with the other file where it was");
      deepEqual(await drain(log), ["after"]);
      await log.close();
      await expectSound(data);
    },
  );

  test(`${name} that is full keeps no start from draining`, { timeout: 60_000 }, async (t) => {
    const mounted = mount(t);
    if (mounted === null) return;
    const data = join(mounted.path, "data");
    const log = await open(data);
    const kept = await appendUntilFull(log, mounted);
    const first = (await readAll(log)).slice(0, 3);
    await log.confirm(first.map(delivered));
    await log.close();
    mounted.fill();
    const findings: SpoolFinding[] = [];
    const again = await open(data, findings);
    deepEqual(findings.filter(isProblem), []);
    deepEqual(await drain(again), kept.slice(3));
    ok(await append(again, "after", 9 * KIB));
    await again.close();
    await expectSound(data);
  });

  test(`${name} that is full drains also where the cursor grows: many lanes, confirmed out of order`, { timeout: 60_000 }, async (t) => {
    const mounted = mount(t);
    if (mounted === null) return;
    const data = join(mounted.path, "data");
    const log = await open(data);
    const small: string[] = [];
    for (let count = 0; count < 600; count++) {
      const id = `s${count}`;
      log.append(message(id, { topic: `topic-${count % 10}` }), true);
      small.push(id);
    }
    await log.flush();
    const large = await appendUntilFull(log, mounted);
    // Every other one is left: each is a range of its own.
    const all = await readAll(log);
    ok(large.length > 10);
    deepEqual(idsOf(all), [...small, ...large]);
    for (let from = 0; from < all.length; from += 20) {
      const odd = all.slice(from, from + 20).filter((_, index) => index % 2 === 1);
      await log.confirm(
        odd.map((each, index): Confirmation => ({
          ...delivered(each),
          lane: `lane-${from + index}`,
          position: { number: 1, position: "offset-1" },
        })),
      );
    }
    deepEqual(await drain(log), idsOf(all.filter((_, index) => index % 2 === 0)));
    ok(await append(log, "after", 9 * KIB));
    await log.close();
    await expectSound(data);
  });

  test(
    `${name} that is full keeps dead letters and records waiting, until what else is there has made room`,
    { timeout: 60_000 },
    async (t) => {
      const mounted = mount(t);
      if (mounted === null) return;
      const data = join(mounted.path, "data");
      const log = await open(data);
      const settings = {
        disk,
        folder: join(data, "dead/out"),
        destination: "out",
        messagesLogId: log.logId,
        keepMs: 1e15,
        bytesMax: 2 ** 30,
      };
      const letters = await DeadLetterLog.open({ ...settings, onFinding: () => undefined });
      const kept = await appendUntilFull(log, mounted);
      const [refused, ...others] = await readAll(log);
      ok(refused !== undefined);
      const bury = () =>
        letters.add(refused, "SST_DESTINATION_REFUSED", "too large").then(
          () => true,
          () => false,
        );
      const skip = () =>
        log.skip("users", refused.logSequence, "SST_DESTINATION_REFUSED").then(
          () => true,
          () => false,
        );
      // Some bytes of a block may be left. What is told is what holds.
      const told = { isBuried: await bury(), isSkipped: await skip() };
      deepEqual({ isBuried: letters.messages === 1, isSkipped: log.skipCode(refused.logSequence) !== null }, told);
      await log.confirm(others.map(delivered));
      // What the others leave behind is freed in the background; the program tries again and again, too.
      const again = async (act: () => Promise<boolean>): Promise<boolean> => {
        for (let tries = 0; tries < TRIES_MAX; tries++) {
          if (await act()) return true;
          await log.confirm([]);
        }
        return false;
      };
      deepEqual([told.isBuried || (await again(bury)), told.isSkipped || (await again(skip))], [true, true]);
      equal(letters.messages, 1);
      equal(log.skipCode(refused.logSequence), "SST_DESTINATION_REFUSED");
      await log.confirm([{ ...delivered(refused), outcome: "dead", reason: "SST_DESTINATION_REFUSED" }]);
      deepEqual(countsOf(log), {
        accepted: { "users-audit": { diku: kept.length } },
        pending: { "users-audit": { diku: 0 } },
        outcomes: { "users-audit": { diku: { delivered: kept.length - 1, dead: 1, dropped: {} } } },
        turnedAway: {},
      });
      await letters.close();
      await log.close();
      await expectSound(data);
    },
  );
}

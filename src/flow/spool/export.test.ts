import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { DestinationLog } from "./destination-log.ts";
import type { Disk } from "./disk.ts";
import { exportLog, type ExportSettings } from "./export.ts";
import { isProblem, type SpoolFinding } from "./findings.ts";
import type { SpooledMessage } from "./spooled.ts";
import { delivered, FailingDisk, message, readAll } from "./testing/fixtures.ts";
import { MemoryDisk, seededRandom } from "./testing/memory-disk.ts";
import { betweenSteps } from "./testing/between-steps.ts";

const FOLDER = "/data/spool/out";
const MIB = 1024 * 1024;

function open(disk: Disk, parkBytes = Number.POSITIVE_INFINITY): Promise<DestinationLog> {
  const settings = { disk, folder: FOLDER, destination: "out", bytesMax: 64 * MIB, topicsMax: 10, segmentBytesMax: 60_000, parkBytes };
  return DestinationLog.open({ ...settings, onFinding: () => undefined });
}

async function append(log: DestinationLog, from: number, to: number): Promise<void> {
  for (let index = from; index < to; index++) {
    log.append(message(`m${index}`, { value: Buffer.alloc(index % 3 === 0 ? 100 : 25_000, `m${index}`) }), true);
    await log.flush();
  }
}

/** Segments with three messages each, the first of which is small. */
async function filled(count = 9): Promise<MemoryDisk> {
  const disk = new MemoryDisk(seededRandom(1));
  const log = await open(disk);
  await append(log, 0, count);
  await log.close();
  return disk;
}

async function messagesOf(disk: Disk): Promise<readonly SpooledMessage[]> {
  const log = await open(disk);
  const messages = await readAll(log);
  await log.close();
  return messages;
}

interface Exported {
  readonly ids: string[];
  readonly numbers: number[];
  readonly problems: SpoolFinding[];
}

async function exported(disk: Disk, over: Partial<ExportSettings> = {}): Promise<Exported> {
  const result: Exported = { ids: [], numbers: [], problems: [] };
  await exportLog({
    disk,
    folder: FOLDER,
    kind: "messages",
    pendingOnly: false,
    write: (lines) => {
      for (const line of lines.trimEnd().split("\n")) {
        const { eventId, number } = JSON.parse(line) as { eventId: string; number: number };
        result.ids.push(eventId);
        result.numbers.push(number);
      }
      return Promise.resolve(true);
    },
    onFinding: (finding) => isProblem(finding) && result.problems.push(finding),
    onProgress: () => undefined,
    ...over,
  });
  return result;
}

test("nothing is read ahead of a slow reader, and progress reaches the end", async () => {
  const disk = await filled();
  let isWriting = false;
  let reads = 0;
  const opened = disk.open.bind(disk);
  disk.open = async (path, mode) => {
    const file = await opened(path, mode);
    return {
      ...file,
      read: (target, offset) => {
        ok(!isWriting, "a read while lines wait to be taken");
        reads += 1;
        return file.read(target, offset);
      },
    };
  };
  const progress: [number, number][] = [];
  await exported(disk, {
    write: async () => {
      isWriting = true;
      for (let turns = 0; turns < 20; turns++) await Promise.resolve();
      isWriting = false;
      return true;
    },
    onProgress: ({ bytesRead, bytesTotal }) => progress.push([bytesRead, bytesTotal]),
  });
  ok(reads > 10);
  const [bytesRead, bytesTotal] = progress.at(-1) ?? [0, 1];
  equal(bytesRead, bytesTotal);
  equal(disk.openFiles, 0);
});

test("a reader that is gone ends it, quietly and with every file closed", async () => {
  const disk = await filled();
  let writes = 0;
  await exported(disk, { write: () => Promise.resolve(++writes < 2) });
  equal(writes, 2);
  equal(disk.openFiles, 0);
  await rejects(exported(disk, { write: () => Promise.reject(new Error("the disk is full")) }), /the disk is full/);
  equal(disk.openFiles, 0);
});

const DOINGS: readonly (readonly [what: string, isDone: (index: number) => boolean])[] = [
  ["frees segments and uses their files again", (index) => index < 13],
  ["rewrites segments without what is done, and joins them", (index) => index % 3 !== 0],
];

for (const [what, isDone] of DOINGS) {
  test(`a program that ${what} meanwhile does no damage: each message that waits is there, none twice`, async () => {
    for (let after = 0, isMidway = true; isMidway; after++) {
      const disk = await filled(20);
      const before = await messagesOf(disk);
      const log = await open(disk, 60_000);
      const done = before.filter((_, index) => isDone(index));
      let count = 0;
      // Between any two steps.
      const step = async (): Promise<void> => {
        if (count++ !== after) return;
        end();
        await append(log, 20, 23);
        await log.confirm(done.map(delivered));
        // What it does by itself takes its time.
        for (let turns = 0; turns < 2_000; turns++) await Promise.resolve();
        await append(log, 23, 29);
      };
      const end = betweenSteps(disk, step);
      const { ids, numbers, problems } = await exported(disk);
      isMidway = count > after;
      end();
      deepEqual(problems, [], `after ${after}`);
      deepEqual(
        numbers,
        [...new Set(numbers)].toSorted((left, right) => left - right),
        `after ${after}`,
      );
      for (const { eventId } of before)
        ok(ids.includes(eventId) || done.some((each) => each.eventId === eventId), `after ${after}: ${eventId}`);
      await log.close();
    }
  });
}

test("a segment that can't be read is told, and the others are written out", async () => {
  const disk = await filled(20);
  const failing = new FailingDisk(disk);
  const [, second = ""] = disk.files(FOLDER).filter((path) => path.endsWith(".segment"));
  const whole = await exported(disk);
  let opens = 0;
  failing.fail = (operation, path) => (path === second && operation === "open" && ++opens > 2 ? "EIO" : null);
  const { ids, problems } = await exported(failing);
  const gone = whole.ids.filter((id) => !ids.includes(id));
  ok(gone.length > 1 && gone.every((id) => disk.bytes(second).includes(id)), gone.join());
  deepEqual([...ids, ...gone].toSorted(), whole.ids.toSorted());
  deepEqual(
    problems.map(({ kind, path }) => [kind, path]),
    [["damage", second]],
  );
});

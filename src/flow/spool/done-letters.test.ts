import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { disk as systemDisk } from "./disk.ts";
import { DoneLetters } from "./done-letters.ts";
import { exportLog } from "./export.ts";
import { inspectSpool } from "./inspect.ts";
import { orphanedLogs } from "./orphans.ts";
import { temporaryFolder } from "./testing/fixtures.ts";
import { lettersOf, LETTERS_FOLDER, makeLetters, openLetters } from "./testing/letters-site.ts";
import { MemoryDisk, seededRandom } from "./testing/memory-disk.ts";

const memory = () => new MemoryDisk(seededRandom(1));

/** Letters of which the second and the third left. */
async function lettersThatLeft(disk: MemoryDisk): Promise<void> {
  const site = await openLetters(disk);
  await makeLetters(site, 4);
  await site.letters.leave((await lettersOf(site)).slice(1, 3).map(({ number }) => number));
  await site.spool.close();
}

async function reportOf(disk: MemoryDisk, deep: boolean) {
  const reports = await inspectSpool(disk, "/data", deep, () => undefined);
  const { messages, pending, findings, segments } = reports.find(({ kind }) => kind === "deadLetters") ?? ({} as never);
  return { messages, pending, inSegments: segments.map((each) => each.messages), findings: findings.map(({ kind }) => kind) };
}

test("who looks at the files is told of letters that are left, and of no fault", async () => {
  const disk = memory();
  await lettersThatLeft(disk);
  for (const deep of [false, true]) deepEqual(await reportOf(disk, deep), { messages: 2, pending: null, inSegments: [2], findings: [] });
  const printed: string[] = [];
  await exportLog({
    disk,
    folder: LETTERS_FOLDER,
    kind: "deadLetters",
    pendingOnly: false,
    write: async (lines) => printed.push(lines) > 0,
    onFinding: () => undefined,
    onProgress: () => undefined,
  });
  const ids = printed
    .join("")
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { readonly eventId: string }).eventId);
  deepEqual(ids, ["event-0", "event-3"]);
});

test("a torn write of which letters left is a note, and the one before it counts; without any they are listed again, and told", async () => {
  const disk = memory();
  await lettersThatLeft(disk);
  const spoil = (name: string): void => disk.damage(join(LETTERS_FOLDER, name), (bytes) => bytes.fill(0xee, 30, 60));
  // The first write goes to the second slot.
  spoil("cursor-1");
  const site = await openLetters(disk);
  equal((await lettersOf(site)).length, 4);
  await site.spool.close();
  spoil("cursor-1");
  spoil("cursor-0");
  deepEqual(await reportOf(disk, true), { messages: 4, pending: null, inSegments: [4], findings: ["cursor-lost"] });
  const again = await openLetters(disk);
  deepEqual(
    again.findings.map(({ kind }) => kind),
    ["cursor-lost"],
  );
  await again.spool.close();
});

test("letters that are gone from the log's end are told, and their numbers are not used again", async () => {
  const disk = memory();
  const site = await openLetters(disk);
  await makeLetters(site, 4);
  const numbers = (await lettersOf(site)).map(({ number }) => number);
  await site.letters.leave(numbers.slice(-1));
  await site.spool.close();
  const [path = ""] = disk.files(LETTERS_FOLDER).filter((each) => each.endsWith(".segment"));
  disk.damage(path, (bytes) => bytes.subarray(0, bytes.lastIndexOf("event-2")));
  deepEqual(
    (await reportOf(disk, true)).findings.filter((kind) => kind === "cursor-ahead"),
    ["cursor-ahead"],
  );
  const again = await openLetters(disk);
  ok(again.findings.some(({ kind }) => kind === "cursor-ahead"));
  await makeLetters(again, 2);
  const left = await lettersOf(again);
  deepEqual(
    left.slice(-2).map((letter) => letter.message.eventId),
    ["event-0", "event-1"],
  );
  ok((left.at(-2)?.number ?? 0) > (numbers.at(-1) ?? 0));
  await again.spool.close();
});

test("a destination that is gone and has no letter left is no orphan for what is noted of them", async (t) => {
  const dataFolder = temporaryFolder(t);
  const site = await openLetters(systemDisk, { dataFolder });
  await makeLetters(site, 2);
  await site.letters.leave((await lettersOf(site)).map(({ number }) => number));
  await site.spool.close();
  deepEqual((await systemDisk.list(join(dataFolder, "dead/out"))).toSorted(), ["cursor-0", "cursor-1"]);
  rmSync(join(dataFolder, "spool/out"), { recursive: true });
  deepEqual(await orphanedLogs({ disk: systemDisk, dataFolder }, () => false), []);
});

test("single letters that left are noted at so many places; more are refused, and those that join places are taken", async () => {
  const disk = memory();
  await disk.makeFolder(LETTERS_FOLDER);
  const done = await DoneLetters.open(disk, LETTERS_FOLDER, false);
  const scattered = Array.from({ length: 65_536 }, (_, index) => index * 2 + 10);
  done.assertNotable(scattered);
  await done.mark(scattered);
  throws(() => done.assertNotable([1_000_000]), { code: "SST_COMMAND_INVALID", message: /65536 places/ });
  throws(() => done.assertNotable([11, 1_000_000, 1_000_002]), { code: "SST_COMMAND_INVALID" });
  done.assertNotable([11, 13, 15]);
  done.assertNotable([11, 1_000_000]);
  await done.close();
});

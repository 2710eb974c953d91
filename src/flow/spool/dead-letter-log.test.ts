import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { DeadLetterLog } from "./dead-letter-log.ts";
import type { Disk } from "./disk.ts";
import { isProblem, type SpoolFinding } from "./findings.ts";
import { FRAME_TYPES } from "./format.ts";
import { decodeDeadLetter } from "./message-codec.ts";
import { LogRecovery } from "./recovery.ts";
import { walkSegment } from "./segment-scan.ts";
import type { SpooledMessage } from "./spooled.ts";
import { FailingDisk, message } from "./testing/fixtures.ts";
import { MemoryDisk, seededRandom } from "./testing/memory-disk.ts";

const FOLDER = "/data/dead/out";
const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;

const memory = () => new MemoryDisk(seededRandom(1));

function refused(text: string, bytes = 10): SpooledMessage {
  return { ...message(text, { value: Buffer.alloc(bytes, text) }), logSequence: 7, sequence: 3, frameBytes: 200 };
}

async function open(
  disk: Disk,
  over: { readonly keepMs?: number; readonly bytesMax?: number } = {},
  findings: SpoolFinding[] = [],
): Promise<DeadLetterLog> {
  return DeadLetterLog.open({
    disk,
    folder: FOLDER,
    destination: "out",
    messagesLogId: "ab".repeat(16),
    keepMs: over.keepMs ?? 30 * DAY_MS,
    bytesMax: over.bytesMax ?? 64 * MIB,
    onFinding: (finding) => findings.push(finding),
  });
}

/** Every letter on the disk, as it stands there. */
async function letters(disk: Disk): Promise<ReturnType<typeof decodeDeadLetter>[]> {
  const found = await new LogRecovery({ disk, folder: FOLDER, kind: "deadLetters", writes: false }).run();
  const all: ReturnType<typeof decodeDeadLetter>[] = [];
  for (const segment of found.segments) {
    const file = await disk.open(segment.path, "read");
    await walkSegment(file, segment, (frame) => {
      if (frame.type === FRAME_TYPES.dead) all.push(decodeDeadLetter(frame.payload));
    });
    await file.close();
  }
  return all;
}

test("a dead letter keeps the message, where it stood, and why it died", async () => {
  const disk = memory();
  const log = await open(disk);
  await log.add(refused("é"), "SST_DESTINATION_REFUSED", "too large");
  log.append(message("no topic", { topic: "" }), "SST_TEMPLATE_VALUE", "tenant is missing");
  await log.flush();
  equal(log.messages, 2);
  await log.close();
  const [first, second] = await letters(disk);
  deepEqual(
    { ...first?.message, value: [...(first?.message.value ?? [])], frameBytes: refused("é").frameBytes },
    { ...refused("é"), value: [...refused("é").value], lane: 0xffff_ffff },
  );
  const { deadMs, logId, ...rest } = first?.cause ?? { deadMs: 0, logId: "" };
  ok(deadMs > 0);
  equal(logId, "ab".repeat(16));
  deepEqual(rest, { code: "SST_DESTINATION_REFUSED", reason: "too large", destination: "out", logSequence: 7 });
  equal(second?.cause.logSequence, 0);
  equal(second?.message.sequence, 0);
  equal(disk.openFiles, 0);
});

test("what was added is there after a power loss, and the log goes on with it", async () => {
  const disk = memory();
  const first = await open(disk);
  await first.add(refused("a"), "SST_DESTINATION_REFUSED", "no");
  await first.add(refused("b"), "SST_DESTINATION_REFUSED", "no");
  disk.losePower();
  const findings: SpoolFinding[] = [];
  const second = await open(disk, {}, findings);
  equal(second.messages, 2);
  await second.add(refused("c"), "SST_DESTINATION_REFUSED", "no");
  await second.close();
  deepEqual(
    (await letters(disk)).map(({ message }) => message.eventId),
    ["event-a", "event-b", "event-c"],
  );
  deepEqual(findings.filter(isProblem), []);
});

test("over the budget the oldest segments go, and what they held is counted", async () => {
  const disk = memory();
  const log = await open(disk, { bytesMax: MIB });
  for (let index = 0; index < 20; index++) await log.add(refused(String(index % 10), 100_000), "SST_DESTINATION_REFUSED", "no");
  await log.trim(Date.now());
  ok(log.usedBytes <= MIB, `${log.usedBytes} bytes`);
  ok(log.removed > 5 && log.messages > 5, `${log.removed} removed`);
  equal(log.removed + log.messages, 20);
  await log.close();
  equal((await letters(disk)).length, 20 - log.removed);
  const again = await open(disk, { bytesMax: MIB });
  equal(again.messages, 20 - log.removed);
  equal(again.removed, 0);
  await again.close();
});

test("what is too old goes, also from the segment that is written to, and the log goes on after it", async () => {
  const disk = memory();
  const log = await open(disk);
  await log.add(refused("old"), "SST_DESTINATION_REFUSED", "no");
  await log.trim(Date.now() + 29 * DAY_MS);
  equal(log.messages, 1);
  await log.trim(Date.now() + 31 * DAY_MS);
  deepEqual([log.messages, log.removed, log.usedBytes], [0, 1, 0]);
  await log.add(refused("new"), "SST_DESTINATION_REFUSED", "no");
  await log.close();
  deepEqual(
    (await letters(disk)).map(({ message }) => message.eventId),
    ["event-new"],
  );
});

test("a letter that waits for the disk keeps its segment from being removed", async () => {
  const disk = memory();
  const log = await open(disk);
  await log.add(refused("old"), "SST_DESTINATION_REFUSED", "no");
  const added = log.add(refused("waits"), "SST_DESTINATION_REFUSED", "no");
  await log.trim(Date.now() + 31 * DAY_MS);
  await added;
  equal(log.messages, 2);
  await log.close();
});

test("age goes on while nothing dies: every hour what became too old is removed", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"], now: 1_795_000_000_000 });
  const disk = memory();
  const log = await open(disk);
  await log.add(refused("old"), "SST_DESTINATION_REFUSED", "no");
  t.mock.timers.tick(30 * DAY_MS - 1);
  await log.trim(0);
  equal(log.messages, 1);
  t.mock.timers.tick(60 * 60 * 1000);
  await log.trim(0);
  deepEqual([log.messages, log.removed], [0, 1]);
  await log.close();
  t.mock.timers.tick(DAY_MS);
});

test("a start removes what became too old meanwhile", async () => {
  const disk = memory();
  const log = await open(disk);
  await log.add(refused("old"), "SST_DESTINATION_REFUSED", "no");
  await log.close();
  await new Promise((resolve) => setImmediate(resolve));
  const again = await open(disk, { keepMs: -1 });
  deepEqual([again.messages, again.removed], [0, 1]);
  await again.close();
});

test("a letter that can't be written is refused and not counted; one larger than the budget never fits", async () => {
  const disk = memory();
  const failing = new FailingDisk(disk);
  const log = await open(failing, { bytesMax: MIB });
  failing.fail = (operation) => (operation === "write" ? "ENOSPC" : null);
  await rejects(log.add(refused("a"), "SST_DESTINATION_REFUSED", "no"), { code: "SST_SPOOL_IO" });
  failing.fail = () => null;
  equal(log.messages, 0);
  throws(() => log.append(refused("b", 2 * MIB), "SST_DESTINATION_REFUSED", "no"), { code: "SST_SPOOL_FULL" });
  await log.add(refused("c"), "SST_DESTINATION_REFUSED", "no");
  equal(log.messages, 1);
  await log.close();
  deepEqual(
    (await letters(disk)).map(({ message }) => message.eventId),
    ["event-c"],
  );
});

test("a segment that can't be removed stays and is tried again with the next trim", async () => {
  const disk = memory();
  const failing = new FailingDisk(disk);
  const log = await open(failing, { bytesMax: MIB });
  failing.fail = (operation) => (operation === "remove" ? "EIO" : null);
  for (let index = 0; index < 14; index++) await log.add(refused("x", 100_000), "SST_DESTINATION_REFUSED", "no");
  await log.trim(Date.now());
  equal(log.removed, 0);
  equal(log.messages, 14);
  failing.fail = () => null;
  await log.trim(Date.now());
  ok(log.removed > 0);
  await log.close();
});

test("a missing segment is reported, and letters before and after it are kept", async () => {
  const disk = memory();
  const log = await open(disk);
  // A segment of dead letters is a sixteenth of its budget: 4 MiB.
  for (let index = 0; index < 3; index++)
    for (let part = 0; part < 5; part++) await log.add(refused(String(index), MIB), "SST_DESTINATION_REFUSED", "no");
  await log.close();
  const [, middle] = disk.files(FOLDER);
  disk.lose(middle ?? "");
  const findings: SpoolFinding[] = [];
  const again = await open(disk, {}, findings);
  deepEqual(
    findings.map(({ kind }) => kind),
    ["missing-numbers"],
  );
  ok(again.messages > 5 && again.messages < 15);
  await again.close();
});

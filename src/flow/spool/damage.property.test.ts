/** Random damage to a log of several segments: never a wrong message, no more lost than was hit, and counts that add up. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DestinationLog } from "./destination-log.ts";
import type { SpoolFinding } from "./findings.ts";
import { BATCH_HEADER_BYTES, DATA_OFFSET, decodeBatchHeader, decodeSegmentHeader } from "./format.ts";
import { delivered, message, readAll } from "./testing/fixtures.ts";
import { MemoryDisk, seededRandom, type Random } from "./testing/memory-disk.ts";

const FOLDER = "/data/spool/out";
const STREAM = "users-audit";
const TENANTS = ["t0", "t1", "t2"];

/** A batch as it lies on disk, with the messages in it. */
interface Lain {
  readonly path: string;
  readonly from: number;
  readonly to: number;
  readonly ids: readonly string[];
}

async function open(disk: MemoryDisk, findings: SpoolFinding[]): Promise<DestinationLog> {
  return DestinationLog.open({
    disk,
    folder: FOLDER,
    destination: "out",
    bytesMax: 16 * 1024 * 1024,
    topicsMax: 10,
    onFinding: (finding) => findings.push(finding),
  });
}

const segments = (disk: MemoryDisk) => disk.files(FOLDER).filter((path) => path.endsWith(".segment"));

async function fill(disk: MemoryDisk, random: Random): Promise<string[][]> {
  const log = await open(disk, []);
  const batches: string[][] = [];
  for (let batch = 0; batch < 40; batch++) {
    const ids: string[] = [];
    for (let left = random(6); left >= 0; left--) {
      const id = `m${batch}.${left}`;
      const value = Buffer.alloc(random(5) === 0 ? random(70_000) : random(200), id);
      log.append(message(id, { tenant: TENANTS[random(3)] ?? "t0", topic: `topic-${random(2)}`, value }), true);
      ids.push(id);
    }
    await log.flush();
    batches.push(ids);
    if (batch === 20 && random(2) === 0) await log.confirm((await readAll(log)).filter(() => random(3) > 0).map(delivered));
  }
  await log.close();
  return batches;
}

/** Where each batch lies; those that were freed are left out. */
function layout(disk: MemoryDisk, batches: readonly string[][]): Lain[] {
  const lain: Lain[] = [];
  for (const path of segments(disk)) {
    const bytes = disk.bytes(path);
    const header = decodeSegmentHeader(bytes);
    ok(header !== null);
    for (let at = DATA_OFFSET; at + BATCH_HEADER_BYTES < bytes.length;) {
      const batch = decodeBatchHeader(bytes, at, header.salt);
      if (batch === null) break;
      const text = bytes.toString("latin1", at, at + batch.bytes);
      const ids = batches.find((each) => each.every((id) => text.includes(`event-${id}`))) ?? [];
      lain.push({ path, from: at, to: at + batch.bytes, ids });
      at += batch.bytes;
    }
  }
  return lain;
}

function difference(log: DestinationLog): number[] {
  const { accepted, outcomes, pending } = log.status();
  return TENANTS.map((tenant) => {
    const left = outcomes[STREAM]?.[tenant];
    const dropped = Object.values(left?.dropped ?? {}).reduce((sum, count) => sum + count, 0);
    return (accepted[STREAM]?.[tenant] ?? 0) - (left?.delivered ?? 0) - (left?.dead ?? 0) - dropped - (pending[STREAM]?.[tenant] ?? 0);
  });
}

const place = fc.record({
  where: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  segment: fc.nat(20),
  bytes: fc.integer({ min: 1, max: 3_000 }),
});

async function survive(
  seed: number,
  places: readonly { readonly where: number; readonly segment: number; readonly bytes: number }[],
): Promise<void> {
  const random = seededRandom(seed);
  const disk = new MemoryDisk(seededRandom(seed + 1));
  const batches = await fill(disk, random);
  const sent = batches.flat();
  const whole = await open(disk, []);
  const expected = (await readAll(whole)).map(({ eventId }) => eventId.slice("event-".length));
  await whole.close();
  const lain = layout(disk, batches);
  const hit = new Set<string>();
  /** Of batches of which not a byte is left: at the end of a file that is longer, nothing tells of them. */
  const wiped = new Set<string>();
  for (const { where, segment, bytes } of places) {
    const files = segments(disk);
    const path = files[segment % files.length] ?? "";
    const from = DATA_OFFSET + Math.floor(where * (disk.bytes(path).length - DATA_OFFSET));
    disk.damage(path, (all) => all.fill(random(256), from, Math.min(all.length, from + bytes)));
    for (const batch of lain) {
      if (batch.path !== path || batch.from >= from + bytes || from >= batch.to) continue;
      for (const id of batch.ids) hit.add(id);
      if (path === files.at(-1) && from <= batch.from && batch.to <= from + bytes) for (const id of batch.ids) wiped.add(id);
    }
  }
  const findings: SpoolFinding[] = [];
  const log = await open(disk, findings);
  const read = await readAll(log);
  const ids = read.map(({ eventId }) => eventId.slice("event-".length));
  deepEqual(
    ids,
    expected.filter((id) => ids.includes(id)),
    "in order, none twice, none that was done",
  );
  for (const each of read)
    deepEqual(each.value, Buffer.alloc(each.value.length, each.eventId.slice("event-".length)), "not a byte is changed");
  deepEqual(
    expected.filter((id) => !ids.includes(id) && !hit.has(id)),
    [],
    "only what was hit is lost",
  );
  if (expected.some((id) => !ids.includes(id) && !wiped.has(id))) ok(findings.length > 0, "what is lost is reported");
  deepEqual(await readAll(log), read, "read again, the same");
  if (log.stopped !== null) return log.close();
  deepEqual(difference(log), [0, 0, 0], "counts add up");
  log.append(message("after"), true);
  await log.flush();
  const all = await readAll(log);
  equal(all.at(-1)?.eventId, "event-after");
  await log.confirm(all.map(delivered));
  deepEqual(
    Object.values(log.status().pending[STREAM] ?? {}).filter((count) => count !== 0),
    [],
    "nothing is pending for ever",
  );
  await log.close();
  const later: SpoolFinding[] = [];
  const again = await open(disk, later);
  deepEqual(await readAll(again), []);
  deepEqual(difference(again).slice(0, 3), [0, 0, 0]);
  ok(again.nextNumber(STREAM, "topic-0") + again.nextNumber(STREAM, "topic-1") > sent.length - hit.size);
  await again.close();
  equal(disk.openFiles, 0);
}

test("random damage never yields a wrong message, takes no more than the batches it hit, and is counted", async () => {
  await fc.assert(fc.asyncProperty(fc.integer(), fc.array(place, { minLength: 1, maxLength: 4 }), survive), { numRuns: 60 });
});

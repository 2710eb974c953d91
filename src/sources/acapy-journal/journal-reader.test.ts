import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { test, type TestContext } from "node:test";
import type { Ack } from "./ack-file.ts";
import { JournalReader } from "./journal-reader.ts";
import { BOOT, JournalWriter, segmentHeader } from "./testing/journal-writer.ts";

async function readerOf(
  t: TestContext,
  after: Ack | null = null,
): Promise<{ readonly folder: string; readonly ids: () => Promise<string[]> }> {
  const folder = mkdtempSync(join(tmpdir(), "journal-"));
  const reader = new JournalReader(folder, after);
  t.after(async () => {
    await reader.close();
    rmSync(folder, { recursive: true });
  });
  const ids = async (): Promise<string[]> => (await reader.read()).map(({ place }) => `${place.boot.slice(0, 2)}/${place.sequence}`);
  return { folder, ids };
}

/** Leaves the file that a boot began as a disk without room may: with no record, some bytes of it written or none. */
function failedBegin(folder: string, number: number, bytes: number): JournalWriter {
  const writer = new JournalWriter(folder, { boot: "f0".repeat(16) }, number);
  truncateSync(writer.path, bytes);
  return writer;
}

for (const bytes of [0, 20, 60])
  test(`a segment whose first write failed after ${bytes} bytes may be removed, and its number come again`, async (t) => {
    const { folder, ids } = await readerOf(t);
    const first = new JournalWriter(folder);
    first.append({ topic: "acapy::record::connections" });
    assert.deepEqual(await ids(), ["b0/1"]);
    const failed = failedBegin(folder, 7, bytes);
    assert.deepEqual(await ids(), []);
    rmSync(failed.path);
    const next = new JournalWriter(folder, { boot: "c1".repeat(16) }, 2);
    next.append({ topic: "acapy::record::connections" });
    assert.deepEqual(await ids(), ["c1/1"]);
    next.append({ topic: "acapy::record::connections" });
    assert.deepEqual(await ids(), ["c1/2"]);
  });

test("a number that came again is read also where more segments follow it at once", async (t) => {
  const { folder, ids } = await readerOf(t);
  const failed = failedBegin(folder, 1, 0);
  assert.deepEqual(await ids(), []);
  rmSync(failed.path);
  const writer = new JournalWriter(folder);
  writer.append({ topic: "acapy::record::connections" });
  writer.roll();
  writer.append({ topic: "acapy::record::connections" });
  assert.deepEqual([await ids(), await ids(), await ids()], [["b0/1"], ["b0/2"], []]);
});

test("what is removed behind a reader, or while it is read, is not read again", async (t) => {
  const { folder, ids } = await readerOf(t);
  const writer = new JournalWriter(folder);
  writer.append({ topic: "acapy::record::connections" });
  const { path } = writer;
  assert.deepEqual(await ids(), ["b0/1"]);
  rmSync(path);
  assert.deepEqual(await ids(), []);
  writer.roll();
  writer.append({ topic: "acapy::record::connections" });
  assert.deepEqual([await ids(), await ids()], [["b0/2"], []]);
});

test("an ack that names a segment beyond all there are keeps nothing back, and what it says is done isn't read again", async (t) => {
  const { folder, ids } = await readerOf(t, { boot: BOOT, sequence: 1, segment: 92, claimed: 1 });
  const writer = new JournalWriter(folder);
  for (let count = 0; count < 3; count += 1) writer.append({ topic: "acapy::record::connections" });
  assert.deepEqual([await ids(), await ids()], [["b0/2", "b0/3"], []]);
  writer.roll();
  writer.append({ topic: "acapy::record::connections" });
  assert.deepEqual(await ids(), ["b0/4"]);
});

test("records that come before the sequence that the header names are read all the same", async (t) => {
  const { folder, ids } = await readerOf(t);
  const writer = new JournalWriter(folder);
  writeFileSync(writer.path, segmentHeader(1, 100, writer.salt, {}));
  writer.append({ topic: "acapy::record::connections" });
  writer.append({ topic: "acapy::record::connections" });
  assert.deepEqual(await ids(), ["b0/1", "b0/2"]);
});

/** Two boots of some segments; numbers of events. */
const boots = fc.array(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 2 });
const damages = fc.array(fc.record({ file: fc.nat(), at: fc.nat(), bytes: fc.integer({ min: 0, max: 300 }), isCut: fc.boolean() }), {
  minLength: 1,
  maxLength: 4,
});
/** Magic and format: another format stops a journal, and is no damage. */
const FORMAT_END = 12;

test("property: whatever is damaged, of each boot events and gaps follow one another without a hole, each once", async () => {
  await fc.assert(
    fc.asyncProperty(boots, damages, async (written, done) => {
      const folder = mkdtempSync(join(tmpdir(), "journal-"));
      const reader = new JournalReader(folder, null);
      try {
        let number = 1;
        for (const [index, segments] of [...written, [1]].entries()) {
          const writer = new JournalWriter(folder, { boot: `${index}a`.repeat(16) }, number);
          for (const [place, events] of segments.entries()) {
            if (place > 0) writer.roll();
            for (let count = 0; count < events; count += 1) writer.append({ topic: "acapy::ping::received", payload: "x".repeat(100) });
          }
          number += segments.length;
        }
        for (const { file, at, bytes, isCut } of done) damage(folder, file, at, bytes, isCut);
        const next = new Map<string, number>();
        for (let found = await reader.read(); found.length > 0; found = await reader.read()) {
          for (const { place, record } of found) {
            assert.equal(place.sequence, next.get(place.boot) ?? place.sequence);
            next.set(place.boot, (record.kind === "gap" ? record.last : place.sequence) + 1);
          }
        }
        assert.equal(next.get(`${written.length}a`.repeat(16)), 2, "the last boot, which is whole, is read");
      } finally {
        await reader.close();
        rmSync(folder, { recursive: true });
      }
    }),
    { numRuns: 150 },
  );
});

/** Cuts a segment, or fills a part of it; never the last one. */
function damage(folder: string, file: number, at: number, bytes: number, isCut: boolean): void {
  const names = readdirSync(folder).toSorted().slice(0, -1);
  const path = join(folder, names[file % names.length] ?? "");
  const content = readFileSync(path);
  const from = Math.max(FORMAT_END, at % (content.length + 1));
  if (isCut) truncateSync(path, from);
  else if (from < content.length) writeFileSync(path, content.fill(0xa5, from, Math.min(content.length, from + bytes)));
}

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

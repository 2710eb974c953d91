import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { JournalsFolder } from "./journals-folder.ts";
import { JournalWriter } from "./testing/journal-writer.ts";
import { folderOf, start as startIn, until, type Rig } from "./testing/rig.ts";

/** With a data folder of its own, for that of the journals is removed here. */
async function start(t: TestContext, journals: string): Promise<Rig & { readonly troubles: () => readonly string[] }> {
  const rig = await startIn(t, journals, {}, Number.MAX_SAFE_INTEGER, folderOf(t));
  return { ...rig, troubles: () => rig.source.troubles?.() ?? [] };
}

test("the folder of all journals may be removed and made again: it is locked, listened in and read as before", async (t) => {
  const journals = join(folderOf(t), "journals");
  new JournalWriter(join(journals, "agent-1")).append({ topic: "acapy::record::connections" });
  const { port, notices } = await start(t, journals);
  await port.records(1);
  rmSync(journals, { recursive: true });
  const again = new JournalWriter(join(journals, "agent-1"), { boot: "c1".repeat(16) });
  again.append({ topic: "acapy::record::connections" });
  await port.records(2);
  await until(() => notices.some((text) => /^warn: the folder of journals .* was removed, and is made again/.test(text)));
  assert.ok(existsSync(join(journals, "wake")));
  await assert.rejects(JournalsFolder.open(journals), { code: "SST_JOURNAL_LOCKED" });
});

test("a folder that another reader took meanwhile is left alone until that one ends, which is one trouble, told once", async (t) => {
  const journals = join(folderOf(t), "journals");
  new JournalWriter(join(journals, "agent-1")).append({ topic: "acapy::record::connections" });
  const { port, source, notices, troubles } = await start(t, journals);
  await port.records(1);
  renameSync(journals, `${journals}-away`);
  const other = await JournalsFolder.open(journals);
  const told = `the folder of journals can't be looked at: ${journals} is read by another Sidestream, or by another source`;
  await until(() => troubles().includes(told));
  assert.deepEqual(troubles(), [told]);
  const again = new JournalWriter(join(journals, "agent-1"), { boot: "c1".repeat(16) });
  again.append({ topic: "acapy::record::connections" });
  assert.equal(source.counters()["sidestream_acapy_journals"], 0);
  other.release();
  await port.records(2);
  await until(() => troubles().length === 0);
  assert.equal(notices.filter((text) => text.includes("is read by another Sidestream")).length, 2);
});

test("a source that ends leaves no socket behind, and that of another reader alone", async (t) => {
  const journals = join(folderOf(t), "journals");
  mkdirSync(journals);
  const { source } = await start(t, journals);
  renameSync(journals, `${journals}-away`);
  const other = await start(t, journals);
  await source.close(100);
  const writer = connect(join(journals, "wake"));
  t.after(() => writer.destroy());
  await once(writer, "connect");
  await other.source.close(100);
  assert.deepEqual(
    readdirSync(journals).filter((name) => name.startsWith("wake")),
    [],
  );
});

test("a folder may hold a thousand journals, and more of them are a trouble until there is room", async (t) => {
  const journals = folderOf(t);
  for (let number = 1; number <= 1_002; number += 1) mkdirSync(join(journals, `agent-${number}`));
  const { source, notices, troubles } = await start(t, journals);
  assert.equal(source.counters()["sidestream_acapy_journals"], 1_000);
  const told = troubles().filter((text) => text.startsWith("2 of the journals are not read, since a folder may hold 1000"));
  assert.deepEqual(troubles(), told);
  assert.equal(notices.filter((text) => text.includes("2 of the journals are not read")).length, 1);
  for (const number of [1, 2]) rmSync(join(journals, `agent-${number}`), { recursive: true });
  await until(() => troubles().length === 0);
  assert.ok(notices.includes("info: all journals are read now"));
});

test("a journal that couldn't be opened is no trouble any more once its folder is removed", async (t) => {
  const journals = folderOf(t);
  mkdirSync(join(journals, "broken", "ack"), { recursive: true });
  const { troubles } = await start(t, journals);
  assert.equal(troubles().length, 1);
  rmSync(join(journals, "broken"), { recursive: true });
  await until(() => troubles().length === 0);
});

test("a writer whose journal is new is heard, also while another asks and asks for a journal that isn't there", async (t) => {
  const journals = folderOf(t);
  const { port } = await start(t, journals);
  const socket = connect(join(journals, "wake"));
  t.after(() => socket.destroy());
  socket.write("nobody\n");
  for (let number = 0; number < 1_000; number += 1) socket.write("w");
  new JournalWriter(join(journals, "agent-1")).append({ topic: "acapy::record::connections" });
  const writer = connect(join(journals, "wake"));
  t.after(() => writer.destroy());
  writer.write("agent-1\n");
  await port.records(1);
});

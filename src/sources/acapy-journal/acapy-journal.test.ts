import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { AgentRecord } from "../../driver/source.ts";
import { bodyBytes } from "../../driver/testing/fake-port.ts";
import { RecordStatesReader } from "./record-states-reader.ts";
import { STATES_FILE } from "./record-states.ts";
import { ackText, BOOT, JournalWriter, record, type WrittenAck } from "./testing/journal-writer.ts";
import { folderOf, start, until, type Rig } from "./testing/rig.ts";

const isRoot = process.getuid?.() === 0;

function kept({ port }: Pick<Rig, "port">): readonly AgentRecord[] {
  return port.kept.map(({ record: each, durable }) => {
    assert.ok(durable && each.kind === "agent");
    return each;
  });
}

function ackIn(journals: string, name = "agent-1"): WrittenAck {
  return JSON.parse(readFileSync(join(journals, name, "ack"), "utf8")) as WrittenAck;
}

test("events come with all that stands in the journal, in order, and are acknowledged", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"), { description: { agent: "a-1", qos: "exactly-once" } });
  const payload = { state: "active", ü: "\u0000", connection_id: "c1" };
  writer.append({ topic: "acapy::record::connections::active", wallet: "w1", label: "Alice", state: "active", recordId: "c1", payload });
  writer.roll();
  writer.append({ topic: "acapy::basicmessage::received", payload: "x".repeat(600_000) });
  const rig = await start(t, journals);
  await rig.port.records(2);
  const [first, second] = kept(rig);
  assert.deepEqual(
    { ...first, payload: undefined },
    {
      kind: "agent",
      route: 0,
      startedMs: 1_800_000_000_000,
      id: `${BOOT}/1`,
      topic: "acapy::record::connections::active",
      wallet: "w1",
      label: "Alice",
      agent: "a-1",
      recordId: "c1",
      qos: "exactly-once",
      place: { position: 1, resumes: true, isRepeated: false },
      payload: undefined,
    },
  );
  assert.deepEqual(JSON.parse(String(first && bodyBytes(first.payload))), payload);
  assert.equal(second?.payload.sizeBytes, 600_002);
  assert.deepEqual(second?.place, { position: 2, resumes: false, isRepeated: false });
  assert.equal(second?.wallet, null);
  await rig.source.close(100);
  const { boot, sequence, segment, claimed } = ackIn(journals);
  assert.deepEqual({ boot, sequence, segment, claimed }, { boot: BOOT, sequence: 2, segment: 2, claimed: 2 });
  assert.equal(rig.port.openReservations, 0);
});

test("what was acknowledged isn't read again, and what comes later is", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  for (let i = 0; i < 10; i += 1) writer.append({ topic: "acapy::record::connections" });
  const first = await start(t, journals);
  await first.port.records(10);
  await first.source.close(100);
  writer.append({ topic: "acapy::record::connections" });
  const second = await start(t, journals);
  await second.port.records(1);
  assert.deepEqual(
    kept(second).map(({ place }) => place),
    [{ position: 11, resumes: true, isRepeated: false }],
  );
});

test("what was turned back is handed in again, in order, with nothing behind it in between", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  for (let i = 0; i < 3; i += 1) writer.append({ topic: "acapy::record::connections" });
  const rig = await start(t, journals);
  rig.port.settlement = null;
  await rig.port.records(3);
  rig.port.settle("spooled");
  rig.port.settle("refused");
  rig.port.settle("spooled");
  await rig.port.records(5);
  assert.deepEqual(
    kept(rig).map(({ place }) => [place?.position, place?.resumes, place?.isRepeated]),
    [
      [1, true, false],
      [2, false, false],
      [3, false, false],
      [2, true, false],
      [3, false, false],
    ],
  );
  rig.port.settle("spooled");
  rig.port.settle("lost");
  await rig.port.records(6);
  assert.deepEqual(kept(rig)[5]?.place, { position: 3, resumes: true, isRepeated: true });
  rig.port.settle("spooled");
});

test("an event that is turned back again and again is told, and its end, too", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  writer.append({ topic: "acapy::record::connections" });
  const rig = await start(t, journals);
  rig.port.settlement = "refused";
  writer.append({ topic: "acapy::record::connections" });
  await until(() => rig.notices.some((text) => text.includes("was turned back 5 times")));
  assert.equal(rig.source.troubles?.().length, 1);
  rig.port.settlement = "spooled";
  await until(() => rig.source.troubles?.().length === 0);
});

test("what may have been passed on before a kill is marked, what surely wasn't isn't", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  for (let i = 0; i < 2_000; i += 1) writer.append({ topic: "acapy::record::connections" });
  writeFileSync(join(journals, "agent-1", "ack"), ackText({ boot: BOOT, sequence: 10, segment: 1, claimed: 1_034 }));
  const rig = await start(t, journals);
  await rig.port.records(1_990);
  const repeated = kept(rig).filter(({ place }) => place?.isRepeated);
  assert.deepEqual([repeated[0]?.place?.position, repeated.at(-1)?.place?.position], [11, 1_034]);
});

test("a gap and damage come as events of their own, that tell what is missing, once", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  writer.append({ topic: "acapy::record::connections" });
  writer.gap(5, "full");
  writer.append({ topic: "acapy::record::connections" });
  const flipped = writer.next({ topic: "acapy::record::connections" }, Buffer.from('{"a":1}'));
  flipped.writeUInt8(flipped.readUInt8(40) ^ 1, 40);
  writer.raw(flipped);
  writer.append({ topic: "acapy::record::connections" });
  const rig = await start(t, journals);
  await rig.port.records(5);
  assert.deepEqual(
    kept(rig).map(({ id, topic, wallet, payload }) => [
      Number(id.split("/")[1]),
      topic === "sidestream::journal::gap" ? [wallet, JSON.parse(String(bodyBytes(payload)))] : topic,
    ]),
    [
      [1, "acapy::record::connections"],
      [2, [null, { boot: BOOT, first: 2, last: 5, reason: "full", journal: "agent-1" }]],
      [6, "acapy::record::connections"],
      [7, [null, { boot: BOOT, first: 7, last: 7, reason: "damage", journal: "agent-1" }]],
      [8, "acapy::record::connections"],
    ],
  );
  await rig.source.close(100);
  writer.gap(12, "disk");
  const second = await start(t, journals);
  await second.port.records(1);
  await second.source.close(100);
  const third = await start(t, journals);
  writer.append({ topic: "acapy::record::last" });
  await third.port.records(1);
  assert.deepEqual(
    kept(third).map(({ topic }) => topic),
    ["acapy::record::last"],
  );
});

test("a torn end is waited for while it is the last, and stepped over once another segment follows", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  writer.append({ topic: "acapy::record::connections" });
  const whole = writer.next({ topic: "acapy::record::late" }, Buffer.from("{}"));
  writer.raw(whole.subarray(0, 50));
  const rig = await start(t, journals);
  await rig.port.records(1);
  writer.raw(whole.subarray(50));
  await rig.port.records(2);
  assert.equal(kept(rig)[1]?.topic, "acapy::record::late");
  writer.raw(whole.subarray(0, 40));
  const next = new JournalWriter(join(journals, "agent-1"), { boot: "c1".repeat(16) }, 2);
  next.append({ topic: "acapy::record::next" });
  await rig.port.records(3);
  assert.equal(kept(rig)[2]?.id, `${"c1".repeat(16)}/1`);
});

test("a writer may have reasons of its own for gaps, but not any number of metrics", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  for (let n = 1; n <= 50; n += 1) writer.gap(2 * n, `reason-${n}`);
  const rig = await start(t, journals);
  await until(() => rig.source.counters()['sidestream_acapy_journal_records_total{journal="agent-1"}'] === 50);
  const missing = Object.entries(rig.source.counters()).filter(([name]) => name.startsWith("sidestream_acapy_journal_missing_total"));
  assert.equal(missing.length, 21);
  assert.equal(missing.find(([name]) => name.includes('reason="other"'))?.[1], 60);
});

test("gaps of reasons that are one word in metrics are counted together", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  writer.gap(2, "no room");
  writer.gap(5, "no_room");
  const { source } = await start(t, journals);
  await until(() => source.counters()['sidestream_acapy_journal_records_total{journal="agent-1"}'] === 2);
  assert.equal(source.counters()['sidestream_acapy_journal_missing_total{journal="agent-1",reason="no_room"}'], 5);
});

test("segments that were removed before they were read are told as missing", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  writer.append({ topic: "acapy::record::connections" });
  const rig = await start(t, journals);
  await rig.port.records(1);
  await rig.source.close(100);
  writer.append({ topic: "acapy::record::connections" });
  const path = writer.path;
  writer.roll();
  writer.append({ topic: "acapy::record::connections" });
  rmSync(path);
  const second = await start(t, journals);
  await second.port.records(2);
  assert.deepEqual(JSON.parse(String(bodyBytes(kept(second)[0]?.payload ?? assert.fail()))), {
    boot: BOOT,
    first: 2,
    last: 2,
    reason: "damage",
    journal: "agent-1",
  });
});

test("a journal cut short while it is read goes on with what comes, and tells what is missing", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  writer.append({ topic: "acapy::record::connections" });
  writer.append({ topic: "acapy::record::connections" });
  const bytes = readFileSync(writer.path).length;
  const rig = await start(t, journals);
  await rig.port.records(2);
  writer.append({ topic: "acapy::record::connections", payload: "x".repeat(1000) });
  await rig.port.records(3);
  truncateSync(writer.path, bytes);
  writer.next({}, Buffer.from("{}"));
  writer.append({ topic: "acapy::record::connections" });
  await rig.port.records(5);
  assert.deepEqual(
    kept(rig)
      .slice(3)
      .map(({ id, topic }) => [id.split("/")[1], topic]),
    [
      ["4", "sidestream::journal::gap"],
      ["5", "acapy::record::connections"],
    ],
  );
});

test("a segment of another format stops that journal by name, and no other", async (t) => {
  const journals = folderOf(t);
  const newer = new JournalWriter(join(journals, "newer"), { format: 2 });
  newer.append({ topic: "acapy::record::connections" });
  const writer = new JournalWriter(join(journals, "agent-1"));
  writer.append({ topic: "acapy::record::connections" });
  const rig = await start(t, journals);
  await rig.port.records(1);
  await until(() => rig.notices.some((text) => text.includes("has format 2, this release reads format 1")));
  assert.equal(rig.port.kept.length, 1);
  assert.ok(rig.source.troubles?.().some((text) => text.startsWith("journal newer: ")));
});

test("a second reader of the folder is refused", async (t) => {
  const journals = folderOf(t);
  await start(t, journals);
  await assert.rejects(start(t, journals), { code: "SST_JOURNAL_LOCKED" });
});

test("a folder that can't be used is told with its name and the reason, whatever is in the way", async (t) => {
  const folder = folderOf(t);
  const file = join(folder, "file");
  writeFileSync(file, "");
  for (const journals of [file, join(file, "below")]) {
    const because = { code: "SST_JOURNAL_FOLDER", message: /^the folder of journals .*file.* can't be used: (EEXIST|ENOTDIR)/ };
    await assert.rejects(start(t, journals), because);
  }
  mkdirSync(join(folder, "odd", "reader.lock"), { recursive: true });
  await assert.rejects(start(t, join(folder, "odd")), { code: "SST_JOURNAL_FOLDER" });
});

test("what belongs to another user is told as that, in the folder and below", { skip: isRoot && "root may read all" }, async (t) => {
  const journals = folderOf(t);
  const below = join(journals, "agent-1");
  mkdirSync(below, { mode: 0o000 });
  const { notices } = await start(t, journals);
  // Else it can't be removed, and what is to be ended after it never is.
  chmodSync(below, 0o700);
  assert.ok(
    notices.some((text) => /journal agent-1: it can't be opened: EACCES.*run Sidestream as the user who runs the agent/.test(text)),
  );
  const closed = folderOf(t);
  writeFileSync(join(closed, "reader.lock"), "", { mode: 0o400 });
  await assert.rejects(start(t, closed), { code: "SST_JOURNAL_FOLDER", message: /EACCES/ });
});

test("a writer that says so is heard at once, and is told when all is read and what may be removed", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  const rig = await start(t, journals);
  const socket = connect(join(journals, "wake"));
  t.after(() => socket.destroy());
  let told = "";
  socket.setEncoding("latin1").on("data", (text: string) => (told += text));
  socket.write("agent-1\n");
  await until(() => told.includes("w"));
  told = "";
  writer.append({ topic: "acapy::record::connections" });
  socket.write("w");
  await rig.port.records(1);
  await until(() => told.includes("w"));
  writer.roll();
  writer.append({ topic: "acapy::record::connections" });
  socket.write("w");
  await until(() => told.includes("a"));
  assert.equal(ackIn(journals).segment, 2);
});

test("a payload that is too large goes on without its content", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  writer.append({ topic: "acapy::record::connections", payload: "x".repeat(2000) });
  const rig = await start(t, journals, { eventBytesMax: 1024 });
  await rig.port.records(1);
  assert.deepEqual(kept(rig)[0]?.payload, { slices: [Buffer.alloc(0)], sizeBytes: 2002, truncated: true });
});

test("a record that can never have room goes on without its content, and what follows it too", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  writer.append({ topic: "acapy::record::connections", payload: "x".repeat(20_000) });
  writer.append({ topic: "acapy::record::connections", payload: "y" });
  const rig = await start(t, journals, {}, 10_000);
  await rig.port.records(2);
  assert.deepEqual(
    kept(rig).map(({ payload }) => [payload.sizeBytes, payload.truncated]),
    [
      [20_002, true],
      [3, false],
    ],
  );
});

test("a journal whose folder is removed is left, and its trouble with it", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  writer.heartbeat({ atMs: 0 });
  const rig = await start(t, journals);
  assert.ok(rig.source.troubles?.().some((text) => text.includes("sign of life")));
  rmSync(writer.folder, { recursive: true });
  await until(() => rig.notices.some((text) => text.includes("was removed")));
  assert.deepEqual(rig.source.troubles?.(), []);
});

test("a journal whose folder was removed and made again, numbers and all, is begun anew", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"), {}, 5);
  writer.append({ topic: "acapy::record::connections" });
  const rig = await start(t, journals);
  await rig.port.records(1);
  rmSync(writer.folder, { recursive: true });
  const again = new JournalWriter(writer.folder, { boot: "c1".repeat(16) });
  again.append({ topic: "acapy::record::connections" });
  await rig.port.records(2);
  assert.equal(kept(rig)[1]?.id, `${again.boot}/1`);
  await until(() => existsSync(join(writer.folder, "ack")) && ackIn(journals).boot === again.boot);
});

test("a journal that can't be opened is told, and keeps no other from being read", async (t) => {
  const journals = folderOf(t);
  mkdirSync(join(journals, "a-broken", "ack"), { recursive: true });
  const writer = new JournalWriter(join(journals, "agent-1"));
  writer.append({ topic: "acapy::record::connections" });
  const rig = await start(t, journals);
  await rig.port.records(1);
  assert.match(rig.source.troubles?.()[0] ?? "", /^journal a-broken: it can't be opened: EISDIR: .*a-broken\/ack'/);
  rmSync(join(journals, "a-broken", "ack"), { recursive: true });
  await until(() => rig.notices.some((text) => text.includes("it can be opened now")));
});

test("a link leads nowhere, a pipe holds nobody up, and a small file of any size is read in part", async (t) => {
  const journals = folderOf(t);
  const outside = join(journals, "outside");
  writeFileSync(outside, "x".repeat(600));
  for (const name of ["a-link", "a-pipe", "a-segment", "large"]) mkdirSync(join(journals, name));
  symlinkSync(outside, join(journals, "a-link", "ack"));
  for (const path of ["a-pipe/ack", "a-segment/heartbeat", "a-segment/0000000000000001.journal"])
    execFileSync("mkfifo", [join(journals, path)]);
  const writer = new JournalWriter(join(journals, "large"));
  writer.append({ topic: "acapy::record::connections" });
  for (const name of ["ack", "heartbeat"]) truncateSync(writeNew(join(journals, "large", name)), 5 * 2 ** 30);
  const rig = await start(t, journals);
  await rig.port.records(1);
  await until(() => (rig.source.troubles?.() ?? []).length === 3);
  const told = rig.source.troubles?.().join("\n") ?? "";
  assert.match(told, /^journal a-link: it can't be opened: ELOOP/m);
  assert.match(told, /^journal a-pipe: it can't be opened: .*a-pipe\/ack is no regular file/m);
  assert.match(told, /^journal a-segment: reading fails, and is tried again: .*0000000000000001\.journal is no regular file/m);
  assert.equal(readFileSync(outside, "utf8"), "x".repeat(600));
});

function writeNew(path: string): string {
  writeFileSync(path, "");
  return path;
}

test("the last state of each record is noted, with what is acknowledged", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"), { description: { agent: "a-1" } });
  const topic = "acapy::record::connections::";
  for (const state of ["request", "response"]) writer.append({ topic: topic + state, wallet: "w", state, recordId: "c1", payload: {} });
  writer.append({ topic: "acapy::record::issue_credential_v2_0::done", state: "done", recordId: "x1", payload: {} });
  writer.append({ topic: "acapy::basicmessage::received", wallet: "w", state: "received", recordId: "m1", payload: {} });
  const rig = await start(t, journals);
  await rig.port.records(4);
  await until(() => existsSync(join(journals, "agent-1", "ack")) && ackIn(journals).sequence === 4);
  using states = new RecordStatesReader(join(journals, STATES_FILE));
  const { state, eventId, agent, source } = states.stateOf("w", "connections", "c1") ?? assert.fail();
  assert.deepEqual({ state, eventId, agent, source }, { state: "response", eventId: `${BOOT}/2`, agent: "a-1", source: "agents" });
  assert.equal(states.stateOf(null, "issue_credential_v2_0", "x1")?.state, "done");
  assert.equal(states.hasCategory("basicmessages"), false);
});

test("a segment whose header is damaged is told and counted as a whole, and what comes behind it is read", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  writer.append({ topic: "acapy::record::connections" });
  const bytes = readFileSync(writer.path);
  bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20);
  writeFileSync(writer.path, bytes);
  const { port, source, notices } = await start(t, journals);
  await until(() => notices.some((text) => text.startsWith(`error: journal agent-1: ${bytes.length} bytes are damaged`)));
  new JournalWriter(writer.folder, { boot: "c1".repeat(16) }, 2).append({ topic: "acapy::record::connections" });
  await port.records(1);
  assert.equal(source.counters()['sidestream_acapy_journal_damaged_bytes{journal="agent-1"}'], bytes.length);
  assert.equal(notices.filter((text) => text.includes("bytes are damaged")).length, 1);
});

test("an ack that is damaged, whatever its size, is written whole again", async (t) => {
  const journals = folderOf(t);
  for (const [name, bytes] of [
    ["short", 1],
    ["long", 700],
  ] as const) {
    new JournalWriter(join(journals, name)).append({ topic: "acapy::record::connections" });
    writeFileSync(join(journals, name, "ack"), "x".repeat(bytes));
  }
  const { port, source } = await start(t, journals);
  await port.records(2);
  await source.close(100);
  for (const name of ["short", "long"]) {
    assert.equal(statSync(join(journals, name, "ack")).size, 512);
    assert.equal(ackIn(journals, name).sequence, 1);
  }
});

test("an ack in which a digit is another by damage isn't believed: all is read again, and that is told", async (t) => {
  const journals = folderOf(t);
  const damaged = ackText({ boot: BOOT, sequence: 1, segment: 2, claimed: 2 }).replace('"sequence":1', '"sequence":3');
  for (const [name, text] of [
    ["damaged", damaged],
    ["blank", " ".repeat(512)],
  ] as const) {
    const writer = new JournalWriter(join(journals, name));
    writer.append({ topic: "acapy::ping::received" });
    writer.roll();
    writer.append({ topic: "acapy::ping::received" });
    writeFileSync(join(journals, name, "ack"), text);
  }
  const { port, source, notices } = await start(t, journals);
  await port.records(4);
  await source.close(100);
  const told = notices.filter((text) => text.includes("`ack` is damaged"));
  assert.deepEqual(
    told.map((text) => text.split(":", 2).join(":")),
    ["error: journal damaged"],
  );
  // By docs/journal-format.md, as a writer in another language would compute it.
  assert.deepEqual(readFileSync(join(journals, "damaged", "ack"), "latin1"), `${ackText(ackIn(journals, "damaged")).slice(0, -1)}\n`);
});

test("an agent that falls silent is told once, one that ended cleanly never", async (t) => {
  const journals = folderOf(t);
  new JournalWriter(join(journals, "silent")).heartbeat({ atMs: Date.now() - 60_000 });
  new JournalWriter(join(journals, "stopped")).heartbeat({ atMs: Date.now() - 60_000, stopped: true });
  new JournalWriter(join(journals, "alive")).heartbeat({ notices: ["the bus can't be wrapped"] });
  const rig = await start(t, journals);
  assert.deepEqual(
    rig.source.troubles?.().map((text) => text.split(":")[0]),
    ["journal silent"],
  );
  assert.equal(rig.notices.filter((text) => text.includes("sign of life")).length, 1);
  assert.equal(rig.notices.filter((text) => text.includes("its agent says: the bus can't be wrapped")).length, 1);
  const samples = rig.source.counters();
  assert.equal(samples['sidestream_acapy_journal_troubles{journal="silent"}'], 1);
  assert.equal(samples['sidestream_acapy_journal_heartbeat_age_seconds{journal="stopped"}'], undefined);
});

test("events that an agent gave up, and ended before it could say so, are told", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  writer.append({ topic: "acapy::ping::received" });
  writer.heartbeat({ sequence: 4, stopped: true });
  const alive = new JournalWriter(join(journals, "alive"));
  alive.append({ topic: "acapy::ping::received" });
  alive.heartbeat({ sequence: 4 });
  const { source } = await start(t, journals);
  const troubles = (): readonly string[] => source.troubles?.() ?? [];
  while (troubles().length === 0) await delay(20);
  assert.deepEqual(troubles(), [
    `journal agent-1: the events ${BOOT}/2 to 4 at least are not in the journal of an agent that ended, and no message tells of them: it had no room left to say so, or the machine lost power`,
  ]);
  const parts = (): readonly string[] => source.parts?.() ?? [];
  await until(() => parts().every((text) => text.includes(": all is read, ")));
  const [ended, running] = parts();
  assert.equal(ended, "journal agent-1: all is read, 1 taken in since the start, its agent has ended");
  assert.match(running ?? "", /^journal alive: all is read, 1 taken in since the start, its agent gave a sign of life \d+ s ago$/);
});

test("records that no writer may write are damage", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  const bad = [
    { topic: "" },
    { topic: 5 },
    { topic: "a\u0000b" },
    { topic: "t", wallet: "a b" },
    { topic: "t", wallet: "w".repeat(129) },
    [],
  ];
  for (const attributes of bad) writer.raw(writer.next(attributes, Buffer.from("{}")));
  writer.raw(record(++writer.sequence, 2, { last: 1 }, Buffer.alloc(0), writer.salt));
  writer.append({ topic: "acapy::record::connections" });
  const rig = await start(t, journals);
  await rig.port.records(2);
  assert.deepEqual(JSON.parse(String(bodyBytes(kept(rig)[0]?.payload ?? assert.fail()))).last, bad.length + 1);
  assert.equal(kept(rig)[1]?.id, `${BOOT}/${bad.length + 2}`);
});

test("a record is found behind any damage, however the bytes lie", async (t) => {
  const journals = folderOf(t);
  const writer = new JournalWriter(join(journals, "agent-1"));
  writer.append({ topic: "acapy::record::connections" });
  writer.next({}, Buffer.alloc(0));
  appendFileSync(writer.path, Buffer.alloc(700_001, 0x01));
  writer.append({ topic: "acapy::record::behind", payload: "y".repeat(400_000) });
  const rig = await start(t, journals);
  await rig.port.records(3);
  assert.equal(kept(rig)[2]?.topic, "acapy::record::behind");
});

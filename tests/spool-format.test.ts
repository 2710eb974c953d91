/** The spool's format, held against docs/spool-format.md by a decoder that was written from that page alone. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { crc32 } from "node:zlib";
import { DestinationLog } from "../src/flow/spool/destination-log.ts";
import { disk } from "../src/flow/spool/disk.ts";
import { isProblem, type SpoolFinding } from "../src/flow/spool/findings.ts";
import { Spool } from "../src/flow/spool/spool.ts";
import type { SpooledMessage } from "../src/flow/spool/spooled.ts";
import { delivered, message, readAll } from "../src/flow/spool/testing/fixtures.ts";
import { seededRandom } from "../src/flow/spool/testing/memory-disk.ts";
import { KINDS } from "../src/flow/spool/testing/write-fixture.ts";
import { asDecoded, decode, decodeKept, exported, withoutLog, withoutPython, type Kept } from "./spool-readers.ts";

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-format-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function open(folder: string, findings: SpoolFinding[] = [], numbered = false): Promise<DestinationLog> {
  const settings = { disk, folder, destination: "out", bytesMax: 16 * 1024 * 1024, topicsMax: 100, segmentBytesMax: 24 * 1024, numbered };
  return DestinationLog.open({ ...settings, onFinding: (finding) => findings.push(finding) });
}

function segments(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".segment"))
    .toSorted()
    .map((name) => join(folder, name));
}

test("the decoder reads what the log reads, over several segments, and knows what is done", { skip: withoutPython }, async (t) => {
  const folder = temporary(t);
  const log = await open(folder);
  for (let round = 0; round < 12; round++) {
    for (const each of KINDS) log.append({ ...each, eventId: `${each.eventId} ${round}` }, true);
    await log.flush();
  }
  const all = await readAll(log);
  await log.confirm(all.filter((_, index) => index % 3 > 0 && index > 20).map(delivered));
  const waiting = new Set((await readAll(log)).map(({ logSequence }) => logSequence));
  await log.close();
  ok(segments(folder).length > 2);
  const { status, messages, told } = decode(folder);
  equal(told, "");
  equal(status, 0);
  deepEqual(messages.map(withoutLog), all.map(asDecoded));
  deepEqual(
    messages.map(({ number, done }) => [number, done]),
    all.map(({ logSequence }) => [logSequence, !waiting.has(logSequence)]),
  );
  ok(messages.every(({ logId }) => logId === log.logId));
});

test("the decoder reads dead letters with their causes, and leaves out those that left", { skip: withoutPython }, async (t) => {
  const data = temporary(t);
  const deadLetters = { keepMs: 1e15, bytesMax: 1024 * 1024 };
  const spool = await Spool.open({
    disk,
    dataFolder: data,
    destinations: [{ name: "out", bytesMax: 1024 * 1024, deadLetters }],
    topicsMax: 100,
    onFinding: () => undefined,
  });
  const log = spool.logs.get("out");
  const dead = spool.deadLetters.get("out");
  ok(log !== undefined && dead !== undefined);
  for (const each of KINDS) log.append(each, true);
  await log.flush();
  const all = await readAll(log);
  for (const each of all) await dead.add(each, "SST_DESTINATION_REFUSED", `zu groß: ${each.eventId}`);
  const numbers: number[] = [];
  for await (const letters of dead.read(0, dead.nextNumber)) numbers.push(...letters.map(({ number }) => number));
  const [left, ...stay] = all;
  await dead.leave(numbers.slice(0, 1));
  await spool.close();
  ok(left !== undefined);
  const { status, messages } = decode(join(data, "dead", "out"));
  equal(status, 0);
  deepEqual(
    messages.map(({ dead: cause }) => [cause?.code, cause?.reason, cause?.logId, cause?.logSequence]),
    stay.map(({ eventId, logSequence }) => ["SST_DESTINATION_REFUSED", `zu groß: ${eventId}`, log.logId, logSequence]),
  );
  deepEqual(
    messages.map(({ value, key, headers, sequence }) => [value, key, headers, sequence]),
    stay.map((each) => [each.value.toString("base64"), each.key, each.headers, each.sequence]),
  );
});

test(
  "the decoder leaves out a tail that was never finished, and reads on where a cut batch ends early",
  { skip: withoutPython },
  async (t) => {
    const folder = temporary(t);
    const first = await open(folder);
    for (const text of ["a", "b", "c"]) first.append(message(text), true);
    await first.flush();
    await first.close();
    const [path = ""] = segments(folder);
    truncateSync(path, statSync(path).size - 8);
    const cut = decode(folder);
    equal(cut.status, 0);
    ok(cut.told.includes("never finished"));
    deepEqual(
      cut.messages.map(({ eventId }) => eventId),
      ["event-a", "event-b"],
    );
    const second = await open(folder);
    second.append(message("d"), true);
    await second.flush();
    await second.close();
    appendFileSync(path, Buffer.alloc(40, 3));
    const { status, messages } = decode(folder);
    equal(status, 0);
    deepEqual(
      messages.map(({ eventId, number }) => [eventId, number]),
      [
        ["event-a", 2],
        ["event-b", 3],
        ["event-d", 4],
      ],
    );
  },
);

test("decoder and log agree on what is left of a damaged log", { skip: withoutPython }, async (t) => {
  const folder = temporary(t);
  const log = await open(folder);
  for (let batch = 0; batch < 30; batch++) {
    for (let index = 0; index < 3; index++) log.append(message(`${batch}.${index}`, { value: Buffer.alloc(batch * 37, "v") }), true);
    await log.flush();
  }
  await log.close();
  for (let seed = 1; seed <= 12; seed++) {
    const random = seededRandom(seed);
    const copy = temporary(t);
    cpSync(folder, copy, { recursive: true });
    const files = segments(copy);
    const path = files[random(files.length)] ?? "";
    const bytes = readFileSync(path);
    const from = 8192 + random(bytes.length - 8192);
    writeFileSync(path, bytes.fill(seed, from, from + random(500)));
    if (seed % 4 === 0) rmSync(files[0] ?? "");
    const { messages } = decode(copy);
    const damaged = await open(copy);
    const read = await readAll(damaged);
    await damaged.close();
    deepEqual(
      messages.map(({ number, eventId }) => [number, eventId]),
      read.map(({ logSequence, eventId }) => [logSequence, eventId]),
      `seed ${seed}`,
    );
  }
});

test(
  "decoder and log agree on control records and on where lanes stand, before and after segments went",
  { skip: withoutPython },
  async (t) => {
    const folder = temporary(t);
    const log = await open(folder, [], true);
    await log.memory.set("größe", { epoch: 1, topics: ["темы"] });
    for (let round = 0; round < 8; round++) {
      for (const each of KINDS) log.append({ ...each, eventId: `${each.eventId} ${round}` }, true);
      await log.memory.set(`round ${round}`, { round });
      await log.memory.set(`forgotten ${round}`, round);
    }
    await log.memory.set("größe", { epoch: 2, topics: [] });
    for (let round = 1; round < 8; round++) await log.memory.set(`forgotten ${round}`, null);
    const all = await readAll(log);
    for (const each of all.slice(2, 6)) await log.skip("темы:0", each.logSequence, "SST_DESTINATION_REFUSED");
    const confirm = async (messages: readonly SpooledMessage[], from: number): Promise<void> =>
      log.confirm(
        messages.map((each, index) => ({
          ...delivered(each),
          lane: `темы:${index % 2}`,
          position: { number: from + Math.floor(index / 2) + 1, position: index % 2 === 0 ? null : `offset ${from + index}` },
        })),
      );
    const names = (kept: Kept) => kept.control.flatMap((record) => Object(record).name ?? []);
    await confirm(all.slice(0, 4), 0);
    const early = decodeKept(folder);
    deepEqual(early.control, log.state().control);
    deepEqual(names(early), log.memory.names());
    deepEqual(
      early.control.flatMap((record) => Object(record).logSequence ?? []),
      all.slice(4, 6).map(({ logSequence }) => logSequence),
    );
    const before = segments(folder).length;
    await confirm(all.slice(4, -6), 2);
    ok(segments(folder).length < before);
    const late = decodeKept(folder);
    deepEqual(late.control, log.state().control);
    deepEqual(names(late), ["round 0", "forgotten 0", ...[1, 2, 3, 4, 5, 6, 7].map((round) => `round ${round}`), "größe"]);
    for (const lane of ["темы:0", "темы:1"]) {
      const [, , number, position] = late.lanes[lane] ?? [];
      deepEqual({ number, position }, log.lanePosition(lane));
    }
    deepEqual(
      decode(folder)
        .messages.filter(({ done }) => done === false)
        .map(({ eventId }) => eventId),
      all.slice(-6).map(({ eventId }) => eventId),
    );
    await log.close();
  },
);

test("every finding of fsck has its row in section 9, and no row is without its finding", () => {
  const root = join(import.meta.dirname, "..");
  const kinds = /export type FindingKind =([^;]*);/u.exec(readFileSync(join(root, "src/flow/spool/findings.ts"), "utf8"))?.[1] ?? "";
  const section =
    readFileSync(join(root, "docs/spool-format.md"), "utf8")
      .split(/^## /mu)
      .find((each) => each.startsWith("9. ")) ?? "";
  const rows = [...section.matchAll(/^\| `([a-z-]+)` \| (yes|no) \|/gmu)];
  deepEqual(new Set(rows.map((row) => row[1])), new Set([...kinds.matchAll(/"([a-z-]+)"/gu)].map((kind) => kind[1])));
  const finding = (kind: string) => ({ kind, path: "", offset: 0, bytes: 0, framesLost: 0, text: "" }) as SpoolFinding;
  deepEqual(
    rows.filter((row) => (row[2] === "yes") !== isProblem(finding(row[1] ?? ""))),
    [],
  );
});

/** A copy of a log that a kill left in the midst of compaction: tests/data/spool-v1-reused/README.md. */
function killedLog(t: TestContext): string {
  const folder = temporary(t);
  cpSync(join(import.meta.dirname, "data/spool-v1-reused/data/spool/kafka1"), folder, { recursive: true });
  return folder;
}

/** Where the batches end of segment 9 of that log, whose file is in its second use. */
const REUSED_END = 8_936;

function change(path: string, by: (bytes: Buffer) => unknown): void {
  const bytes = readFileSync(path);
  by(bytes);
  writeFileSync(path, bytes);
}

test(
  "behind the last batch of a file that was made longer, only a header of its own use tells of a write that was never finished",
  { skip: withoutPython },
  async (t) => {
    const firstFrame = 8_192 + 48;
    const cases: readonly (readonly [told: boolean, change: (bytes: Buffer) => unknown])[] = [
      [false, () => undefined],
      [false, (bytes) => bytes.fill(0, REUSED_END)],
      [false, (bytes) => bytes.fill(0xff, REUSED_END)],
      [true, (bytes) => bytes.copy(bytes, REUSED_END + 512, firstFrame, firstFrame + 24)],
      [true, (bytes) => bytes.copy(bytes, REUSED_END, 8_192, 8_192 + 48)],
      [true, (bytes) => bytes.fill(0, REUSED_END - 8, REUSED_END)],
    ];
    for (const [index, [told, by]] of cases.entries()) {
      const folder = killedLog(t);
      change(segments(folder).at(-1) ?? "", by);
      const answer = decode(folder);
      equal(answer.status, 0, answer.told);
      equal(answer.told.includes("never finished"), told, `case ${index}: ${answer.told}`);
      const findings: SpoolFinding[] = [];
      await (await open(folder, findings, true)).close();
      deepEqual(
        findings.map(({ kind }) => kind),
        told ? ["cut-tail"] : [],
        `case ${index}`,
      );
    }
  },
);

test("what a compacted segment leaves out is done; what damage took from it is told", { skip: withoutPython }, async (t) => {
  const folder = killedLog(t);
  const [first = ""] = segments(folder);
  const payload = readFileSync(first).indexOf("event-large");
  change(first, (bytes) => (bytes[payload] = 0));
  const { status, told, messages } = decode(folder);
  equal(status, 1);
  ok(told.includes("frames 45 to 45"), told);
  ok(!messages.some(({ number }) => number === 45));
  const { findings } = await exported(folder);
  deepEqual(
    findings.map(({ kind, path }) => [kind, path]),
    [["damage", first]],
  );
});

test("a slot of zeros was never written; one that is torn is told, and the other counts", { skip: withoutPython }, (t) => {
  const folder = killedLog(t);
  const waiting = () => decode(folder).messages.flatMap(({ done, number }) => (done === false ? [number] : []));
  const before = waiting();
  const slots = ["cursor-0", "cursor-1"].map((name) => join(folder, name));
  const [older = "", newer = ""] = slots.toSorted((a, b) => readFileSync(a).readUInt32LE(16) - readFileSync(b).readUInt32LE(16));
  change(older, (bytes) => bytes.fill(0));
  deepEqual([decode(folder).told, waiting()], ["", before]);
  change(older, (bytes) => bytes.fill(7, 100, 200));
  equal(decode(folder).told, `${older}: never finished\n`);
  deepEqual(waiting(), before);
  change(newer, (bytes) => bytes.fill(0));
  ok(waiting().length > before.length, "without a cursor all of it waits");
});

test("a flag of the lower half is passed over, an unknown one of the upper half refused", { skip: withoutPython }, async (t) => {
  for (const [flag, isRefused] of [
    [0x0000_0002, false],
    [0x0000_8000, false],
    [0x0004_0000, true],
    [0x8000_0000, true],
  ] as const) {
    const folder = killedLog(t);
    change(segments(folder)[0] ?? "", (bytes) => {
      for (const at of [0, 4_096]) {
        bytes.writeUInt32LE((bytes.readUInt32LE(at + 52) | flag) >>> 0, at + 52);
        bytes.writeUInt32LE(crc32(bytes.subarray(at, at + 508)), at + 508);
      }
    });
    const { status, told } = decode(folder);
    equal(told.includes("not for this program"), isRefused, told);
    equal(status, isRefused ? 1 : 0);
    const opening = open(folder, [], true);
    if (isRefused) await rejects(opening, { code: "SST_SPOOL_VERSION" });
    else await (await opening).close();
  }
});

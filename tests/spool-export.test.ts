/** `sidestream spool export`, held against the decoder that was written from docs/spool-format.md alone: line by line. */
import { deepEqual, equal, ok } from "node:assert/strict";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { DestinationLog } from "../src/flow/spool/destination-log.ts";
import { disk, type Disk } from "../src/flow/spool/disk.ts";
import type { ExportSettings } from "../src/flow/spool/export.ts";
import { isProblem, type FindingKind, type SpoolFinding } from "../src/flow/spool/findings.ts";
import { delivered, FailingDisk, message, readAll } from "../src/flow/spool/testing/fixtures.ts";
import { seededRandom } from "../src/flow/spool/testing/memory-disk.ts";
import { KINDS } from "../src/flow/spool/testing/write-fixture.ts";
import { exportedText, runDecoder, withoutPython } from "./spool-readers.ts";

const DATA = join(import.meta.dirname, "data");

/** What the decoder doesn't judge: whether log and cursor fit together. */
const OF_CURSOR: ReadonlySet<FindingKind> = new Set(["cursor-lost", "cursor-behind", "cursor-ahead", "state-lost"]);

interface Exported {
  /** The lines' objects as pairs, so that their order counts, too. */
  readonly lines: readonly (readonly [string, unknown])[][];
  readonly isClean: boolean;
}

function linesOf(text: string): Exported["lines"] {
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => Object.entries(JSON.parse(line) as Record<string, unknown>));
}

function decoded(folder: string): Exported {
  const { status, stdout } = runDecoder(folder);
  return { lines: linesOf(stdout), isClean: status === 0 };
}

async function exported(
  folder: string,
  over: Partial<ExportSettings> = {},
): Promise<Exported & { readonly findings: readonly SpoolFinding[] }> {
  const { text, findings } = await exportedText(folder, over);
  return { lines: linesOf(text), isClean: !findings.some((finding) => isProblem(finding) && !OF_CURSOR.has(finding.kind)), findings };
}

async function agree(folder: string, note = "", over: Partial<ExportSettings> = {}): Promise<Exported> {
  const { lines, isClean, findings } = await exported(folder, over);
  const theirs = decoded(folder);
  deepEqual(lines, theirs.lines, note);
  equal(isClean, theirs.isClean, `${note}: ${JSON.stringify(findings)}`);
  return { lines, isClean };
}

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-export-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Over {
  readonly under?: Disk;
  readonly bytesMax?: number;
  readonly segmentBytesMax?: number;
  readonly parkBytes?: number;
}

function open(folder: string, { under = disk, ...over }: Over = {}): Promise<DestinationLog> {
  const room = { bytesMax: 16 * 1024 * 1024, topicsMax: 100, segmentBytesMax: 24 * 1024, ...over };
  return DestinationLog.open({ disk: under, folder, destination: "out", ...room, onFinding: () => undefined });
}

function segments(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".segment"))
    .toSorted()
    .map((name) => join(folder, name));
}

/** Several segments with messages of every kind, a part of them done out of order. */
async function severalSegments(t: TestContext): Promise<string> {
  const folder = temporary(t);
  const log = await open(folder);
  for (let round = 0; round < 12; round++) {
    for (const each of KINDS) log.append({ ...each, eventId: `${each.eventId} ${round}` }, true);
    await log.flush();
  }
  const all = await readAll(log);
  await log.confirm(all.filter((_, index) => index % 3 > 0 && index > 20).map(delivered));
  await log.close();
  ok(segments(folder).length > 2);
  return folder;
}

test("the spools that releases left: messages and dead letters", { skip: withoutPython }, async () => {
  const kept = readdirSync(DATA).filter((name) => name.startsWith("spool-v"));
  ok(kept.includes("spool-v1"));
  for (const name of kept) {
    for (const [parent, kind] of [
      ["spool", "messages"],
      ["dead", "deadLetters"],
    ] as const) {
      const folder = join(DATA, name, "data", parent);
      let count = 0;
      for (const log of existsSync(folder) ? readdirSync(folder) : [])
        count += (await agree(join(folder, log), `${name}: ${log}`, { kind })).lines.length;
      ok(count > 3 || !existsSync(folder), `${name}: ${parent}`);
    }
  }
});

test("a log of several segments, and what of it is done", { skip: withoutPython }, async (t) => {
  const folder = await severalSegments(t);
  const { lines, isClean } = await agree(folder);
  equal(lines.length, 12 * KINDS.length);
  ok(isClean);
  const isWaiting = (line: readonly (readonly [string, unknown])[]) => line.some(([name, value]) => name === "done" && value === false);
  const pending = await exported(folder, { pendingOnly: true });
  deepEqual(pending.lines, lines.filter(isWaiting));
  ok(pending.lines.length < lines.length && pending.lines.length > 20);
});

test(
  "a tail that was never finished, a batch that a cut ended early, and a file never finished being made",
  { skip: withoutPython },
  async (t) => {
    const folder = temporary(t);
    const first = await open(folder);
    for (const text of ["a", "b", "c"]) first.append(message(text), true);
    await first.flush();
    await first.close();
    const [path = ""] = segments(folder);
    truncateSync(path, statSync(path).size - 8);
    equal((await agree(folder)).lines.length, 2);
    const second = await open(folder);
    second.append(message("d"), true);
    await second.flush();
    await second.close();
    equal((await agree(folder)).lines.length, 3);
    appendFileSync(path, Buffer.alloc(40, 3));
    writeFileSync(join(folder, "0000000000000009.segment"), Buffer.alloc(100));
    const { lines, isClean } = await agree(folder);
    equal(lines.length, 3);
    ok(isClean);
  },
);

test("damage anywhere: what is left, and that something is missing", { skip: withoutPython, timeout: 120_000 }, async (t) => {
  const folder = await severalSegments(t);
  const seed = Math.floor(Math.random() * 1_000_000);
  t.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  for (let round = 0; round < 20; round++) {
    const copy = temporary(t);
    cpSync(folder, copy, { recursive: true });
    for (let times = 1 + random(2); times > 0; times--) {
      const files = segments(copy);
      const path = files[random(files.length)] ?? "";
      const bytes = readFileSync(path);
      const from = random(4) === 0 ? 0 : 8192 + random(bytes.length - 8192);
      const to = Math.min(bytes.length, from + 1 + random(from === 0 ? 8192 : 700));
      writeFileSync(path, bytes.fill(round + 1, from, to));
    }
    await agree(copy, `seed ${seed}, round ${round}`);
  }
});

test("numbers that stand in two segments, after a sync that failed", { skip: withoutPython }, async (t) => {
  const folder = temporary(t);
  const failing = new FailingDisk();
  const log = await open(folder, { under: failing });
  for (const text of ["a", "b"]) log.append(message(text), true);
  await log.flush();
  const failures = new Set(["sync", "truncate"]);
  failing.fail = (operation, path) => (path.endsWith(".segment") && failures.delete(operation) ? "EIO" : null);
  log.append(message("c"), true);
  await log.flush();
  for (const text of ["d", "e"]) log.append(message(text), true);
  await log.flush();
  await log.close();
  const [first = "", ...more] = segments(folder);
  equal(more.length, 1, "the log went on in another segment");
  ok(readFileSync(first).includes("event-c"), "the copy is there");
  const { lines } = await agree(folder);
  deepEqual(
    lines.map((line) => new Map(line).get("eventId")),
    ["a", "b", "c", "d", "e"].map((text) => `event-${text}`),
  );
});

test("files that were made ahead or are used again, as they are while the log is written to", { skip: withoutPython }, async (t) => {
  const folder = temporary(t);
  const log = await open(folder, { segmentBytesMax: 64 * 1024 });
  for (let round = 0; round < 60; round++) {
    for (let index = 0; index < 20; index++) log.append(message(`${round}.${index}`, { value: Buffer.alloc(2_000, `${round}`) }), true);
    await log.flush();
    if (round > 40) await log.confirm((await readAll(log)).slice(0, 50).map(delivered));
  }
  const reserved = segments(folder).filter((path) => (readFileSync(path).readUInt32LE(52) & 1) === 1);
  ok(reserved.length > 0, "a segment was begun in a file that was there");
  const before = await agree(folder);
  ok(before.isClean && before.lines.length > 50);
  // As a kill leaves it, too.
  const copy = temporary(t);
  cpSync(folder, copy, { recursive: true });
  await log.close();
  deepEqual((await agree(copy)).lines, before.lines);
});

test("segments that were rewritten without what is done", { skip: withoutPython }, async (t) => {
  const folder = temporary(t);
  const log = await open(folder, { segmentBytesMax: 32 * 1024, parkBytes: 128 * 1024 });
  const stuck = (index: number): boolean => index % 40 === 0;
  for (let index = 0; index < 800; index++) {
    log.append(message(String(index), { value: Buffer.alloc(1_000, "v") }), true);
    if (index % 10 === 9) await log.flush();
  }
  const all = await readAll(log);
  for (let from = 0; from < all.length; from += 50) {
    const done = all.slice(from, from + 50).filter((_, at) => !stuck(from + at));
    await log.confirm(done.map(delivered));
  }
  await log.close();
  const compacted = segments(folder).filter((path) => (readFileSync(path).readUInt32LE(52) & 0x0002_0000) !== 0);
  ok(compacted.length > 0, "a segment was rewritten");
  const { lines, isClean } = await agree(folder);
  ok(isClean && lines.length < 800);
  const pending = await exported(folder, { pendingOnly: true });
  deepEqual(
    pending.lines.map((line) => new Map(line).get("eventId")),
    Array.from({ length: 20 }, (_, index) => `event-${index * 40}`),
  );
});

test("a log whose cursor is gone: all of it waits", { skip: withoutPython }, async (t) => {
  const folder = await severalSegments(t);
  for (const name of ["cursor-0", "cursor-1"]) rmSync(join(folder, name));
  const { lines, findings } = await exported(folder);
  deepEqual(lines, decoded(folder).lines);
  deepEqual(
    findings.map(({ kind }) => kind),
    ["cursor-lost"],
  );
});

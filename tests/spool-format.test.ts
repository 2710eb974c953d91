/**
 * The spool's format, held against docs/spool-format.md by a decoder that was written from that page alone, and against
 * what earlier releases left.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
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
import { disk } from "../src/flow/spool/disk.ts";
import { inspectSpool } from "../src/flow/spool/inspect.ts";
import { isProblem, type SpoolFinding } from "../src/flow/spool/findings.ts";
import { Spool } from "../src/flow/spool/spool.ts";
import type { SpooledMessage } from "../src/flow/spool/spooled.ts";
import { delivered, message, readAll } from "../src/flow/spool/testing/fixtures.ts";
import { seededRandom } from "../src/flow/spool/testing/memory-disk.ts";
import { described, FIXTURE_DESTINATION, KINDS } from "../src/flow/spool/testing/write-fixture.ts";

const DECODER = join(import.meta.dirname, "spool-decoder.py");
const DATA = join(import.meta.dirname, "data");

const hasPython = spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 8))"]).status === 0;
/** Where tests must be whole, a missing Python is a failure; elsewhere it is told. */
const withoutPython =
  hasPython || process.env["CI"] === "true" ? false : "python3 is not here: the decoder written from the format's page can't run";

interface Decoded {
  readonly number: number;
  readonly logId: string;
  readonly done: boolean | null;
  readonly dead?: { readonly code: string; readonly reason: string; readonly logSequence: number; readonly logId: string };
  readonly [key: string]: unknown;
}

interface Answer {
  readonly status: number | null;
  readonly messages: readonly Decoded[];
  readonly told: string;
}

interface Kept {
  readonly control: readonly unknown[];
  readonly lanes: Readonly<Record<string, readonly unknown[]>>;
}

function run(...words: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const { error, ...ended } = spawnSync("python3", [DECODER, ...words], { encoding: "utf8", maxBuffer: 256 * 1024 * 1024 });
  equal(error, undefined);
  return ended;
}

/** Control records in force, and the lanes of the cursor. */
function decodeKept(folder: string): Kept {
  const { status, stdout, stderr } = run("--kept", folder);
  equal(stderr, "");
  equal(status, 0);
  return JSON.parse(stdout) as Kept;
}

function decode(folder: string): Answer {
  const { status, stdout, stderr } = run(folder);
  const lines = stdout.split("\n").slice(0, -1);
  return { status, messages: lines.map((line) => JSON.parse(line) as Decoded), told: stderr };
}

/** A message as the decoder prints it. */
function asDecoded(from: SpooledMessage): unknown {
  const { logSequence, ...rest } = described(from) as { readonly logSequence: number };
  return { number: logSequence, ...rest };
}

function withoutLog(decoded: Decoded): unknown {
  return Object.fromEntries(Object.entries(decoded).filter(([name]) => !["logId", "done", "dead"].includes(name)));
}

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

test("the decoder reads dead letters with their causes", { skip: withoutPython }, async (t) => {
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
  await spool.close();
  const { status, messages } = decode(join(data, "dead", "out"));
  equal(status, 0);
  deepEqual(
    messages.map(({ dead: cause }) => [cause?.code, cause?.reason, cause?.logId, cause?.logSequence]),
    all.map(({ eventId, logSequence }) => ["SST_DESTINATION_REFUSED", `zu groß: ${eventId}`, log.logId, logSequence]),
  );
  deepEqual(
    messages.map(({ value, key, headers, sequence }) => [value, key, headers, sequence]),
    all.map((each) => [each.value.toString("base64"), each.key, each.headers, each.sequence]),
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
  deepEqual(
    rows.map((row) => row[1]),
    [...kinds.matchAll(/"([a-z-]+)"/gu)].map((kind) => kind[1]),
  );
  const finding = (kind: string) => ({ kind, path: "", offset: 0, bytes: 0, framesLost: 0, text: "" }) as SpoolFinding;
  deepEqual(
    rows.filter((row) => (row[2] === "yes") !== isProblem(finding(row[1] ?? ""))),
    [],
  );
});

const releases = readdirSync(DATA).filter((name) => /^spool-v\d+$/.test(name));

test("a small spool of each release is kept", () => {
  ok(releases.includes("spool-v1"));
});

for (const release of releases) {
  interface Expected {
    readonly logId: string;
    readonly nextSequence: number;
    readonly accepted: unknown;
    readonly outcomes: unknown;
    readonly turnedAway: unknown;
    readonly pending: unknown;
    readonly deadLetters: number;
    readonly messages: readonly {
      readonly logSequence: number;
      readonly stream: string;
      readonly topic: string;
      readonly sequence: number;
    }[];
    readonly waiting: readonly number[];
  }
  const expected = JSON.parse(readFileSync(join(DATA, release, "expected.json"), "utf8")) as Expected;

  test(`this release reads the spool of ${release}: messages, numbers and counts, and goes on with it`, async (t) => {
    const data = join(temporary(t), "data");
    cpSync(join(DATA, release, "data"), data, { recursive: true });
    deepEqual((await inspectSpool(disk, data, true, () => undefined)).flatMap(({ findings }) => findings).filter(isProblem), []);
    const found: SpoolFinding[] = [];
    const deadLetters = { keepMs: 1e15, bytesMax: 1024 * 1024 * 1024 };
    const destinations = [{ name: FIXTURE_DESTINATION, bytesMax: 16 * 1024 * 1024, deadLetters }];
    const spool = await Spool.open({
      disk,
      dataFolder: data,
      destinations,
      topicsMax: 100,
      onFinding: (_, finding) => found.push(finding),
    });
    const log = spool.logs.get(FIXTURE_DESTINATION);
    ok(log !== undefined);
    deepEqual(found, []);
    equal(log.logId, expected.logId);
    const read = await readAll(log);
    deepEqual(
      read.map(described),
      expected.messages.filter(({ logSequence }) => expected.waiting.includes(logSequence)),
    );
    const { accepted, outcomes, turnedAway, pending, nextSequence } = log.status();
    deepEqual(JSON.parse(JSON.stringify({ accepted, outcomes, turnedAway, pending, nextSequence })), {
      accepted: expected.accepted,
      outcomes: expected.outcomes,
      turnedAway: expected.turnedAway,
      pending: expected.pending,
      nextSequence: expected.nextSequence,
    });
    equal(spool.deadLetters.get(FIXTURE_DESTINATION)?.messages, expected.deadLetters);
    for (const { stream, topic } of expected.messages) {
      const last = expected.messages.filter((each) => each.stream === stream && each.topic === topic).at(-1);
      equal(log.nextNumber(stream, topic), (last?.sequence ?? 0) + 1);
    }
    log.append(message("after"), true);
    await log.flush();
    await log.confirm((await readAll(log)).map(delivered));
    await spool.close();
    deepEqual((await inspectSpool(disk, data, true, () => undefined)).flatMap(({ findings }) => findings).filter(isProblem), []);
  });

  test(`the spool of ${release} takes control records in a segment of its own`, async (t) => {
    const data = join(temporary(t), "data");
    cpSync(join(DATA, release, "data"), data, { recursive: true });
    const folder = join(data, "spool", FIXTURE_DESTINATION);
    const before = segments(folder).map((path) => readFileSync(path));
    const log = await open(folder, [], true);
    equal(log.doubtfulFrom, null);
    equal(log.lanePosition("0"), null);
    await log.memory.set("cluster", release);
    await log.close();
    const after = segments(folder).map((path) => readFileSync(path));
    deepEqual(after.slice(0, -1), before);
    equal(after.at(-1)?.readUInt32LE(52), 0x0001_0000);
    const again = await open(folder, [], true);
    equal(again.memory.get("cluster"), release);
    equal((await readAll(again)).length, expected.waiting.length);
    await again.close();
  });

  test(`the decoder reads the spool of ${release}`, { skip: withoutPython }, () => {
    const folder = join(DATA, release, "data", "spool", FIXTURE_DESTINATION);
    ok(existsSync(folder));
    const { status, messages } = decode(folder);
    equal(status, 0);
    deepEqual(
      messages.map(withoutLog),
      expected.messages.map(({ logSequence, ...rest }) => ({ number: logSequence, ...rest })),
    );
    deepEqual(
      messages.filter(({ done }) => done === false).map(({ number }) => number),
      expected.waiting,
    );
  });
}

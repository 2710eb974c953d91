/** Spools that earlier releases left: this release and the decoder read them. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { DestinationLog } from "../src/flow/spool/destination-log.ts";
import { disk } from "../src/flow/spool/disk.ts";
import { isProblem, type SpoolFinding } from "../src/flow/spool/findings.ts";
import { inspectSpool } from "../src/flow/spool/inspect.ts";
import { Spool } from "../src/flow/spool/spool.ts";
import { delivered, message, readAll } from "../src/flow/spool/testing/fixtures.ts";
import { described, FIXTURE_DESTINATION } from "../src/flow/spool/testing/write-fixture.ts";
import { decode, decodeKept, exported, withoutLog, withoutPython } from "./spool-readers.ts";

const DATA = join(import.meta.dirname, "data");

interface Expected {
  readonly logId: string;
  readonly nextSequence: number;
  readonly accepted: unknown;
  readonly outcomes: unknown;
  readonly turnedAway: unknown;
  readonly pending: unknown;
  readonly deadLetters: number;
  /** Control records in force; absent: none. */
  readonly control?: readonly unknown[];
  readonly lanes?: Readonly<Record<string, unknown>>;
  /** How far each source was read; absent where no message comes from one that can be read again. */
  readonly progress?: Readonly<Record<string, number>>;
  readonly begun?: Readonly<Record<string, readonly string[]>>;
  readonly messages: readonly {
    readonly logSequence: number;
    readonly stream: string;
    readonly topic: string;
    readonly sequence: number;
  }[];
  readonly waiting: readonly number[];
}

/** A log that a release left, and what must be read from it. */
interface KeptLog {
  readonly release: string;
  readonly destination: string;
  readonly expected: Expected;
}

const releases = readdirSync(DATA).filter((name) => /^spool-v\d+(-[a-z]+)?$/.test(name));

function logsOf(release: string): readonly KeptLog[] {
  const expected = JSON.parse(readFileSync(join(DATA, release, "expected.json"), "utf8")) as Expected | Record<string, Expected>;
  // The oldest have one log.
  const byName = "logId" in expected ? { [FIXTURE_DESTINATION]: expected as Expected } : expected;
  return Object.entries(byName).map(([destination, each]) => ({ release, destination, expected: withDefaults(each) }));
}

/** A copy of what was left. */
function copyOf(release: string, t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-release-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const data = join(folder, "data");
  cpSync(join(DATA, release, "data"), data, { recursive: true });
  return data;
}

async function problems(data: string): Promise<readonly SpoolFinding[]> {
  return (await inspectSpool(disk, data, true, () => undefined)).flatMap(({ findings }) => findings).filter(isProblem);
}

function open(folder: string, destination: string): Promise<DestinationLog> {
  const room = { bytesMax: 16 * 1024 * 1024, topicsMax: 100, segmentBytesMax: 24 * 1024 };
  return DestinationLog.open({ disk, folder, destination, ...room, numbered: true, onFinding: () => undefined });
}

function segments(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder).filter((name) => name.endsWith(".segment"));
  return new Map(names.toSorted().map((name) => [name, readFileSync(join(folder, name))]));
}

/** As JSON has it: the tables have no prototype. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("small spools of each release are kept", () => {
  deepEqual(releases, ["spool-v1", "spool-v1-placed", "spool-v1-promises", "spool-v1-reused"]);
});

/** What messages are that were written before there was such a thing. */
function withDefaults(expected: Expected): Expected {
  return { ...expected, messages: expected.messages.map((message) => ({ exactlyOnce: false, ...message })) };
}

for (const { release, destination, expected } of releases.flatMap(logsOf)) {
  const what = `${destination} of ${release}`;
  const waiting = expected.messages.filter(({ logSequence }) => expected.waiting.includes(logSequence));

  test(`this release reads ${what}: messages, numbers and counts, and goes on with it`, async (t) => {
    const data = copyOf(release, t);
    deepEqual(await problems(data), []);
    const found: SpoolFinding[] = [];
    const deadLetters = { keepMs: 1e15, bytesMax: 1024 * 1024 * 1024 };
    const spool = await Spool.open({
      disk,
      dataFolder: data,
      destinations: [{ name: destination, bytesMax: 16 * 1024 * 1024, deadLetters, numbered: expected.control !== undefined }],
      topicsMax: 100,
      onFinding: (_, finding) => found.push(finding),
    });
    const log = spool.logs.get(destination);
    ok(log !== undefined);
    deepEqual(found, []);
    equal(log.logId, expected.logId);
    deepEqual((await readAll(log)).map(described), waiting);
    const { accepted, outcomes, turnedAway, pending, nextSequence } = log.status();
    deepEqual(plain({ accepted, outcomes, turnedAway, pending, nextSequence }), {
      accepted: expected.accepted,
      outcomes: expected.outcomes,
      turnedAway: expected.turnedAway,
      pending: expected.pending,
      nextSequence: expected.nextSequence,
    });
    deepEqual(log.state().control, expected.control ?? []);
    for (const [lane, position] of Object.entries(expected.lanes ?? {})) deepEqual(log.lanePosition(lane), position);
    if (expected.progress !== undefined) {
      const { progress, begun } = log.state();
      deepEqual(plain({ progress, begun }), { progress: expected.progress, begun: expected.begun });
    }
    equal(log.doubtfulFrom, null);
    equal(spool.deadLetters.get(destination)?.messages, expected.deadLetters);
    for (const { stream, topic } of expected.messages) {
      const last = expected.messages.filter((each) => each.stream === stream && each.topic === topic).at(-1);
      equal(log.nextNumber(stream, topic), (last?.sequence ?? 0) + 1);
    }
    log.append(message("after"), true);
    await log.flush();
    await log.confirm((await readAll(log)).map(delivered));
    await spool.close();
    deepEqual(await problems(data), []);
  });

  test(`${what} takes control records in a segment that says so, and changes none that doesn't`, async (t) => {
    const folder = join(copyOf(release, t), "spool", destination);
    const before = segments(folder);
    const log = await open(folder, destination);
    equal(log.doubtfulFrom, null);
    await log.memory.set("of this release", release);
    await log.close();
    const after = segments(folder);
    const changed = [...after].filter(([name, bytes]) => !(before.get(name)?.equals(bytes) ?? false));
    equal(changed.length, 1);
    equal((changed[0]?.[1].readUInt32LE(52) ?? 0) & 0x0001_0000, 0x0001_0000);
    const again = await open(folder, destination);
    equal(again.memory.get("of this release"), release);
    deepEqual((await readAll(again)).map(described), waiting);
    await again.close();
  });

  test(`decoder and export read ${what}`, { skip: withoutPython }, async () => {
    const folder = join(DATA, release, "data", "spool", destination);
    const { status, messages, told } = decode(folder);
    equal(told, "");
    equal(status, 0);
    const { messages: lines, findings } = await exported(folder);
    deepEqual(lines, messages);
    deepEqual(findings, []);
    deepEqual(
      messages.filter(({ done }) => done === false).map(({ number }) => number),
      expected.waiting,
    );
    const byNumber = new Map(expected.messages.map(({ logSequence, ...rest }) => [logSequence, { number: logSequence, ...rest }]));
    for (const each of messages) deepEqual(withoutLog(each), byNumber.get(each.number));
    ok(messages.every(({ logId }) => logId === expected.logId));
    const kept = decodeKept(folder);
    deepEqual(kept.control, expected.control ?? []);
    const { progress, begun } = kept;
    if (expected.progress !== undefined) deepEqual({ progress, begun }, { progress: expected.progress, begun: expected.begun });
    for (const [lane, position] of Object.entries(expected.lanes ?? {})) {
      const [, , number, told] = kept.lanes[lane] ?? [];
      deepEqual({ number, position: told }, position);
    }
  });
}

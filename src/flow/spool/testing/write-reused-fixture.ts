/**
 * Writes the other small spool that is kept for each release: `node src/flow/spool/testing/write-reused-fixture.ts FOLDER`.
 *
 * It has two logs as a kill leaves them. One is in the midst of compaction: segments that were rewritten, one that is
 * about to be, one that was left with copies in it after a sync that failed, a file in its second use, control records.
 * The other has a file that waits for its second use, and a cursor of which one slot was never written. `expected.json`
 * tells of each what must be read from it.
 */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { COMPACTING_FILE } from "../compaction.ts";
import { DestinationLog } from "../destination-log.ts";
import { SPOOL_FOLDER } from "../folders.ts";
import type { SpooledMessage } from "../spooled.ts";
import { delivered, FailingDisk, readAll } from "./fixtures.ts";
import { MemoryDisk, seededRandom } from "./memory-disk.ts";
import { described, FIXTURE_DESTINATION, KINDS } from "./write-fixture.ts";

const QUIET_DESTINATION = "quiet1";
/** What one round of messages fills. */
const SEGMENT_BYTES_MAX = 13 * 1024;
const LANE = "темы:0";

/** A log on a disk in memory, so that all of its files can be had as they are at one moment. */
export class FixtureLog {
  readonly disk: FailingDisk;
  readonly log: DestinationLog;
  /** Their lanes are stuck: they are not confirmed. */
  readonly stuck = new Set<number>();
  readonly #memory: MemoryDisk;
  readonly #folder: string;
  readonly #read = new Map<number, SpooledMessage>();

  private constructor(memory: MemoryDisk, disk: FailingDisk, folder: string, log: DestinationLog) {
    this.#memory = memory;
    this.disk = disk;
    this.#folder = folder;
    this.log = log;
  }

  static async open(destination: string): Promise<FixtureLog> {
    const memory = new MemoryDisk(seededRandom(1));
    const disk = new FailingDisk(memory);
    const folder = `/${SPOOL_FOLDER}/${destination}`;
    const room = { bytesMax: 16 * 1024 * 1024, segmentBytesMax: SEGMENT_BYTES_MAX, parkBytes: 2 * SEGMENT_BYTES_MAX };
    const settings = { disk, folder, destination, ...room, topicsMax: 100, numbered: true, onFinding: () => undefined };
    return new FixtureLog(memory, disk, folder, await DestinationLog.open(settings));
  }

  /** Each in a batch of its own, up to so many. */
  async append(round: number, count = KINDS.length): Promise<void> {
    for (const each of KINDS.slice(0, count)) {
      this.log.append({ ...each, eventId: `${each.eventId} ${round}` }, true);
      await this.log.flush();
    }
  }

  /** Confirms what waits below a number, but for what is stuck. */
  async confirm(below = Infinity): Promise<void> {
    for (const each of await readAll(this.log)) this.#read.set(each.logSequence, each);
    const chosen = [...this.#read.values()].filter(({ logSequence: number }) => number < below && !this.stuck.has(number));
    const waiting = chosen.filter(({ logSequence }) => !this.log.isConfirmed(logSequence));
    const position = { number: this.#read.size, position: "some offset" };
    await this.log.confirm(waiting.map((each) => ({ ...delivered(each), lane: LANE, position })));
    await settled();
  }

  /** Writes the files as they are into a folder. @returns What must be read from them. */
  keep(data: string): unknown {
    const folder = join(data, this.#folder);
    mkdirSync(folder, { recursive: true });
    const paths = this.#memory.files(this.#folder);
    for (const path of paths) writeFileSync(join(folder, basename(path)), this.#memory.bytes(path), { mode: 0o600 });
    const { logId, nextSequence, accepted, outcomes, turnedAway } = this.log.status();
    const messages = [...this.#read.values()];
    const waiting = messages.filter(({ logSequence }) => !this.log.isConfirmed(logSequence));
    const pending: Record<string, Record<string, number>> = {};
    for (const { stream, tenant } of waiting) {
      const row = (pending[stream] ??= {});
      row[tenant] = (row[tenant] ?? 0) + 1;
    }
    return {
      logId,
      nextSequence,
      accepted,
      outcomes,
      turnedAway,
      pending,
      deadLetters: 0,
      control: this.log.state().control,
      lanes: { [LANE]: this.log.lanePosition(LANE) },
      messages: messages.map(described),
      waiting: waiting.map(({ logSequence }) => logSequence),
    };
  }
}

/** What goes on in the background has come to its end: on a disk in memory it takes nothing but turns. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 5_000; turns++) await Promise.resolve();
}

async function writeCompacted(data: string): Promise<unknown> {
  const fixture = await FixtureLog.open(FIXTURE_DESTINATION);
  const { log, disk, stuck } = fixture;
  await log.memory.set("cluster", { id: "größe", topics: ["темы"] });
  await log.memory.set("forgotten", 1);
  for (let round = 1; round <= 6; round++) {
    await fixture.append(round);
    if (round % 2 === 0) stuck.add(log.durableSequence - 1);
    await fixture.confirm();
  }
  await log.memory.set("forgotten", null);
  for (const number of stuck) await log.skip(LANE, number, "SST_DESTINATION_REFUSED");
  const failures = ["sync", "truncate"];
  let [isAtEnd, kept]: [boolean, unknown] = [false, null];
  disk.fail = (operation, path) => {
    if (operation === "rename" && basename(path) === COMPACTING_FILE && isAtEnd) kept ??= fixture.keep(data);
    if (operation !== failures[0] || !path.endsWith(".segment")) return null;
    failures.shift();
    return "EIO";
  };
  // What the sync was for is written again to another segment; the one that is left is not cut, either.
  await fixture.append(7);
  // The lane of the oldest gets on: its segment goes, and the next one is written over it.
  const [oldest = 0] = stuck;
  stuck.delete(oldest);
  await fixture.confirm(oldest + 1);
  await fixture.append(8, 1);
  isAtEnd = true;
  await fixture.confirm();
  await log.close();
  assert(kept !== null, "something was compacted at the end");
  return kept;
}

async function writeQuiet(data: string): Promise<unknown> {
  const fixture = await FixtureLog.open(QUIET_DESTINATION);
  await fixture.append(1);
  await fixture.append(2, 2);
  await fixture.confirm(fixture.log.durableSequence - 1);
  const kept = fixture.keep(data);
  await fixture.log.close();
  return kept;
}

async function write(folder: string): Promise<void> {
  const data = join(folder, "data");
  const expected = { [FIXTURE_DESTINATION]: await writeCompacted(data), [QUIET_DESTINATION]: await writeQuiet(data) };
  writeFileSync(join(folder, "expected.json"), `${JSON.stringify(expected, null, 1)}\n`);
}

if (import.meta.main) await write(process.argv[2] ?? "");

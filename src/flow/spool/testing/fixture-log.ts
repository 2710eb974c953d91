/** A log whose files are written to a folder as they are at one moment, as a kill leaves them, with what must be read from them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { DestinationLog } from "../destination-log.ts";
import { SPOOL_FOLDER } from "../folders.ts";
import type { SpooledMessage } from "../spooled.ts";
import { delivered, FailingDisk, readAll } from "./fixtures.ts";
import { MemoryDisk, seededRandom } from "./memory-disk.ts";
import { described, KINDS } from "./write-fixture.ts";

/** What one round of messages fills. */
const SEGMENT_BYTES_MAX = 13 * 1024;
export const LANE = "темы:0";

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

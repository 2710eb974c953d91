/**
 * Random logs whose files are rewritten, made ahead, used again and left after a sync that failed, as a kill leaves them
 * at any operation: the decoder, `sidestream spool export` and a start of the program read the same from each.
 */
import { deepEqual, equal } from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test, type TestContext } from "node:test";
import { DestinationLog } from "../src/flow/spool/destination-log.ts";
import { disk } from "../src/flow/spool/disk.ts";
import type { SpoolFinding } from "../src/flow/spool/findings.ts";
import type { DestinationLogSettings } from "../src/flow/spool/log-settings.ts";
import { delivered, FailingDisk, message, readAll } from "../src/flow/spool/testing/fixtures.ts";
import { MemoryDisk, seededRandom, type Random } from "../src/flow/spool/testing/memory-disk.ts";
import { asDecoded, decode, decodeKept, exported, withoutLog, withoutPython } from "./spool-readers.ts";

const FOLDER = "/data/spool/out";
const STEPS = 60;
const HISTORIES_MAX = 60;
/** Readers take their time: as many moments as can be looked at in some seconds, more where a kind of file is missing. */
const IMAGES = 12;

type Shape = Omit<DestinationLogSettings, "disk" | "folder" | "destination" | "onFinding">;

/** The files of a log at one moment, by name. */
type Image = ReadonlyMap<string, Buffer>;

const KINDS_OF_FILES = ["compacted", "compacting", "spare", "used again", "left"] as const;

/** What there is in it of what this is about. */
function kindsIn(image: Image): Set<string> {
  const kinds = new Set<string>([...image.keys()].filter((name) => name === "spare" || name === "compacting"));
  const segments = [...image].filter(([name, bytes]) => name.endsWith(".segment") && bytes.length > 8_192);
  for (const [index, [, bytes]] of segments.entries()) {
    const flags = bytes.readUInt32LE(52);
    const isSealed = bytes.toString("latin1", bytes.length - 32, bytes.length - 24) === "SSTTRAIL";
    if ((flags & 0x0002_0000) !== 0) kinds.add("compacted");
    if ((flags & 1) !== 0) kinds.add("used again");
    if (index < segments.length - 1 && !isSealed) kinds.add("left");
  }
  return kinds;
}

function shapeOf(random: Random): Shape {
  // A quarter of the larger ones has room for a few messages: small ones that were compacted are joined.
  const segmentBytesMax = random(2) === 0 ? 11_000 + random(12_000) : 48_000;
  return {
    segmentBytesMax,
    bytesMax: 64 * 1024 + (random(3) === 0 ? 8 * segmentBytesMax : 4_000_000),
    topicsMax: 10,
    numbered: random(2) === 0,
    parkBytes: segmentBytesMax * (1 + random(3)),
    whenFull: random(3) === 0 ? "drop-oldest" : "drop-newest",
  };
}

/** A program's life with a log, on a disk in memory whose files can be had as they are at one moment. */
class RandomLife {
  readonly shape: Shape;
  readonly images: Image[] = [];
  readonly #random: Random;
  readonly #memory: MemoryDisk;
  readonly #disk: FailingDisk;
  #log: DestinationLog | null = null;
  #messages = 0;
  #seen = "";
  /** Operations on segments that fail, in this order. */
  #faults: string[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.shape = shapeOf(random);
    this.#memory = new MemoryDisk(random);
    this.#disk = new FailingDisk(this.#memory);
    this.#disk.fail = (operation, path) => {
      this.#look();
      if (this.#faults[0] !== operation || !path.endsWith(".segment")) return null;
      this.#faults.shift();
      return "EIO";
    };
  }

  async run(): Promise<void> {
    await this.#open();
    for (let step = 0; step < STEPS; step++) await this.#step();
    await this.#close();
    this.#look(true);
  }

  get #opened(): DestinationLog {
    return this.#log as DestinationLog;
  }

  /** Keeps the files when other kinds of them are there than before. */
  #look(isAlways = false): void {
    const image = new Map(this.#memory.files(FOLDER).map((path) => [basename(path), this.#memory.bytes(path)]));
    const kinds = [...kindsIn(image)].join();
    if (!isAlways && kinds === this.#seen) return;
    this.#seen = kinds;
    this.images.push(new Map([...image].map(([name, bytes]) => [name, Buffer.from(bytes)])));
  }

  async #open(): Promise<void> {
    const settings = { ...this.shape, disk: this.#disk, folder: FOLDER, destination: "out", onFinding: () => undefined };
    this.#log = await DestinationLog.open(settings);
  }

  async #close(): Promise<void> {
    this.#faults = [];
    await this.#opened.close();
  }

  async #step(): Promise<void> {
    const kind = this.#random(16);
    if (kind < 8) return this.#append(1 + this.#random(4));
    if (kind < 12) return this.#confirm(1 + this.#random(5));
    if (kind === 12) {
      // What it was for is written again to another segment; now and then the copy can't be cut off.
      this.#faults = this.#random(2) === 0 ? ["sync"] : ["sync", "truncate"];
      return this.#append(2);
    }
    if (kind === 13 && this.shape.numbered === true) return this.#remember();
    if (kind === 14) {
      await this.#close();
      return this.#open();
    }
    for (let turns = this.#random(200); turns > 0; turns--) await Promise.resolve();
  }

  async #append(count: number): Promise<void> {
    const log = this.#opened;
    const bytesMax = (this.shape.segmentBytesMax ?? 0) / 4;
    for (let left = count; left > 0; left--) {
      const id = `m${this.#messages++}`;
      const given = message(id, { value: Buffer.alloc(this.#random(bytesMax), id), tenant: `t${this.#random(3)}` });
      if (log.roomBytes > bytesMax + 1_000) log.append(given, true);
    }
    await log.flush();
  }

  /** Some of what waits; the messages of one lane are stuck most of the time. */
  async #confirm(share: number): Promise<void> {
    const isStuck = this.#random(5) > 0;
    const waiting = (await readAll(this.#opened)).filter(({ logSequence }) => !isStuck || logSequence % 7 !== 3);
    const chosen = waiting.filter(() => this.#random(5) < share);
    await this.#opened.confirm(chosen.map((each) => ({ ...delivered(each), lane: laneOf(each.logSequence) })));
  }

  /** A record of a driver, and a message that is taken out of its lane's numbers. */
  async #remember(): Promise<void> {
    const { memory } = this.#opened;
    await memory.set(`name ${this.#random(3)}`, this.#random(3) === 0 ? null : "x".repeat(this.#random(500)));
    const [first] = await readAll(this.#opened);
    if (first !== undefined) await memory.skip(laneOf(first.logSequence), first.logSequence, "SST_DESTINATION_REFUSED");
  }
}

function laneOf(logSequence: number): string {
  return `lane ${logSequence % 3}`;
}

function written(image: Image, t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-reuse-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of image) writeFileSync(join(folder, name), bytes);
  return folder;
}

/** Holds what three readers find against each other. */
async function agree(folder: string, shape: Shape): Promise<void> {
  const { status, messages, told } = decode(folder);
  const kept = shape.numbered === true ? decodeKept(folder) : { control: [], lanes: {} };
  const { messages: lines, findings: exportTold } = await exported(folder);
  deepEqual(lines, messages, "decoder and export print the same");
  const findings: SpoolFinding[] = [];
  const log = await DestinationLog.open({ ...shape, disk, folder, destination: "out", onFinding: (each) => findings.push(each) });
  try {
    const waiting = (await readAll(log)).map(asDecoded);
    deepEqual(messages.filter(({ done }) => done === false).map(withoutLog), waiting, "what isn't done is sent");
    deepEqual(kept.control, log.state().control);
    for (const lane of Object.keys(kept.lanes)) equal(log.lanePosition(lane), null);
    deepEqual([status, log.stopped, log.doubtfulFrom], [0, null, null], told);
  } finally {
    await log.close();
  }
  deepEqual(exportTold, findings);
  equal(
    told.includes("never finished from byte"),
    findings.some(({ kind }) => kind === "cut-tail"),
    told,
  );
}

test(
  "decoder, export and a start read the same from logs whose files are rewritten and used again",
  { skip: withoutPython, timeout: 120_000 },
  async (t) => {
    const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1_000_000));
    t.diagnostic(`seed ${seed}`);
    const seen = new Set<string>();
    const missing = () => KINDS_OF_FILES.filter((kind) => ![...seen].some((kinds) => kinds.includes(kind)));
    let images = 0;
    for (let history = 0; history < HISTORIES_MAX && (images < IMAGES || missing().length > 0); history++) {
      const life = new RandomLife(seededRandom(seed + history));
      await life.run();
      for (const [index, image] of life.images.entries()) {
        const kinds = [...kindsIn(image)].toSorted().join();
        if (seen.has(kinds) || (images >= IMAGES && !missing().some((kind) => kinds.includes(kind)))) continue;
        seen.add(kinds);
        images += 1;
        await agree(written(image, t), life.shape).catch((error: unknown) => {
          throw new Error(`SEED=${seed}, history ${history}, image ${index} of ${JSON.stringify(life.shape)}`, { cause: error });
        });
      }
    }
    t.diagnostic(`${images} moments: ${[...seen].join("; ")}`);
    deepEqual(missing(), []);
  },
);

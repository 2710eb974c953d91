/**
 * The cursor: which messages of a log are done, kept in two checksummed slots that are written in turn.
 *
 * Promise: after a crash the newer whole slot counts; at worst, messages confirmed since are sent again. Confirmations
 * that come while a slot is written go into the next one together.
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { LanePosition } from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import { ConfirmedRanges } from "./confirmed-ranges.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { readU64, writeU64 } from "./format.ts";
import { OutcomeCounts, type OutcomeTable } from "./outcome-counts.ts";
import type { Confirmation } from "./spooled.ts";

export const CURSOR_FILES = ["cursor-0", "cursor-1"] as const;
const CURSOR_MAGIC = Buffer.from("SSTCURSR", "latin1");
const CURSOR_VERSION = 1;
const CURSOR_HEADER_BYTES = 32;
/** Larger than the tables can grow; a length above it is damage. */
const CURSOR_BYTES_MAX = 64 * 1024 * 1024;

/** Last confirmed number and its time; where the lane is numbered, its next number and what the destination last said. */
export type LaneEntry = readonly [number, number] | readonly [number, number, number, string | null];

export interface CursorRecord {
  readonly version: 1;
  /** Every message below it is done. */
  readonly lowWater: number;
  /** Done above it: from (inclusive), to (exclusive). */
  readonly ranges: readonly (readonly [number, number])[];
  readonly lanes: Record<string, LaneEntry>;
  /** Per lane: its messages that were ever handed to a send have lower numbers. Without those that all are done below. */
  readonly sentBelow?: Readonly<Record<string, number>>;
  /** Absent: no number is in doubt. */
  readonly doubtful?: DoubtfulNumbers;
  readonly outcomes: OutcomeTable;
  /** Messages that were given up before they reached the log; they count as accepted and dropped. */
  readonly turnedAway: OutcomeTable;
}

/**
 * From the first number on messages are missing that may have been sent. A lane is rid of it once a message of it is
 * confirmed whose number is the second at least: the end of the log when that was found.
 */
export type DoubtfulNumbers = readonly [from: number, until: number];

export interface CursorSlot {
  readonly generation: number;
  readonly record: CursorRecord;
}

/** `absent`: no file. `empty`: made, never written. `damaged`: written, and not whole. */
export type SlotState = CursorSlot | "absent" | "empty" | "damaged";

export class Cursor {
  readonly ranges: ConfirmedRanges;
  readonly outcomes: OutcomeCounts;
  readonly turnedAway: OutcomeCounts;
  doubtful: DoubtfulNumbers | null;
  /** As the next slot will have them, and as the slot on disk has them. */
  readonly #sentBelow: Map<string, number>;
  #savedSentBelow: ReadonlyMap<string, number>;
  /** The slots as they were found. */
  readonly found: readonly SlotState[];
  readonly #files: readonly DiskFile[];
  readonly #lanes: Map<string, LaneEntry>;
  #savedLowWater: number;
  #generation: number;
  /** Index of the slot that is written next: never the one that counts. */
  #nextSlot: number;
  #dirty = false;
  /** The write that runs or ran last; never rejects. */
  #last: Promise<void> = Promise.resolve();
  /** The write that has yet to begin; whoever saves now shares it. */
  #waiting: Promise<void> | null = null;

  private constructor(files: readonly DiskFile[], found: readonly SlotState[]) {
    const slot = newestSlot(found);
    this.#nextSlot = found.indexOf(slot) === 1 ? 0 : 1;
    this.found = found;
    this.#files = files;
    this.#generation = slot.generation;
    this.#lanes = new Map(Object.entries(slot.record.lanes));
    this.doubtful = slot.record.doubtful ?? null;
    this.#sentBelow = new Map(Object.entries(slot.record.sentBelow ?? {}));
    this.#savedSentBelow = new Map(this.#sentBelow);
    this.#savedLowWater = slot.record.lowWater;
    this.ranges = new ConfirmedRanges(slot.record.lowWater, slot.record.ranges);
    this.outcomes = new OutcomeCounts(slot.record.outcomes);
    this.turnedAway = new OutcomeCounts(slot.record.turnedAway);
  }

  /** Opens the cursor of a log folder, making it when the log is new. */
  static async open(disk: Disk, folder: string): Promise<Cursor> {
    const files: DiskFile[] = [];
    const found: SlotState[] = [];
    try {
      for (const name of CURSOR_FILES) {
        const path = join(folder, name);
        const isThere = await disk.exists(path);
        const file = await disk.open(path, isThere ? "write" : "create");
        files.push(file);
        found.push(isThere ? await readSlot(file) : "absent");
        // After a crash of the process alone, what was just read may not be on disk yet.
        await file.sync();
      }
      if (found.includes("absent")) await disk.syncFolder(folder);
    } catch (error) {
      await Promise.allSettled(files.map((file) => file.close()));
      throw error;
    }
    return new Cursor(files, found);
  }

  /** Low-water mark of the slot that is on disk: only what is below it may be removed. */
  get savedLowWater(): number {
    return this.#savedLowWater;
  }

  /** Highest number below which any lane may have sent. */
  get sentEnd(): number {
    return Math.max(0, ...this.#sentBelow.values());
  }

  /** A lane's messages that may have been sent have lower numbers. */
  sentBelow(lane: string): number {
    return this.#sentBelow.get(lane) ?? 0;
  }

  /** The same, as the slot on disk has it. */
  savedSentBelow(lane: string): number {
    return this.#savedSentBelow.get(lane) ?? 0;
  }

  /** The lane is about to send; `save` makes it last. */
  maySend(lane: string, below: number): void {
    this.#sentBelow.set(lane, below);
  }

  /** Marks one message as done; `save` makes it last. False when it was marked before. */
  mark(confirmation: Confirmation, tenant: string, nowMs: number): boolean {
    const { logSequence, lane, position } = confirmation;
    const isNew = this.ranges.add(logSequence);
    if (isNew) this.outcomes.add(confirmation.stream, tenant, confirmation.outcome, confirmation.reason, 1);
    if (lane === null) return isNew;
    const known = this.#lanes.get(lane);
    if (position !== undefined) {
      // What damage took before it was confirmed counts as dropped, but its number was used.
      if (isNew || position.number > (known?.[2] ?? 0)) this.#lanes.set(lane, [logSequence, nowMs, position.number, position.position]);
    } else if (isNew) {
      this.#lanes.set(lane, known?.[2] === undefined ? [logSequence, nowMs] : [logSequence, nowMs, known[2], known[3] ?? null]);
    }
    return isNew;
  }

  /** Where a numbered lane stands with all that was marked; null when nothing of it ever was. */
  lanePosition(lane: string): LanePosition | null {
    const [, , number, position] = this.#lanes.get(lane) ?? [];
    return number === undefined ? null : { number, position: position ?? null };
  }

  /** Number in the log of a lane's last confirmed message; null when there is none. */
  lastConfirmed(lane: string): number | null {
    return this.#lanes.get(lane)?.[0] ?? null;
  }

  /** Something changed that the next slot must carry. */
  touch(): void {
    this.#dirty = true;
  }

  /** Writes the cursor as it stands; settles once it is on disk. Calls during a write share the next one. */
  save(): Promise<void> {
    this.#dirty = true;
    if (this.#waiting === null) {
      this.#waiting = this.#last.then(() => this.#write());
      this.#last = this.#waiting.catch(() => undefined);
    }
    return this.#waiting;
  }

  /** Writes what changed and lets the files go, also when the write fails. */
  async close(): Promise<void> {
    try {
      await this.#last;
      if (this.#dirty) await this.save();
    } finally {
      await Promise.all(this.#files.map((file) => file.close()));
    }
  }

  /** Overwrites the older slot; the newer one stays until this one is on disk, also when it has to be tried again. */
  async #write(): Promise<void> {
    this.#waiting = null;
    this.#dirty = false;
    const generation = this.#generation + 1;
    const { lowWater } = this.ranges;
    for (const [lane, below] of this.#sentBelow) if (below <= lowWater) this.#sentBelow.delete(lane); // Nothing is left of it.
    const sentBelow = new Map(this.#sentBelow);
    const slot = encodeSlot({ generation, record: this.#record() });
    const file = this.#files[this.#nextSlot] as DiskFile;
    try {
      await file.write(slot, 0);
      await file.sync();
    } catch (error) {
      this.#dirty = true;
      throw error;
    }
    this.#generation = generation;
    this.#nextSlot = 1 - this.#nextSlot;
    this.#savedLowWater = lowWater;
    this.#savedSentBelow = sentBelow;
  }

  #record(): CursorRecord {
    return {
      version: 1,
      lowWater: this.ranges.lowWater,
      ranges: this.ranges.above(),
      lanes: Object.fromEntries(this.#lanes),
      ...(this.#sentBelow.size === 0 ? {} : { sentBelow: Object.fromEntries(this.#sentBelow) }),
      ...(this.doubtful === null ? {} : { doubtful: this.doubtful }),
      outcomes: this.outcomes.table(),
      turnedAway: this.turnedAway.table(),
    };
  }
}

/** Reads both slots of a log folder. */
export async function readSlots(disk: Disk, folder: string): Promise<readonly SlotState[]> {
  const slots: SlotState[] = [];
  for (const name of CURSOR_FILES) {
    const path = join(folder, name);
    if (!(await disk.exists(path))) {
      slots.push("absent");
      continue;
    }
    const file = await disk.open(path, "read");
    try {
      slots.push(await readSlot(file));
    } finally {
      await file.close();
    }
  }
  return slots;
}

const EMPTY_SLOT: CursorSlot = {
  generation: 0,
  record: { version: 1, lowWater: 1, ranges: [], lanes: {}, outcomes: {}, turnedAway: {} },
};

/** The slot that counts: the newer whole one; where there is none, that of a new log. */
export function newestSlot(slots: readonly SlotState[]): CursorSlot {
  let newest = EMPTY_SLOT;
  for (const slot of slots) if (typeof slot === "object" && slot.generation > newest.generation) newest = slot;
  return newest;
}

/**
 * True when what the cursor knew is gone: both slots are damaged, or files are missing of a log that has segments. One
 * damaged and one empty slot are a first write that never ended: nothing was known yet.
 */
export function isCursorLost(slots: readonly SlotState[], logIsNew: boolean): boolean {
  if (logIsNew || slots.some((slot) => typeof slot === "object")) return false;
  return slots.includes("absent") || slots.every((slot) => slot === "damaged");
}

export function encodeSlot(slot: CursorSlot): Buffer {
  const payload = Buffer.from(JSON.stringify(slot.record), "utf8");
  const bytes = Buffer.alloc(CURSOR_HEADER_BYTES + payload.length);
  CURSOR_MAGIC.copy(bytes, 0);
  bytes.writeUInt32LE(CURSOR_VERSION, 8);
  bytes.writeUInt32LE(payload.length, 12);
  writeU64(bytes, slot.generation, 16);
  payload.copy(bytes, CURSOR_HEADER_BYTES);
  bytes.writeUInt32LE(crc32(payload, crc32(bytes.subarray(0, 24))), 24);
  return bytes;
}

async function readSlot(file: DiskFile): Promise<SlotState> {
  const header = Buffer.alloc(CURSOR_HEADER_BYTES);
  const headerBytes = await file.read(header, 0);
  if (headerBytes === 0) return "empty";
  if (headerBytes < CURSOR_HEADER_BYTES || header.compare(CURSOR_MAGIC, 0, 8, 0, 8) !== 0) return "damaged";
  const payloadBytes = header.readUInt32LE(12);
  if (payloadBytes > CURSOR_BYTES_MAX) return "damaged";
  const payload = Buffer.alloc(payloadBytes);
  if ((await file.read(payload, CURSOR_HEADER_BYTES)) < payloadBytes) return "damaged";
  if (header.readUInt32LE(24) !== crc32(payload, crc32(header.subarray(0, 24)))) return "damaged";
  const version = header.readUInt32LE(8);
  if (version > CURSOR_VERSION)
    throw new SidestreamError("SST_SPOOL_VERSION", `the cursor has format ${version}; this release reads up to ${CURSOR_VERSION}`);
  return { generation: readU64(header, 16), record: JSON.parse(payload.toString("utf8")) as CursorRecord };
}

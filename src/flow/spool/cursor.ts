/**
 * The cursor: which messages of a log are done, kept in two checksummed slots that are written in turn.
 *
 * Promise: after a crash the newer whole slot counts; at worst, messages confirmed since are sent again. Confirmations
 * that come while a slot is written go into the next one together.
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
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

export interface CursorRecord {
  readonly version: 1;
  /** Every message below it is done. */
  readonly lowWater: number;
  /** Done above it: from (inclusive), to (exclusive). */
  readonly ranges: readonly (readonly [number, number])[];
  /** Last confirmed number and its time, per lane. */
  readonly lanes: Record<string, readonly [number, number]>;
  readonly outcomes: OutcomeTable;
  /** Messages that were given up before they reached the log; they count as accepted and dropped. */
  readonly turnedAway: OutcomeTable;
}

export interface CursorSlot {
  readonly generation: number;
  readonly record: CursorRecord;
}

export class Cursor {
  readonly ranges: ConfirmedRanges;
  readonly outcomes: OutcomeCounts;
  readonly turnedAway: OutcomeCounts;
  readonly #files: readonly [DiskFile, DiskFile];
  readonly #lanes: Map<string, readonly [number, number]>;
  #generation: number;
  #dirty = false;
  #writing: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  private constructor(files: readonly [DiskFile, DiskFile], slot: CursorSlot) {
    this.#files = files;
    this.#generation = slot.generation;
    this.#lanes = new Map(Object.entries(slot.record.lanes));
    this.ranges = new ConfirmedRanges(slot.record.lowWater, slot.record.ranges);
    this.outcomes = new OutcomeCounts(slot.record.outcomes);
    this.turnedAway = new OutcomeCounts(slot.record.turnedAway);
  }

  /** Opens the cursor of a log folder, making it when the log is new. */
  static async open(disk: Disk, folder: string): Promise<Cursor> {
    const files: DiskFile[] = [];
    let created = false;
    for (const name of CURSOR_FILES) {
      const path = join(folder, name);
      const isThere = await disk.exists(path);
      created ||= !isThere;
      files.push(await disk.open(path, isThere ? "write" : "create"));
    }
    if (created) await disk.syncFolder(folder);
    const [first, second] = files as [DiskFile, DiskFile];
    return new Cursor([first, second], newer(await readSlot(first), await readSlot(second)));
  }

  /** Marks one message as done; `save` makes it last. False when it was marked before. */
  mark(confirmation: Confirmation, tenant: string, nowMs: number): boolean {
    if (!this.ranges.add(confirmation.logSequence)) return false;
    this.outcomes.add(confirmation.stream, tenant, confirmation.outcome, confirmation.reason, 1);
    this.#lanes.set(String(confirmation.lane), [confirmation.logSequence, nowMs]);
    return true;
  }

  /** Something changed that the next slot must carry. */
  touch(): void {
    this.#dirty = true;
  }

  /** Writes the cursor as it stands; settles once it is on disk. Calls during a write share the next one. */
  save(): Promise<void> {
    this.#dirty = true;
    if (this.#writing === null) return this.#write();
    this.#next ??= this.#writing.then(
      () => this.#write(),
      () => this.#write(),
    );
    return this.#next;
  }

  async close(): Promise<void> {
    await this.#writing?.catch(() => undefined);
    await this.#next?.catch(() => undefined);
    if (this.#dirty) await this.save();
    for (const file of this.#files) await file.close();
  }

  #write(): Promise<void> {
    this.#next = null;
    this.#dirty = false;
    const generation = this.#generation + 1;
    const slot = encodeSlot({ generation, record: this.#record() });
    this.#writing = this.#writeSlot(generation, slot).finally(() => (this.#writing = null));
    return this.#writing;
  }

  async #writeSlot(generation: number, slot: Buffer): Promise<void> {
    const file = this.#files[generation % 2 === 0 ? 0 : 1];
    try {
      await file.write(slot, 0);
      await file.sync();
      this.#generation = generation;
    } catch (error) {
      this.#dirty = true;
      throw error;
    }
  }

  #record(): CursorRecord {
    return {
      version: 1,
      lowWater: this.ranges.lowWater,
      ranges: this.ranges.above(),
      lanes: Object.fromEntries(this.#lanes),
      outcomes: this.outcomes.table(),
      turnedAway: this.turnedAway.table(),
    };
  }
}

/** Reads both slots of a log folder and gives the newer whole one. */
export async function readCursor(disk: Disk, folder: string): Promise<CursorSlot> {
  const slots: (CursorSlot | null)[] = [];
  for (const name of CURSOR_FILES) {
    const path = join(folder, name);
    if (!(await disk.exists(path))) continue;
    const file = await disk.open(path, "read");
    slots.push(await readSlot(file).finally(() => file.close()));
  }
  return newer(slots[0] ?? null, slots[1] ?? null);
}

const EMPTY_SLOT: CursorSlot = {
  generation: 0,
  record: { version: 1, lowWater: 1, ranges: [], lanes: {}, outcomes: {}, turnedAway: {} },
};

function newer(first: CursorSlot | null, second: CursorSlot | null): CursorSlot {
  if (first === null || second === null) return first ?? second ?? EMPTY_SLOT;
  return first.generation > second.generation ? first : second;
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

async function readSlot(file: DiskFile): Promise<CursorSlot | null> {
  const header = Buffer.alloc(CURSOR_HEADER_BYTES);
  if ((await file.read(header, 0)) < CURSOR_HEADER_BYTES || header.compare(CURSOR_MAGIC, 0, 8, 0, 8) !== 0) return null;
  const payloadBytes = header.readUInt32LE(12);
  if (payloadBytes > CURSOR_BYTES_MAX) return null;
  const payload = Buffer.alloc(payloadBytes);
  if ((await file.read(payload, CURSOR_HEADER_BYTES)) < payloadBytes) return null;
  if (header.readUInt32LE(24) !== crc32(payload, crc32(header.subarray(0, 24)))) return null;
  const version = header.readUInt32LE(8);
  if (version > CURSOR_VERSION) throw new SidestreamError("SST_SPOOL_VERSION", `the cursor has format ${version}; this release reads up to ${CURSOR_VERSION}`);
  return { generation: readU64(header, 16), record: JSON.parse(payload.toString("utf8")) as CursorRecord };
}

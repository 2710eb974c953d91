/**
 * A cursor as it stands on disk: one of two files, the slots, that are written in turn.
 *
 * Promise: a slot is whole or it doesn't count. Its file has its blocks before it is needed, so that a disk that is full
 * to the last byte still takes what is confirmed, which is what makes room again.
 *
 * @see docs/spool-format.md, section 4
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { SidestreamError } from "../../errors.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { readU64, writeU64 } from "./format.ts";
import type { OutcomeTable } from "./outcome-counts.ts";

export const CURSOR_FILES = ["cursor-0", "cursor-1"] as const;
const CURSOR_MAGIC = Buffer.from("SSTCURSR", "latin1");
const CURSOR_VERSION = 1;
const CURSOR_HEADER_BYTES = 32;
/** Larger than the tables can grow; a length above it is damage. */
const CURSOR_BYTES_MAX = 64 * 1024 * 1024;
/** What a slot's file takes from the start: the cursor of most logs. */
const SLOT_BYTES_MIN = 64 * 1024;

/** Last confirmed number and its time; where the lane is numbered, its next number and what the destination last said. */
export type LaneEntry = readonly [number, number] | readonly [number, number, number, string | null];

export interface CursorRecord {
  readonly version: 1;
  /** Every message below it is done. */
  readonly lowWater: number;
  /** Done above it: from (inclusive), to (exclusive). */
  readonly ranges: readonly (readonly [number, number])[];
  /** Numbers below it that have no frame are done, by what compacted segments say. Absent: 0. */
  readonly compactedBelow?: number;
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

/** `absent`: no file. `empty`: made, never written: all zeros. `damaged`: written, and not whole. */
export type SlotState = CursorSlot | "absent" | "empty" | "damaged";

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

/** Opens a slot's file, making it when it isn't there, and reads it. What was read is synced: a crash of the process alone may have left it in memory. */
export async function openSlot(
  disk: Disk,
  path: string,
): Promise<{ readonly file: DiskFile; readonly bytes: number; readonly found: SlotState }> {
  const isThere = await disk.exists(path);
  const file = await disk.open(path, isThere ? "write" : "create");
  try {
    const found = isThere ? await readSlot(file) : "absent";
    // What is there is written again: after a sync that failed the system may take it for written.
    const content = Buffer.alloc(isThere ? await file.size() : SLOT_BYTES_MIN);
    if (isThere) await file.read(content, 0);
    await file.writeSynced(content, 0);
    return { file, bytes: content.length, found };
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
}

/** Bytes that a slot's file should have for so many: half of it is room to grow. */
export function slotFileBytes(slotBytes: number): number {
  let bytes = SLOT_BYTES_MIN;
  while (bytes < slotBytes * 2) bytes *= 2;
  return bytes;
}

/** Never written, as far as its file tells. */
async function isBlank(file: DiskFile): Promise<boolean> {
  const bytes = Buffer.alloc(Math.min(await file.size(), CURSOR_HEADER_BYTES + CURSOR_BYTES_MAX));
  const read = await file.read(bytes, 0);
  return isZero(bytes.subarray(0, read));
}

function isZero(bytes: Buffer): boolean {
  return bytes.equals(Buffer.alloc(bytes.length));
}

async function readSlot(file: DiskFile): Promise<SlotState> {
  const header = Buffer.alloc(CURSOR_HEADER_BYTES);
  const headerBytes = await file.read(header, 0);
  if (isZero(header) && (await isBlank(file))) return "empty";
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

/** A segment of a log as the program knows it: its file, what is in it, and the summary that closes it. */
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { NumberRange } from "./confirmed-ranges.ts";
import { TenantCounts, type LogStateRecord, type StreamTable } from "./log-state.ts";
import type { DiskFile } from "./disk.ts";
import {
  align,
  BATCH_HEADER_BYTES,
  DATA_OFFSET,
  decodeSegmentHeader,
  encodeBatchHeader,
  encodeFrameHeader,
  FLAG_COMPACTED,
  FORMAT_VERSION,
  FRAME_HEADER_BYTES,
  FRAME_TYPES,
  type LogKind,
  type SegmentHeader,
} from "./format.ts";
import { scanFrames, type ScanPosition } from "./segment-scan.ts";

export const SEGMENT_SUFFIX = ".segment";
/** Suffix of a file that damage was found in: set aside for a person to look at, never deleted by the program. */
export const DAMAGED_SUFFIX = ".damaged";
const SEGMENT_BYTES_MIN = 256 * 1024;
const SEGMENT_FILE = /^(\d{16})\.segment(\.damaged)?$/;
const TRAILER_MAGIC = Buffer.from("SSTTRAIL", "latin1");
const TRAILER_BYTES = 32;

export interface SegmentSummary {
  readonly version: 1;
  readonly firstSequence: number;
  /** Number after the summary's own frame. */
  readonly nextSequence: number;
  readonly messages: number;
  /** Messages per stream and tenant. */
  readonly counts: StreamTable;
  /** Bytes of their frames, per stream and tenant. */
  readonly bytes: StreamTable;
  /** Messages per lane, where lanes are fixed when a message is appended. */
  readonly lanes: Record<string, number>;
  readonly oldestMs: number;
  readonly newestMs: number;
  /** The log's state after this segment. */
  readonly state: LogStateRecord;
  /** Of a compacted segment: the numbers that have frames, from inclusive, to exclusive, less those of the log's own. */
  readonly frames?: readonly NumberRange[];
}

/** What the log keeps in memory of each of its segments. */
export interface Segment {
  header: SegmentHeader;
  readonly path: string;
  /** Number after the last frame that counts. */
  nextSequence: number;
  /** Bytes on disk, headers included; where the next batch goes. */
  bytes: number;
  sealed: boolean;
  /** It ends in a summary: what comes behind its last number is not its own. */
  hasSummary: boolean;
  /** Damage was found in it: its file is set aside, not removed, once its messages are delivered. */
  damaged: boolean;
  readonly counts: TenantCounts;
  readonly frameBytes: TenantCounts;
  readonly lanes: Map<number, number>;
  oldestMs: number;
  newestMs: number;
  /** Of a compacted segment: the numbers that have a frame, less those of the log's own; null of any other. */
  frames: NumberRange[] | null;
}

/** What a segment counts of a message. */
export interface CountedMessage {
  readonly stream: string;
  readonly tenant: string;
  readonly lane: number;
  /** When it was accepted; of a dead letter, when it died. */
  readonly timeMs: number;
}

/** Size of the segments of a log, by its budget: so many go into it that done ones are freed long before it is used up. */
export function segmentSizeFor(budgetBytes: number, segmentsPerBudget: number, segmentBytesMax: number): number {
  return Math.max(SEGMENT_BYTES_MIN, Math.min(segmentBytesMax, Math.floor(budgetBytes / segmentsPerBudget)));
}

export function segmentFileName(number: number): string {
  return String(number).padStart(16, "0") + SEGMENT_SUFFIX;
}

export function isSegmentFile(name: string): boolean {
  return SEGMENT_FILE.test(name) && !name.endsWith(DAMAGED_SUFFIX);
}

/** True for a segment that was set aside. */
export function isDamagedFile(name: string): boolean {
  return SEGMENT_FILE.test(name) && name.endsWith(DAMAGED_SUFFIX);
}

/** Number of a segment by its file's name; 0 when it is no segment's. */
export function fileNumber(name: string): number {
  return Number(SEGMENT_FILE.exec(name)?.[1] ?? 0);
}

/** What the header of each segment of a log says. */
export interface LogIdentity {
  readonly id: string;
  readonly kind: LogKind;
  readonly name: string;
  readonly flags: number;
}

/** A segment that isn't on disk yet. */
export function planSegment(folder: string, log: LogIdentity, number: number, baseSequence: number): Segment {
  const header: SegmentHeader = {
    version: FORMAT_VERSION,
    logId: log.id,
    number,
    baseSequence,
    salt: randomInt(1, 0x1_0000_0000),
    flags: log.flags,
    createdMs: Date.now(),
    kind: log.kind,
    name: log.name,
  };
  return segmentOf(header, join(folder, segmentFileName(number)));
}

export function segmentOf(header: SegmentHeader, path: string): Segment {
  return {
    header,
    path,
    nextSequence: header.baseSequence,
    bytes: 0,
    sealed: false,
    hasSummary: false,
    damaged: false,
    counts: new TenantCounts(),
    frameBytes: new TenantCounts(),
    lanes: new Map(),
    oldestMs: 0,
    newestMs: 0,
    frames: (header.flags & FLAG_COMPACTED) === 0 ? null : [],
  };
}

/** False where the file was used again for another segment, is being removed, or has no header any more that can be read. */
export async function isSameSegment(file: DiskFile, { header, bytes }: Segment): Promise<boolean> {
  // A write that was cut short may lack zeros that fill up a frame.
  if (align(await file.size()) < bytes) return false;
  const block = Buffer.alloc(DATA_OFFSET);
  await file.read(block, 0);
  return decodeSegmentHeader(block)?.salt === header.salt;
}

/**
 * For each segment the lowest first number of those after it, Infinity for the last. Frames at or above it are a copy:
 * a later segment was begun with the same numbers, after a write that failed.
 */
export function copyBounds(segments: readonly Segment[]): number[] {
  const bounds: number[] = [];
  let bound = Infinity;
  for (const segment of segments.toReversed()) {
    bounds.push(bound);
    bound = Math.min(bound, segment.header.baseSequence);
  }
  return bounds.toReversed();
}

/**
 * The segments at a log's start of which every number is done. The last one with frames is never among them: its state
 * frame, or its summary, alone tells the log's id and which numbers were used.
 */
export function doneSegments(segments: readonly Segment[], lowWater: number): readonly Segment[] {
  const before = beforeLast(segments);
  const done = before.findIndex(({ nextSequence }) => nextSequence > lowWater);
  return done < 0 ? before : before.slice(0, done);
}

/** The segments before the last one that has frames. */
export function beforeLast(segments: readonly Segment[]): readonly Segment[] {
  const last = segments.findLastIndex(({ header, nextSequence }) => nextSequence > header.baseSequence);
  return segments.slice(0, Math.max(0, last));
}

/** Counts a message that the segment holds. @param frameBytes - Of its frame, header and filling included. */
export function countMessage(segment: Segment, message: CountedMessage, frameBytes: number): void {
  const { stream, tenant, lane, timeMs } = message;
  segment.counts.add(stream, tenant, 1);
  segment.frameBytes.add(stream, tenant, frameBytes);
  segment.lanes.set(lane, (segment.lanes.get(lane) ?? 0) + 1);
  segment.oldestMs = segment.oldestMs === 0 ? timeMs : Math.min(segment.oldestMs, timeMs);
  segment.newestMs = Math.max(segment.newestMs, timeMs);
}

/** A compacted segment has a frame of this number, the highest so far. */
export function noteFrame(frames: NumberRange[], sequence: number): void {
  const last = frames.at(-1);
  if (last !== undefined && last[1] === sequence) frames[frames.length - 1] = [last[0], sequence + 1];
  else frames.push([sequence, sequence + 1]);
}

/** Takes a segment's counts from the summary that closes it. */
export function loadSummary(segment: Segment, summary: SegmentSummary): void {
  segment.hasSummary = true;
  segment.counts.load(summary.counts);
  segment.frameBytes.load(summary.bytes);
  for (const [lane, count] of Object.entries(summary.lanes)) segment.lanes.set(Number(lane), count);
  segment.oldestMs = summary.oldestMs;
  segment.newestMs = summary.newestMs;
  if (segment.frames !== null) segment.frames = [...(summary.frames ?? [])];
}

/** @param state - The log's state after this segment. */
export function summaryOf(segment: Segment, nextSequence: number, state: LogStateRecord): SegmentSummary {
  return {
    version: 1,
    firstSequence: segment.header.baseSequence,
    nextSequence,
    messages: segment.counts.total(),
    counts: segment.counts.table(),
    bytes: segment.frameBytes.table(),
    lanes: Object.fromEntries([...segment.lanes].map(([lane, count]) => [String(lane), count])),
    oldestMs: segment.oldestMs,
    newestMs: segment.newestMs,
    state,
    ...(segment.frames === null ? {} : { frames: segment.frames }),
  };
}

/** The closing batch of a segment with its summary frame, and the trailer that points to it. */
export function encodeSummary(segment: Segment, summary: SegmentSummary, offset: number): Buffer {
  const payload = Buffer.from(JSON.stringify(summary), "utf8");
  const batchBytes = BATCH_HEADER_BYTES + align(FRAME_HEADER_BYTES + payload.length);
  const target = Buffer.alloc(batchBytes + TRAILER_BYTES);
  const sequence = summary.nextSequence - 1;
  payload.copy(target, BATCH_HEADER_BYTES + FRAME_HEADER_BYTES);
  encodeFrameHeader(target, BATCH_HEADER_BYTES, "summary", sequence, payload.length, segment.header.salt);
  const batch = { bytes: batchBytes, frameCount: 1, baseSequence: sequence, durableSequence: sequence, writtenMs: Date.now() };
  encodeBatchHeader(target, batch, segment.header.salt);
  TRAILER_MAGIC.copy(target, batchBytes);
  target.writeDoubleLE(offset, batchBytes + 8);
  target.writeDoubleLE(sequence, batchBytes + 16);
  const trailer = target.subarray(batchBytes, batchBytes + 28);
  target.writeUInt32LE(crc32(trailer, segment.header.salt), batchBytes + 28);
  return target;
}

/** Where the batch with the summary begins, of a segment that has one. */
export async function summaryOffset(file: DiskFile, fileBytes: number): Promise<number> {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  await file.read(trailer, fileBytes - TRAILER_BYTES);
  return trailer.readDoubleLE(8);
}

/** Reads the summary of a sealed segment; null when there is none that is whole. */
export async function readSummary(file: DiskFile, salt: number, fileBytes: number): Promise<SegmentSummary | null> {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  if (fileBytes < TRAILER_BYTES || (await file.read(trailer, fileBytes - TRAILER_BYTES)) < TRAILER_BYTES) return null;
  if (trailer.compare(TRAILER_MAGIC, 0, 8, 0, 8) !== 0 || trailer.readUInt32LE(28) !== crc32(trailer.subarray(0, 28), salt)) return null;
  const offset = trailer.readDoubleLE(8);
  const position: ScanPosition = {
    offset,
    framesLeft: 0,
    sequence: trailer.readDoubleLE(16),
    batchAt: offset,
    batchEnd: offset,
    sparse: false,
  };
  const { frames } = await scanFrames(file, salt, position, fileBytes - TRAILER_BYTES, fileBytes);
  const frame = frames[0];
  return frame?.type === FRAME_TYPES.summary ? (JSON.parse(frame.payload.toString("utf8")) as SegmentSummary) : null;
}

/** A segment of a log as the program knows it: its file, what is in it, and the summary that closes it. */
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { TenantCounts, type LogStateRecord, type StreamTable } from "./log-state.ts";
import type { DiskFile } from "./disk.ts";
import { align, BATCH_HEADER_BYTES, encodeBatchHeader, encodeFrameHeader, FRAME_HEADER_BYTES, FRAME_TYPES, FORMAT_VERSION, type LogKind, type SegmentHeader } from "./format.ts";
import { scanFrames } from "./segment-scan.ts";

export const SEGMENT_SUFFIX = ".segment";
/** Suffix of a file whose header can't be read: set aside, never deleted by the program. */
export const DAMAGED_SUFFIX = ".damaged";
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
  /** Messages per lane, where lanes are fixed when a message is appended. */
  readonly lanes: Record<string, number>;
  readonly oldestMs: number;
  readonly newestMs: number;
  /** The log's state after this segment. */
  readonly state: LogStateRecord;
}

/** What the log keeps in memory of each of its segments. */
export interface Segment {
  readonly header: SegmentHeader;
  readonly path: string;
  /** Number after the last frame on disk. */
  nextSequence: number;
  /** Bytes on disk, headers included; where the next batch goes. */
  bytes: number;
  sealed: boolean;
  readonly counts: TenantCounts;
  readonly lanes: Map<number, number>;
  oldestMs: number;
  newestMs: number;
}

export function segmentFileName(number: number): string {
  return String(number).padStart(16, "0") + SEGMENT_SUFFIX;
}

/** A segment that isn't on disk yet. */
export function planSegment(folder: string, log: { readonly id: string; readonly kind: LogKind; readonly name: string }, number: number, baseSequence: number): Segment {
  const header: SegmentHeader = {
    version: FORMAT_VERSION,
    logId: log.id,
    number,
    baseSequence,
    salt: randomInt(1, 0x1_0000_0000),
    createdMs: Date.now(),
    kind: log.kind,
    name: log.name,
  };
  return segmentOf(header, join(folder, segmentFileName(number)));
}

export function segmentOf(header: SegmentHeader, path: string): Segment {
  return { header, path, nextSequence: header.baseSequence, bytes: 0, sealed: false, counts: new TenantCounts(), lanes: new Map(), oldestMs: 0, newestMs: 0 };
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

/** Reads the summary of a sealed segment; null when there is none that is whole. */
export async function readSummary(file: DiskFile, salt: number, fileBytes: number): Promise<SegmentSummary | null> {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  if (fileBytes < TRAILER_BYTES || (await file.read(trailer, fileBytes - TRAILER_BYTES)) < TRAILER_BYTES) return null;
  if (trailer.compare(TRAILER_MAGIC, 0, 8, 0, 8) !== 0 || trailer.readUInt32LE(28) !== crc32(trailer.subarray(0, 28), salt)) return null;
  const position = { offset: trailer.readDoubleLE(8), framesLeft: 0, sequence: trailer.readDoubleLE(16) };
  const { frames } = await scanFrames(file, salt, position, fileBytes - TRAILER_BYTES, fileBytes);
  const frame = frames[0];
  return frame?.type === FRAME_TYPES.summary ? (JSON.parse(frame.payload.toString("utf8")) as SegmentSummary) : null;
}

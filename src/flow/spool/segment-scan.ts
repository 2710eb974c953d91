/**
 * Reads the frames of a segment in order and finds the way past what is damaged.
 *
 * Promise: a frame is given out only when its header, its payload and its number are right; what lies between is
 * reported as a hole and never guessed at. Every step moves forward, so a scan always ends.
 */
import { ChunkWalk, type Frame, type Hole, type ScanPosition } from "./chunk-walk.ts";
import type { DiskFile } from "./disk.ts";
import { align, DATA_OFFSET, decodeFrameHeader, findBatchHeader, FLAG_COMPACTED, FRAME_HEADER_BYTES, FRAME_TYPE_MAX } from "./format.ts";

export type { Frame, Hole, ScanPosition } from "./chunk-walk.ts";

/** What of a segment's header a scan needs to know. */
export interface ScannedHeader {
  readonly baseSequence: number;
  readonly flags: number;
}

/** Where a segment's first batch begins. */
export function firstPosition({ baseSequence, flags }: ScannedHeader): ScanPosition {
  const sparse = (flags & FLAG_COMPACTED) !== 0;
  return { offset: DATA_OFFSET, framesLeft: 0, sequence: baseSequence, batchAt: DATA_OFFSET, batchEnd: DATA_OFFSET, sparse };
}

export interface ScanResult {
  readonly frames: readonly Frame[];
  readonly holes: readonly Hole[];
  /** Highest `durableSequence` of the batch headers seen. */
  readonly durableSequence: number;
  /** True when no whole frame or batch follows the position within the limit. */
  readonly ended: boolean;
}

const CHUNK_BYTES_MIN = 64 * 1024;

/**
 * Reads whole frames from a position on and moves the position past them.
 *
 * @param limit - Offset in the file beyond which nothing is read: the durable end, or the file's size.
 * @param bytesMax - About how many bytes to read; one frame larger than that is read whole.
 */
export async function scanFrames(
  file: DiskFile,
  salt: number,
  position: ScanPosition,
  limit: number,
  bytesMax: number,
): Promise<ScanResult> {
  const frames: Frame[] = [];
  const holes: Hole[] = [];
  let durableSequence = 0;
  let chunkBytes = Math.max(bytesMax, CHUNK_BYTES_MIN);
  while (position.offset < limit) {
    const start = position.offset;
    const wanted = Math.min(chunkBytes, limit - start);
    const chunk = Buffer.allocUnsafeSlow(wanted);
    const bytes = chunk.subarray(0, await file.read(chunk, start));
    const walk = new ChunkWalk(bytes, start, salt, position, start + bytes.length >= limit || bytes.length < wanted);
    walk.run();
    for (const frame of walk.frames) frames.push(frame);
    for (const hole of walk.holes) addHole(holes, hole);
    durableSequence = Math.max(durableSequence, walk.durableSequence);
    if (walk.ended) return { frames, holes, durableSequence, ended: true };
    if (frames.length > 0 && position.offset - start > 0) return { frames, holes, durableSequence, ended: position.offset >= limit };
    if (position.offset === start) chunkBytes *= 2;
  }
  return { frames, holes, durableSequence, ended: true };
}

/** What a walk over a whole segment found. */
export interface SegmentWalk {
  readonly holes: readonly Hole[];
  /** Highest number that a batch header names as durable; at least the segment's own first. */
  readonly durableSequence: number;
  /** Number after the last whole frame. */
  readonly nextSequence: number;
  /** Offset after the last whole frame; a batch header that no frame follows lies beyond it. */
  readonly end: number;
  /** Offset of the last whole batch header; where batches begin when there is none. */
  readonly lastBatchAt: number;
  /** The last batch has fewer frames than its header says. */
  readonly unfinished: boolean;
}

/** What of a segment a walk needs to know. */
export interface WalkedSegment {
  readonly header: ScannedHeader & { readonly salt: number };
  readonly bytes: number;
}

const WALK_BYTES = 4 * 1024 * 1024;

/**
 * Reads a segment from its first frame to its last whole one.
 *
 * @param between - Awaited before more is read, for one who can't take in all of it at once.
 */
export async function walkSegment(
  file: DiskFile,
  segment: WalkedSegment,
  visit: (frame: Frame) => void,
  between?: () => Promise<void>,
): Promise<SegmentWalk> {
  const { baseSequence, salt } = segment.header;
  const position = firstPosition(segment.header);
  const holes: Hole[] = [];
  let durableSequence = baseSequence;
  let end = DATA_OFFSET;
  for (;;) {
    const result = await scanFrames(file, salt, position, segment.bytes, WALK_BYTES);
    for (const frame of result.frames) {
      end = frame.offset + align(FRAME_HEADER_BYTES + frame.payload.length);
      visit(frame);
    }
    await between?.();
    for (const hole of result.holes) addHole(holes, hole);
    durableSequence = Math.max(durableSequence, result.durableSequence);
    if (result.ended)
      return {
        holes,
        durableSequence,
        nextSequence: position.sequence,
        end,
        lastBatchAt: position.batchAt,
        unfinished: position.framesLeft > 0,
      };
  }
}

/**
 * Whether anything of this use of the file stands behind a place, where the file may be longer than what was written to
 * it. Only so far on as a torn write may begin with what is lost of it.
 */
export async function hasRemains(file: DiskFile, salt: number, from: number): Promise<boolean> {
  const chunk = Buffer.allocUnsafeSlow(WALK_BYTES);
  const bytes = chunk.subarray(0, await file.read(chunk, from));
  if (findBatchHeader(bytes, 0, salt) >= 0) return true;
  for (let at = 0; at + FRAME_HEADER_BYTES <= bytes.length; at += 8) {
    if (bytes.readUInt32LE(at + 4) <= FRAME_TYPE_MAX && decodeFrameHeader(bytes, at, salt) !== null) return true;
  }
  return false;
}

/** Damage that goes over a chunk's end is one hole. */
function addHole(holes: Hole[], hole: Hole): void {
  const last = holes.at(-1);
  if (last === undefined || last.offset + last.bytes !== hole.offset) holes.push(hole);
  else holes[holes.length - 1] = { ...last, bytes: last.bytes + hole.bytes, framesLost: last.framesLost + hole.framesLost };
}

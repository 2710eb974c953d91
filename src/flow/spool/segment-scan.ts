/**
 * Reads the frames of a segment in order and finds the way past what is damaged.
 *
 * Promise: a frame is given out only when its header, its payload and its number are right; what lies between is
 * reported as a hole and never guessed at. Every step moves forward, so a scan always ends.
 */
import { crc32 } from "node:zlib";
import type { DiskFile } from "./disk.ts";
import {
  align,
  BATCH_HEADER_BYTES,
  DATA_OFFSET,
  decodeBatchHeader,
  decodeFrameHeader,
  findBatchHeader,
  FRAME_HEADER_BYTES,
} from "./format.ts";

export interface Frame {
  readonly type: number;
  readonly sequence: number;
  /** A view of the scan's buffer: valid while the caller holds it, never reused. */
  readonly payload: Buffer;
  /** Offset of the frame's header in the file. */
  readonly offset: number;
}

/** Bytes that hold no whole frame. */
export interface Hole {
  readonly offset: number;
  readonly bytes: number;
  /** Number that was expected at the hole. */
  readonly sequence: number;
  /** Frames that are missing, where a later frame tells. */
  readonly framesLost: number;
}

/** Where a scan stands; give it back to go on. */
export interface ScanPosition {
  offset: number;
  /** Frames still to come of the batch. */
  framesLeft: number;
  /** Number of the next frame. */
  sequence: number;
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
}

/** What of a segment a walk needs to know. */
export interface WalkedSegment {
  readonly header: { readonly baseSequence: number; readonly salt: number };
  readonly bytes: number;
}

const WALK_BYTES = 4 * 1024 * 1024;

/** Reads a segment from its first frame to its last whole one. */
export async function walkSegment(file: DiskFile, segment: WalkedSegment, visit: (frame: Frame) => void): Promise<SegmentWalk> {
  const { baseSequence, salt } = segment.header;
  const position = { offset: DATA_OFFSET, framesLeft: 0, sequence: baseSequence };
  const holes: Hole[] = [];
  let durableSequence = baseSequence;
  let end = DATA_OFFSET;
  for (;;) {
    const result = await scanFrames(file, salt, position, segment.bytes, WALK_BYTES);
    for (const frame of result.frames) {
      end = frame.offset + align(FRAME_HEADER_BYTES + frame.payload.length);
      visit(frame);
    }
    for (const hole of result.holes) addHole(holes, hole);
    durableSequence = Math.max(durableSequence, result.durableSequence);
    if (result.ended) return { holes, durableSequence, nextSequence: position.sequence, end };
  }
}

/** Damage that goes over a chunk's end is one hole. */
function addHole(holes: Hole[], hole: Hole): void {
  const last = holes.at(-1);
  if (last === undefined || last.offset + last.bytes !== hole.offset) holes.push(hole);
  else holes[holes.length - 1] = { ...last, bytes: last.bytes + hole.bytes, framesLost: last.framesLost + hole.framesLost };
}

class ChunkWalk {
  readonly frames: Frame[] = [];
  readonly holes: Hole[] = [];
  durableSequence = 0;
  ended = false;
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #salt: number;
  readonly #position: ScanPosition;
  /** Nothing follows this chunk: what isn't whole in it never will be. */
  readonly #isLast: boolean;

  constructor(bytes: Buffer, start: number, salt: number, position: ScanPosition, isLast: boolean) {
    this.#bytes = bytes;
    this.#start = start;
    this.#salt = salt;
    this.#position = position;
    this.#isLast = isLast;
  }

  run(): void {
    for (;;) {
      const at = this.#position.offset - this.#start;
      if (at >= this.#bytes.length) {
        this.ended = this.#isLast;
        return;
      }
      const step = this.#position.framesLeft > 0 ? this.#takeFrame(at) : this.#takeBatch(at);
      if (step === "taken") continue;
      if (step === "more" && !this.#isLast) return;
      if (!this.#skipHole(at)) return;
    }
  }

  #takeBatch(at: number): "taken" | "more" | "bad" {
    if (at + BATCH_HEADER_BYTES > this.#bytes.length) return "more";
    const header = decodeBatchHeader(this.#bytes, at, this.#salt);
    if (header === null || header.baseSequence < this.#position.sequence) return "bad";
    this.#noteLost(header.baseSequence);
    this.durableSequence = Math.max(this.durableSequence, header.durableSequence);
    this.#position.sequence = header.baseSequence;
    this.#position.framesLeft = header.frameCount;
    this.#position.offset += BATCH_HEADER_BYTES;
    return "taken";
  }

  #takeFrame(at: number): "taken" | "more" | "bad" {
    if (at + FRAME_HEADER_BYTES > this.#bytes.length) return "more";
    const header = decodeFrameHeader(this.#bytes, at, this.#salt);
    if (header === null || header.sequence !== this.#position.sequence) {
      // A batch that was cut at start-up ends early: the next batch begins where its next frame was expected.
      const next = decodeBatchHeader(this.#bytes, at, this.#salt);
      if (next === null || next.baseSequence !== this.#position.sequence) return "bad";
      this.#position.framesLeft = 0;
      return "taken";
    }
    const payloadAt = at + FRAME_HEADER_BYTES;
    if (payloadAt + header.payloadBytes > this.#bytes.length) return "more";
    const payload = this.#bytes.subarray(payloadAt, payloadAt + header.payloadBytes);
    if (crc32(payload, this.#salt) !== header.payloadCrc) return "bad";
    this.frames.push({ type: header.type, sequence: header.sequence, payload, offset: this.#position.offset });
    this.#position.sequence += 1;
    this.#position.framesLeft -= 1;
    this.#position.offset += align(FRAME_HEADER_BYTES + header.payloadBytes);
    return "taken";
  }

  /** Moves to the next whole frame of this batch, else to the next batch. False when this chunk has neither. */
  #skipHole(at: number): boolean {
    const position = this.#position;
    const batchAt = findBatchHeader(this.#bytes, at + 1, this.#salt);
    const frame = position.framesLeft > 0 ? this.#findFrame(at + 8, batchAt < 0 ? this.#bytes.length : batchAt) : null;
    const next = frame?.at ?? batchAt;
    if (next < 0) {
      // The file's end: the rest is a tail that was never finished, or nothing at all.
      this.ended = this.#isLast;
      // A header may stand across the chunk's end: it is looked for again in the next chunk.
      const searched = Math.max(at, (this.#bytes.length & ~7) - BATCH_HEADER_BYTES);
      if (!this.#isLast && searched > at) this.#noteHole(at, searched);
      return false;
    }
    this.#noteHole(at, next);
    if (frame === null) {
      position.framesLeft = 0;
    } else {
      this.#noteLost(frame.sequence);
      position.framesLeft -= frame.sequence - position.sequence;
      position.sequence = frame.sequence;
    }
    return true;
  }

  /** The next frame of this batch, also the expected one: where a batch was cut, its numbers went on in another. */
  #findFrame(from: number, to: number): { readonly at: number; readonly sequence: number } | null {
    const { sequence, framesLeft } = this.#position;
    for (let at = from; at < to && at + FRAME_HEADER_BYTES <= this.#bytes.length; at += 8) {
      const header = decodeFrameHeader(this.#bytes, at, this.#salt);
      if (header !== null && header.sequence >= sequence && header.sequence < sequence + framesLeft)
        return { at, sequence: header.sequence };
    }
    return null;
  }

  #noteHole(at: number, next: number): void {
    this.holes.push({ offset: this.#start + at, bytes: next - at, sequence: this.#position.sequence, framesLost: 0 });
    this.#position.offset = this.#start + next;
  }

  /** Counts the numbers up to the next frame as lost: to the hole before it, or to one of no bytes where there is none. */
  #noteLost(nextSequence: number): void {
    const { offset, sequence } = this.#position;
    const lost = nextSequence - sequence;
    if (lost <= 0) return;
    const last = this.holes.at(-1);
    if (last !== undefined && last.offset + last.bytes === offset)
      this.holes[this.holes.length - 1] = { ...last, framesLost: last.framesLost + lost };
    else this.holes.push({ offset, bytes: 0, sequence, framesLost: lost });
  }
}

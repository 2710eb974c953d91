/**
 * Walks over a stretch of a segment in memory, from frame to frame, and finds the way past what is damaged.
 *
 * Promise: every step moves forward, and what lies between two frames is a hole, never guessed at.
 */
import { crc32 } from "node:zlib";
import { align, BATCH_HEADER_BYTES, decodeBatchHeader, decodeFrameHeader, findBatchHeader, FRAME_HEADER_BYTES } from "./format.ts";

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
  /** Offset of the batch's header. */
  batchAt: number;
  /** Offset behind the batch, as it was meant: none of its frames lies beyond. */
  batchEnd: number;
  /** The segment was compacted: a batch may begin with a later number than is due, and nothing is missing. */
  readonly sparse: boolean;
}

export class ChunkWalk {
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
  /** Where the next batch header was found that is not reached yet, so that many holes before it don't search for it again. */
  #nextBatchAt: number | null = null;

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
    this.#position.batchAt = this.#position.offset;
    this.#position.batchEnd = this.#position.offset + header.bytes;
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
    const batchAt = this.#findBatch(at + 1);
    const framesEnd = Math.min(position.batchEnd - this.#start, batchAt < 0 ? this.#bytes.length : batchAt);
    const frame = position.framesLeft > 0 ? this.#findFrame(at + 8, framesEnd) : null;
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

  /** Offset of the next batch header, or -1. */
  #findBatch(from: number): number {
    if (this.#nextBatchAt === null || (this.#nextBatchAt >= 0 && this.#nextBatchAt < from))
      this.#nextBatchAt = findBatchHeader(this.#bytes, from, this.#salt);
    return this.#nextBatchAt;
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
    else if (!this.#position.sparse) this.holes.push({ offset, bytes: 0, sequence, framesLost: lost });
  }
}

/** A batch: the frames that one group commit writes, in memory, all for one segment. */
import assert from "node:assert/strict";
import {
  align,
  BATCH_HEADER_BYTES,
  encodeBatchHeader,
  encodeFrameHeader,
  frameAt,
  FRAME_HEADER_BYTES,
  FRAME_PAYLOAD_BYTES_MAX,
  type FrameType,
} from "./format.ts";
import type { LogStateRecord } from "./log-state.ts";
import { countMessage, type Segment } from "./segment.ts";

/** First size of a batch buffer; it doubles as needed. */
const BATCH_BUFFER_BYTES = 64 * 1024;
/** A buffer that one large batch made grow beyond this is given up after it. */
const BATCH_BUFFER_BYTES_KEPT = 4 * 1024 * 1024;

/** From this size on the bytes of a batch take the disk longer than the commit around them. */
export const BATCH_BYTES_LARGE = 256 * 1024;

/** What the owner of the log is told of each frame. */
export interface FrameTag {
  readonly stream: string;
  readonly tenant: string;
  readonly lane: number;
  readonly acceptedMs: number;
  /** Its source answers for it: when it can't be written, the source is told instead of the message being counted as dropped. */
  readonly acknowledging: boolean;
  /** What it takes in the log; the batch writes it down. */
  frameBytes: number;
}

/** Writes a payload at an offset and returns its length. */
export type EncodePayload = (target: Buffer, offset: number) => number;

export class Batch {
  readonly segment: Segment;
  readonly baseSequence: number;
  /** The state that opens the segment, where this is its first batch. */
  readonly opening: LogStateRecord | null;
  readonly settled: PromiseWithResolvers<void>;
  readonly tags: FrameTag[];
  /** Somebody waits for it: it is written as soon as the disk is free. */
  wanted: boolean;
  /** It holds a message that nobody flushed yet. */
  isUnheard: boolean;
  bytes = BATCH_HEADER_BYTES;
  frameCount = 0;
  #buffer: Buffer;

  /**
   * @param opening - Becomes the first frame.
   * @param moved - The batch that this one takes the place of, before its frames are taken over.
   */
  constructor(segment: Segment, baseSequence: number, opening: LogStateRecord | null, spare: Buffer | null, moved: Batch | null = null) {
    this.segment = segment;
    this.baseSequence = baseSequence;
    this.opening = opening;
    this.#buffer = spare ?? Buffer.allocUnsafeSlow(BATCH_BUFFER_BYTES);
    this.settled = moved?.settled ?? Promise.withResolvers();
    this.tags = moved?.tags ?? [];
    this.wanted = moved?.wanted ?? false;
    this.isUnheard = moved?.isUnheard ?? false;
    // Whoever flushes gets the same promise; a batch that nobody waits for may fail unseen, its owner is told.
    this.settled.promise.catch(() => undefined);
    if (opening === null) return;
    const state = Buffer.from(JSON.stringify(opening), "utf8");
    this.#add("state", state.length, (target, offset) => state.copy(target, offset));
  }

  /** Number after its last frame. */
  get nextSequence(): number {
    return this.baseSequence + this.frameCount;
  }

  /** Adds a frame. It gets the number after the last one's. */
  add(type: FrameType, payloadBytesMax: number, encode: EncodePayload, tag: FrameTag | null): void {
    const frameBytes = this.#add(type, payloadBytesMax, encode);
    if (tag === null) return;
    tag.frameBytes = frameBytes;
    this.tags.push(tag);
  }

  /**
   * The same frames for another segment, numbered anew. Who waits for this batch waits for that one; this one must not be
   * used any more.
   */
  movedTo(segment: Segment, baseSequence: number, opening: LogStateRecord | null): Batch {
    const moved = new Batch(segment, baseSequence, opening, null, this);
    const frames = this.#buffer;
    for (let at = BATCH_HEADER_BYTES, index = 0; at < this.bytes; index += 1) {
      const { type, payloadBytes } = frameAt(frames, at);
      const payload = frames.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + payloadBytes);
      // A state of its own says what was before the segment that it should have opened.
      if (index > 0 || this.opening === null) moved.#add(type, payloadBytes, (target, offset) => payload.copy(target, offset));
      at += align(FRAME_HEADER_BYTES + payloadBytes);
    }
    return moved;
  }

  /** Writes the batch header and gives the bytes for the disk. */
  encode(durableSequence: number, writtenMs: number): Buffer {
    const { bytes, frameCount, baseSequence } = this;
    encodeBatchHeader(this.#buffer, { bytes, frameCount, baseSequence, durableSequence, writtenMs }, this.segment.header.salt);
    return this.#buffer.subarray(0, bytes);
  }

  /** Takes what is now on disk into the segment's counts. */
  count(): void {
    const { segment, tags } = this;
    segment.bytes += this.bytes;
    segment.nextSequence = this.nextSequence;
    for (const { stream, tenant, lane, acceptedMs, frameBytes } of tags) {
      countMessage(segment, { stream, tenant, lane, timeMs: acceptedMs }, frameBytes);
    }
  }

  /** Its buffer, for the next batch; null when it grew too large to be kept. */
  get spare(): Buffer | null {
    return this.#buffer.length <= BATCH_BUFFER_BYTES_KEPT ? this.#buffer : null;
  }

  /** @returns What the frame takes. */
  #add(type: FrameType, payloadBytesMax: number, encode: EncodePayload): number {
    this.#reserve(FRAME_HEADER_BYTES + payloadBytesMax + 8);
    const payloadBytes = encode(this.#buffer, this.bytes + FRAME_HEADER_BYTES);
    assert(payloadBytes <= FRAME_PAYLOAD_BYTES_MAX, "a frame that could not be read back");
    encodeFrameHeader(this.#buffer, this.bytes, type, this.nextSequence, payloadBytes, this.segment.header.salt);
    const end = this.bytes + FRAME_HEADER_BYTES + payloadBytes;
    const frameBytes = align(FRAME_HEADER_BYTES + payloadBytes);
    this.bytes += frameBytes;
    // Seven bytes at most: a call of `fill` costs more.
    for (let at = end; at < this.bytes; at += 1) this.#buffer[at] = 0;
    this.frameCount += 1;
    return frameBytes;
  }

  #reserve(bytes: number): void {
    if (this.bytes + bytes <= this.#buffer.length) return;
    let size = this.#buffer.length * 2;
    while (size < this.bytes + bytes) size *= 2;
    const grown = Buffer.allocUnsafeSlow(size);
    this.#buffer.copy(grown, 0, 0, this.bytes);
    this.#buffer = grown;
  }
}

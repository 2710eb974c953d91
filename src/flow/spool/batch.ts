/** A batch: the frames that one group commit writes, in memory, all for one segment. */
import assert from "node:assert/strict";
import {
  align,
  BATCH_HEADER_BYTES,
  encodeBatchHeader,
  encodeFrameHeader,
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

/** What the owner of the log is told of each frame. */
export interface FrameTag {
  readonly stream: string;
  readonly tenant: string;
  readonly lane: number;
  readonly acceptedMs: number;
  /** Its source answers for it: when it can't be written, the source is told instead of the message being counted as dropped. */
  readonly acknowledging: boolean;
}

/** Writes a payload at an offset and returns its length. */
export type EncodePayload = (target: Buffer, offset: number) => number;

export class Batch {
  readonly segment: Segment;
  readonly baseSequence: number;
  /** The state that opens the segment, where this is its first batch. */
  readonly opening: LogStateRecord | null;
  readonly settled: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly tags: FrameTag[] = [];
  /** Somebody waits for it: it is written as soon as the disk is free. */
  wanted = false;
  /** It holds a message that nobody flushed yet. */
  isUnheard = false;
  bytes = BATCH_HEADER_BYTES;
  frameCount = 0;
  readonly #tagBytes: number[] = [];
  #buffer: Buffer;

  constructor(segment: Segment, baseSequence: number, opening: LogStateRecord | null, spare: Buffer | null) {
    this.segment = segment;
    this.baseSequence = baseSequence;
    this.opening = opening;
    this.#buffer = spare ?? Buffer.allocUnsafeSlow(BATCH_BUFFER_BYTES);
    // Whoever flushes gets the same promise; a batch that nobody waits for may fail unseen, its owner is told.
    this.settled.promise.catch(() => undefined);
  }

  /** Adds a frame. It gets the number after the last one's. */
  add(type: FrameType, payloadBytesMax: number, encode: EncodePayload, tag: FrameTag | null): void {
    this.#reserve(FRAME_HEADER_BYTES + payloadBytesMax + 8);
    const payloadBytes = encode(this.#buffer, this.bytes + FRAME_HEADER_BYTES);
    assert(payloadBytes <= FRAME_PAYLOAD_BYTES_MAX, "a frame that could not be read back");
    encodeFrameHeader(this.#buffer, this.bytes, type, this.baseSequence + this.frameCount, payloadBytes, this.segment.header.salt);
    const end = this.bytes + FRAME_HEADER_BYTES + payloadBytes;
    const frameBytes = align(FRAME_HEADER_BYTES + payloadBytes);
    this.bytes += frameBytes;
    this.#buffer.fill(0, end, this.bytes);
    this.frameCount += 1;
    if (tag === null) return;
    this.tags.push(tag);
    this.#tagBytes.push(frameBytes);
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
    segment.nextSequence = this.baseSequence + this.frameCount;
    for (const [index, { stream, tenant, lane, acceptedMs }] of tags.entries()) {
      countMessage(segment, { stream, tenant, lane, timeMs: acceptedMs }, this.#tagBytes[index] ?? 0);
    }
  }

  /** Its buffer, for the next batch; null when it grew too large to be kept. */
  get spare(): Buffer | null {
    return this.#buffer.length <= BATCH_BUFFER_BYTES_KEPT ? this.#buffer : null;
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

/**
 * Writes the frames that are not done of sealed segments into a file of their own, that can take their place.
 *
 * Promise: nothing that is wanted is left out, and not a byte of it is changed: what can't be read whole isn't rewritten.
 */
import { randomInt } from "node:crypto";
import type { NumberRange } from "./confirmed-ranges.ts";
import type { Disk, DiskFile } from "./disk.ts";
import {
  BATCH_HEADER_BYTES,
  DATA_OFFSET,
  encodeBatchHeader,
  encodeFrameHeader,
  encodeSegmentHeader,
  FLAG_COMPACTED,
  FLAG_RESERVED,
  FRAME_HEADER_BYTES,
  FRAME_TYPES,
  frameBytesOf,
  frameType,
  type FrameType,
} from "./format.ts";
import type { LogStateRecord } from "./log-state.ts";
import { decodeDeadLetter, decodeMessage, type DecodedMessage } from "./message-codec.ts";
import { countMessage, encodeSummary, noteFrame, readSummary, segmentOf, summaryOf, type Segment } from "./segment.ts";
import { walkSegment, type Frame } from "./segment-scan.ts";

export const COMPACTING_FILE = "compacting";
/** First size of the buffer; it grows to what one read brings. */
const BUFFER_BYTES = 1024 * 1024;

export type Compacted = { readonly segment: Segment } | { readonly segment: null; readonly unfit: Segment };

/**
 * @param sources - Sealed segments that stand next to each other; none of their files is used again meanwhile.
 * @param kept - The numbers that stay; all others are done by the cursor on disk.
 * @param path - Of the new file, synced when this is through. It is to get the name of the last source.
 * @returns The segment as it will be, or which source can't be read whole.
 * @throws SidestreamError `SST_SPOOL_IO`
 */
export async function compact(disk: Disk, path: string, sources: readonly Segment[], kept: readonly NumberRange[]): Promise<Compacted> {
  const [first, last] = [sources[0] as Segment, sources.at(-1) as Segment];
  const flags = sources.reduce((all, { header }) => all | header.flags, FLAG_COMPACTED) & ~FLAG_RESERVED;
  const header = { ...last.header, baseSequence: first.header.baseSequence, salt: randomInt(1, 0x1_0000_0000), flags };
  const target = segmentOf(header, last.path);
  target.bytes = DATA_OFFSET;
  if (await disk.exists(path)) await disk.remove(path);
  const file = await disk.open(path, "create");
  let unfit: Segment | null = first;
  let isWhole = false;
  try {
    const writing = new CompactWriter(file, target, last.nextSequence);
    await file.write(encodeSegmentHeader(header), 0);
    unfit = await copy(disk, sources, kept, writing);
    if (unfit === null) await file.sync();
    isWhole = unfit === null;
  } finally {
    await file.close();
    if (!isWhole) await disk.remove(path);
  }
  return unfit === null ? { segment: target } : { segment: null, unfit };
}

/** @returns The source that can't be rewritten; null when all is copied. */
async function copy(disk: Disk, sources: readonly Segment[], kept: readonly NumberRange[], target: CompactWriter): Promise<Segment | null> {
  const wanted = new Wanted(kept, sources[0]?.header.baseSequence ?? 0);
  for (const source of sources) {
    const file = await disk.open(source.path, "read");
    try {
      const summary = await readSummary(file, source.header.salt, source.bytes);
      if (summary === null) return source;
      let isKnown = true;
      const visit = (frame: Frame): void => {
        if (wanted.has(frame.sequence) && frame.type !== FRAME_TYPES.summary) isKnown &&= target.add(frame);
      };
      const walk = await walkSegment(file, source, visit, () => target.write());
      if (!isKnown || walk.holes.length > 0 || walk.nextSequence !== source.nextSequence) return source;
      if (source === sources.at(-1)) await target.end(summary.state, source);
    } finally {
      await file.close();
    }
  }
  return null;
}

/** Which numbers are wanted; they are asked in rising order. The first of all is the state that the segment opens with. */
class Wanted {
  readonly #kept: readonly NumberRange[];
  readonly #first: number;
  #index = 0;

  constructor(kept: readonly NumberRange[], first: number) {
    this.#kept = kept;
    this.#first = first;
  }

  has(sequence: number): boolean {
    if (sequence === this.#first) return true;
    while ((this.#kept[this.#index]?.[1] ?? Infinity) <= sequence) this.#index += 1;
    return sequence >= (this.#kept[this.#index]?.[0] ?? Infinity);
  }
}

class CompactWriter {
  readonly #file: DiskFile;
  readonly #target: Segment;
  readonly #nextSequence: number;
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #bytes = 0;
  /** Where the batch begins in the buffer that the next frame may belong to; null between two. */
  #batchAt: number | null = null;
  #baseSequence = 0;
  #frameCount = 0;

  /** @param nextSequence - The number after the summary's. */
  constructor(file: DiskFile, target: Segment, nextSequence: number) {
    this.#file = file;
    this.#target = target;
    this.#nextSequence = nextSequence;
  }

  /** False for a frame of a type that this release can't write. */
  add({ type: code, sequence, payload }: Frame): boolean {
    const type = frameType(code);
    if (type === null) return false;
    if (sequence !== this.#baseSequence + this.#frameCount) this.#endBatch();
    this.#put(type, sequence, payload);
    if (type === "state") return true;
    noteFrame((this.#target.frames ??= []), sequence);
    if (type === "message") this.#count(decodeMessage(payload, sequence), payload);
    if (type !== "dead") return true;
    const { cause, message } = decodeDeadLetter(payload);
    this.#count({ ...message, acceptedMs: cause.deadMs }, payload);
    return true;
  }

  #count({ stream, tenant, lane, acceptedMs: timeMs }: DecodedMessage, payload: Buffer): void {
    countMessage(this.#target, { stream, tenant, lane, timeMs }, frameBytesOf(payload));
  }

  /** Writes what has gathered. */
  async write(): Promise<void> {
    this.#endBatch();
    await this.#file.write(this.#buffer.subarray(0, this.#bytes), this.#target.bytes);
    this.#target.bytes += this.#bytes;
    this.#bytes = 0;
  }

  /** @param source - The last one that was copied. */
  async end(state: LogStateRecord, { oldestMs, newestMs }: Segment): Promise<void> {
    await this.write();
    // By its age it goes, if by nothing else.
    if (this.#target.counts.total() === 0) Object.assign(this.#target, { oldestMs, newestMs });
    const closing = encodeSummary(this.#target, summaryOf(this.#target, this.#nextSequence, state), this.#target.bytes);
    await this.#file.write(closing, this.#target.bytes);
    this.#target.bytes += closing.length;
    this.#target.nextSequence = this.#nextSequence;
    this.#target.sealed = this.#target.hasSummary = true;
  }

  #put(type: FrameType, sequence: number, payload: Buffer): void {
    this.#reserve(BATCH_HEADER_BYTES + frameBytesOf(payload));
    if (this.#batchAt === null) {
      this.#batchAt = this.#bytes;
      this.#baseSequence = sequence;
      this.#frameCount = 0;
      this.#bytes += BATCH_HEADER_BYTES;
    }
    const end = this.#bytes + frameBytesOf(payload);
    const payloadEnd = payload.copy(this.#buffer, this.#bytes + FRAME_HEADER_BYTES) + this.#bytes + FRAME_HEADER_BYTES;
    encodeFrameHeader(this.#buffer, this.#bytes, type, sequence, payload.length, this.#target.header.salt);
    this.#buffer.fill(0, payloadEnd, end);
    this.#bytes = end;
    this.#frameCount += 1;
  }

  #endBatch(): void {
    if (this.#batchAt === null) return;
    const header = {
      bytes: this.#bytes - this.#batchAt,
      frameCount: this.#frameCount,
      baseSequence: this.#baseSequence,
      // All of it was on disk before: whatever is missing later is damage.
      durableSequence: this.#nextSequence,
      writtenMs: Date.now(),
    };
    encodeBatchHeader(this.#buffer.subarray(this.#batchAt), header, this.#target.header.salt);
    this.#batchAt = null;
  }

  #reserve(bytes: number): void {
    if (this.#bytes + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#bytes + bytes));
    this.#buffer.copy(grown, 0, 0, this.#bytes);
    this.#buffer = grown;
  }
}

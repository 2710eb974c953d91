/**
 * Appends frames to a log of segments, in group commits.
 *
 * Promise: `flush` settles after fdatasync, so what was appended before it survives power loss. A commit starts at
 * once; what is appended while it runs goes into the next one. When a commit fails, everything that is not on disk is
 * taken back and refused together, and the numbers are used again, since nobody has seen them.
 */
import { SidestreamError } from "../../errors.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { align, BATCH_HEADER_BYTES, DATA_OFFSET, encodeBatchHeader, encodeFrameHeader, encodeSegmentHeader, FRAME_HEADER_BYTES, type FrameType, type LogKind } from "./format.ts";
import type { LogStateRecord } from "./log-state.ts";
import { encodeSummary, planSegment, type Segment } from "./segment.ts";

/** First size of a batch buffer; it doubles as needed. */
const BATCH_BUFFER_BYTES = 64 * 1024;
/** A buffer that one large batch made grow beyond this is given up after it. */
const BATCH_BUFFER_BYTES_KEPT = 4 * 1024 * 1024;
/** What is not on disk yet; the hand-over's bound keeps well below it. */
const PENDING_BYTES_MAX = 512 * 1024 * 1024;

/** What the owner of the log is told of each frame. */
export interface FrameTag {
  readonly stream: string;
  readonly tenant: string;
  readonly lane: number;
  readonly acceptedMs: number;
}

export interface SegmentLogOwner {
  /** The state to open the next segment with: everything appended so far, on disk or not. */
  state(): LogStateRecord;
  /** A batch begins to be written; what is appended from now on belongs to the next. */
  batchSealed(): void;
  /** These frames are on disk. */
  batchDurable(tags: readonly FrameTag[]): void;
  /** These frames were taken back. */
  batchesFailed(tags: readonly FrameTag[]): void;
}

export interface SegmentLogSettings {
  readonly disk: Disk;
  readonly folder: string;
  readonly log: { readonly id: string; readonly kind: LogKind; readonly name: string };
  /** Size at which a new segment is begun. */
  readonly segmentBytesMax: number;
}

interface Batch {
  readonly segment: Segment;
  readonly baseSequence: number;
  /** The state that opens the segment, where this is its first batch. */
  readonly opening: LogStateRecord | null;
  readonly settled: PromiseWithResolvers<void>;
  buffer: Buffer;
  bytes: number;
  frameCount: number;
  readonly tags: FrameTag[];
  /** Somebody waits for it: it is written as soon as the disk is free. */
  wanted: boolean;
}

export class SegmentLog {
  readonly segments: Segment[];
  /** Every frame below it is on disk. */
  durableSequence: number;
  /** Set when the disk failed in a way that must not be tried again; appends are refused with it. */
  stopped: SidestreamError | null = null;
  readonly #settings: SegmentLogSettings;
  readonly #owner: SegmentLogOwner;
  #nextSequence: number;
  #file: DiskFile | null;
  /** The segment that is being written to; null before the first and between two. */
  #open: Segment | null;
  /** The segment that the next batch goes to, and its bytes with all batches that are under way. */
  #target: Segment | null;
  #targetBytes: number;
  #pending: Batch | null = null;
  #writing: Batch | null = null;
  #spare: Buffer | null = null;

  constructor(settings: SegmentLogSettings, owner: SegmentLogOwner, found: { readonly segments: Segment[]; readonly open: DiskFile | null; readonly nextSequence: number }) {
    this.#settings = settings;
    this.#owner = owner;
    this.segments = found.segments;
    this.#file = found.open;
    this.#open = found.open === null ? null : (found.segments.at(-1) ?? null);
    this.#target = this.#open;
    this.#targetBytes = this.#open?.bytes ?? 0;
    this.#nextSequence = found.nextSequence;
    this.durableSequence = found.nextSequence;
  }

  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** Bytes on disk and waiting. */
  get usedBytes(): number {
    let bytes = (this.#pending?.bytes ?? 0) + (this.#writing?.bytes ?? 0);
    for (const segment of this.segments) bytes += segment.bytes;
    return bytes;
  }

  /**
   * Appends one frame to the batch in memory.
   *
   * @param payloadBytesMax - Upper bound of what `encode` writes.
   * @param encode - Writes the payload at an offset and returns its length.
   * @returns The frame's number.
   * @throws SidestreamError when the log is stopped or too much waits for the disk.
   */
  append(type: FrameType, payloadBytesMax: number, encode: (target: Buffer, offset: number) => number, tag: FrameTag | null): number {
    if (this.stopped !== null) throw this.stopped;
    const batch = (this.#pending ??= this.#beginBatch());
    if (batch.bytes + payloadBytesMax > PENDING_BYTES_MAX) {
      throw new SidestreamError("SST_SPOOL_FULL", `${batch.bytes} bytes wait for the disk already`);
    }
    return this.#add(batch, type, payloadBytesMax, encode, tag);
  }

  #add(batch: Batch, type: FrameType, payloadBytesMax: number, encode: (target: Buffer, offset: number) => number, tag: FrameTag | null): number {
    reserve(batch, FRAME_HEADER_BYTES + payloadBytesMax + 8);
    const payloadBytes = encode(batch.buffer, batch.bytes + FRAME_HEADER_BYTES);
    const sequence = this.#nextSequence++;
    encodeFrameHeader(batch.buffer, batch.bytes, type, sequence, payloadBytes, batch.segment.header.salt);
    const end = batch.bytes + FRAME_HEADER_BYTES + payloadBytes;
    batch.bytes += align(FRAME_HEADER_BYTES + payloadBytes);
    batch.buffer.fill(0, end, batch.bytes);
    batch.frameCount += 1;
    if (tag !== null) batch.tags.push(tag);
    return sequence;
  }

  /** Settles when everything appended so far is on disk; rejects when it was taken back. */
  flush(): Promise<void> {
    const batch = this.#pending;
    if (batch === null) return this.#writing?.settled.promise ?? Promise.resolve();
    batch.wanted = true;
    if (this.#writing === null) this.#start(batch);
    return batch.settled.promise;
  }

  /** Ends the log: what waits is written, the open segment stays open for the next start. */
  async close(): Promise<void> {
    await this.flush().catch(() => undefined);
    await this.#file?.close();
    this.#file = null;
  }

  /** Forgets a sealed segment and removes its file. */
  async drop(segment: Segment): Promise<void> {
    const at = this.segments.indexOf(segment);
    if (at < 0 || segment === this.#open) return;
    this.segments.splice(at, 1);
    await this.#settings.disk.remove(segment.path);
  }

  #beginBatch(): Batch {
    let segment = this.#target;
    if (segment === null || this.#targetBytes >= this.#settings.segmentBytesMax) {
      // The number of the closing summary comes before the new segment's first.
      if (segment !== null) this.#nextSequence += 1;
      const number = ((segment ?? this.segments.at(-1))?.header.number ?? 0) + 1;
      segment = this.#target = planSegment(this.#settings.folder, this.#settings.log, number, this.#nextSequence);
      this.#targetBytes = DATA_OFFSET;
    }
    const opening = this.#targetBytes === DATA_OFFSET ? this.#owner.state() : null;
    const batch: Batch = {
      segment,
      baseSequence: this.#nextSequence,
      opening,
      settled: Promise.withResolvers(),
      buffer: this.#spare ?? Buffer.allocUnsafeSlow(BATCH_BUFFER_BYTES),
      bytes: BATCH_HEADER_BYTES,
      frameCount: 0,
      tags: [],
      wanted: false,
    };
    // Whoever flushes gets the same promise; a batch that nobody waits for may fail unseen, its owner is told.
    batch.settled.promise.catch(() => undefined);
    this.#spare = null;
    if (opening !== null) {
      const state = Buffer.from(JSON.stringify(opening), "utf8");
      this.#add(batch, "state", state.length, (target, offset) => state.copy(target, offset), null);
    }
    return batch;
  }

  #start(batch: Batch): void {
    this.#pending = null;
    this.#writing = batch;
    this.#targetBytes += batch.bytes;
    this.#owner.batchSealed();
    void this.#run(batch);
  }

  async #run(batch: Batch): Promise<void> {
    try {
      await this.#write(batch);
      this.#succeeded(batch);
      this.#writing = null;
      batch.settled.resolve();
    } catch (error) {
      const waiting = this.#takeBack(batch);
      await this.#cutHalfBatch();
      this.#writing = null;
      batch.settled.reject(error);
      waiting?.settled.reject(error);
    }
    if (this.#pending !== null && (this.#pending as Batch).wanted) this.#start(this.#pending);
  }

  async #write(batch: Batch): Promise<void> {
    if (batch.segment !== this.#open) await this.#roll(batch.segment, batch.opening as LogStateRecord);
    const header = {
      bytes: batch.bytes,
      frameCount: batch.frameCount,
      baseSequence: batch.baseSequence,
      durableSequence: this.durableSequence,
      writtenMs: Date.now(),
    };
    encodeBatchHeader(batch.buffer, header, batch.segment.header.salt);
    const file = this.#file as DiskFile;
    await file.write(batch.buffer.subarray(0, batch.bytes), batch.segment.bytes);
    await this.#sync(file);
  }

  /** Closes the open segment with its summary and makes the next one, each on disk before the next step. */
  async #roll(next: Segment, state: LogStateRecord): Promise<void> {
    const { disk, folder } = this.#settings;
    const old = this.#open;
    if (old !== null) {
      const file = this.#file as DiskFile;
      const closing = encodeSummary(old, summaryOf(old, next.header.baseSequence, state), old.bytes);
      await file.write(closing, old.bytes);
      await this.#sync(file);
      old.bytes += closing.length;
      old.nextSequence = next.header.baseSequence;
      old.sealed = true;
      this.durableSequence = next.header.baseSequence;
      this.#open = null;
      this.#file = null;
      await file.close();
    }
    const file = await disk.open(next.path, "create");
    try {
      await file.write(encodeSegmentHeader(next.header), 0);
      await this.#sync(file);
      await disk.syncFolder(folder);
    } catch (error) {
      await file.close();
      await disk.remove(next.path).catch(() => undefined);
      throw error;
    }
    next.bytes = DATA_OFFSET;
    this.segments.push(next);
    this.#open = next;
    this.#file = file;
  }

  /** After a failed sync the kernel may have dropped what it held: trying again would report a success that isn't one. */
  async #sync(file: DiskFile): Promise<void> {
    try {
      await file.sync();
    } catch (error) {
      this.stopped = error as SidestreamError;
      throw error;
    }
  }

  #succeeded(batch: Batch): void {
    const { segment } = batch;
    segment.bytes += batch.bytes;
    segment.nextSequence = batch.baseSequence + batch.frameCount;
    for (const { stream, tenant, lane, acceptedMs } of batch.tags) {
      segment.counts.add(stream, tenant, 1);
      segment.lanes.set(lane, (segment.lanes.get(lane) ?? 0) + 1);
      if (segment.oldestMs === 0) segment.oldestMs = acceptedMs;
      segment.newestMs = acceptedMs;
    }
    this.durableSequence = segment.nextSequence;
    if (batch.buffer.length <= BATCH_BUFFER_BYTES_KEPT) this.#spare = batch.buffer;
    this.#owner.batchDurable(batch.tags);
  }

  /** Forgets the batch that failed and the one that waits behind it, whose numbers follow from it. */
  #takeBack(batch: Batch): Batch | null {
    const waiting = this.#pending;
    this.#pending = null;
    this.#nextSequence = this.durableSequence;
    this.#target = this.#open;
    this.#targetBytes = this.#open?.bytes ?? 0;
    this.#owner.batchesFailed(waiting === null ? batch.tags : [...batch.tags, ...waiting.tags]);
    return waiting;
  }

  /** Half a batch must not stand where the next one goes. */
  async #cutHalfBatch(): Promise<void> {
    if (this.stopped !== null || this.#file === null || this.#open === null) return;
    await this.#file.truncate(this.#open.bytes).catch((cause: unknown) => (this.stopped = cause as SidestreamError));
  }
}

function reserve(batch: Batch, bytes: number): void {
  if (batch.bytes + bytes <= batch.buffer.length) return;
  let size = batch.buffer.length * 2;
  while (size < batch.bytes + bytes) size *= 2;
  const grown = Buffer.allocUnsafeSlow(size);
  batch.buffer.copy(grown, 0, 0, batch.bytes);
  batch.buffer = grown;
}

function summaryOf(segment: Segment, nextSequence: number, state: LogStateRecord): Parameters<typeof encodeSummary>[1] {
  return {
    version: 1,
    firstSequence: segment.header.baseSequence,
    nextSequence,
    messages: segment.counts.total(),
    counts: segment.counts.table(),
    lanes: Object.fromEntries([...segment.lanes].map(([lane, count]) => [String(lane), count])),
    oldestMs: segment.oldestMs,
    newestMs: segment.newestMs,
    state,
  };
}

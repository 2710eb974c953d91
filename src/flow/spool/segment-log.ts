/**
 * Appends frames to a log of segments, in group commits.
 *
 * Promise: `flush` settles after fdatasync, so what was appended before it survives power loss. A commit starts at
 * once; what is appended while it runs goes into the next one. When a commit fails, everything that is not on disk is
 * taken back and refused together, and the numbers are used again, since nobody has seen them.
 */
import { SidestreamError } from "../../errors.ts";
import { Batch, type EncodePayload, type FrameTag } from "./batch.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { DATA_OFFSET, encodeSegmentHeader, type FrameType } from "./format.ts";
import type { LogStateRecord } from "./log-state.ts";
import { DAMAGED_SUFFIX, encodeSummary, planSegment, summaryOf, type LogIdentity, type Segment } from "./segment.ts";

/** What is not on disk yet; the hand-over's bound keeps well below it. */
const PENDING_BYTES_MAX = 512 * 1024 * 1024;

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
  readonly log: LogIdentity;
  /** Size at which a new segment is begun. */
  readonly segmentBytesMax: number;
}

/** What recovery found, as far as the log goes on from it. */
export interface FoundLog {
  readonly segments: Segment[];
  /** Handle of the last segment, when it may be written on. */
  readonly open: DiskFile | null;
  readonly nextSequence: number;
  readonly lastNumber: number;
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
  /** Highest number that a segment's file ever had: a file that could not be removed is never in the way. */
  #lastNumber: number;
  #file: DiskFile | null;
  /** The segment that is being written to; null before the first and between two. */
  #open: Segment | null;
  /** The segment that the next batch goes to, and its bytes with all batches that are under way. */
  #target: Segment | null;
  #targetBytes: number;
  #pending: Batch | null = null;
  /** Frames were taken back that nobody had flushed yet. */
  #refusal: Error | null = null;
  #writing: Batch | null = null;
  #spare: Buffer | null = null;
  /** Bytes of all segments on disk. */
  #storedBytes: number;

  constructor(settings: SegmentLogSettings, owner: SegmentLogOwner, found: FoundLog) {
    this.#settings = settings;
    this.#owner = owner;
    this.segments = found.segments;
    this.#file = found.open;
    this.#open = found.open === null ? null : (found.segments.at(-1) ?? null);
    this.#target = this.#open;
    this.#targetBytes = this.#open?.bytes ?? 0;
    this.#nextSequence = found.nextSequence;
    this.#lastNumber = found.lastNumber;
    this.durableSequence = found.nextSequence;
    this.#storedBytes = found.segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** Bytes on disk and waiting. */
  get usedBytes(): number {
    return this.#storedBytes + (this.#pending?.bytes ?? 0) + (this.#writing?.bytes ?? 0);
  }

  /** The segment that is written to, when it has frames and nothing is under way to it. */
  get idleSegment(): Segment | null {
    const isIdle = this.#pending === null && this.#writing === null && this.#open === this.#target;
    return isIdle && this.#open !== null && this.#open.bytes > DATA_OFFSET ? this.#open : null;
  }

  /**
   * Appends one frame to the batch in memory.
   *
   * @param payloadBytesMax - Upper bound of what `encode` writes.
   * @returns The frame's number.
   * @throws SidestreamError when the log is stopped or too much waits for the disk.
   */
  append(type: FrameType, payloadBytesMax: number, encode: EncodePayload, tag: FrameTag | null): number {
    if (this.stopped !== null) throw this.stopped;
    const batch = (this.#pending ??= this.#beginBatch());
    if (batch.bytes + payloadBytesMax > PENDING_BYTES_MAX) {
      throw new SidestreamError("SST_SPOOL_FULL", `${batch.bytes} bytes wait for the disk already`);
    }
    batch.add(type, payloadBytesMax, encode, tag);
    if (tag !== null) batch.isUnheard = true;
    return this.#nextSequence++;
  }

  /** Settles when everything appended so far is on disk; rejects when it was taken back. */
  flush(): Promise<void> {
    const refusal = this.#refusal;
    this.#refusal = null;
    if (refusal !== null) return Promise.reject(refusal);
    if (this.#writing !== null) this.#writing.isUnheard = false;
    if (this.#pending !== null) this.#pending.isUnheard = false;
    return this.commit();
  }

  /**
   * As `flush`, for one who appended in this turn and answers for that alone: what others appended before, and what was
   * refused to them, they are told when they flush.
   */
  commit(): Promise<void> {
    const batch = this.#pending;
    if (batch === null) return this.#writing?.settled.promise ?? Promise.resolve();
    batch.wanted = true;
    if (this.#writing === null) this.#start(batch);
    return batch.settled.promise;
  }

  /** The next batch begins a new segment, however small this one is. */
  endSegment(): void {
    if (this.idleSegment !== null) this.#targetBytes = Math.max(this.#targetBytes, this.#settings.segmentBytesMax);
  }

  /** Ends the log: what waits is written, the open segment stays open for the next start. */
  async close(): Promise<void> {
    await this.flush().catch(() => undefined);
    await this.#file?.close();
    this.#file = null;
  }

  /** Forgets a segment and removes its file, or sets it aside. The open one only when it is idle. */
  async drop(segment: Segment, setAside: boolean): Promise<void> {
    if (!this.segments.includes(segment) || (segment === this.#open && segment !== this.idleSegment)) return;
    if (segment === this.#open) await this.#letGo();
    if (setAside) await this.#settings.disk.rename(segment.path, segment.path + DAMAGED_SUFFIX);
    else await this.#settings.disk.remove(segment.path);
    const at = this.segments.indexOf(segment);
    if (at < 0) return;
    this.segments.splice(at, 1);
    this.#storedBytes -= segment.bytes;
  }

  #beginBatch(): Batch {
    let segment = this.#target;
    if (segment === null || this.#targetBytes >= this.#settings.segmentBytesMax) {
      // The number of the closing summary comes before the new segment's first.
      if (segment !== null) this.#nextSequence += 1;
      this.#lastNumber += 1;
      segment = this.#target = planSegment(this.#settings.folder, this.#settings.log, this.#lastNumber, this.#nextSequence);
      this.#targetBytes = DATA_OFFSET;
    }
    const opening = this.#targetBytes === DATA_OFFSET ? this.#owner.state() : null;
    const batch = new Batch(segment, this.#nextSequence, opening, this.#spare);
    this.#spare = null;
    if (opening !== null) {
      const state = Buffer.from(JSON.stringify(opening), "utf8");
      batch.add("state", state.length, (target, offset) => state.copy(target, offset), null);
      this.#nextSequence += 1;
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
      batch.count();
      this.#storedBytes += batch.bytes;
      this.durableSequence = batch.segment.nextSequence;
      this.#spare = batch.spare;
      this.#writing = null;
      this.#owner.batchDurable(batch.tags);
      batch.settled.resolve();
    } catch (error) {
      await this.#cutHalfBatch();
      const waiting = this.#takeBack(batch);
      this.#writing = null;
      batch.settled.reject(error);
      waiting?.settled.reject(error);
      // Whoever appended to them and flushes only now must not hear that all is well.
      if (batch.isUnheard || waiting?.isUnheard === true) this.#refusal = error as Error;
    }
    const next: Batch | null = this.#pending;
    if (next?.wanted === true) this.#start(next);
  }

  async #write(batch: Batch): Promise<void> {
    if (batch.segment !== this.#open) await this.#roll(batch.segment, batch.opening as LogStateRecord);
    const file = this.#file as DiskFile;
    await file.write(batch.encode(this.durableSequence, Date.now()), batch.segment.bytes);
    await this.#sync(file);
  }

  /** Closes the open segment with its summary and makes the next one, each on disk before the next step. */
  async #roll(next: Segment, state: LogStateRecord): Promise<void> {
    if (this.#open !== null) await this.#seal(this.#open, next.header.baseSequence, state);
    const { disk, folder } = this.#settings;
    const file = await disk.open(next.path, "create");
    try {
      await file.write(encodeSegmentHeader(next.header), 0);
      await this.#sync(file);
      await disk.syncFolder(folder);
    } catch (error) {
      // A file that stays has no frames and begins where the next one will: it is ignored.
      await file.close().catch(() => undefined);
      await disk.remove(next.path).catch(() => undefined);
      throw error;
    }
    next.bytes = DATA_OFFSET;
    this.#storedBytes += DATA_OFFSET;
    this.segments.push(next);
    this.#open = next;
    this.#file = file;
  }

  async #seal(segment: Segment, nextSequence: number, state: LogStateRecord): Promise<void> {
    const file = this.#file as DiskFile;
    const closing = encodeSummary(segment, summaryOf(segment, nextSequence, state), segment.bytes);
    await file.write(closing, segment.bytes);
    await this.#sync(file);
    segment.bytes += closing.length;
    this.#storedBytes += closing.length;
    segment.nextSequence = nextSequence;
    segment.sealed = true;
    this.durableSequence = nextSequence;
    await this.#letGo();
  }

  /** Closes the open segment's file. Nothing depends on how that ends: all of it is synced. */
  async #letGo(): Promise<void> {
    const file = this.#file;
    if (this.#target === this.#open) this.#target = null;
    this.#open = null;
    this.#file = null;
    await file?.close().catch(() => undefined);
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

  /**
   * Half a batch must not stand where the next one goes, nor come back after a start. The cut is synced, or else a
   * crash could bring frames of it back between those of the next batch.
   */
  async #cutHalfBatch(): Promise<void> {
    if (this.#file === null || this.#open === null) return;
    try {
      await this.#file.truncate(this.#open.bytes);
      if (this.stopped === null) await this.#file.sync();
    } catch (error) {
      this.stopped ??= error as SidestreamError;
    }
  }
}

/**
 * Appends frames to a log of segments, in group commits.
 *
 * Promise: `flush` settles after fdatasync, so what was appended before it survives power loss. A commit starts at
 * once; what is appended while it runs goes into the next one. When a write fails, everything that is not on disk is
 * taken back and refused together, and the numbers are used again, since nobody has seen them. When a sync fails, it is
 * written once more, to a new segment.
 */
import { SidestreamError } from "../../errors.ts";
import { Batch, BATCH_BYTES_LARGE, type EncodePayload, type FrameTag } from "./batch.ts";
import { DATA_OFFSET, type FrameType } from "./format.ts";
import type { FoundLog, SegmentLogOwner, SegmentLogSettings } from "./segment-log-owner.ts";
import { planSegment, type Segment } from "./segment.ts";
import { SegmentWriter, type FileFate } from "./segment-writer.ts";

/** What is not on disk yet; the hand-over's bound keeps well below it. */
const PENDING_BYTES_MAX = 512 * 1024 * 1024;

export class SegmentLog {
  /** Set when the disk failed in a way that must not be tried again; appends are refused with it. */
  stopped: SidestreamError | null = null;
  /** Set while half a batch stands on disk that could not be cut off; appends are refused with it. */
  uncut: SidestreamError | null = null;
  /** What becomes of files: of those made ahead, and of segments that go. */
  readonly files: Pick<SegmentWriter, "makeRoom" | "usesAgain" | "wipe">;
  readonly #settings: SegmentLogSettings;
  readonly #owner: SegmentLogOwner;
  readonly #writer: SegmentWriter;
  #nextSequence: number;
  /** Highest number that a segment's file ever had: a file that could not be removed is never in the way. */
  #lastNumber: number;
  /** The segment that the next batch goes to, and its bytes with all batches that are under way. */
  #target: Segment | null;
  #targetBytes: number;
  #pending: Batch | null = null;
  /** Frames were taken back that nobody had flushed yet. */
  #refusal: Error | null = null;
  #writing: Batch | null = null;
  /** Never rejects. */
  #mending: Promise<void> | null = null;
  /** A batch is about to be written. */
  #isStarting = false;
  #lastBytes = 0;
  /** Half of the last two batches: of two that are alike, one is made while the other is written. */
  #evenBytes = 0;
  /** Of the batch before, for the next one. */
  #buffer: Buffer | null = null;

  constructor(settings: SegmentLogSettings, owner: SegmentLogOwner, found: FoundLog) {
    this.#settings = settings;
    this.#owner = owner;
    this.files = this.#writer = new SegmentWriter(settings, found);
    this.#target = this.#writer.open;
    this.#targetBytes = this.#target?.bytes ?? 0;
    this.#nextSequence = found.nextSequence;
    this.#lastNumber = found.lastNumber;
  }

  get segments(): readonly Segment[] {
    return this.#writer.segments;
  }

  /** Every frame below it is on disk. */
  get durableSequence(): number {
    return this.#writer.durableSequence;
  }

  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** Bytes on disk and waiting. */
  get usedBytes(): number {
    return this.#writer.storedBytes + (this.#pending?.bytes ?? 0) + (this.#writing?.bytes ?? 0);
  }

  /** The segment that is written to, when it has frames and nothing is under way to it. */
  get idleSegment(): Segment | null {
    const { open } = this.#writer;
    const isIdle = this.#pending === null && this.#writing === null && this.uncut === null && open === this.#target;
    return isIdle && open !== null && open.bytes > DATA_OFFSET ? open : null;
  }

  /**
   * Appends one frame to the batch in memory.
   *
   * @param payloadBytesMax - Upper bound of what `encode` writes.
   * @returns The frame's number, unless a sync that fails moves it on: nobody may rely on it before `flush`.
   * @throws SidestreamError when the log is stopped or too much waits for the disk.
   */
  append(type: FrameType, payloadBytesMax: number, encode: EncodePayload, tag: FrameTag | null): number {
    if (this.stopped !== null) throw this.stopped;
    if (this.uncut !== null) {
      void this.mend();
      throw this.uncut;
    }
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
    if (this.#writing === null) this.#startSoon(batch);
    return batch.settled.promise;
  }

  /** The next batch begins a new segment, however small this one is. */
  endSegment(): void {
    if (this.idleSegment !== null) this.#targetBytes = Math.max(this.#targetBytes, this.#settings.segmentBytesMax);
  }

  /** Begins a new segment, however small this one is, which is sealed by that. Settles once it is. */
  async roll(): Promise<void> {
    const ended = this.#target;
    if (ended === null || this.#targetBytes <= DATA_OFFSET) return;
    this.#targetBytes = Math.max(this.#targetBytes, this.#settings.segmentBytesMax);
    if (this.#pending !== null) await this.commit();
    if (this.#target === ended) this.#pending ??= this.#beginBatch();
    await this.commit();
  }

  /** Tries again to cut off half a batch. Never rejects. */
  mend(): Promise<void> {
    if (this.uncut === null) return Promise.resolve();
    this.#mending ??= this.#cutOff(this.uncut).finally(() => (this.#mending = null));
    return this.#mending;
  }

  /** Ends the log: what waits is written, the open segment stays open for the next start. */
  async close(): Promise<void> {
    await this.flush().catch(() => undefined);
    // A refusal that nobody had heard of yet comes at once, before what waits is written.
    await this.commit().catch(() => undefined);
    await this.mend();
    await this.#writer.close();
  }

  /** Forgets a segment and lets its file go. The open one only when it is idle. */
  async drop(segment: Segment, fate: FileFate): Promise<void> {
    const isOpen = segment === this.#writer.open;
    if (!this.segments.includes(segment) || (isOpen && segment !== this.idleSegment)) return;
    if (isOpen) this.#target = null;
    await this.#writer.drop(segment, fate);
  }

  /** Puts one segment in the place of sealed ones that stand next to each other. */
  replace(segments: readonly Segment[], by: Segment): void {
    this.#writer.replace(segments, by);
  }

  #beginBatch(): Batch {
    let segment = this.#target;
    if (segment === null || this.#targetBytes >= this.#settings.segmentBytesMax || (this.#writing === null && this.#writer.hasBetter)) {
      // The number of the closing summary comes before the new segment's first.
      if (segment !== null) this.#nextSequence += 1;
      segment = this.#plan(this.#nextSequence);
    }
    const opening = this.#targetBytes === DATA_OFFSET ? this.#owner.state() : null;
    const batch = new Batch(segment, this.#nextSequence, opening, this.#buffer);
    this.#buffer = null;
    this.#nextSequence = batch.nextSequence;
    return batch;
  }

  #plan(baseSequence: number): Segment {
    this.#lastNumber += 1;
    this.#target = planSegment(this.#settings.folder, this.#settings.log, this.#lastNumber, baseSequence);
    this.#targetBytes = DATA_OFFSET;
    return this.#target;
  }

  /**
   * Once whoever was just told that all is on disk has appended what comes next: else the first of many would have a
   * batch of its own, and the others wait for it. A large batch isn't kept waiting, so that disk and engine work at once.
   */
  #startSoon(batch: Batch): void {
    if (batch.bytes >= Math.max(BATCH_BYTES_LARGE, this.#evenBytes)) return this.#start(batch);
    if (this.#isStarting) return;
    this.#isStarting = true;
    process.nextTick(() => {
      this.#isStarting = false;
      const pending = this.#pending;
      if (this.#writing === null && pending?.wanted === true) this.#start(pending);
    });
  }

  #start(batch: Batch): void {
    this.#pending = null;
    this.#writing = batch;
    this.#targetBytes += batch.bytes;
    this.#evenBytes = (this.#lastBytes + batch.bytes) / 2;
    this.#lastBytes = batch.bytes;
    this.#owner.batchSealed();
    void this.#run(batch);
  }

  async #run(batch: Batch): Promise<void> {
    let error: SidestreamError | null = null;
    try {
      await this.#write(batch);
    } catch (failure) {
      error = failure as SidestreamError;
      // What went elsewhere and failed there too is not tried a third time: that would only guess.
      if (this.#writing === batch) await this.#cutOff(error);
      else await this.#stop(error);
    }
    // No await from here on: whoever is told of the end may append and flush at once.
    if (error === null) this.#succeed(this.#writing ?? batch);
    else this.#refuse(this.#writing ?? batch, error);
    const next: Batch | null = this.#pending;
    if (next?.wanted === true) this.#startSoon(next);
  }

  async #write(batch: Batch): Promise<void> {
    try {
      await this.#writer.write(batch);
    } catch (error) {
      if (!this.#writer.isDistrusted) throw error;
      await this.#writeElsewhere(batch, error as SidestreamError);
    }
  }

  #succeed(batch: Batch): void {
    this.#buffer = batch.spare;
    this.#writing = null;
    this.#owner.batchDurable(batch.tags);
    batch.settled.resolve();
  }

  /**
   * After a sync that failed: what is not on disk begins a new segment, once. What the old one holds of it is a copy, and
   * ignored, once the new one is on disk.
   */
  async #writeElsewhere(batch: Batch, error: SidestreamError): Promise<void> {
    const left = this.#writer.open?.path ?? batch.segment.path;
    await this.#writer.leave();
    // No await until the batches have their new places: what is appended meanwhile follows them.
    const waiting = this.#pending;
    const segment = this.#plan(this.durableSequence);
    const state = this.#owner.durableState(waiting === null ? batch.tags : [...batch.tags, ...waiting.tags]);
    const moved = batch.movedTo(segment, this.durableSequence, state);
    this.#writing = moved;
    this.#targetBytes += moved.bytes;
    this.#pending = waiting?.movedTo(segment, moved.nextSequence, null) ?? null;
    this.#nextSequence = (this.#pending ?? moved).nextSequence;
    await this.#writer.write(moved);
    this.#settings.onRewritten(error, left);
  }

  /** Half a batch must go before anything else is written. */
  async #cutOff(error: SidestreamError): Promise<void> {
    const cut = await this.#writer.cut();
    this.uncut = cut === "not-yet" ? error : null;
    if (cut === "unsure") await this.#stop(error);
  }

  async #stop(error: SidestreamError): Promise<void> {
    this.stopped = error;
    await this.#writer.leave();
  }

  /** Refuses the batch and the one that waits behind it, whose numbers follow from it. */
  #refuse(batch: Batch, error: SidestreamError): void {
    const waiting = this.#pending;
    this.#pending = null;
    this.#writing = null;
    this.#nextSequence = this.durableSequence;
    this.#target = this.#writer.open;
    this.#targetBytes = this.#target?.bytes ?? 0;
    this.#owner.batchesFailed(waiting === null ? batch.tags : [...batch.tags, ...waiting.tags]);
    batch.settled.reject(error);
    waiting?.settled.reject(error);
    // Whoever appended to them and flushes only now must not hear that all is well.
    if (batch.isUnheard || waiting?.isUnheard === true) this.#refusal = error;
  }
}

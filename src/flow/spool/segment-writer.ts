/**
 * Writes to the open segment of a log, closes it when it is full and begins the next one.
 *
 * Promise: each step is on disk before the next one is made. After a sync that failed the file is not written to again:
 * the system may have dropped what it held, and a second try would report a success that isn't one.
 *
 * @see docs/spool-format.md, section 6
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Archive } from "./archive.ts";
import type { Batch } from "./batch.ts";
import { isFull, systemCode, type Disk, type DiskFile } from "./disk.ts";
import { DATA_OFFSET, encodeSegmentHeader, FLAG_RESERVED } from "./format.ts";
import { GradualRemoval, REMOVING_SUFFIX } from "./gradual-removal.ts";
import type { LogStateRecord } from "./log-state.ts";
import { DAMAGED_SUFFIX, encodeSummary, summaryOf, type Segment } from "./segment.ts";
import { SPARE_FILE, SpareSegment } from "./spare-segment.ts";

export interface SegmentWriterSettings {
  readonly disk: Disk;
  readonly folder: string;
  /** Size at which a new segment is begun. */
  readonly segmentBytesMax: number;
  /** Larger files are removed in steps of so many bytes; absent: as is best for a disk. */
  readonly removalStepBytes?: number | undefined;
  /** Bytes of the budget that nothing takes yet; absent: no file is made ahead or used again. */
  readonly freeBytes?: () => number;
  /** Takes the files of what is done; absent or null: they are removed, or used again. */
  readonly archive?: Archive | null;
}

/** What recovery found, as far as the writer goes on from it. */
export interface FoundSegments {
  readonly segments: Segment[];
  /** Handle of the last segment, when it may be written on. */
  readonly open: DiskFile | null;
  readonly nextSequence: number;
}

/** A segment isn't ended before it has this much, whatever its file costs: each one takes a state and a summary. */
const HALF_EMPTY_BYTES = 1024 * 1024;

/**
 * The system takes no more. What it may hold of the write all the same is written over, or cut off, before anything else
 * goes there. After any other error it may have dropped what it held, and say that all is well.
 */
const REFUSED: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EFBIG", "EROFS"]);

/** What becomes of the file of a segment that is done: `unlink` where somebody may still read it. */
export type FileFate = "give-back" | "unlink" | "set-aside";

export class SegmentWriter {
  readonly segments: Segment[];
  /** Every frame below it is on disk. */
  durableSequence: number;
  /** Bytes of all segments on disk. */
  storedBytes: number;
  /** The segment that is being written to; null before the first and between two. */
  open: Segment | null;
  /** A sync failed: what isn't durable must go to another file. */
  isDistrusted = false;
  /** False while nothing must be left of what is removed: no file becomes another segment's. */
  usesAgain = true;
  readonly #settings: SegmentWriterSettings;
  readonly #spare: SpareSegment | null;
  readonly #removal: GradualRemoval;
  #file: DiskFile | null;
  /** Length of the open segment's file where it is more than what was written: it must be cut when it is closed. */
  #reservedBytes = 0;
  /** A segment without a summary was removed, and that it is gone isn't on disk yet. */
  #mayComeBack = false;

  constructor(settings: SegmentWriterSettings, found: FoundSegments) {
    const { disk, folder, segmentBytesMax: bytes, freeBytes, removalStepBytes } = settings;
    this.#settings = settings;
    this.segments = found.segments;
    this.open = found.open === null ? null : (found.segments.at(-1) ?? null);
    this.#file = found.open;
    this.durableSequence = found.nextSequence;
    this.storedBytes = found.segments.reduce((sum, segment) => sum + segment.bytes, 0);
    this.#removal = new GradualRemoval(disk, folder, removalStepBytes);
    this.#spare = freeBytes === undefined ? null : new SpareSegment({ disk, folder, bytes, freeBytes });
  }

  /** The open segment's file grows with each batch, and there is one that needn't. */
  get hasBetter(): boolean {
    return this.open !== null && this.#reservedBytes === 0 && this.open.bytes >= HALF_EMPTY_BYTES && this.#spare?.isReady === true;
  }

  /** Writes a batch where it belongs and settles once it is on disk. It begins its segment where that is a new one. */
  async write(batch: Batch): Promise<void> {
    for (;;) {
      try {
        return await this.#put(batch);
      } catch (error) {
        // What was made ahead, and what is archived, is worth less than what is to be kept.
        if (!isFull(error) || this.isDistrusted || !(await this.makeRoom())) throw error;
      }
    }
  }

  /** Removes the file that was made ahead, or else the oldest that is archived. False when there is none. */
  async makeRoom(): Promise<boolean> {
    return (await this.#spare?.release()) === true || (await this.#settings.archive?.giveWay()) === true;
  }

  /**
   * From now on files are removed, not used again. Settles once none is left of those that were to be.
   *
   * @throws SidestreamError `SST_SPOOL_IO` where one can't be removed.
   */
  async wipe(): Promise<void> {
    const { disk, folder } = this.#settings;
    this.usesAgain = false;
    await this.#spare?.release();
    await this.#removal.settled();
    const isLeft = (name: string): boolean => name === SPARE_FILE || name.endsWith(REMOVING_SUFFIX);
    for (const name of (await disk.list(folder)).filter(isLeft)) await disk.remove(join(folder, name));
  }

  async #put(batch: Batch): Promise<void> {
    if (batch.segment !== this.open) await this.#roll(batch.segment, batch.opening as LogStateRecord);
    const file = this.#file as DiskFile;
    await this.#writeSynced(file, batch.encode(this.durableSequence, Date.now()), batch.segment.bytes);
    batch.count();
    this.storedBytes += batch.bytes;
    this.durableSequence = batch.segment.nextSequence;
    this.#spare?.appended(batch.bytes);
  }

  /**
   * Removes what a write that failed left. Half a batch must not stand where the next one goes, nor come back after a
   * start. The cut is synced, or else a crash could bring frames of it back between those of the next batch.
   *
   * @returns `not-yet` where it may be tried again; `unsure` when the sync failed.
   */
  async cut(): Promise<"done" | "not-yet" | "unsure"> {
    const file = this.#file;
    if (file === null || this.open === null) return "done";
    try {
      await file.truncate(this.open.bytes);
    } catch {
      return "not-yet";
    }
    this.#reservedBytes = 0;
    return file.sync().then(
      () => "done",
      () => "unsure",
    );
  }

  /** Leaves the open segment as it is: without a summary, and with what the next one begins with anew at its end. */
  async leave(): Promise<void> {
    this.isDistrusted = false;
    if (this.open !== null) {
      this.open.sealed = true;
      // As well as can be: what a source is told is refused had better not come back with the next start.
      await this.#file?.truncate(this.open.bytes).catch(() => undefined);
    }
    await this.#letGo();
  }

  /** Forgets a segment and lets its file go. The caller sees to it that nothing is under way to it. */
  async drop(segment: Segment, fate: FileFate): Promise<void> {
    const at = this.segments.indexOf(segment);
    if (at < 0) return;
    // Before anything is done to the file: nobody begins to read what is about to go.
    this.segments.splice(at, 1);
    try {
      if (segment === this.open) await this.#letGo();
      await this.#dispose(segment, fate);
    } catch (error) {
      const later = this.segments.findIndex(({ header }) => header.number > segment.header.number);
      this.segments.splice(later < 0 ? this.segments.length : later, 0, segment);
      throw error;
    }
    this.storedBytes -= segment.bytes;
  }

  async #dispose(segment: Segment, fate: FileFate): Promise<void> {
    const { disk, folder } = this.#settings;
    // What follows one without a summary would be missed, if that one alone came back with a power loss.
    if (this.#mayComeBack) await disk.syncFolder(folder);
    this.#mayComeBack = !segment.hasSummary;
    if (fate === "set-aside") await disk.rename(segment.path, segment.path + DAMAGED_SUFFIX);
    else if ((await this.#settings.archive?.take(segment)) === true) return;
    else if (fate === "unlink" || this.#settings.archive?.isUnknown === true) await disk.remove(segment.path);
    else await this.#giveBack(segment);
  }

  async #giveBack({ path, bytes, hasSummary }: Segment): Promise<void> {
    // Of one without a summary a sync may have failed: its file isn't used again.
    if (hasSummary && this.usesAgain && (await this.#spare?.recycle(path, bytes)) === true) return;
    await this.#removal.remove(path, bytes);
  }

  /** Puts one segment in the place of several that stand next to each other. */
  replace(segments: readonly Segment[], by: Segment): void {
    const at = this.segments.indexOf(segments[0] as Segment);
    assert(
      segments.every((segment, index) => this.segments[at + index] === segment),
      "what is replaced is in the log",
    );
    this.segments.splice(at, segments.length, by);
    for (const { bytes } of segments) this.storedBytes -= bytes;
    this.storedBytes += by.bytes;
  }

  async close(): Promise<void> {
    await this.#spare?.close();
    await this.#removal.settled();
    await this.#file?.close();
    this.#file = null;
  }

  /** Closes the open segment with its summary and makes the next one, each on disk before the next step. */
  async #roll(next: Segment, state: LogStateRecord): Promise<void> {
    if (this.open !== null) await this.#seal(this.open, next.header.baseSequence, state);
    const { disk, folder } = this.#settings;
    const reserved = { ...next.header, flags: next.header.flags | FLAG_RESERVED };
    const taken = await this.#spare?.take(next.path, encodeSegmentHeader(reserved));
    const file = taken?.file ?? (await disk.open(next.path, "create"));
    try {
      if (taken === undefined || taken === null) {
        await this.#writeSynced(file, encodeSegmentHeader(next.header), 0);
      } else next.header = reserved;
      await disk.syncFolder(folder);
    } catch (error) {
      // A file that stays has no frames and begins where the next one will: it is ignored.
      await file.close().catch(() => undefined);
      await disk.remove(next.path).catch(() => undefined);
      throw error;
    }
    next.bytes = DATA_OFFSET;
    this.storedBytes += DATA_OFFSET;
    this.segments.push(next);
    this.open = next;
    this.#file = file;
    this.#reservedBytes = taken?.bytes ?? 0;
  }

  async #seal(segment: Segment, nextSequence: number, state: LogStateRecord): Promise<void> {
    const file = this.#file as DiskFile;
    const closing = encodeSummary(segment, summaryOf(segment, nextSequence, state), segment.bytes);
    const end = segment.bytes + closing.length;
    // The trailer must be the last of the file.
    if (this.#reservedBytes > end) await file.truncate(end);
    await this.#writeSynced(file, closing, segment.bytes);
    segment.bytes = end;
    this.storedBytes += closing.length;
    segment.nextSequence = nextSequence;
    segment.sealed = segment.hasSummary = true;
    this.durableSequence = nextSequence;
    await this.#letGo();
  }

  /** Closes the open segment's file. Nothing depends on how that ends: all of it that counts is synced. */
  async #letGo(): Promise<void> {
    const file = this.#file;
    this.open = null;
    this.#file = null;
    this.#reservedBytes = 0;
    await file?.close().catch(() => undefined);
  }

  /** One call, so that the disk is at work while this thread encodes what comes next. */
  async #writeSynced(file: DiskFile, bytes: Buffer, offset: number): Promise<void> {
    try {
      await file.writeSynced(bytes, offset);
    } catch (error) {
      this.isDistrusted = !REFUSED.has(systemCode(error) ?? "");
      throw error;
    }
  }
}

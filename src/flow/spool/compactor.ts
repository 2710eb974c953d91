/**
 * Keeps messages that can't be sent from holding up a log's space: once others are far enough ahead of them, what lies
 * between them is freed. Segments are rewritten without what is done, the oldest first.
 *
 * Promise: one rewrite at a time, each a bounded piece of work; what fails is tried again with a later confirmation.
 * Nothing that waits moves: it keeps its number, its place in the order and its lane.
 */
import { join } from "node:path";
import type { Archive } from "./archive.ts";
import { compact, COMPACTING_FILE } from "./compaction.ts";
import type { NumberRange } from "./confirmed-ranges.ts";
import type { Cursor } from "./cursor.ts";
import { isFull, type Disk } from "./disk.ts";
import type { SegmentLog } from "./segment-log.ts";
import type { Segment } from "./segment.ts";
import type { Turns } from "./turns.ts";

/** Messages that wait apart from each other, in memory: beyond, the log keeps its space. */
const RANGES_MAX = 262_144;
/** A segment of which less is done stays as it is for now: copying it would free next to nothing. */
const GAIN_MIN = 0.25;
/** The same for one that was rewritten before. */
const GAIN_AGAIN_MIN = 0.5;
/** Looking takes at most one part in so many of the time, where many ranges make it long. */
const LOOK_PART = 20;
const LOOK_MS_MIN = 1;
const RETRY_MS = 2_000;
/** Smaller ones are always joined: the headers alone take 8 KiB. */
const SMALL_BYTES = 64 * 1024;

export interface CompactorParts {
  readonly disk: Disk;
  readonly folder: string;
  readonly segments: SegmentLog;
  readonly cursor: Cursor;
  /** How far others must be ahead, in bytes of segments. */
  readonly parkBytes: number;
  readonly segmentBytesMax: number;
  /** Gets the files as they were before they are rewritten. */
  readonly archive: Archive | null;
  readonly turns: Turns;
  /** True while the log wants room: it is made by this as soon as half of a segment is done. */
  readonly isShort: () => boolean;
  /** Whether somebody else works on a segment. */
  readonly isBusy: (segment: Segment) => boolean;
  /** Segments were rewritten, or could not be: what is done of them by now may go. */
  readonly onEnded: () => void;
}

export class Compactor {
  readonly #parts: CompactorParts;
  #sources: readonly Segment[] = [];
  /** Has the old ones' name; whether that lasts isn't known yet. */
  #renamed: { readonly segment: Segment; readonly sources: readonly Segment[] } | null = null;
  /** Never rejects. */
  #running: Promise<void> | null = null;
  /** Segments that can't be rewritten. */
  readonly #unfit = new WeakSet<Segment>();
  /** The log's last segment when something failed, and when that was. */
  #failedAt: { readonly last: Segment | undefined; readonly ms: number } | null = null;
  readonly #frameCounts = new WeakMap<Segment, number>();
  #nextLookMs = 0;
  #isClosed = false;
  #isHeld = false;

  constructor(parts: CompactorParts) {
    this.#parts = parts;
  }

  /** A segment that is being rewritten, or was and isn't settled: it must stay as it is. */
  holds(segment: Segment): boolean {
    return this.#sources.includes(segment) || this.#renamed?.segment === segment;
  }

  /** Looks whether there is something to do, and begins with it. */
  look(): void {
    const startedMs = performance.now();
    if (this.#isClosed || this.#isHeld || this.#running !== null) return;
    const isUnsettled = this.#renamed !== null;
    if (!isUnsettled && (startedMs < this.#nextLookMs || this.#hasFailedLately(startedMs))) return;
    const isNeeded = isUnsettled || this.#choose().length > 0;
    const tookMs = performance.now() - startedMs;
    if (tookMs > LOOK_MS_MIN) this.#nextLookMs = startedMs + tookMs * LOOK_PART;
    if (!isNeeded) return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
      if (!this.#isClosed && this.#failedAt === null) this.#parts.onEnded();
    });
  }

  /**
   * Rewrites one segment without some of what is done, however little that is.
   *
   * @param keptOf - Asked once nothing else is being rewritten: the numbers that stay. All others are done.
   * @returns False when it can't be: it isn't sealed, is damaged, or somebody else works on it.
   * @throws SidestreamError `SST_SPOOL_IO`; the segment is as it was then.
   */
  async rewrite(segment: Segment, keptOf: () => Promise<readonly NumberRange[]>): Promise<boolean> {
    while (this.#running !== null) await this.#running;
    if (this.#isClosed || !this.#parts.segments.segments.includes(segment) || !segment.sealed || !this.#isFit(segment)) return false;
    const rewriting = this.#rewrite(segment, keptOf);
    this.#running = rewriting.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await rewriting;
    } finally {
      this.#running = null;
    }
  }

  async #rewrite(segment: Segment, keptOf: () => Promise<readonly NumberRange[]>): Promise<boolean> {
    this.#sources = [segment];
    try {
      await this.#settle();
      return await this.#compact([segment], keptOf);
    } finally {
      this.#sources = [];
    }
  }

  /** Nothing is begun until `release`, but what `rewrite` asks for. Settles when nothing is under way. */
  async hold(): Promise<void> {
    this.#isHeld = true;
    while (this.#running !== null) await this.#running;
  }

  release(): void {
    this.#isHeld = false;
    this.look();
  }

  /** Settles when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Settles when nothing of this is under way; nothing is begun any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  /** Another rewrite is tried once there is another last segment, or some time has passed. */
  #hasFailedLately(nowMs: number): boolean {
    if (this.#failedAt === null) return false;
    return this.#failedAt.last === this.#parts.segments.segments.at(-1) && nowMs < this.#failedAt.ms + RETRY_MS;
  }

  async #run(): Promise<void> {
    this.#failedAt = null;
    try {
      await this.#settle();
      for (let sources = this.#choose(); sources.length > 0 && !this.#isClosed && !this.#isHeld; sources = this.#choose()) {
        this.#sources = sources;
        await this.#compact(sources);
        this.#sources = [];
      }
    } catch (error) {
      // What is archived is worth less than the room that a rewrite makes; it is tried again.
      if (isFull(error)) await this.#parts.archive?.giveWay();
      this.#failedAt = { last: this.#parts.segments.segments.at(-1), ms: performance.now() };
    } finally {
      this.#sources = [];
    }
  }

  async #compact(sources: readonly Segment[], keptOf?: () => Promise<readonly NumberRange[]>): Promise<boolean> {
    const { disk, folder, segments, cursor, turns, archive } = this.#parts;
    for (const { header, nextSequence } of sources) {
      // No messages: the state that opens a segment, the summary that closes it.
      cursor.ranges.add(header.baseSequence);
      cursor.ranges.add(nextSequence - 1);
    }
    // What is done by now is done by the cursor that is on disk then; what is confirmed meanwhile stays in.
    const kept = (await keptOf?.()) ?? cursor.ranges.missing(sources[0]?.header.baseSequence ?? 0, sources.at(-1)?.nextSequence ?? 0);
    await cursor.save();
    const file = join(folder, COMPACTING_FILE);
    const compacted = await compact(disk, file, sources, kept);
    if (compacted.segment === null) {
      this.#unfit.add(compacted.unfit);
      return false;
    }
    const { segment } = compacted;
    // Before: after it, their bytes have no name any more.
    await archive?.keep(sources);
    await turns.run(async () => {
      await disk.rename(file, segment.path);
      segments.replace(sources, segment);
      this.#renamed = { segment, sources };
    });
    await this.#settle();
    return true;
  }

  /** Only once the new file's name lasts may the cursor leave out what it says, and may the other sources go. */
  async #settle(): Promise<void> {
    if (this.#renamed === null) return;
    const { disk, folder, cursor } = this.#parts;
    const { segment, sources } = this.#renamed;
    await disk.syncFolder(folder);
    this.#renamed = null;
    cursor.ranges.compacted({ from: segment.header.baseSequence, to: segment.nextSequence, frames: segment.frames ?? [] });
    // One that stays holds nothing but copies, and goes with the next start.
    for (const source of sources.slice(0, -1)) await disk.remove(source.path).catch(() => undefined);
  }

  /** The segments to be rewritten next: the oldest that others are far enough ahead of. None when all is well. */
  #choose(): readonly Segment[] {
    const { segments: log, cursor, parkBytes, isShort } = this.#parts;
    const { ranges } = cursor;
    if (ranges.count >= RANGES_MAX) return [];
    const isWanted = isShort();
    let first: number | null = null;
    let aheadBytes = 0;
    for (let index = log.segments.length - 1; index >= 0; index -= 1) {
      const segment = log.segments[index] as Segment;
      if (segment.nextSequence <= ranges.lowWater) break;
      if (!segment.sealed || segment.nextSequence > ranges.end) continue;
      const done = this.#doneShare(segment);
      // It goes as a whole.
      if (done === 1) continue;
      const gainMin = segment.frames !== null || isWanted ? GAIN_AGAIN_MIN : GAIN_MIN;
      if ((isWanted || aheadBytes >= parkBytes) && done >= gainMin && this.#isFit(segment)) first = index;
      // Only what is done counts: reading goes ahead of what can't be sent, too.
      aheadBytes += segment.bytes * done;
    }
    return first === null ? [] : this.#withBefore(first);
  }

  #isFit(segment: Segment): boolean {
    return segment.hasSummary && !segment.damaged && !this.#unfit.has(segment) && !this.#parts.isBusy(segment);
  }

  /** Together with the one before it, where that is small: a stuck lane must not leave thousands of files. */
  #withBefore(index: number): readonly Segment[] {
    const { segments } = this.#parts.segments;
    const segment = segments[index] as Segment;
    const before = segments[index - 1];
    const smallBytes = Math.max(SMALL_BYTES, this.#parts.segmentBytesMax / 4);
    if (before === undefined || before.bytes > smallBytes || before.nextSequence !== segment.header.baseSequence) return [segment];
    return this.#isFit(before) ? [before, segment] : [segment];
  }

  #doneShare(segment: Segment): number {
    const { header, nextSequence } = segment;
    const count = this.#frameCount(segment);
    return count === 0 ? 0 : 1 - this.#parts.cursor.ranges.countMissing(header.baseSequence, nextSequence) / count;
  }

  #frameCount(segment: Segment): number {
    if (segment.frames === null) return segment.nextSequence - segment.header.baseSequence;
    let count = this.#frameCounts.get(segment);
    if (count === undefined) {
      count = segment.frames.reduce((sum, [from, to]) => sum + to - from, 0);
      this.#frameCounts.set(segment, count);
    }
    return count;
  }
}

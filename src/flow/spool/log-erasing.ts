/**
 * Rewrites sealed segments of a destination's log without some of what is done, so that no byte of it is left.
 *
 * Promise: nothing that waits is touched, and of what is done only what was asked for. While it is at it no file becomes
 * another segment's, so that nothing of an old one stays behind the end of a new one.
 *
 * @see docs/spool-format.md, section 6
 */
import type { Cursor } from "./cursor.ts";
import type { Disk } from "./disk.ts";
import type { ErasedLog, ErasingSpan } from "./erased.ts";
import { FLAG_RESERVED } from "./format.ts";
import type { LogReading } from "./log-reading.ts";
import type { SegmentLog } from "./segment-log.ts";
import type { SegmentReclaimer } from "./segment-reclaimer.ts";
import type { Segment } from "./segment.ts";
import { mayHold, numbersOf, numbersWithout } from "./tenant-frames.ts";

/** The frames of a segment's own, at its start and its end. */
const OWN_FRAMES = 2;

export interface LogErasingParts {
  readonly disk: Disk;
  readonly segments: SegmentLog;
  readonly cursor: Cursor;
  readonly reclaimer: SegmentReclaimer;
  readonly reading: LogReading;
}

export class LogErasing {
  readonly #parts: LogErasingParts;

  constructor(parts: LogErasingParts) {
    this.#parts = parts;
  }

  /**
   * From now on, until `end`, files are removed, not used again, and nobody else rewrites segments. The segment that is written to is sealed where it holds
   * something of the tenant, or where its file was another segment's before.
   *
   * @param below - What an earlier call returned: of what came since, nothing is to be erased. Null: the first call.
   * @returns The number below which all is in sealed segments.
   */
  async begin(tenant: string, below: number | null): Promise<number> {
    const { segments, reclaimer } = this.#parts;
    await reclaimer.hold();
    await segments.files.wipe();
    await segments.commit();
    const open = this.#open;
    if (open !== null && (isReused(open) || ((below === null || open.header.baseSequence < below) && mayHold(open, tenant))))
      await segments.roll();
    return below ?? this.#open?.header.baseSequence ?? segments.nextSequence;
  }

  /** Files are used again, and segments rewritten by themselves. */
  end(): void {
    this.#parts.segments.files.usesAgain = true;
    this.#parts.reclaimer.release();
  }

  /**
   * Rewrites each segment that holds something of a tenant that is done. Nobody may be reading the log.
   *
   * @param span - What is beyond is left as it is.
   * @param endMs - By `performance.now()`, when no more is begun.
   * @throws SidestreamError what the disk says; what was rewritten before stays so.
   */
  async rewrite(tenant: string, { from, below }: ErasingSpan, endMs: number): Promise<ErasedLog> {
    const { segments, reclaimer, reading } = this.#parts;
    // What is done as a whole goes as a whole; a file that is still open would keep its bytes on the disk.
    await reclaimer.freeSaved();
    await reading.close();
    const left: string[] = [];
    let reached = from;
    for (const segment of [...segments.segments]) {
      const { header, nextSequence, hasSummary } = segment;
      // One may have been joined with what came later.
      if (nextSequence <= from || header.baseSequence >= below || (hasSummary && !mayHold(segment, tenant))) continue;
      if (reached > from && performance.now() >= endMs) return { isThrough: false, left, span: { from: reached, below } };
      if (!(await this.#rewrite(segment, tenant, below))) left.push(segment.path);
      reached = Math.min(nextSequence, below);
    }
    await reclaimer.freeSaved();
    await segments.files.wipe();
    return { isThrough: true, left, span: { from: below, below } };
  }

  /**
   * Rewrites the sealed segments without all that is done, so that the cursor needn't keep numbers that are done apart
   * from each other.
   */
  async gather(): Promise<void> {
    const { segments, cursor, reclaimer } = this.#parts;
    await segments.roll();
    for (const segment of [...segments.segments]) {
      const { header, nextSequence } = segment;
      const left = cursor.ranges.countMissing(header.baseSequence, nextSequence);
      if (!segment.sealed || left === 0 || frameCount(segment) - left <= OWN_FRAMES) continue;
      await reclaimer.rewrite(segment, () => Promise.resolve(cursor.ranges.missing(header.baseSequence, nextSequence)));
    }
    await reclaimer.freeSaved();
  }

  get #open(): Segment | null {
    const last = this.#parts.segments.segments.at(-1);
    return last === undefined || last.sealed ? null : last;
  }

  /** @returns False when something of it is left. */
  async #rewrite(segment: Segment, tenant: string, below: number): Promise<boolean> {
    const { disk, segments, cursor, reclaimer } = this.#parts;
    const { ranges } = cursor;
    const all = await numbersOf(disk, segment, tenant);
    if (all === null) return false;
    const numbers = all.filter((sequence) => sequence < below);
    const gone = numbers.filter((sequence) => ranges.has(sequence));
    const isAll = gone.length === numbers.length;
    if (gone.length === 0) return isAll;
    const kept = numbersWithout(segment, gone);
    const isRewritten = await reclaimer.rewrite(segment, () => Promise.resolve(kept));
    // Where it went as a whole meanwhile, it was done.
    return (isRewritten && isAll) || !segments.segments.some(({ path }) => path === segment.path);
  }
}

function frameCount({ frames, header, nextSequence }: Segment): number {
  return frames === null ? nextSequence - header.baseSequence : frames.reduce((sum, [from, to]) => sum + to - from, 0);
}

/** Behind what was written to it there may be bytes of another segment. */
function isReused({ header }: Segment): boolean {
  return (header.flags & FLAG_RESERVED) !== 0;
}

/**
 * Which numbers of a log are done.
 *
 * Promise: what the cursor has to keep stays small. Each hole between two ranges is a message in flight, or one that
 * waits for a lane that is stuck. Of segments that were compacted, the file itself says which numbers have no frame, so
 * that only frames of theirs that are done since have to be kept.
 *
 * @see docs/spool-format.md, sections 4 and 6
 */
import { NumberRanges } from "./number-ranges.ts";

/** From inclusive, to exclusive. */
export type NumberRange = readonly [from: number, to: number];

/** Segments at a log's start that were compacted. */
export interface CompactedSpan {
  /** From the first's first number, to behind the last's last. */
  readonly from: number;
  readonly to: number;
  /** Numbers that have a frame that may not be done. */
  readonly frames: readonly NumberRange[];
}

export class ConfirmedRanges extends NumberRanges {
  /** Numbers below it without a frame are done by what the segments say. */
  #compactedBelow = 0;
  /** Done, below that, and not by what the segments say; more may be in it. */
  #kept: NumberRanges;

  /** @param ranges - As the cursor kept them. */
  constructor(lowWater: number, ranges: readonly NumberRange[]) {
    super(lowWater, ranges);
    this.#kept = new NumberRanges(lowWater, []);
  }

  get compactedBelow(): number {
    return this.#compactedBelow;
  }

  /** What the cursor has to keep above the low-water mark. */
  override above(): readonly NumberRange[] {
    const ranges = [...this.#keptAbove().above(), ...this.from(Math.max(this.lowWater, this.#compactedBelow))];
    // The two parts may touch.
    return new NumberRanges(this.lowWater, ranges).above();
  }

  /** How many ranges that are. */
  get aboveCount(): number {
    const border = Math.max(this.lowWater, this.#compactedBelow);
    const isJoined = this.#keptAbove().has(border - 1) && border > this.lowWater && this.has(border);
    return this.#keptAbove().count + this.countFrom(border) - (isJoined ? 1 : 0);
  }

  /** How many of them are frames of compacted segments. */
  get compactedCount(): number {
    return this.#keptAbove().count;
  }

  /** Marks one number; false when it was marked before. */
  add(sequence: number): boolean {
    if (this.has(sequence)) return false;
    this.addRange(sequence, sequence + 1);
    return true;
  }

  /** Marks a whole range, such as control records or damage, whatever of it was marked before. */
  override addRange(from: number, to: number): void {
    if (from < this.#compactedBelow && this.firstMissing(from, to) !== null) this.#kept.addRange(from, Math.min(to, this.#compactedBelow));
    super.addRange(from, to);
  }

  /** Of these numbers, all of them done, no segment will say so any more. */
  keep(from: number, to: number): void {
    if (from < this.#compactedBelow) this.#kept.addRange(from, Math.min(to, this.#compactedBelow));
  }

  /** Segments say from now on which of their numbers have frames; all others are done. */
  compacted({ from, to, frames }: CompactedSpan): void {
    // A segment between that could not be rewritten: what is done of it is kept as what is done of the others.
    if (from > this.#compactedBelow) this.#keepDone(this.#compactedBelow, from);
    let at = from;
    for (const [start, end] of [...frames, [to, to] as const]) {
      super.addRange(at, start);
      at = end;
    }
    this.#compactedBelow = Math.max(this.#compactedBelow, to);
    const kept = this.#kept.above().flatMap((range) => outside(range, from, to));
    this.#kept = new NumberRanges(this.lowWater, []);
    for (const [start, end] of kept) this.#kept.addRange(start, end);
    for (const [start, end] of frames) this.#keepDone(start, end);
  }

  /** Without what the low-water mark has passed. */
  #keptAbove(): NumberRanges {
    this.#kept.addRange(this.#kept.lowWater, this.lowWater);
    return this.#kept;
  }

  #keepDone(from: number, to: number): void {
    let at = Math.max(from, this.lowWater);
    for (const [start, end] of [...this.missing(at, to), [to, to] as const]) {
      if (start > at) this.#kept.addRange(at, start);
      at = end;
    }
  }
}

function outside([start, end]: NumberRange, from: number, to: number): [number, number][] {
  const parts: [number, number][] = [];
  if (start < from) parts.push([start, Math.min(end, from)]);
  if (end > to) parts.push([Math.max(start, to), end]);
  return parts;
}

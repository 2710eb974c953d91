/**
 * The room that a log has: its budget, the size of its segments, and the freeing of those that are done.
 *
 * Promise: a segment goes only when each of its numbers is done by the cursor on disk. Control records need no room: they
 * are written to a full log too, which could not drain otherwise.
 */
import type { Cursor } from "./cursor.ts";
import type { SegmentLog } from "./segment-log.ts";
import { doneSegments, segmentSizeFor } from "./segment.ts";

const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
/** A budget holds at least this many segments, so that delivered ones are freed long before it is used up. */
const SEGMENTS_PER_BUDGET = 64;
/** Room kept for the state frame, the summary, control records and the headers of the segments. */
const OVERHEAD_BYTES = 64 * 1024;

/** Size at which a log with this budget begins a new segment. */
export function logSegmentBytes(budgetBytes: number): number {
  return segmentSizeFor(budgetBytes, SEGMENTS_PER_BUDGET, SEGMENT_BYTES_MAX);
}

export class LogRoom {
  readonly #segments: SegmentLog;
  readonly #cursor: Cursor;
  readonly #bytesMax: number;
  #freeing: Promise<void> | null = null;
  #saving: Promise<void> | null = null;

  constructor(segments: SegmentLog, cursor: Cursor, bytesMax: number) {
    this.#segments = segments;
    this.#cursor = cursor;
    this.#bytesMax = bytesMax;
  }

  /** Bytes that may be appended to the segments as they are. */
  get freeBytes(): number {
    return this.#bytesMax - OVERHEAD_BYTES - this.#segments.usedBytes;
  }

  /** Bytes that may be appended, once the open segment is closed where all of it is done. */
  get roomBytes(): number {
    const { idleSegment } = this.#segments;
    const isDone = idleSegment !== null && idleSegment.nextSequence <= this.#cursor.savedLowWater;
    return Math.max(0, this.freeBytes + (isDone ? idleSegment.bytes : 0));
  }

  /**
   * Removes sealed segments whose messages are all done, by the cursor that is on disk. One that can't be removed is
   * tried again with the next confirmation, or when somebody wants room; until then its bytes count as used.
   */
  free(): Promise<void> {
    this.#freeing ??= this.#freeDone()
      .catch(() => undefined)
      .finally(() => (this.#freeing = null));
    return this.#freeing;
  }

  /**
   * As `free`, and writes the cursor before where only the one in memory knows that the first segment is done: after
   * frames of the log's own no confirmation may come that would.
   */
  async freeSaved(): Promise<void> {
    const first = this.#segments.segments[0];
    const { ranges, savedLowWater } = this.#cursor;
    if (first !== undefined && first.nextSequence > savedLowWater && first.nextSequence <= ranges.lowWater) {
      this.#saving ??= this.#cursor
        .save()
        .catch(() => undefined)
        .finally(() => (this.#saving = null));
      await this.#saving;
    }
    await this.free();
  }

  /** Settles when nothing of this is under way. */
  async settled(): Promise<void> {
    await this.#saving;
    await this.#freeing;
  }

  async #freeDone(): Promise<void> {
    for (const segment of doneSegments(this.#segments.segments, this.#cursor.savedLowWater))
      await this.#segments.drop(segment, segment.damaged);
  }
}

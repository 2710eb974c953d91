/**
 * The room that a log has: its budget, the size of its segments, and the freeing of those that are done.
 *
 * Promise: a segment goes only when each of its numbers is done by the cursor on disk. Control records need no room: they
 * are written to a full log too, which could not drain otherwise.
 */
import { Compactor } from "./compactor.ts";
import type { Cursor } from "./cursor.ts";
import type { Disk } from "./disk.ts";
import type { LogBooks } from "./log-books.ts";
import type { DestinationLogSettings } from "./log-settings.ts";
import { OldestDropper } from "./oldest-dropper.ts";
import type { SegmentLog } from "./segment-log.ts";
import { beforeLast, doneSegments, segmentSizeFor, type Segment } from "./segment.ts";
import type { Turns } from "./turns.ts";
import type { FileFate } from "./segment-writer.ts";

const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
/** A budget holds at least this many segments, so that delivered ones are freed long before it is used up. */
const SEGMENTS_PER_BUDGET = 64;
/** Room kept for the state frame, the summary, control records and the headers of the segments. */
const OVERHEAD_BYTES = 64 * 1024;
/** A log whose oldest messages give way keeps this part of its budget free, one in so many. */
const RESERVED_PART = 16;

/** Size at which a log with this budget begins a new segment. */
export function logSegmentBytes(budgetBytes: number): number {
  return segmentSizeFor(budgetBytes, SEGMENTS_PER_BUDGET, SEGMENT_BYTES_MAX);
}

/** Who else has to do with segments. */
export interface SegmentUsers {
  /** Whether a segment's file is being read. */
  readonly reading: { reads(segment: Segment): boolean };
  /** Whether damage was met in a segment that is not booked yet. */
  readonly lost: { holds(segment: Segment): boolean };
}

export interface LogRoomParts {
  readonly disk: Disk;
  readonly settings: DestinationLogSettings;
  readonly segments: SegmentLog;
  readonly cursor: Cursor;
  readonly books: LogBooks;
  readonly turns: Turns;
  readonly others: () => SegmentUsers;
}

export class LogRoom {
  readonly #segments: SegmentLog;
  readonly #cursor: Cursor;
  readonly #bytesMax: number;
  readonly #tenantShare: number;
  /** Kept free where the oldest messages give way. */
  readonly #reserveBytes: number;
  readonly #turns: Turns;
  readonly #others: () => SegmentUsers;
  readonly #compactor: Compactor;
  readonly #dropper: OldestDropper | null;
  #freeing: Promise<void> | null = null;
  #saving: Promise<void> | null = null;

  constructor({ disk, settings, segments, cursor, books, turns, others }: LogRoomParts) {
    const { folder, bytesMax, tenantShare = 1, parkBytes = Infinity, numbered = false } = settings;
    const segmentBytesMax = settings.segmentBytesMax ?? logSegmentBytes(bytesMax);
    this.#segments = segments;
    this.#cursor = cursor;
    this.#bytesMax = bytesMax;
    this.#tenantShare = tenantShare;
    this.#reserveBytes = Math.max(segmentBytesMax, Math.floor(bytesMax / RESERVED_PART));
    this.#turns = turns;
    this.#others = others;
    const isShort = (): boolean => this.#dropper !== null && this.freeBytes < this.#reserveBytes;
    const isBusy = (segment: Segment): boolean => this.#dropper?.holds(segment) === true || others().lost.holds(segment);
    this.#compactor = new Compactor({ disk, folder, segments, cursor, parkBytes, segmentBytesMax, turns, isShort, isBusy });
    const free = async (): Promise<void> => {
      // What is under way by now may not know what was done last.
      await this.#freeing;
      await this.free();
      await this.#compactor.idle();
    };
    const dropper = {
      disk,
      segments,
      cursor,
      books,
      numbered,
      isShort,
      free,
      isBusy: (segment: Segment) => this.#compactor.holds(segment),
    };
    this.#dropper = settings.whenFull === "drop-oldest" ? new OldestDropper(dropper) : null;
  }

  /** Names who knows which messages are in somebody's hands. */
  heldBy(isHeld: (logSequence: number) => boolean): void {
    if (this.#dropper !== null) this.#dropper.isHeld = isHeld;
  }

  /** Messages were given up that no cursor on disk may know of yet. */
  get hasUnsavedDrop(): boolean {
    return this.#dropper?.isUnsaved === true;
  }

  /**
   * Sees to it that so many bytes may be appended for a tenant; where the oldest messages give way, begins with that.
   *
   * @param heldBytes - What the tenant has waiting.
   * @returns Why they may not; null when they may.
   */
  makeRoom(bytes: number, heldBytes: number): "full" | "share" | null {
    this.#dropper?.look();
    if (bytes > this.freeBytes) {
      if (bytes > this.roomBytes) return "full";
      // All of the open segment is done: it is closed, and removed with the next confirmation.
      this.#segments.endSegment();
    }
    return this.isHeldBack(heldBytes) ? "share" : null;
  }

  /** Whether a tenant that has so much waiting has more than its share, and the log is half full. */
  isHeldBack(heldBytes: number): boolean {
    return heldBytes > this.#bytesMax * this.#tenantShare && this.roomBytes < this.#bytesMax / 2;
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
    this.#dropper?.look();
  }

  /** Settles when nothing of this is under way; no segment is rewritten any more. */
  async settled(): Promise<void> {
    await this.#dropper?.close();
    await this.#compactor.close();
    await this.#saving;
    await this.#freeing;
  }

  #fateOf(segment: Segment): FileFate {
    if (segment.damaged) return "set-aside";
    return this.#others().reading.reads(segment) ? "remove" : "use-again";
  }

  /** The oldest first. Where the oldest messages give way, also segments behind one that still has some. */
  async #freeDone(): Promise<void> {
    this.#dropper?.confirmed();
    const { segments } = this.#segments;
    const done = doneSegments(segments, this.#cursor.savedLowWater);
    if (done.length === 0 && this.#dropper !== null) await this.#freeBehind();
    for (const segment of done) {
      if (this.#isBusy(segment)) break;
      await this.#drop(segment);
    }
    this.#compactor.look();
  }

  async #freeBehind(): Promise<void> {
    const { ranges } = this.#cursor;
    const { segments } = this.#segments;
    const isDone = ({ header, nextSequence }: Segment): boolean => ranges.firstMissing(header.baseSequence, nextSequence) === null;
    // Where nothing tells that a segment ends, what is missing behind it is taken for damage.
    const mayGo = (index: number): boolean => index === 0 || segments[index - 1]?.hasSummary === true;
    const done = beforeLast(segments).filter((segment, index) => mayGo(index) && isDone(segment) && !this.#isBusy(segment));
    if (done.length === 0) return;
    // Once it is gone, no segment says any more what it left out.
    for (const { header, nextSequence } of done) ranges.keep(header.baseSequence, nextSequence);
    // Done in memory by now: by the cursor on disk after this.
    await this.#cursor.save();
    for (const segment of done) if (!this.#isBusy(segment)) await this.#drop(segment);
  }

  #isBusy(segment: Segment): boolean {
    return this.#compactor.holds(segment) || this.#dropper?.holds(segment) === true || this.#others().lost.holds(segment);
  }

  /** In its turn: a reader that opens the file has either done so, or doesn't find the segment any more. */
  #drop(segment: Segment): Promise<void> {
    return this.#turns.run(() => this.#segments.drop(segment, this.#fateOf(segment)));
  }
}

/**
 * Gives back the room of what is done: frees segments, has those rewritten of which little is left, and where the log
 * was configured so has its oldest messages given up.
 *
 * Promise: a segment goes only when each of its numbers is done by the cursor on disk, and somebody who uses it is done
 * with it. What can't be removed is tried again.
 *
 * @see docs/spool-format.md, section 6
 */
import type { Archive } from "./archive.ts";
import { Compactor } from "./compactor.ts";
import type { NumberRange } from "./confirmed-ranges.ts";
import type { Cursor } from "./cursor.ts";
import type { Disk } from "./disk.ts";
import type { LogBooks } from "./log-books.ts";
import { logSegmentBytes, type LogRoom } from "./log-room.ts";
import type { DestinationLogSettings } from "./log-settings.ts";
import { OldestDropper } from "./oldest-dropper.ts";
import type { SegmentLog } from "./segment-log.ts";
import type { FileFate } from "./segment-writer.ts";
import { beforeLast, doneSegments, type Segment } from "./segment.ts";
import type { Turns } from "./turns.ts";

/** Who else has to do with segments. */
export interface SegmentUsers {
  /** Whether a segment's file is being read. */
  readonly reading: { reads(segment: Segment): boolean };
  /** Whether damage was met in a segment that is not booked yet. */
  readonly lost: { holds(segment: Segment): boolean };
}

export interface SegmentReclaimerParts {
  readonly disk: Disk;
  readonly settings: DestinationLogSettings;
  readonly segments: SegmentLog;
  readonly cursor: Cursor;
  readonly books: LogBooks;
  readonly room: LogRoom;
  readonly turns: Turns;
  readonly archive: Archive | null;
  readonly others: () => SegmentUsers;
}

export class SegmentReclaimer {
  readonly #segments: SegmentLog;
  readonly #cursor: Cursor;
  readonly #turns: Turns;
  readonly #others: () => SegmentUsers;
  readonly #compactor: Compactor;
  readonly #dropper: OldestDropper | null;
  /** Its file is being given back: nobody else may begin with it. */
  #dropping: Segment | null = null;
  #freeing: Promise<void> | null = null;
  #saving: Promise<void> | null = null;

  constructor(parts: SegmentReclaimerParts) {
    const { settings, segments, cursor, room, turns, others } = parts;
    const { folder, parkBytes = Infinity, numbered = false, whenFull } = settings;
    const dropsOldest = whenFull === "drop-oldest";
    this.#segments = segments;
    this.#cursor = cursor;
    this.#turns = turns;
    this.#others = others;
    this.#compactor = new Compactor({
      ...parts,
      folder,
      parkBytes,
      segmentBytesMax: logSegmentBytes(settings),
      isShort: () => dropsOldest && room.isShort,
      isBusy: (segment) => segment === this.#dropping || this.#dropper?.holds(segment) === true || others().lost.holds(segment),
      onEnded: () => void this.free(),
    });
    const free = async (): Promise<void> => {
      // What is under way by now may not know what was done last.
      await this.#freeing;
      await this.free();
      await this.#compactor.idle();
    };
    this.#dropper = dropsOldest
      ? new OldestDropper({ ...parts, numbered, isShort: () => room.isShort, free, isBusy: (segment) => this.#compactor.holds(segment) })
      : null;
  }

  /** Names who knows which messages are in somebody's hands. */
  heldBy(isHeld: (logSequence: number) => boolean): void {
    if (this.#dropper !== null) this.#dropper.isHeld = isHeld;
  }

  /** Messages were given up that no cursor on disk may know of yet. */
  get hasUnsavedDrop(): boolean {
    return this.#dropper?.isUnsaved === true;
  }

  /** Where the oldest messages give way: looks whether they must, and begins with it. */
  look(): void {
    this.#dropper?.look();
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
    this.look();
  }

  /** As `Compactor.rewrite`. */
  rewrite(segment: Segment, keptOf: () => Promise<readonly NumberRange[]>): Promise<boolean> {
    return this.#compactor.rewrite(segment, keptOf);
  }

  /** No segment is rewritten by itself until `release`. Settles when none is. */
  hold(): Promise<void> {
    return this.#compactor.hold();
  }

  release(): void {
    this.#compactor.release();
  }

  /** Settles when nothing of this is under way; no segment is rewritten any more. */
  async settled(): Promise<void> {
    await this.#dropper?.close();
    await this.#compactor.close();
    await this.#saving;
    await this.#freeing;
  }

  async #freeDone(): Promise<void> {
    this.#dropper?.confirmed();
    const { segments } = this.#segments;
    try {
      for (const segment of doneSegments(segments, this.#cursor.savedLowWater)) await this.#drop(segment);
      await this.#freeBehind();
    } finally {
      this.#compactor.look();
    }
  }

  /** Segments behind one that still has messages: what one of them waits for must not fill the disk with what is done. */
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
    for (const segment of done) await this.#drop(segment);
  }

  #isBusy(segment: Segment): boolean {
    return this.#compactor.holds(segment) || this.#dropper?.holds(segment) === true || this.#others().lost.holds(segment);
  }

  /**
   * In its turn: a reader that opens the file has either done so, or doesn't find the segment any more. One that can't go
   * now, or can't be removed, keeps none of the others.
   */
  #drop(segment: Segment): Promise<void> {
    return this.#turns.run(async () => {
      if (this.#isBusy(segment)) return;
      this.#dropping = segment;
      await this.#segments.drop(segment, this.#fateOf(segment)).catch(() => undefined);
      this.#dropping = null;
    });
  }

  #fateOf(segment: Segment): FileFate {
    if (segment.damaged) return "set-aside";
    return this.#others().reading.reads(segment) ? "unlink" : "give-back";
  }
}

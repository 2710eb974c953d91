/**
 * Reads a destination's log: ahead, and behind for what was left.
 *
 * Promise: what holds no message never holds up the low-water mark; what is missing is booked, and in doubt, before a
 * message behind it is given out.
 */
import type { Cursor } from "./cursor.ts";
import type { Disk } from "./disk.ts";
import type { Doubt } from "./doubt.ts";
import { LogReader } from "./log-reader.ts";
import type { LostMessages } from "./lost-messages.ts";
import type { SegmentLog } from "./segment-log.ts";
import type { SegmentReclaimer } from "./segment-reclaimer.ts";
import type { Segment } from "./segment.ts";
import type { Turns } from "./turns.ts";
import type { ReadPass, ReadResult } from "./spooled.ts";

export interface LogReadingParts {
  readonly disk: Disk;
  readonly segments: SegmentLog;
  readonly cursor: Cursor;
  readonly reclaimer: SegmentReclaimer;
  readonly doubt: Doubt;
  readonly lost: LostMessages;
  readonly turns: Turns;
}

export class LogReading {
  readonly #parts: LogReadingParts;
  /** Each keeps its place and its file. */
  readonly #readers: Readonly<Record<ReadPass, LogReader>>;
  /** Several lanes may look aside at a time, and a reader reads for one; never rejects. */
  #aside: Promise<unknown> = Promise.resolve();
  /** Numbers were stepped over that the cursor on disk may not know as done. */
  #hasPassed = false;

  constructor(parts: LogReadingParts) {
    this.#parts = parts;
    this.#readers = { ahead: this.#reader(), behind: this.#reader(), aside: this.#reader() };
  }

  read(fromSequence: number, bytesMax: number, pass: ReadPass): Promise<ReadResult> {
    if (pass !== "aside") return this.#read(fromSequence, bytesMax, pass);
    const result = this.#aside.then(() => this.#read(fromSequence, bytesMax, pass));
    this.#aside = result.catch(() => undefined);
    return result;
  }

  async #read(fromSequence: number, bytesMax: number, pass: ReadPass): Promise<ReadResult> {
    const { segments, lost, reclaimer } = this.#parts;
    const result = await this.#readers[pass].read(segments.segments, segments.durableSequence, fromSequence, bytesMax);
    await lost.bookMet();
    // It never rejects, and nobody need wait for it.
    if (this.#hasPassed) void reclaimer.freeSaved();
    this.#hasPassed = false;
    return result;
  }

  /** Whether a segment's file is being read. */
  reads(segment: Segment): boolean {
    return Object.values(this.#readers).some((reader) => reader.reads(segment));
  }

  async close(): Promise<void> {
    for (const reader of Object.values(this.#readers)) await reader.close();
  }

  #reader(): LogReader {
    const { disk, turns, cursor, doubt, lost } = this.#parts;
    return new LogReader(disk, turns, {
      passed: (sequence) => {
        cursor.ranges.addRange(sequence, sequence + 1);
        this.#hasPassed = true;
      },
      missing: (from, to) => {
        doubt.missing(from, to);
        cursor.ranges.addRange(from, to);
        this.#hasPassed = true;
      },
      damaged: (segment, hole) => lost.meet(segment, hole),
    });
  }
}

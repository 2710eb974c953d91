/**
 * Reads durable messages of a log in order, from any number on.
 *
 * Promise: only what is on disk for good is read. Frames that are no messages, damage and numbers that no segment has
 * are stepped over and told to the caller before a message behind them is given out, so that they never hold up the
 * low-water mark.
 */
import { decodeMessage } from "./message-codec.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { FRAME_TYPES } from "./format.ts";
import type { Segment } from "./segment.ts";
import { firstPosition, scanFrames, type Frame, type Hole, type ScanPosition } from "./segment-scan.ts";
import type { Turns } from "./turns.ts";
import type { ReadResult, SpooledMessage } from "./spooled.ts";

export interface ReaderWatch {
  /** This number holds a frame of the log's own. */
  readonly passed: (sequence: number) => void;
  /** These numbers hold nothing: from inclusive, to exclusive. */
  readonly missing: (from: number, to: number) => void;
  readonly damaged: (segment: Segment, hole: Hole) => void;
}

export class LogReader {
  readonly #disk: Disk;
  readonly #turns: Turns;
  readonly #watch: ReaderWatch;
  #segment: Segment | null = null;
  #isReading = false;
  #file: DiskFile | null = null;
  #position: ScanPosition = firstPosition({ baseSequence: 0, flags: 0 });

  constructor(disk: Disk, turns: Turns, watch: ReaderWatch) {
    this.#disk = disk;
    this.#turns = turns;
    this.#watch = watch;
  }

  /**
   * Reads messages from a number on.
   *
   * @param segments - The log's segments, in order, as they stand now.
   * @param durableSequence - Where to end; what is on disk of its segment by then may be read too.
   * @param bytesMax - About how many bytes to read; at least one message is returned if there is one.
   */
  async read(segments: readonly Segment[], durableSequence: number, fromSequence: number, bytesMax: number): Promise<ReadResult> {
    this.#isReading = true;
    try {
      return await this.#read(segments, durableSequence, fromSequence, bytesMax);
    } finally {
      this.#isReading = false;
    }
  }

  /** Whether bytes of a segment's file are being read: it must not be used again meanwhile. */
  reads(segment: Segment): boolean {
    return this.#isReading && this.#segment === segment;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    this.#segment = null;
    await file?.close();
  }

  async #read(segments: readonly Segment[], durableSequence: number, fromSequence: number, bytesMax: number): Promise<ReadResult> {
    let next = fromSequence;
    while (next < durableSequence) {
      const segment = await this.#open(segments, next);
      // Numbers that no segment has yet: they are stepped over when the next segment is there.
      if (segment === null) return { messages: [], nextSequence: durableSequence };
      if (segment.header.baseSequence > next) {
        this.#watch.missing(next, segment.header.baseSequence);
        next = segment.header.baseSequence;
      }
      // Of the same moment: frames that came in between would be taken for copies.
      const limit = segment.bytes;
      const end = segment.nextSequence;
      if (this.#position.sequence > next) this.#position = firstPosition(segment.header);
      const messages = await this.#take(segment, limit, end, next, bytesMax);
      next = this.#position.sequence;
      if (messages.length > 0) return { messages, nextSequence: next };
    }
    return { messages: [], nextSequence: next };
  }

  /** The segment that has a number, with its file open here; null when there is none yet. */
  async #open(segments: readonly Segment[], sequence: number): Promise<Segment | null> {
    const found = segments.find(({ nextSequence }) => nextSequence > sequence) ?? null;
    if (found === null || found === this.#segment) return found;
    return this.#turns.run(async () => {
      await this.close();
      // As it stands now that nobody renames or removes its file meanwhile.
      const segment = segments.find(({ nextSequence }) => nextSequence > sequence) ?? null;
      if (segment === null) return null;
      this.#file = await this.#disk.open(segment.path, "read");
      this.#segment = segment;
      this.#position = firstPosition(segment.header);
      return segment;
    });
  }

  async #take(segment: Segment, limit: number, end: number, from: number, bytesMax: number): Promise<SpooledMessage[]> {
    const messages: SpooledMessage[] = [];
    while (messages.length === 0 && this.#position.sequence < end) {
      const before = this.#position.sequence;
      const result = await scanFrames(this.#file as DiskFile, segment.header.salt, this.#position, limit, bytesMax);
      for (const hole of result.holes) if (hole.sequence < end) this.#watch.damaged(segment, hole);
      // What stands at or above the end is a copy: a later segment begins with it anew.
      const hasCopies = this.#position.sequence > end;
      if (hasCopies) this.#position.sequence = end;
      this.#sort(hasCopies ? result.frames.filter(({ sequence }) => sequence < end) : result.frames, before, from, messages);
      if (!result.ended || this.#position.sequence >= end) continue;
      // Frames that were on disk are missing at the segment's end.
      const { offset, sequence } = this.#position;
      this.#watch.damaged(segment, { offset, bytes: limit - offset, sequence, framesLost: end - sequence });
      this.#watch.missing(sequence, end);
      this.#position.sequence = end;
    }
    return messages;
  }

  #sort(frames: readonly Frame[], before: number, from: number, messages: SpooledMessage[]): void {
    let expected = before;
    for (const frame of frames) {
      if (frame.sequence > expected) this.#watch.missing(expected, frame.sequence);
      expected = frame.sequence + 1;
      if (frame.type !== FRAME_TYPES.message) this.#watch.passed(frame.sequence);
      else if (frame.sequence >= from) messages.push(decodeMessage(frame.payload, frame.sequence));
    }
    if (this.#position.sequence > expected) this.#watch.missing(expected, this.#position.sequence);
  }
}

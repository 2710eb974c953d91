/**
 * Gives up the oldest messages of a log that is about to be full, where its destination was configured so.
 *
 * Promise: a message that somebody holds, or that a numbered lane may have sent, is never given up: its number could go
 * to another. Each one given up counts as dropped, reason `drop-oldest`, in the same cursor that says that it is done.
 * Where appends come faster than this makes room, they are turned away as from any full log.
 */
import type { Cursor } from "./cursor.ts";
import type { Disk } from "./disk.ts";
import { frameBytesOf } from "./format.ts";
import type { LogBooks } from "./log-books.ts";
import { decodeMessage } from "./message-codec.ts";
import { readSegment } from "./segment-content.ts";
import type { SegmentLog } from "./segment-log.ts";
import { beforeLast, type Segment } from "./segment.ts";

const REASON = "drop-oldest";

export interface OldestDropperParts {
  readonly disk: Disk;
  readonly segments: SegmentLog;
  readonly cursor: Cursor;
  readonly books: LogBooks;
  readonly numbered: boolean;
  /** True while there is less room than should be kept free. */
  readonly isShort: () => boolean;
  /** Whether somebody else works on a segment. */
  readonly isBusy: (segment: Segment) => boolean;
  /** Frees what is done by the cursor on disk; settles once the room is there. */
  readonly free: () => Promise<void>;
}

/** A message of a segment, as far as it must be known to be given up. */
interface Candidate {
  readonly sequence: number;
  readonly stream: string;
  /** As the log counts it. */
  readonly tenant: string;
  readonly bytes: number;
}

export class OldestDropper {
  /** Whether a message is in somebody's hands. */
  isHeld: (logSequence: number) => boolean = () => false;
  readonly #parts: OldestDropperParts;
  #segment: Segment | null = null;
  /** Messages were given up that no cursor on disk may know of yet. */
  #isUnsaved = false;
  /** The last look found nothing to give up, in a log that had so many segments. */
  #idleAt = -1;
  /** Never rejects. */
  #running: Promise<void> | null = null;
  #isClosed = false;

  constructor(parts: OldestDropperParts) {
    this.#parts = parts;
  }

  /** A segment whose messages are being looked at: it must stay. */
  holds(segment: Segment): boolean {
    return this.#segment === segment;
  }

  /** Until the cursor is saved, what was given up could come back after a crash, and take the number of another. */
  get isUnsaved(): boolean {
    return this.#isUnsaved;
  }

  /** Something was confirmed: there may be more to give up than at the last look. */
  confirmed(): void {
    this.#idleAt = -1;
  }

  /** Looks whether room must be made, and begins with it. */
  look(): void {
    if (this.#isClosed || this.#running !== null || !this.#parts.isShort()) return;
    if (this.#idleAt === this.#parts.segments.segments.length) return;
    this.#running = this.#run().finally(() => (this.#running = null));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  /** One that can't be read is left for those who read it; the next ones are as good. */
  async #run(): Promise<void> {
    const { segments, isShort, isBusy } = this.#parts;
    const oldest = this.#oldest();
    let hasGivenUp = false;
    for (const segment of oldest) {
      if (this.#isClosed || !isShort()) return;
      if (!segments.segments.includes(segment) || segment.damaged || isBusy(segment) || !this.#hasSome(segment)) continue;
      this.#segment = segment;
      const isChanged = await this.#giveUp(segment).catch(() => false);
      this.#segment = null;
      hasGivenUp ||= isChanged;
      if (isChanged || this.#isUnsaved) await this.#save().catch(() => undefined);
    }
    // Where there is none, the one that is written to may be idle at the next look.
    if (!hasGivenUp && oldest.length > 0) this.#idleAt = segments.segments.length;
  }

  /** The segment that is written to only where it is all there is. */
  #oldest(): readonly Segment[] {
    const { segments, idleSegment } = this.#parts.segments;
    const before = beforeLast(segments);
    return before.length === 0 && idleSegment !== null ? [idleSegment] : before;
  }

  #hasSome({ header, nextSequence }: Segment): boolean {
    return this.#parts.cursor.ranges.firstMissing(Math.max(header.baseSequence, this.#from), nextSequence) !== null;
  }

  /** Numbers below it may have been sent under numbers of their lanes. */
  get #from(): number {
    return this.#parts.numbered ? this.#parts.cursor.sentEnd : 0;
  }

  /** @returns False when there was nothing that may go. */
  async #giveUp(segment: Segment): Promise<boolean> {
    const { disk, cursor, books } = this.#parts;
    // More may be appended meanwhile.
    const [start, end] = [segment.header.baseSequence, segment.nextSequence];
    const candidates: Candidate[] = [];
    const visit = ({ sequence, payload }: { readonly sequence: number; readonly payload: Buffer }): void => {
      const { stream, tenant } = decodeMessage(payload, sequence);
      candidates.push({ sequence, stream, tenant: books.accepted.keyOf(stream, tenant), bytes: frameBytesOf(payload) });
    };
    // Damage is booked by those who read the messages; it must not be taken for messages that were given up.
    if ((await readSegment(disk, segment, { visit })).length > 0) return false;
    // In one turn: what is held or done is so now, and one cursor says all of it.
    const { ranges } = cursor;
    const from = this.#from;
    const kept = new Set<number>();
    const before = ranges.countMissing(start, end);
    for (const { sequence, stream, tenant, bytes } of candidates) {
      if (ranges.has(sequence)) continue;
      if (sequence < from || this.isHeld(sequence)) {
        kept.add(sequence);
        continue;
      }
      ranges.add(sequence);
      books.giveUp(stream, tenant, 1, bytes, REASON);
      this.#isUnsaved = true;
    }
    this.#passOwnFrames(start, end, kept);
    return ranges.countMissing(start, end) < before;
  }

  /** Nothing is missing from the segment: what is no message is a frame of the log's own. */
  #passOwnFrames(start: number, end: number, messages: ReadonlySet<number>): void {
    const { ranges } = this.#parts.cursor;
    for (const [from, to] of ranges.missing(start, end)) for (let at = from; at < to; at += 1) if (!messages.has(at)) ranges.add(at);
  }

  async #save(): Promise<void> {
    await this.#parts.cursor.save();
    this.#isUnsaved = false;
    await this.#parts.free();
  }
}

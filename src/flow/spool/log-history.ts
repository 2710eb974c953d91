/**
 * Reads what is done of a log, as far as it is still on disk: from the archive, and from segments that the log has yet.
 *
 * Promise: in order, each message once, and none that waits. Bounded memory: a stretch of one file at a time. What goes
 * meanwhile, since it came to be too old or too much, is left out; nothing is held up by it.
 */
import { ActTurns } from "./act-turns.ts";
import type { Archive } from "./archive.ts";
import { systemCode, type Disk, type DiskFile } from "./disk.ts";
import { FRAME_TYPES } from "./format.ts";
import { decodeMessage } from "./message-codec.ts";
import type { SegmentLog } from "./segment-log.ts";
import { copyBounds, isSameSegment, type Segment } from "./segment.ts";
import { firstPosition, scanFrames } from "./segment-scan.ts";
import type { SpooledMessage } from "./spooled.ts";
import type { Turns } from "./turns.ts";

const READ_BYTES = 1024 * 1024;
/** More looks than this, and files go faster than they can be read: those that are gone are left out. */
const LOOKS_MAX = 100;

export interface LogHistoryParts {
  readonly disk: Disk;
  readonly logId: string;
  readonly segments: SegmentLog;
  readonly archive: Archive | null;
  /** In which segments leave the log. */
  readonly turns: Turns;
  /** Whether a number of the log is done. */
  readonly isDone: (logSequence: number) => boolean;
}

/** Messages that stand together. */
export interface HistoryLot {
  readonly messages: readonly SpooledMessage[];
  /** Every message below it was given out, or is gone. */
  readonly nextSequence: number;
}

/** Numbers of one file, from inclusive, to exclusive. */
interface Span {
  readonly segment: Segment;
  readonly from: number;
  readonly to: number;
  /** Where what counts of the file ends: it may be written to. */
  readonly bytes: number;
}

export class LogHistory {
  /** For acts that read it: one at a time. */
  readonly turns = new ActTurns();
  readonly #parts: LogHistoryParts;

  constructor(parts: LogHistoryParts) {
    this.#parts = parts;
  }

  /** Every message below it is on disk. */
  get end(): number {
    return this.#parts.segments.durableSequence;
  }

  /**
   * @param from - Number to begin with.
   * @param to - Number to end before.
   * @param mayHold - False for a segment that needn't be looked at.
   * @throws SidestreamError `SST_SPOOL_IO`
   */
  async *read(from: number, to: number, mayHold: (segment: Segment) => boolean): AsyncGenerator<HistoryLot> {
    let next = from;
    for (let looks = 1; next < to; looks += 1) {
      let isGone = false;
      for (const span of await this.#plan(next, to)) {
        if (mayHold(span.segment)) {
          for await (const lot of this.#readSpan(span)) {
            if (lot === null) isGone = looks < LOOKS_MAX;
            else yield lot;
            next = lot?.nextSequence ?? next;
          }
        }
        // It may have come to the archive, or have been rewritten.
        if (isGone) break;
        next = span.to;
      }
      if (!isGone) return;
    }
  }

  /** Which file each number is read from: the archive's where there is one, since it has all that was there. */
  async #plan(from: number, to: number): Promise<readonly Span[]> {
    const { logId, archive, segments, turns } = this.#parts;
    // What it takes to know them isn't in the turn, which holds up the log.
    await archive?.files();
    // A segment that is on its way from the log to the archive is in neither.
    const [archived, own] = await turns.run(async () => {
      const files = (await archive?.files()) ?? [];
      return [files.filter(({ header }) => header.logId === logId), [...segments.segments]] as const;
    });
    const spans: Span[] = [];
    let at = from;
    for (const [first, end, segment] of bounded(archived, own[0]?.header.baseSequence ?? Infinity)) {
      spans.push(...withinOwn(own, at, Math.min(first, to)));
      if (Math.min(end, to) > Math.max(first, at))
        spans.push({ segment, from: Math.max(first, at), to: Math.min(end, to), bytes: segment.bytes });
      at = Math.max(at, Math.min(end, to));
    }
    return [...spans, ...withinOwn(own, at, to)];
  }

  /** Gives null at last where the file isn't there any more. */
  async *#readSpan({ segment, from, to, bytes }: Span): AsyncGenerator<HistoryLot | null> {
    const { disk, isDone } = this.#parts;
    let file: DiskFile;
    try {
      file = await disk.open(segment.path, "read");
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
      yield null;
      return;
    }
    try {
      const position = firstPosition(segment.header);
      for (let isEnded = false; !isEnded && position.sequence < to;) {
        const { frames, ended } = await scanFrames(file, segment.header.salt, position, bytes, READ_BYTES);
        isEnded = ended;
        const wanted = frames.filter(({ type, sequence }) => type === FRAME_TYPES.message && sequence >= from && sequence < to);
        const messages = wanted.filter(({ sequence }) => isDone(sequence)).map(({ sequence, payload }) => decodeMessage(payload, sequence));
        if (messages.length > 0) yield { messages, nextSequence: (wanted.at(-1)?.sequence ?? from) + 1 };
      }
      // What a file of another segment holds has never passed for frames of this one; but some may have been missed.
      if (!(await isSameSegment(file, { ...segment, bytes }))) yield null;
    } finally {
      await file.close();
    }
  }
}

/** Archived segments, each up to where a later one begins anew. */
function bounded(archived: readonly Segment[], ownFrom: number): (readonly [from: number, to: number, segment: Segment])[] {
  const bounds = copyBounds(archived);
  return archived.map((segment, index) => {
    const { header, nextSequence, hasSummary } = segment;
    const bound = Math.min(bounds[index] ?? Infinity, hasSummary || ownFrom < header.baseSequence ? Infinity : ownFrom);
    return [header.baseSequence, Math.max(header.baseSequence, Math.min(nextSequence, bound)), segment] as const;
  });
}

/** The numbers that are to be read from the log's own segments. */
function withinOwn(own: readonly Segment[], from: number, to: number): Span[] {
  const spans: Span[] = [];
  let at = from;
  for (const segment of own) {
    const { header, nextSequence, bytes } = segment;
    const begin = Math.max(at, header.baseSequence);
    const end = Math.min(nextSequence, to);
    if (begin >= end) continue;
    spans.push({ segment, from: begin, to: end, bytes });
    at = end;
  }
  return spans;
}

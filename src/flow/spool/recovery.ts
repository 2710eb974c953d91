/**
 * Finds out, at start, what a log's folder holds.
 *
 * Promise: what was on disk is there again, in order; a tail that was never finished is cut and reported; damage below
 * what was durable is reported and stepped over; start-up always ends with an answer. What it gives as durable is
 * synced first. Sealed segments are known by their summaries; only the open one, and those without a whole summary,
 * are read.
 *
 * @see docs/spool-format.md, section 7
 */
import { randomBytes } from "node:crypto";
import type { Disk, DiskFile } from "./disk.ts";
import { damageText, type SpoolFinding } from "./findings.ts";
import { align, encodeSegmentHeader, FLAG_RESERVED, FRAME_HEADER_BYTES, FRAME_TYPES, type LogKind } from "./format.ts";
import { makeLast } from "./make-last.ts";
import { LogFolder, openSegment } from "./log-folder.ts";
import type { LogStateRecord } from "./log-state.ts";
import { decodeDeadLetter, decodeMessage, MESSAGE_FRAME_BYTES_MIN } from "./message-codec.ts";
import type { ReadProgress } from "./log-settings.ts";
import type { NumberRange } from "./confirmed-ranges.ts";
import { NumberRanges } from "./number-ranges.ts";
import type { LostNumbers, RecoveredLog } from "./recovered-log.ts";
import { RecoveredState } from "./recovered-state.ts";
import {
  copyBounds,
  countMessage,
  isSameSegment,
  loadSummary,
  summaryOffset,
  noteFrame,
  readSummary,
  type Segment,
  type SegmentSummary,
} from "./segment.ts";
import { hasRemains, walkSegment, type Frame, type Hole } from "./segment-scan.ts";

/** Numbers skipped after a last segment that can't be read, at least: more than one of the usual size can hold. */
const NUMBERS_SKIPPED_MIN = 4_194_304;

export interface RecoverySettings {
  readonly disk: Disk;
  readonly folder: string;
  readonly kind: LogKind;
  /** False to look only: nothing is cut, removed or set aside. */
  readonly writes: boolean;
  /** A last segment without these is not written to again. */
  readonly flags?: number;
  readonly onProgress?: ((progress: ReadProgress) => void) | undefined;
}

export class LogRecovery {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #kind: LogKind;
  readonly #writes: boolean;
  readonly #flags: number;
  readonly #onProgress: (progress: ReadProgress) => void;
  /** Of the segments, in the order in which they are gone through. */
  #bytesRead = 0;
  #bytesTotal = 0;
  /** Within the segment that is being read. */
  #lastOffset = 0;
  /** Of the last segment: where its last batch begins. */
  #lastBatchAt = 0;
  readonly #findings: SpoolFinding[] = [];
  readonly #lost: LostNumbers[] = [];
  /** Paths of segments that hold nothing but copies. */
  readonly #copies: string[] = [];
  readonly #state = new RecoveredState();

  constructor({ disk, folder, kind, writes, flags = 0, onProgress }: RecoverySettings) {
    this.#disk = disk;
    this.#folder = folder;
    this.#kind = kind;
    this.#writes = writes;
    this.#flags = flags;
    this.#onProgress = onProgress ?? (() => undefined);
  }

  /**
   * @throws SidestreamError `SST_SPOOL_VERSION` for a newer format, `SST_SPOOL_DAMAGED` when the folder is a mix of
   * logs, `SST_SPOOL_IO` or `SST_SPOOL_READ_ONLY`.
   */
  async run(): Promise<RecoveredLog> {
    if (this.#writes) {
      await this.#disk.makeFolder(this.#folder);
      // After a crash of the process alone, names that were made or removed may not be on disk yet.
      await this.#disk.syncFolder(this.#folder);
    }
    const folder = new LogFolder(this.#disk, this.#folder, this.#kind, this.#writes);
    const segments = await folder.read();
    this.#findings.push(...folder.findings);
    const open = await this.#readSegments(segments);
    await this.#removeCopies(segments);
    const readableEnd = segments.at(-1)?.nextSequence ?? 1;
    const isSkipping = folder.unreadableBytes > 0 && segments.length > 0;
    const skipped = isSkipping ? Math.max(NUMBERS_SKIPPED_MIN, Math.ceil(folder.unreadableBytes / FRAME_HEADER_BYTES)) : 0;
    if (isSkipping) this.#state.lose(readableEnd + Math.ceil(folder.unreadableBytes / MESSAGE_FRAME_BYTES_MIN));
    return {
      logId: folder.logId ?? randomBytes(16).toString("hex"),
      segments,
      open: await this.#openToWrite(open, segments.at(-1), isSkipping),
      nextSequence: readableEnd + skipped,
      readableEnd,
      lastNumber: folder.lastNumber,
      state: this.#state.record(),
      stateKnown: this.#state.known,
      recordsKnown: this.#state.recordsKnown,
      lost: this.#lost,
      findings: this.#findings,
    };
  }

  /** After damage the last segment is not written to again: the next one opens with a state that takes it into account. */
  async #openToWrite(open: DiskFile | null, last: Segment | undefined, isSkipping: boolean): Promise<DiskFile | null> {
    const hasFlags = ((last?.header.flags ?? 0) & this.#flags) === this.#flags;
    if (last === undefined || (!last.damaged && !isSkipping && hasFlags)) return open;
    await open?.close();
    last.sealed = true;
    return null;
  }

  /** Returns the last segment's handle, when it isn't sealed. Segments that went away while we look are left out. */
  async #readSegments(segments: Segment[]): Promise<DiskFile | null> {
    const bounds = copyBounds(segments);
    this.#bytesTotal = segments.reduce((sum, { bytes }) => sum + bytes, 0);
    let before: Segment | null = null;
    for (const [index, segment] of [...segments].entries()) {
      const bound = bounds[index] ?? Infinity;
      if (segment.header.baseSequence >= bound) {
        this.#takeCopy(segments, segment);
        continue;
      }
      const isLast = bound === Infinity;
      const file = await openSegment(this.#disk, segment.path, isLast && this.#writes ? "write" : "read", this.#writes);
      if (file === null) {
        segments.splice(segments.indexOf(segment), 1);
        continue;
      }
      let keep = false;
      const { bytes } = segment;
      try {
        if (before !== null && before.nextSequence < segment.header.baseSequence) this.#noteMissing(before, segment);
        const isOpen = await this.#readSegment(segment, file, bound);
        if (!this.#writes && !(await isSameSegment(file, segment))) this.#forget(segments, segment);
        if (isLast && this.#writes) await makeLast(file, segment, this.#lastBatchAt);
        keep = isOpen && this.#writes;
      } finally {
        if (!keep) await file.close();
      }
      this.#bytesRead += bytes;
      this.#tell(0);
      if (keep) return file;
      before = segment;
    }
    return null;
  }

  /** All that it holds stands in a later segment: its removal didn't last, or its first write failed. It is no part of the log. */
  #takeCopy(segments: Segment[], segment: Segment): void {
    segments.splice(segments.indexOf(segment), 1);
    this.#copies.push(segment.path);
    this.#bytesRead += segment.bytes;
  }

  /** While something is damaged they stay: somebody may want to look at them. */
  async #removeCopies(segments: readonly Segment[]): Promise<void> {
    if (!this.#writes || this.#copies.length === 0 || segments.some(({ damaged }) => damaged)) return;
    // One that stays is tried again at the next start. One that came back after what it is a copy of would pass for damage.
    for (const path of this.#copies) await this.#disk.remove(path).catch(() => undefined);
    await this.#disk.syncFolder(this.#folder);
  }

  #tell(bytes: number): void {
    this.#onProgress({ bytesRead: this.#bytesRead + bytes, bytesTotal: this.#bytesTotal });
  }

  /** A program that runs used the file again while we looked. */
  #forget(segments: Segment[], segment: Segment): void {
    segments.splice(segments.indexOf(segment), 1);
    this.#drop(this.#findings, segment);
    this.#drop(this.#lost, segment);
  }

  #drop(about: { readonly path: string }[], segment: Segment): void {
    for (const each of about.filter(({ path }) => path === segment.path)) about.splice(about.indexOf(each), 1);
  }

  /**
   * @param bound - Number where a later segment begins: what stands here at or above it is a copy, and ignored.
   * @returns True when it is the last segment and not sealed.
   */
  async #readSegment(segment: Segment, file: DiskFile, bound: number): Promise<boolean> {
    const summary = await readSummary(file, segment.header.salt, segment.bytes);
    if (summary !== null) this.#lastBatchAt = await summaryOffset(file, segment.bytes);
    if (summary !== null && summary.nextSequence - 1 <= bound) {
      this.#takeSummary(segment, summary, bound);
      return false;
    }
    this.#state.enter(segment.header.baseSequence);
    const isLast = bound === Infinity;
    const walk = await walkSegment(file, segment, () => undefined);
    // Of the last segment, a hole at or above the durable position is a write that was never finished.
    const cut = isLast ? walk.holes.find((hole) => hole.sequence >= walk.durableSequence) : undefined;
    const readTo = cut?.sequence ?? walk.nextSequence;
    for (const { offset, bytes, sequence, framesLost } of walk.holes) {
      if (offset < (cut?.offset ?? Infinity) && sequence < bound)
        this.#noteHole(segment, offset, bytes, sequence, Math.min(sequence + framesLost, bound));
    }
    const part = { header: segment.header, bytes: cut?.offset ?? segment.bytes };
    const visit = (frame: Frame): void => {
      this.#lastOffset = frame.offset;
      if (frame.sequence < bound) this.#takeFrame(frame, segment);
    };
    const { end, unfinished, lastBatchAt } = await walkSegment(file, part, visit, async () => this.#tell(this.#lastOffset));
    this.#lastBatchAt = lastBatchAt;
    // What damage took may have had frames: a compacted segment doesn't say that it is done.
    if (segment.frames !== null) segment.frames = withHoles(segment.frames, walk.holes, Math.min(readTo, bound), bound);
    this.#state.lose(Math.min(readTo, bound));
    segment.nextSequence = Math.max(segment.header.baseSequence, Math.min(readTo, bound));
    const tail = segment.bytes - end;
    if (isLast && walk.durableSequence > readTo) {
      this.#noteHole(segment, end, tail, readTo, walk.durableSequence);
      segment.nextSequence = walk.durableSequence;
    }
    // With damage in it, it stays as it is: what follows the damage shows that the damage was on disk.
    if (isLast && !segment.damaged) {
      // A file may be longer than what was written to it: then only what else is there of this use tells of a write.
      const isTorn = (segment.header.flags & FLAG_RESERVED) === 0 || unfinished || (await hasRemains(file, segment.header.salt, end));
      if (tail > 0 && isTorn) this.#noteTail(segment, end, tail);
      if (tail > 0 && this.#writes) await file.truncate(end);
      // A crash came between the two copies of the header.
      if (tail < 0 && this.#writes) await file.write(encodeSegmentHeader(segment.header), 0);
      segment.bytes = end;
    }
    if (isLast) return true;
    if (readTo < bound && tail > 0) this.#noteHole(segment, end, tail, readTo, bound);
    // It has no summary, and nothing is behind its last frame: whether anything came there, the cursor tells.
    else if (readTo < bound) this.#lost.push({ from: readTo, to: bound, path: segment.path, reported: false });
    segment.sealed = true;
    return false;
  }

  #noteTail(segment: Segment, offset: number, bytes: number): void {
    const done = this.#writes ? "were cut" : "will be cut at the next start";
    const text = `the last write was never finished: ${bytes} bytes ${done}; nothing in them was acknowledged by a disk that keeps its word`;
    this.#note("cut-tail", segment.path, offset, bytes, 0, text);
  }

  #takeSummary(segment: Segment, summary: SegmentSummary, bound: number): void {
    segment.sealed = true;
    segment.nextSequence = Math.min(summary.nextSequence, bound);
    loadSummary(segment, summary);
    // Where a later segment begins before the summary's number, the last number here is a message's.
    if (summary.nextSequence > bound) segment.hasSummary = false;
    this.#state.load(summary.state, segment.nextSequence);
  }

  #takeFrame(frame: Frame, segment: Segment): void {
    if (frame.type === FRAME_TYPES.state) this.#state.load(JSON.parse(frame.payload.toString("utf8")) as LogStateRecord, frame.sequence);
    this.#state.pass(frame.sequence);
    if (segment.frames !== null && frame.type !== FRAME_TYPES.state && frame.type !== FRAME_TYPES.summary)
      noteFrame(segment.frames, frame.sequence);
    if (frame.type === FRAME_TYPES.control) this.#state.control(JSON.parse(frame.payload.toString("utf8")));
    if (frame.type !== FRAME_TYPES.message && frame.type !== FRAME_TYPES.dead) return;
    const letter = frame.type === FRAME_TYPES.dead ? decodeDeadLetter(frame.payload) : null;
    const message = letter?.message ?? decodeMessage(frame.payload, frame.sequence);
    const { stream, tenant, lane } = message;
    countMessage(
      segment,
      { stream, tenant, lane, timeMs: letter?.cause.deadMs ?? message.acceptedMs },
      align(FRAME_HEADER_BYTES + frame.payload.length),
    );
    this.#state.take(message);
  }

  #noteHole(segment: Segment, offset: number, bytes: number, from: number, to: number): void {
    segment.damaged = true;
    this.#lost.push({ from, to, path: segment.path, reported: true });
    this.#note("damage", segment.path, offset, bytes, to - from, damageText(bytes, from, to));
  }

  /** Whole segments are missing: either their messages were done and their removal did not last, or they are lost. */
  #noteMissing(before: Segment, segment: Segment): void {
    if (before.damaged) return;
    this.#lost.push({ from: before.nextSequence, to: segment.header.baseSequence, path: segment.path, reported: false });
  }

  #note(kind: SpoolFinding["kind"], path: string, offset: number, bytes: number, framesLost: number, text: string): void {
    this.#findings.push({ kind, path, offset, bytes, framesLost, text });
  }
}

/** With what may have had a frame. @param end - From here to the bound nothing could be read. */
function withHoles(frames: readonly NumberRange[], holes: readonly Hole[], end: number, bound: number): NumberRange[] {
  const all = new NumberRanges(0, frames);
  for (const { sequence, framesLost } of holes) all.addRange(sequence, sequence + framesLost);
  if (bound !== Infinity) all.addRange(end, bound);
  return [...all.above()];
}

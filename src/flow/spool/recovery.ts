/**
 * Finds out, at start, what a log's folder holds.
 *
 * Promise: what was on disk is there again, in order; a tail that was never finished is cut and reported; damage below
 * what was durable is reported and stepped over; start-up always ends with an answer. Sealed segments are known by
 * their summaries; only the open one, and those that the cursor stands in, are read.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { SidestreamError } from "../../errors.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { DATA_OFFSET, decodeSegmentHeader, FORMAT_VERSION, FRAME_TYPES, type LogKind } from "./format.ts";
import type { LogStateRecord } from "./log-state.ts";
import { decodeDeadLetter, decodeMessage } from "./message-codec.ts";
import { DAMAGED_SUFFIX, readSummary, segmentOf, SEGMENT_SUFFIX, type Segment, type SegmentSummary } from "./segment.ts";
import { scanFrames, type Frame, type Hole } from "./segment-scan.ts";

/** One finding of a start-up or a check. */
export interface SpoolFinding {
  readonly kind: "cut-tail" | "damage" | "unreadable-segment" | "empty-segment-removed" | "missing-numbers" | "cursor-behind";
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
  readonly framesLost: number;
  readonly text: string;
}

export interface RecoveredLog {
  readonly logId: string;
  readonly segments: Segment[];
  /** Handle of the last segment, when it isn't sealed. */
  readonly open: DiskFile | null;
  readonly nextSequence: number;
  /** The state after all of it. */
  readonly state: LogStateRecord;
  readonly findings: readonly SpoolFinding[];
}

/** What is told of each frame that had to be read, so that the owner can count. */
export type FrameVisitor = (frame: Frame, segment: Segment) => void;

const SCAN_BYTES = 4 * 1024 * 1024;
/** Numbers skipped after a last segment that can't be read: more than a segment of the largest size can hold. */
const NUMBERS_SKIPPED_AFTER_DAMAGE = 4_194_304;
export const EMPTY_STATE: LogStateRecord = { version: 1, sequences: {}, accepted: {}, progress: {}, control: [] };

export class LogRecovery {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #kind: LogKind;
  readonly #writes: boolean;
  readonly findings: SpoolFinding[] = [];
  #state: LogStateRecord = EMPTY_STATE;
  #logId: string | null = null;

  /** @param writes - False to look only: nothing is cut, removed or set aside. */
  constructor(disk: Disk, folder: string, kind: LogKind, writes: boolean) {
    this.#disk = disk;
    this.#folder = folder;
    this.#kind = kind;
    this.#writes = writes;
  }

  /** @param visit - Called for each frame of the open segment, and of sealed ones without a whole summary. */
  async run(visit: FrameVisitor): Promise<RecoveredLog> {
    if (this.#writes) await this.#disk.makeFolder(this.#folder);
    const segments = await this.#readHeaders();
    let open: DiskFile | null = null;
    for (const [index, segment] of segments.entries()) {
      const isLast = index === segments.length - 1;
      const file = await this.#disk.open(segment.path, isLast && this.#writes ? "write" : "read");
      const keep = await this.#readSegment(segment, file, isLast, visit);
      if (keep && this.#writes) open = file;
      else await file.close();
    }
    const last = segments.at(-1);
    const skipped = this.findings.some(({ kind }) => kind === "unreadable-segment") ? NUMBERS_SKIPPED_AFTER_DAMAGE : 0;
    return {
      logId: this.#logId ?? randomBytes(16).toString("hex"),
      segments,
      open: skipped > 0 ? await closed(open, last) : open,
      nextSequence: (last?.nextSequence ?? 1) + skipped,
      state: this.#state,
      findings: this.findings,
    };
  }

  async #readHeaders(): Promise<Segment[]> {
    const names = (await this.#disk.list(this.#folder)).filter((name) => name.endsWith(SEGMENT_SUFFIX)).toSorted();
    const segments: Segment[] = [];
    for (const name of names) {
      const segment = await this.#readHeader(join(this.#folder, name));
      if (segment !== null) segments.push(segment);
    }
    return segments;
  }

  async #readHeader(path: string): Promise<Segment | null> {
    const file = await this.#disk.open(path, "read");
    const block = Buffer.alloc(DATA_OFFSET);
    const bytes = await file.size();
    await file.read(block, 0).finally(() => file.close());
    const header = decodeSegmentHeader(block);
    if (header === null) {
      await this.#setAside(path, bytes);
      return null;
    }
    if (header.version > FORMAT_VERSION) {
      throw new SidestreamError("SST_SPOOL_VERSION", `${path} has format ${header.version}; this release reads up to ${FORMAT_VERSION}`);
    }
    if (header.kind !== this.#kind) throw new SidestreamError("SST_SPOOL_DAMAGED", `${path} belongs to another kind of log (${header.kind})`);
    this.#logId ??= header.logId;
    if (header.logId !== this.#logId) {
      throw new SidestreamError("SST_SPOOL_DAMAGED", `${path} belongs to log ${header.logId}, its neighbours to ${this.#logId}: a folder was mixed up`);
    }
    const segment = segmentOf(header, path);
    segment.bytes = bytes;
    return segment;
  }

  async #setAside(path: string, bytes: number): Promise<void> {
    const isEmpty = bytes <= DATA_OFFSET;
    if (isEmpty) {
      this.#note("empty-segment-removed", path, 0, bytes, 0, "a segment file that was never finished being made; nothing was in it");
      if (this.#writes) await this.#disk.remove(path);
      return;
    }
    this.#note("unreadable-segment", path, 0, bytes, 0, `both copies of the header are damaged; the file is kept as ${path}${DAMAGED_SUFFIX}`);
    if (this.#writes) await this.#disk.rename(path, path + DAMAGED_SUFFIX);
  }

  /** Returns true when the file stays open for appending. */
  async #readSegment(segment: Segment, file: DiskFile, isLast: boolean, visit: FrameVisitor): Promise<boolean> {
    const summary = await readSummary(file, segment.header.salt, segment.bytes);
    if (summary !== null) {
      this.#takeSummary(segment, summary);
      return false;
    }
    const scan = await scanWhole(segment, file);
    // Of the last segment, a hole at or above the durable position is a write that was never finished.
    const cut = isLast ? scan.holes.find((hole) => hole.sequence >= scan.durableSequence) : undefined;
    const end = cut?.offset ?? scan.end;
    for (const hole of scan.holes) if (hole.offset < end) this.#noteDamage(segment, hole.offset, hole.bytes, hole.framesLost);
    for (const frame of scan.frames) if (frame.offset < end) this.#takeFrame(frame, segment, visit);
    segment.nextSequence = cut?.sequence ?? scan.nextSequence;
    const tail = segment.bytes - end;
    if (isLast) {
      if (tail > 0) await this.#cutTail(segment, file, end, tail);
      segment.bytes = end;
      return true;
    }
    if (tail > 0) this.#noteDamage(segment, end, tail, 0);
    segment.sealed = true;
    return false;
  }

  async #cutTail(segment: Segment, file: DiskFile, offset: number, bytes: number): Promise<void> {
    this.#note("cut-tail", segment.path, offset, bytes, 0, `the last write was never finished: ${bytes} bytes cut; nothing in them was acknowledged`);
    if (!this.#writes) return;
    await file.truncate(offset);
    await file.sync();
  }

  #takeSummary(segment: Segment, summary: SegmentSummary): void {
    segment.sealed = true;
    segment.nextSequence = summary.nextSequence;
    segment.counts.load(summary.counts);
    for (const [lane, count] of Object.entries(summary.lanes)) segment.lanes.set(Number(lane), count);
    segment.oldestMs = summary.oldestMs;
    segment.newestMs = summary.newestMs;
    this.#state = summary.state;
  }

  #takeFrame(frame: Frame, segment: Segment, visit: FrameVisitor): void {
    if (frame.type === FRAME_TYPES.state) this.#state = JSON.parse(frame.payload.toString("utf8")) as LogStateRecord;
    if (frame.type === FRAME_TYPES.message || frame.type === FRAME_TYPES.dead) {
      const letter = frame.type === FRAME_TYPES.dead ? decodeDeadLetter(frame.payload) : null;
      const message = letter?.message ?? decodeMessage(frame.payload, frame.sequence);
      const timeMs = letter?.cause.deadMs ?? message.acceptedMs;
      segment.counts.add(message.stream, message.tenant, 1);
      if (segment.oldestMs === 0) segment.oldestMs = timeMs;
      segment.newestMs = timeMs;
      this.#state = stateWith(this.#state, message);
    }
    visit(frame, segment);
  }

  #noteDamage(segment: Segment, offset: number, bytes: number, framesLost: number): void {
    const lost = framesLost === 0 ? "an unknown number of messages" : `${framesLost} messages`;
    this.#note("damage", segment.path, offset, bytes, framesLost, `${bytes} bytes that were on disk can't be read any more; ${lost} lost`);
  }

  #note(kind: SpoolFinding["kind"], path: string, offset: number, bytes: number, framesLost: number, text: string): void {
    this.findings.push({ kind, path, offset, bytes, framesLost, text });
  }
}

interface WholeScan {
  readonly frames: readonly Frame[];
  readonly holes: readonly Hole[];
  readonly durableSequence: number;
  readonly nextSequence: number;
  /** Offset after the last whole frame. */
  readonly end: number;
}

async function scanWhole(segment: Segment, file: DiskFile): Promise<WholeScan> {
  const position = { offset: DATA_OFFSET, framesLeft: 0, sequence: segment.header.baseSequence };
  const frames: Frame[] = [];
  const holes: Hole[] = [];
  let durableSequence = segment.header.baseSequence;
  for (;;) {
    const result = await scanFrames(file, segment.header.salt, position, segment.bytes, SCAN_BYTES);
    for (const frame of result.frames) frames.push(frame);
    holes.push(...result.holes);
    durableSequence = Math.max(durableSequence, result.durableSequence);
    if (result.ended) return { frames, holes, durableSequence, nextSequence: position.sequence, end: position.offset };
  }
}

/** Adds one message that was found after the state was written. The record is ours alone, so it is changed in place. */
function stateWith(state: LogStateRecord, message: { readonly stream: string; readonly topic: string; readonly tenant: string; readonly sequence: number }): LogStateRecord {
  const own = state === EMPTY_STATE ? (JSON.parse(JSON.stringify(EMPTY_STATE)) as LogStateRecord) : state;
  const topics = ownRow(own.sequences, message.stream);
  topics[message.topic] = Math.max(Object.hasOwn(topics, message.topic) ? (topics[message.topic] ?? 1) : 1, message.sequence + 1);
  const tenants = ownRow(own.accepted, message.stream);
  tenants[message.tenant] = (Object.hasOwn(tenants, message.tenant) ? (tenants[message.tenant] ?? 0) : 0) + 1;
  return own;
}

function ownRow(table: Record<string, Record<string, number>>, name: string): Record<string, number> {
  const known = Object.hasOwn(table, name) ? table[name] : undefined;
  if (known !== undefined) return known;
  const row = Object.create(null) as Record<string, number>;
  Object.defineProperty(table, name, { value: row, enumerable: true, configurable: true, writable: true });
  return row;
}

/** After a damaged last segment the one before it is not written to again: its numbers may have been used on. */
async function closed(open: DiskFile | null, last: Segment | undefined): Promise<null> {
  await open?.close();
  if (last !== undefined) last.sealed = true;
  return null;
}

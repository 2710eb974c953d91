/**
 * The log of one destination: finished messages between matching and sending.
 *
 * Promise: what was flushed is read back, in order, until it is confirmed; every message counts as accepted once and
 * leaves as delivered, dead or dropped once; a full log refuses instead of growing.
 */
import { SidestreamError } from "../../errors.ts";
import type { Message } from "../message/message.ts";
import { Cursor } from "./cursor.ts";
import type { Disk } from "./disk.ts";
import { DATA_OFFSET, FRAME_TYPES } from "./format.ts";
import { LogReader } from "./log-reader.ts";
import { TenantCounts, TopicNumbers, type LogStateRecord, type StreamTable } from "./log-state.ts";
import { decodeMessage, encodeMessage, LANE_UNASSIGNED, messagePayloadBytesMax } from "./message-codec.ts";
import type { OutcomeTable } from "./outcome-counts.ts";
import { LogRecovery, type SpoolFinding } from "./recovery.ts";
import { SegmentLog, type FrameTag, type SegmentLogOwner } from "./segment-log.ts";
import type { Segment } from "./segment.ts";
import { scanFrames } from "./segment-scan.ts";
import type { Confirmation, MessageLog, ReadResult } from "./spooled.ts";

const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
const SEGMENT_BYTES_MIN = 256 * 1024;
/** A budget holds at least this many segments, so that delivered ones are freed long before it is used up. */
const SEGMENTS_PER_BUDGET = 64;
/** Room kept for the state frame, the summary and the headers of the segments. */
const OVERHEAD_BYTES = 64 * 1024;
const SCAN_BYTES = 4 * 1024 * 1024;

export interface DestinationLogSettings {
  readonly disk: Disk;
  readonly folder: string;
  readonly destination: string;
  readonly bytesMax: number;
  readonly topicsMax: number;
  /** Told of what start-up or reading found. */
  readonly onFinding: (finding: SpoolFinding) => void;
}

/** How the log stands, in messages and bytes. */
export interface DestinationLogStatus {
  readonly logId: string;
  readonly accepted: StreamTable;
  /** Given up before they reached the log; not part of `accepted` and `outcomes` here. */
  readonly turnedAway: OutcomeTable;
  readonly outcomes: OutcomeTable;
  readonly pending: StreamTable;
  /** Numbers that damage took. */
  readonly damagedMessages: number;
  readonly usedBytes: number;
  readonly bytesMax: number;
  readonly segments: number;
  /** Number that the next frame will have. */
  readonly nextSequence: number;
  readonly durableSequence: number;
  readonly confirmedSequence: number;
  readonly stopped: string | null;
}

export class DestinationLog implements MessageLog, SegmentLogOwner {
  readonly destination: string;
  logId = "";
  readonly #settings: DestinationLogSettings;
  readonly #numbers: TopicNumbers;
  readonly #accepted = new TenantCounts();
  readonly #pending = new TenantCounts();
  readonly #waiters = new Set<{ readonly sequence: number; readonly wake: () => void }>();
  readonly #reader: LogReader;
  #progress: Record<string, number> = {};
  #control: readonly unknown[] = [];
  #segments!: SegmentLog;
  #cursor!: Cursor;
  #damagedMessages = 0;
  #stopped: SidestreamError | null = null;

  private constructor(settings: DestinationLogSettings) {
    this.#settings = settings;
    this.destination = settings.destination;
    this.#numbers = new TopicNumbers(settings.topicsMax);
    this.#reader = new LogReader(settings.disk, {
      skipped: (from, to) => this.#cursor.ranges.addRange(from, to),
      damaged: (segment, hole) => {
        this.#damagedMessages += hole.framesLost;
        const text = `${hole.bytes} bytes that were on disk can't be read any more; ${hole.framesLost} messages lost`;
        settings.onFinding({ kind: "damage", path: segment.path, offset: hole.offset, bytes: hole.bytes, framesLost: hole.framesLost, text });
      },
    });
  }

  /** Opens the log's folder, making it when it is new, and recovers what it holds. */
  static async open(settings: DestinationLogSettings): Promise<DestinationLog> {
    const log = new DestinationLog(settings);
    const recovery = new LogRecovery(settings.disk, settings.folder, "messages", true);
    const found = await recovery.run(() => undefined);
    for (const finding of found.findings) settings.onFinding(finding);
    log.logId = found.logId;
    log.#numbers.load(found.state.sequences);
    log.#accepted.load(found.state.accepted);
    log.#progress = { ...found.state.progress };
    log.#control = found.state.control;
    const segmentBytesMax = Math.max(SEGMENT_BYTES_MIN, Math.min(SEGMENT_BYTES_MAX, Math.floor(settings.bytesMax / SEGMENTS_PER_BUDGET)));
    const identity = { id: found.logId, kind: "messages", name: settings.destination } as const;
    log.#segments = new SegmentLog({ disk: settings.disk, folder: settings.folder, log: identity, segmentBytesMax }, log, found);
    log.#cursor = await Cursor.open(settings.disk, settings.folder);
    log.#checkCursor(found.segments, found.nextSequence);
    await log.#countPending(found.segments);
    await log.#freeSegments();
    return log;
  }

  get durableSequence(): number {
    return this.#segments.durableSequence;
  }

  get confirmedSequence(): number {
    return this.#cursor.ranges.lowWater;
  }

  /** Why nothing more is taken in or sent, or null. */
  get stopped(): SidestreamError | null {
    return this.#stopped ?? this.#segments.stopped;
  }

  /** Bytes that may still be appended. */
  get roomBytes(): number {
    return this.stopped === null ? Math.max(0, this.#settings.bytesMax - OVERHEAD_BYTES - this.#segments.usedBytes) : 0;
  }

  /** The number that the next message of this stream and topic will carry. @throws `SST_TOPIC_LIMIT` */
  nextNumber(stream: string, topic: string): number {
    return this.#numbers.peek(stream, topic);
  }

  /**
   * Appends a finished message; `flush` makes it last.
   *
   * @returns Its number in the log.
   * @throws SidestreamError `SST_SPOOL_FULL` when the budget is used up, or what stopped the log; nothing was taken.
   */
  append(message: Message): number {
    if (this.#stopped !== null) throw this.#stopped;
    const bytes = messagePayloadBytesMax(message);
    if (bytes > this.roomBytes) {
      throw (
        this.stopped ??
        new SidestreamError("SST_SPOOL_FULL", `the spool of ${this.destination} holds ${this.#segments.usedBytes} of ${this.#settings.bytesMax} bytes`)
      );
    }
    const { stream, topic } = message;
    const number = this.#numbers.peek(stream, topic);
    // Counted only once it is in: a batch that opens a segment writes down the state before this message.
    const tag: FrameTag = { stream, tenant: this.#accepted.add(stream, message.tenant, 0), lane: LANE_UNASSIGNED, acceptedMs: message.acceptedMs };
    const sequence = this.#segments.append("message", bytes, (target, offset) => encodeMessage(target, offset, message, number, LANE_UNASSIGNED), tag);
    this.#numbers.take(stream, topic);
    this.#accepted.add(stream, tag.tenant, 1);
    return sequence;
  }

  /** Settles when all that was appended is on disk. */
  flush(): Promise<void> {
    return this.#segments.flush();
  }

  /** Counts a message that was accepted but never reached the log. It reaches the disk with the next cursor. */
  countTurnedAway(stream: string, tenant: string, outcome: "dead" | "dropped", reason: string): void {
    this.#cursor.turnedAway.add(stream, this.#accepted.add(stream, tenant, 0), outcome, reason, 1);
    this.#cursor.touch();
  }

  isConfirmed(logSequence: number): boolean {
    return this.#cursor.ranges.has(logSequence);
  }

  read(fromSequence: number, bytesMax: number): Promise<ReadResult> {
    return this.#reader.read(this.#segments.segments, this.durableSequence, fromSequence, bytesMax);
  }

  waitBeyond(sequence: number, signal: AbortSignal): Promise<void> {
    if (this.durableSequence > sequence || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const waiter = {
        sequence,
        wake: () => {
          signal.removeEventListener("abort", waiter.wake);
          this.#waiters.delete(waiter);
          resolve();
        },
      };
      this.#waiters.add(waiter);
      signal.addEventListener("abort", waiter.wake, { once: true });
    });
  }

  async confirm(confirmations: readonly Confirmation[]): Promise<void> {
    const nowMs = Date.now();
    for (const confirmation of confirmations) {
      const tenant = this.#accepted.keyOf(confirmation.stream, confirmation.tenant);
      if (this.#cursor.mark(confirmation, tenant, nowMs)) this.#pending.add(confirmation.stream, tenant, -1);
    }
    await this.#cursor.save();
    await this.#freeSegments();
  }

  status(): DestinationLogStatus {
    return {
      logId: this.logId,
      accepted: this.#accepted.table(),
      turnedAway: this.#cursor.turnedAway.table(),
      outcomes: this.#cursor.outcomes.table(),
      pending: this.#pending.table(),
      damagedMessages: this.#damagedMessages,
      usedBytes: this.#segments.usedBytes,
      bytesMax: this.#settings.bytesMax,
      segments: this.#segments.segments.length,
      nextSequence: this.#segments.nextSequence,
      durableSequence: this.durableSequence,
      confirmedSequence: this.confirmedSequence,
      stopped: this.stopped?.message ?? null,
    };
  }

  /** Writes what waits and the cursor, and lets the files go. */
  async close(): Promise<void> {
    await this.#segments.close();
    await this.#reader.close();
    await this.#cursor.close();
  }

  state(): LogStateRecord {
    return { version: 1, sequences: this.#numbers.table(), accepted: this.#accepted.table(), progress: this.#progress, control: this.#control };
  }

  batchSealed(): void {
    this.#numbers.sealBatch();
  }

  batchDurable(tags: readonly FrameTag[]): void {
    this.#numbers.batchDurable();
    for (const { stream, tenant } of tags) this.#pending.add(stream, tenant, 1);
    for (const waiter of this.#waiters) if (waiter.sequence < this.durableSequence) waiter.wake();
  }

  batchesFailed(tags: readonly FrameTag[]): void {
    this.#numbers.rollBack();
    for (const { stream, tenant } of tags) this.#accepted.add(stream, tenant, -1);
  }

  /** A cursor that knows more than the log holds means that numbers were used which are gone: they must not come again. */
  #checkCursor(segments: readonly Segment[], nextSequence: number): void {
    const { ranges } = this.#cursor;
    if (ranges.end > nextSequence) {
      const text = `the log of ${this.destination} ends at ${nextSequence}, but ${ranges.end - 1} was already confirmed`;
      this.#stopped = new SidestreamError("SST_SPOOL_CUT", text);
    }
    const first = segments[0]?.header.baseSequence ?? nextSequence;
    if (ranges.lowWater >= first) return;
    const isNew = ranges.lowWater === 1 && segments.length === 0;
    ranges.addRange(ranges.lowWater, first);
    if (isNew) return;
    const text = `the cursor of ${this.destination} is older than the log; messages from ${first} on are sent, some of them again`;
    this.#settings.onFinding({ kind: "cursor-behind", path: this.#settings.folder, offset: 0, bytes: 0, framesLost: 0, text });
  }

  /** Pending is counted from what the log holds above the cursor: by summary where a segment is untouched, else by reading. */
  async #countPending(segments: readonly Segment[]): Promise<void> {
    const { ranges } = this.#cursor;
    for (const segment of segments) {
      if (segment.nextSequence <= ranges.lowWater) continue;
      const isUntouched = ranges.end <= segment.header.baseSequence;
      if (isUntouched) this.#pending.load(segment.counts.table());
      else await this.#countUnconfirmed(segment);
    }
  }

  async #countUnconfirmed(segment: Segment): Promise<void> {
    const file = await this.#settings.disk.open(segment.path, "read");
    const position = { offset: DATA_OFFSET, framesLeft: 0, sequence: segment.header.baseSequence };
    try {
      for (;;) {
        const { frames, ended } = await scanFrames(file, segment.header.salt, position, segment.bytes, SCAN_BYTES);
        for (const frame of frames) {
          if (frame.type !== FRAME_TYPES.message || this.isConfirmed(frame.sequence)) continue;
          const { stream, tenant } = decodeMessage(frame.payload, frame.sequence);
          this.#pending.add(stream, this.#accepted.keyOf(stream, tenant), 1);
        }
        if (ended) return;
      }
    } finally {
      await file.close();
    }
  }

  /** Removes sealed segments whose messages are all done. */
  async #freeSegments(): Promise<void> {
    for (const segment of [...this.#segments.segments]) {
      if (!segment.sealed || segment.nextSequence > this.confirmedSequence) return;
      await this.#segments.drop(segment);
    }
  }
}

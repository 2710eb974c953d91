/**
 * The log of one destination: finished messages between matching and sending.
 *
 * Promise: what was flushed is read back, in order, until it is confirmed; every message counts as accepted once and
 * leaves as delivered, dead or dropped once; a full log refuses instead of growing.
 */
import type { SidestreamError } from "../../errors.ts";
import type { Message } from "../message/message.ts";
import { Cursor } from "./cursor.ts";
import type { Disk } from "./disk.ts";
import type { SpoolFinding } from "./findings.ts";
import { LogReader } from "./log-reader.ts";
import { TenantCounts, TopicNumbers, type LogStateRecord } from "./log-state.ts";
import { LostMessages } from "./lost-messages.ts";
import { encodeMessage, LANE_UNASSIGNED, messagePayloadBytesMax } from "./message-codec.ts";
import { LogRecovery, type RecoveredLog } from "./recovery.ts";
import { SegmentLog, type FrameTag, type SegmentLogOwner } from "./segment-log.ts";
import type { DestinationLogStatus } from "./log-status.ts";
import { doneSegments, segmentSizeFor } from "./segment.ts";
import { SequenceWaiters } from "./sequence-waiters.ts";
import { fullError, stopReason } from "./stop-reason.ts";
import type { Confirmation, MessageLog, ReadResult } from "./spooled.ts";

export type { DestinationLogStatus } from "./log-status.ts";

const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
/** A budget holds at least this many segments, so that delivered ones are freed long before it is used up. */
const SEGMENTS_PER_BUDGET = 64;
/** Room kept for the state frame, the summary and the headers of the segments. */
const OVERHEAD_BYTES = 64 * 1024;

export interface DestinationLogSettings {
  readonly disk: Disk;
  readonly folder: string;
  readonly destination: string;
  readonly bytesMax: number;
  readonly topicsMax: number;
  /** Size at which a new segment is begun; absent, it follows the budget. */
  readonly segmentBytesMax?: number;
  /** Told of what start-up or reading found. */
  readonly onFinding: (finding: SpoolFinding) => void;
}

export class DestinationLog implements MessageLog, SegmentLogOwner {
  readonly destination: string;
  readonly logId: string;
  readonly #settings: DestinationLogSettings;
  readonly #numbers: TopicNumbers;
  readonly #accepted = new TenantCounts();
  readonly #pending = new TenantCounts();
  readonly #waiters = new SequenceWaiters();
  readonly #reader: LogReader;
  readonly #progress: Record<string, number>;
  readonly #control: readonly unknown[];
  readonly #segments: SegmentLog;
  readonly #cursor: Cursor;
  readonly #lost: LostMessages;
  #stopped: SidestreamError | null;
  #freeing: Promise<void> | null = null;
  /** Numbers that a last file that can't be read may have held: stepped over once the next segment is on disk. */
  #unreadable: readonly [number, number] | null;

  private constructor(settings: DestinationLogSettings, found: RecoveredLog, cursor: Cursor) {
    const { disk, folder, destination, bytesMax, onFinding } = settings;
    this.#settings = settings;
    this.destination = destination;
    this.logId = found.logId;
    this.#numbers = new TopicNumbers(settings.topicsMax);
    this.#numbers.load(found.state.sequences);
    this.#accepted.load(found.state.accepted);
    this.#progress = { ...found.state.progress };
    this.#control = found.state.control;
    this.#cursor = cursor;
    this.#stopped = stopReason(destination, found, cursor);
    this.#unreadable = found.readableEnd < found.nextSequence ? [found.readableEnd, found.nextSequence] : null;
    const segmentBytesMax = settings.segmentBytesMax ?? segmentSizeFor(bytesMax, SEGMENTS_PER_BUDGET, SEGMENT_BYTES_MAX);
    const identity = { id: found.logId, kind: "messages", name: destination } as const;
    this.#segments = new SegmentLog({ disk, folder, log: identity, segmentBytesMax }, this, found);
    const lost = new LostMessages({ disk, folder, cursor, accepted: this.#accepted, pending: this.#pending, onFinding });
    this.#lost = lost;
    this.#reader = new LogReader(disk, {
      skipped: (from, to) => cursor.ranges.addRange(from, to),
      damaged: (segment, hole) => lost.meet(segment, hole),
    });
  }

  /**
   * Opens the log's folder, making it when it is new, and recovers what it holds.
   *
   * @throws SidestreamError as recovery does, `SST_SPOOL_VERSION` for a newer cursor; no file stays open.
   */
  static async open(settings: DestinationLogSettings): Promise<DestinationLog> {
    const found = await new LogRecovery(settings.disk, settings.folder, "messages", true).run();
    for (const finding of found.findings) settings.onFinding(finding);
    let cursor: Cursor;
    try {
      cursor = await Cursor.open(settings.disk, settings.folder);
    } catch (error) {
      await found.open?.close();
      throw error;
    }
    const log = new DestinationLog(settings, found, cursor);
    try {
      await log.#lost.recover(found);
      await log.freeSegments();
    } catch (error) {
      await log.close().catch(() => undefined);
      throw error;
    }
    return log;
  }

  get durableSequence(): number {
    return this.#segments.durableSequence;
  }

  get confirmedSequence(): number {
    return this.#cursor.ranges.lowWater;
  }

  /** Why nothing more is taken in, or null. What the log holds can still be read. */
  get stopped(): SidestreamError | null {
    return this.#stopped ?? this.#segments.stopped;
  }

  /** Bytes that may still be appended. */
  get roomBytes(): number {
    if (this.stopped !== null) return 0;
    const { idleSegment } = this.#segments;
    const isDone = idleSegment !== null && idleSegment.nextSequence <= this.#cursor.savedLowWater;
    return Math.max(0, this.#freeBytes + (isDone ? idleSegment.bytes : 0));
  }

  get #freeBytes(): number {
    return this.#settings.bytesMax - OVERHEAD_BYTES - this.#segments.usedBytes;
  }

  /** The number that the next message of this stream and topic will carry. @throws `SST_TOPIC_LIMIT` */
  nextNumber(stream: string, topic: string): number {
    return this.#numbers.peek(stream, topic);
  }

  /**
   * Appends a finished message; `flush` makes it last.
   *
   * @param acknowledging - Its source is told when it can't be written; otherwise it counts as dropped then.
   * @returns Its number in the log.
   * @throws SidestreamError `SST_SPOOL_FULL` when the budget is used up, or what stopped the log; nothing was taken.
   */
  append(message: Message, acknowledging: boolean): number {
    if (this.#stopped !== null) throw this.#stopped;
    const bytes = messagePayloadBytesMax(message);
    if (bytes > this.#freeBytes) {
      if (bytes > this.roomBytes) throw this.stopped ?? fullError(this.destination, this.#segments.usedBytes, this.#settings.bytesMax);
      // All of the open segment is done: it is closed, and removed with the next confirmation.
      this.#segments.endSegment();
    }
    const { stream, topic } = message;
    const number = this.#numbers.peek(stream, topic);
    // Counted only once it is in: a batch that opens a segment writes down the state before this message.
    const tag: FrameTag = {
      stream,
      tenant: this.#accepted.add(stream, message.tenant, 0),
      lane: LANE_UNASSIGNED,
      acceptedMs: message.acceptedMs,
      acknowledging,
    };
    const sequence = this.#segments.append(
      "message",
      bytes,
      (target, offset) => encodeMessage(target, offset, message, number, LANE_UNASSIGNED),
      tag,
    );
    this.#numbers.take(stream, topic);
    // Both at once, so that the counts add up at every moment.
    this.#accepted.add(stream, tag.tenant, 1);
    this.#pending.add(stream, tag.tenant, 1);
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

  async read(fromSequence: number, bytesMax: number): Promise<ReadResult> {
    const result = await this.#reader.read(this.#segments.segments, this.durableSequence, fromSequence, bytesMax);
    await this.#lost.bookMet();
    return result;
  }

  waitBeyond(sequence: number, signal: AbortSignal): Promise<void> {
    if (this.durableSequence > sequence || signal.aborted) return Promise.resolve();
    return this.#waiters.wait(sequence, signal);
  }

  async confirm(confirmations: readonly Confirmation[]): Promise<void> {
    const nowMs = Date.now();
    for (const confirmation of confirmations) {
      const tenant = this.#accepted.keyOf(confirmation.stream, confirmation.tenant);
      if (this.#cursor.mark(confirmation, tenant, nowMs)) this.#pending.add(confirmation.stream, tenant, -1);
    }
    await this.#cursor.save();
    await this.freeSegments();
  }

  status(): DestinationLogStatus {
    return {
      logId: this.logId,
      accepted: this.#accepted.table(),
      turnedAway: this.#cursor.turnedAway.table(),
      outcomes: this.#cursor.outcomes.table(),
      pending: this.#pending.table(),
      damagedMessages: this.#lost.messages,
      usedBytes: this.#segments.usedBytes,
      bytesMax: this.#settings.bytesMax,
      segments: this.#segments.segments.length,
      nextSequence: this.#segments.nextSequence,
      durableSequence: this.durableSequence,
      confirmedSequence: this.confirmedSequence,
      stopped: this.stopped?.message ?? null,
    };
  }

  /** Writes what waits and the cursor, and lets the files go, also when a part of it fails; that is thrown then. */
  async close(): Promise<void> {
    try {
      await this.#segments.close();
    } finally {
      try {
        await this.#reader.close();
      } finally {
        await this.#freeing;
        await this.#cursor.close();
      }
    }
  }

  state(): LogStateRecord {
    return {
      version: 1,
      sequences: this.#numbers.table(),
      accepted: this.#accepted.table(),
      progress: this.#progress,
      control: this.#control,
    };
  }

  batchSealed(): void {
    this.#numbers.sealBatch();
  }

  batchDurable(): void {
    this.#numbers.batchDurable();
    if (this.#unreadable !== null) this.#cursor.ranges.addRange(...this.#unreadable);
    this.#unreadable = null;
    this.#waiters.reached(this.durableSequence);
  }

  batchesFailed(tags: readonly FrameTag[]): void {
    this.#numbers.rollBack();
    for (const { stream, tenant, acknowledging } of tags) {
      this.#accepted.add(stream, tenant, -1);
      this.#pending.add(stream, tenant, -1);
      if (!acknowledging) this.countTurnedAway(stream, tenant, "dropped", "disk");
    }
  }

  /**
   * Removes sealed segments whose messages are all done, by the cursor that is on disk. One that can't be removed is
   * tried again with the next confirmation, or when somebody wants room; until then its bytes count as used.
   */
  freeSegments(): Promise<void> {
    this.#freeing ??= this.#freeDone()
      .catch(() => undefined)
      .finally(() => (this.#freeing = null));
    return this.#freeing;
  }

  async #freeDone(): Promise<void> {
    for (const segment of doneSegments(this.#segments.segments, this.#cursor.savedLowWater))
      await this.#segments.drop(segment, segment.damaged);
  }
}

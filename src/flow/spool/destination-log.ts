/**
 * The log of one destination: finished messages between matching and sending.
 *
 * Promise: what was flushed is read back, in order, until it is confirmed; every message counts as accepted once and
 * leaves as delivered, dead or dropped once; a full log refuses instead of growing.
 */
import type { LanePosition } from "../../driver/destination.ts";
import type { SidestreamError } from "../../errors.ts";
import type { Message } from "../message/message.ts";
import type { FrameTag } from "./batch.ts";
import { Cursor } from "./cursor.ts";
import { Doubt } from "./doubt.ts";
import { LogMemory } from "./log-memory.ts";
import { LogReading } from "./log-reading.ts";
import { LogRoom, logSegmentBytes } from "./log-room.ts";
import { TenantCounts, TopicNumbers, type LogStateRecord } from "./log-state.ts";
import { LostMessages } from "./lost-messages.ts";
import { encodeMessage, LANE_UNASSIGNED, messagePayloadBytesMax } from "./message-codec.ts";
import { LogRecovery, type RecoveredLog } from "./recovery.ts";
import { SegmentLog, type SegmentLogOwner } from "./segment-log.ts";
import { flagsOf, type DestinationLogSettings } from "./log-settings.ts";
import type { DestinationLogStatus } from "./log-status.ts";
import { SequenceWaiters } from "./sequence-waiters.ts";
import { fullError, stopReason } from "./stop-reason.ts";
import type { Confirmation, MessageLog, ReadPass, ReadResult } from "./spooled.ts";

export type { DestinationLogStatus } from "./log-status.ts";

export class DestinationLog implements MessageLog, SegmentLogOwner {
  readonly destination: string;
  readonly logId: string;
  readonly memory: LogMemory;
  readonly #settings: DestinationLogSettings;
  readonly #numbers: TopicNumbers;
  readonly #accepted = new TenantCounts();
  readonly #pending = new TenantCounts();
  readonly #waiters = new SequenceWaiters();
  readonly #reading: LogReading;
  readonly #progress: Record<string, number>;
  readonly #segments: SegmentLog;
  readonly #room: LogRoom;
  readonly #cursor: Cursor;
  readonly #doubt: Doubt;
  readonly #lost: LostMessages;
  readonly #stopped: SidestreamError | null;
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
    this.#cursor = cursor;
    this.#stopped = stopReason(destination, found, cursor);
    this.#unreadable = found.readableEnd < found.nextSequence ? [found.readableEnd, found.nextSequence] : null;
    const log = { id: found.logId, kind: "messages", name: destination, flags: flagsOf(settings) } as const;
    const segmentBytesMax = settings.segmentBytesMax ?? logSegmentBytes(bytesMax);
    this.#segments = new SegmentLog({ disk, folder, log, segmentBytesMax }, this, found);
    this.#room = new LogRoom(this.#segments, cursor, bytesMax);
    const parts = { destination, segments: this.#segments, numbered: settings.numbered === true, stopped: () => this.stopped };
    this.memory = new LogMemory(parts, found.state.control);
    this.memory.forgetSkips((logSequence) => cursor.ranges.has(logSequence));
    const doubt = (this.#doubt = new Doubt(cursor, found.nextSequence));
    this.#lost = new LostMessages({ disk, folder, cursor, accepted: this.#accepted, pending: this.#pending, doubt, onFinding });
    this.#reading = new LogReading({ disk, segments: this.#segments, cursor, room: this.#room, doubt, lost: this.#lost });
  }

  /**
   * Opens the log's folder, making it when it is new, and recovers what it holds.
   *
   * @throws SidestreamError as recovery does, `SST_SPOOL_VERSION` for a newer cursor; no file stays open.
   */
  static async open(settings: DestinationLogSettings): Promise<DestinationLog> {
    const { disk, folder } = settings;
    const found = await new LogRecovery(disk, folder, "messages", true, flagsOf(settings)).run();
    for (const finding of found.findings) settings.onFinding(finding);
    const cursor = await Cursor.open(disk, folder).catch(async (error: unknown) => {
      await found.open?.close();
      throw error;
    });
    const log = new DestinationLog(settings, found, cursor);
    try {
      await log.#lost.recover(found);
      await log.#room.free();
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
    return this.stopped === null ? this.#room.roomBytes : 0;
  }

  get scattered(): number {
    return this.#cursor.ranges.above().length;
  }

  get doubtfulFrom(): number | null {
    return this.#doubt.from;
  }

  sentBelow(lane: string): number {
    return this.#cursor.sentBelow(lane);
  }

  maySend(lane: string, logSequence: number): Promise<void> | null {
    if (logSequence < this.#cursor.savedSentBelow(lane)) return null;
    // All that is in the log by now: while much is sent, most need not wait.
    this.#cursor.maySend(lane, this.durableSequence);
    return this.#cursor.save();
  }

  isDoubtful(lane: string, logSequence: number): boolean {
    return this.#doubt.covers(lane, logSequence);
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
    if (bytes > this.#room.freeBytes) {
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

  lanePosition(lane: string): LanePosition | null {
    return this.#cursor.lanePosition(lane);
  }

  skipCode(logSequence: number): string | null {
    return this.memory.skipCode(logSequence);
  }

  skip(lane: string, logSequence: number, code: string): Promise<void> {
    return this.memory.skip(lane, logSequence, code);
  }

  read(fromSequence: number, bytesMax: number, pass: ReadPass = "ahead"): Promise<ReadResult> {
    return this.#reading.read(fromSequence, bytesMax, pass);
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
    this.memory.confirmed(confirmations, this.#cursor.savedLowWater);
    await this.#room.free();
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
        await this.#reading.close();
      } finally {
        await this.#room.settled();
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
      control: this.memory.list(),
    };
  }

  batchSealed(): void {
    this.#numbers.sealBatch();
    this.memory.sealBatch();
  }

  batchDurable(): void {
    this.#numbers.batchDurable();
    this.memory.batchDurable();
    if (this.#unreadable !== null) this.#cursor.ranges.addRange(...this.#unreadable);
    this.#unreadable = null;
    this.#waiters.reached(this.durableSequence);
  }

  batchesFailed(tags: readonly FrameTag[]): void {
    this.#numbers.rollBack();
    this.memory.rollBack();
    for (const { stream, tenant, acknowledging } of tags) {
      this.#accepted.add(stream, tenant, -1);
      this.#pending.add(stream, tenant, -1);
      if (!acknowledging) this.countTurnedAway(stream, tenant, "dropped", "disk");
    }
  }

  /** Removes segments that are done; one that could not be removed is tried again. Never rejects. */
  freeSegments(): Promise<void> {
    return this.#room.freeSaved();
  }
}

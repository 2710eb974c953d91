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
import type { Archive } from "./archive.ts";
import type { Cursor } from "./cursor.ts";
import { Doubt } from "./doubt.ts";
import { rewritten } from "./findings.ts";
import { LogBooks } from "./log-books.ts";
import { LogErasing } from "./log-erasing.ts";
import { LogHistory } from "./log-history.ts";
import { LogMemory } from "./log-memory.ts";
import { openParts, type OpenedParts } from "./log-opening.ts";
import { LogReading } from "./log-reading.ts";
import { LogRoom, logSegmentBytes } from "./log-room.ts";
import { SegmentReclaimer, type SegmentUsers } from "./segment-reclaimer.ts";
import type { LogStateRecord } from "./log-state.ts";
import { LostMessages } from "./lost-messages.ts";
import { encodeMessage, LANE_UNASSIGNED, messagePayloadBytesMax } from "./message-codec.ts";
import { SegmentLog } from "./segment-log.ts";
import type { SegmentLogOwner } from "./segment-log-owner.ts";
import { flagsOf, type DestinationLogSettings } from "./log-settings.ts";
import { logStatus, type DestinationLogStatus } from "./log-status.ts";
import { SequenceWaiters } from "./sequence-waiters.ts";
import { Turns } from "./turns.ts";
import { stopReason } from "./stop-reason.ts";
import type { Confirmation, MessageLog, ReadPass, ReadResult } from "./spooled.ts";

/** What a lane says that it may send, in numbers of the log: what it might have sent can't be given up by a full log. */
const SENT_AHEAD = 65_536;

export class DestinationLog implements MessageLog, SegmentLogOwner {
  readonly destination: string;
  readonly logId: string;
  readonly memory: LogMemory;
  /** For when nothing must be left of what is done. */
  readonly erasing: LogErasing;
  /** What is done and still on disk. */
  readonly history: LogHistory;
  readonly archive: Archive | null;
  readonly progress: Pick<LogBooks["progress"], "has" | "isThrough">;
  readonly #books: LogBooks;
  readonly #waiters = new SequenceWaiters();
  readonly #reading: LogReading;
  readonly #segments: SegmentLog;
  readonly #room: LogRoom;
  readonly #reclaimer: SegmentReclaimer;
  readonly #cursor: Cursor;
  readonly #doubt: Doubt;
  readonly #lost: LostMessages;
  readonly #stopped: SidestreamError | null;
  /** Numbers that a last file that can't be read may have held: stepped over once the next segment is on disk. */
  #unreadable: readonly [number, number] | null;

  private constructor(settings: DestinationLogSettings, { found, cursor, archive }: OpenedParts) {
    const { disk, folder, destination, onFinding, numbered = false } = settings;
    this.destination = destination;
    this.logId = found.logId;
    this.archive = archive;
    this.progress = (this.#books = new LogBooks(found.state, settings.topicsMax, cursor)).progress;
    this.#cursor = cursor;
    this.#stopped = stopReason(destination, found, cursor);
    this.#unreadable = found.readableEnd < found.nextSequence ? [found.readableEnd, found.nextSequence] : null;
    const log = { id: found.logId, kind: "messages", name: destination, flags: flagsOf(settings) } as const;
    const onRewritten = (error: SidestreamError, path: string): void => onFinding(rewritten(error, path));
    const { removalStepBytes } = settings;
    const writing = { disk, folder, log, segmentBytesMax: logSegmentBytes(settings), removalStepBytes, onRewritten, archive };
    this.#segments = new SegmentLog({ ...writing, freeBytes: () => this.#room.freeBytes }, this, found);
    cursor.makeRoom = () => this.#segments.files.makeRoom();
    this.#room = new LogRoom(settings, this.#segments, cursor);
    const common = { disk, segments: this.#segments, cursor, turns: new Turns(), archive };
    const others = (): SegmentUsers => ({ reading: this.#reading, lost: this.#lost });
    this.#reclaimer = new SegmentReclaimer({ ...common, settings, room: this.#room, books: this.#books, others });
    this.memory = new LogMemory({ destination, segments: this.#segments, numbered, stopped: () => this.stopped }, found.state.control);
    const doubt = (this.#doubt = new Doubt(cursor, found.nextSequence));
    const { accepted, pending } = this.#books;
    this.#lost = new LostMessages({ disk, folder, cursor, accepted, pending, doubt, onFinding });
    this.#reading = new LogReading({ ...common, reclaimer: this.#reclaimer, doubt, lost: this.#lost });
    this.history = new LogHistory({ ...common, logId: found.logId, isDone: (number) => cursor.ranges.has(number) });
    this.erasing = new LogErasing({ ...common, reclaimer: this.#reclaimer, reading: this.#reading });
  }

  /**
   * Opens the log's folder, making it when it is new, and recovers what it holds.
   *
   * @throws SidestreamError as recovery does, `SST_SPOOL_VERSION` for a newer cursor; no file stays open.
   */
  static async open(settings: DestinationLogSettings): Promise<DestinationLog> {
    const parts = await openParts(settings);
    const log = new DestinationLog(settings, parts);
    try {
      await log.#lost.recover(parts.found);
      log.memory.forgetSkips((logSequence) => parts.cursor.ranges.has(logSequence));
      await log.#reclaimer.free();
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

  /** Why nothing is taken in by now: it stopped, or can't cut off half a write yet. */
  get refusing(): SidestreamError | null {
    return this.stopped ?? this.#segments.uncut;
  }

  /** Bytes that may still be appended. */
  get roomBytes(): number {
    return this.refusing === null ? this.#room.roomBytes : 0;
  }

  /** Bytes that may be appended for a tenant: none once it holds more than its share of a log that is half full and not its alone. */
  roomFor(tenant: string): number {
    this.#reclaimer.look();
    return this.#room.isHeldBack(this.#books.shareBytesOf(tenant)) ? 0 : this.roomBytes;
  }

  /** What the messages of a tenant take that are not done. */
  heldBytes(tenant: string): number {
    return this.#books.pending.bytesOf(tenant);
  }

  /** Messages given up since the start to make room for newer ones. */
  get givenUp(): number {
    return this.#books.givenUp;
  }

  /** Numbers below one that are not done: messages, and frames of the log's own that nobody has read. */
  readonly countWaiting = (below: number): number => this.#cursor.ranges.countMissing(0, below);

  heldBy(isHeld: (logSequence: number) => boolean): void {
    this.#reclaimer.heldBy(isHeld);
  }

  get scattered(): number {
    return this.#cursor.ranges.aboveCount;
  }

  get doubtfulFrom(): number | null {
    return this.#doubt.from;
  }

  sentBelow(lane: string): number {
    return this.#cursor.sentBelow(lane);
  }

  maySend(lane: string, logSequence: number): Promise<void> | null {
    if (logSequence < this.#cursor.savedSentBelow(lane)) return this.#reclaimer.hasUnsavedDrop ? this.#cursor.save() : null;
    // Much of what is in the log by now: while much is sent, most need not wait.
    this.#cursor.maySend(lane, Math.min(this.durableSequence, logSequence + SENT_AHEAD));
    return this.#cursor.save();
  }

  isDoubtful(lane: string, logSequence: number): boolean {
    return this.#doubt.covers(lane, logSequence);
  }

  doubtfulBelow(lane: string): number {
    return this.#doubt.below(lane);
  }

  /** The number that the next message of this stream and topic will carry. @throws `SST_TOPIC_LIMIT` */
  nextNumber(stream: string, topic: string): number {
    return this.#books.nextNumber(stream, topic);
  }

  /**
   * Appends a finished message; `flush` makes it last.
   *
   * @param acknowledging - Its source is told when it can't be written; otherwise it counts as dropped then.
   * @param admitted - There was room for its event as a whole (`roomFor`): the tenant's share isn't looked at in its midst.
   * @returns Its number in the log.
   * @throws SidestreamError `SST_SPOOL_FULL` when the budget is used up, `SST_TENANT_SHARE` when the tenant's share of it is, or what stopped the log; nothing was taken.
   */
  append(message: Message, acknowledging: boolean, admitted = false): number {
    if (this.stopped !== null) throw this.stopped;
    const bytes = messagePayloadBytesMax(message);
    this.#reclaimer.look();
    this.#room.admit(bytes, message.tenant, admitted ? 0 : this.#books.shareBytesOf(message.tenant));
    const number = this.#books.nextNumber(message.stream, message.topic);
    const tag = this.#books.tag(message, acknowledging);
    const encode = (target: Buffer, offset: number): number => encodeMessage(target, offset, message, number, LANE_UNASSIGNED);
    const sequence = this.#segments.append("message", bytes, encode, tag);
    this.#books.take(message, tag);
    return sequence;
  }

  /** Settles when all that was appended is on disk. */
  flush(): Promise<void> {
    return this.#segments.flush();
  }

  /** Counts a message that was accepted but never reached the log. It reaches the disk with the next cursor. */
  countTurnedAway(stream: string, tenant: string, outcome: "dead" | "dropped", reason: string): void {
    this.#books.countTurnedAway(stream, tenant, outcome, reason);
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
    for (const confirmation of this.#doubt.noting(confirmations)) this.#books.confirm(confirmation, nowMs);
    await this.#cursor.save();
    this.memory.confirmed(confirmations, this.#cursor.savedLowWater);
    await this.#reclaimer.free();
  }

  status(): DestinationLogStatus {
    const { logId, stopped } = this;
    const parts = { books: this.#books, cursor: this.#cursor, lost: this.#lost, segments: this.#segments, room: this.#room };
    return logStatus({ logId, stopped, ...parts });
  }

  /** Writes what waits and the cursor, and lets the files go, also when a part of it fails; that is thrown then. */
  async close(): Promise<void> {
    const parts = [this.#reading.close(), this.#reclaimer.settled()];
    const ends = await Promise.allSettled(parts);
    // By now nothing is removed any more, and nothing confirmed.
    for (const close of [() => this.#segments.close(), () => this.#cursor.close(), async () => this.archive?.close()])
      ends.push(...(await Promise.allSettled([close()])));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  state(): LogStateRecord {
    return this.#books.state(this.memory.list());
  }

  durableState(waiting: readonly FrameTag[]): LogStateRecord {
    return this.#books.durableState(waiting, this.memory.durableList());
  }

  batchSealed(): void {
    this.#books.sealBatch();
    this.memory.sealBatch();
  }

  batchDurable(): void {
    this.#books.batchDurable();
    this.memory.batchDurable();
    if (this.#unreadable !== null) this.#cursor.ranges.addRange(...this.#unreadable);
    this.#unreadable = null;
    this.#waiters.reached(this.durableSequence);
  }

  batchesFailed(tags: readonly FrameTag[]): void {
    this.memory.rollBack();
    this.#books.takeBack(tags);
  }

  /** Makes last what was counted since the last confirmation. Never rejects. */
  keepCounts = (): Promise<void> => this.#cursor.saveTouched();

  /** Removes segments that are done; what could not be removed, or cut off, is tried again. Never rejects. */
  async freeSegments(): Promise<void> {
    await this.#segments.mend();
    await this.#reclaimer.freeSaved();
  }
}

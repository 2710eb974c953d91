/**
 * The books of a destination's log: the numbers of its topics, what was accepted, what is pending, how messages left.
 *
 * Promise: at every moment, accepted = delivered + dead + dropped + pending, per stream and tenant; what could not be
 * written is taken back out of all of them at once.
 */
import type { Message } from "../message/message.ts";
import type { FrameTag } from "./batch.ts";
import type { Cursor } from "./cursor.ts";
import { TenantCounts, TopicNumbers, type LogStateRecord } from "./log-state.ts";
import { LANE_UNASSIGNED } from "./message-codec.ts";
import { PendingMessages } from "./pending-messages.ts";
import { SourceProgress } from "./source-progress.ts";
import type { Confirmation } from "./spooled.ts";

export class LogBooks {
  readonly accepted = new TenantCounts();
  readonly pending = new PendingMessages();
  /** Which events of sources that can be read again are here. */
  readonly progress = new SourceProgress();
  /** Messages given up since the start. */
  givenUp = 0;
  readonly #numbers: TopicNumbers;
  readonly #floor: number;
  readonly #cursor: Cursor;

  constructor(state: LogStateRecord, topicsMax: number, cursor: Cursor) {
    this.#floor = state.floor ?? 0;
    this.#numbers = new TopicNumbers(topicsMax, this.#floor);
    this.#numbers.load(state.sequences);
    this.accepted.load(state.accepted);
    this.progress.load(state);
    this.#cursor = cursor;
  }

  /** The number that the next message of this stream and topic will carry. @throws `SST_TOPIC_LIMIT` */
  nextNumber(stream: string, topic: string): number {
    return this.#numbers.peek(stream, topic);
  }

  /** What the log is told of a message's frame. It isn't counted yet: a batch that opens a segment writes down the state before it. */
  tag({ stream, tenant, acceptedMs }: Message, acknowledging: boolean): FrameTag {
    return { stream, tenant: this.accepted.add(stream, tenant, 0), lane: LANE_UNASSIGNED, acceptedMs, acknowledging, frameBytes: 0 };
  }

  /** A message was appended. */
  take(message: Message, { tenant, frameBytes }: FrameTag): void {
    const { stream, topic } = message;
    this.#numbers.take(stream, topic);
    this.progress.take(message);
    this.accepted.add(stream, tenant, 1);
    this.pending.add(stream, tenant, 1, frameBytes);
  }

  /** Messages that were appended could not be written. One whose source isn't told counts as dropped. */
  takeBack(tags: readonly FrameTag[]): void {
    this.#numbers.rollBack();
    this.progress.rollBack();
    for (const { stream, tenant, acknowledging, frameBytes } of tags) {
      this.accepted.add(stream, tenant, -1);
      this.pending.add(stream, tenant, -1, -frameBytes);
      if (!acknowledging) this.countTurnedAway(stream, tenant, "dropped", "disk");
    }
  }

  /**
   * What counts against a tenant's share: what it has waiting, but nothing while it has the log to itself. Asking is
   * enough for a second tenant to be known, so that one that finds the log full has what becomes free.
   */
  shareBytesOf(tenant: string): number {
    return this.accepted.isShared(tenant) ? this.pending.bytesOf(tenant) : 0;
  }

  sealBatch(): void {
    this.#numbers.sealBatch();
    this.progress.sealBatch();
  }

  batchDurable(): void {
    this.#numbers.batchDurable();
    this.progress.batchDurable();
  }

  /** Counts a message that was accepted but never reached the log. It reaches the disk with the next cursor. */
  countTurnedAway(stream: string, tenant: string, outcome: "dead" | "dropped", reason: string): void {
    this.#cursor.turnedAway.add(stream, this.accepted.add(stream, tenant, 0), outcome, reason, 1);
    this.#cursor.touch();
  }

  /** A message left the log. The next cursor makes it last. */
  confirm(confirmation: Confirmation, nowMs: number): void {
    const { stream, tenant, frameBytes } = confirmation;
    const key = this.accepted.keyOf(stream, tenant);
    if (this.#cursor.mark(confirmation, key, nowMs)) this.pending.add(stream, key, -1, -frameBytes);
  }

  /** Messages were given up. @param tenant - As the log counts it. */
  giveUp(stream: string, tenant: string, messages: number, bytes: number, reason: string): void {
    this.givenUp += messages;
    this.#cursor.outcomes.add(stream, tenant, "dropped", reason, messages);
    this.pending.add(stream, tenant, -messages, -bytes);
  }

  /** With all that was appended. @param control - Control records in force, oldest first. */
  state(control: readonly unknown[]): LogStateRecord {
    const tables = { sequences: this.#numbers.table(), accepted: this.accepted.table(), ...this.progress.record() };
    return this.#state(tables, control);
  }

  /** By what is on disk: without these frames. */
  durableState(waiting: readonly FrameTag[], control: readonly unknown[]): LogStateRecord {
    for (const { stream, tenant } of waiting) this.accepted.add(stream, tenant, -1);
    const tables = { sequences: this.#numbers.durableTable(), accepted: this.accepted.table(), ...this.progress.durableRecord() };
    for (const { stream, tenant } of waiting) this.accepted.add(stream, tenant, 1);
    return this.#state(tables, control);
  }

  #state(tables: Omit<LogStateRecord, "version" | "control" | "floor">, control: readonly unknown[]): LogStateRecord {
    const floor = this.#floor === 0 ? {} : { floor: this.#floor };
    return { version: 1, ...tables, control, ...floor };
  }
}

/**
 * The numbers of one lane at a destination that refuses what it already has.
 *
 * Promise: a message's number follows from the log alone: where the lane stands by the cursor, and the log's order, less
 * what was skipped. A message counts as delivered without being sent only if an earlier send can have brought it there.
 * Where damage may have shifted the numbers, nothing goes under them, whatever the destination says it has: a request of a
 * dead process may still be on its way, and what comes second under the same numbers would be taken for its repetition.
 */
import type { LanePosition, LaneRecovery } from "../../driver/destination.ts";
import type { MessageLog, SpooledMessage } from "../spool/spooled.ts";

/** What to do with the lane's next message. */
export type Step =
  | "send"
  /** The destination has it. */
  | "delivered"
  /** Its number may have been that of a message which is gone from the log: numbers must begin anew. */
  | "renumber"
  /** The destination has numbers that this log never sent: it isn't the one it was, or the log isn't. */
  | "foreign";

export type NumberingLog = Pick<MessageLog, "sentBelow" | "isDoubtful" | "doubtfulBelow" | "lanePosition">;

export class Numbering {
  readonly #lane: string;
  readonly #log: NumberingLog;
  /** Of the next message to be acknowledged. */
  #number: number;
  #position: string | null;
  /** What the destination has and nobody confirmed yet: numbers below it, up to a position. */
  #had: LanePosition = { number: 0, position: null };
  /** The destination must be asked before the next send. */
  inDoubt = true;
  /** It was asked by this process: from then on it is known what was sent. */
  #isAsked = false;
  /** What the destination said last: it knows no numbers, or has more than was confirmed. */
  #isForgotten = false;
  /** What the destination has was sent by this process, or under numbers that began after the damage. */
  #isTrusted = false;
  /**
   * Messages that were sent under the numbers from `#number` on, and may have arrived or still do: no others may go under
   * them. As many as the longest of the batches that failed.
   */
  #sent: readonly number[] = [];

  constructor(lane: string, log: NumberingLog) {
    this.#lane = lane;
    this.#log = log;
    const last = log.lanePosition(lane);
    this.#number = last?.number ?? 0;
    this.#position = last?.position ?? null;
  }

  get last(): LanePosition {
    return { number: this.#number, position: this.#position };
  }

  /** How many from the next one on may have been sent. Infinity: their numbers can't be told. */
  sentCountMax(inFlightMax: number): number {
    // One stands beside those in the window where the lane stepped aside.
    const everMax = inFlightMax + 1;
    if (this.#isTrusted || this.#log.doubtfulBelow(this.#lane) === 0) return this.#isAsked ? this.#sent.length : everMax;
    // What an earlier process sent is not told by numbers; and without a cursor what was confirmed long ago waits again.
    return this.#log.lanePosition(this.#lane) === null ? Infinity : everMax;
  }

  /** Some of what may have been sent may have arrived, and the numbers don't tell which. */
  get mayHaveMore(): boolean {
    return this.#isForgotten || this.#had.number > this.#number;
  }

  /** Where the destination's messages end by its last answer. */
  get foundPosition(): string | null {
    return this.#had.position;
  }

  /** It was forgotten what the destination has, and nothing of it matters: from now on it is known what was sent. */
  goesOn(): void {
    this.#isAsked = true;
    this.#position = this.#had.position ?? this.#position;
  }

  /** The destination answered. */
  recovered({ number, position }: LaneRecovery): "known" | "forgotten" | "lost" {
    this.#isForgotten = number === null;
    if (number === null) {
      // Not where the lane stands: asked again from there, it would be taken for proof that nothing arrived.
      this.#had = { number: 0, position };
      this.inDoubt = false;
      return "forgotten";
    }
    if (number < this.#number) {
      this.#had = { number: 0, position: null };
      return "lost";
    }
    this.inDoubt = false;
    this.#isAsked = true;
    this.#had = { number, position };
    if (number === this.#number) this.#position = position ?? this.#position;
    return "known";
  }

  /** The destination begins anew with the next message's number. */
  renumbered(): void {
    this.inDoubt = false;
    this.#isTrusted = this.#isAsked = true;
    this.#isForgotten = false;
    this.#position = this.#had.position ?? this.#position;
    this.#had = { number: 0, position: null };
    this.#sent = [];
  }

  /** A batch is about to be sent. */
  sending(batch: readonly SpooledMessage[]): void {
    if (batch.length >= this.#sent.length) this.#sent = batch.map(({ logSequence }) => logSequence);
  }

  /** The destination refused a message for good: neither it nor what was sent behind it has a number. */
  refused(): void {
    this.#sent = [];
  }

  next(message: SpooledMessage): Step {
    if (this.#isDoubtful(message, 0)) return "renumber";
    if (this.#had.number <= this.#number) return "send";
    return message.logSequence < this.#log.sentBelow(this.#lane) ? "delivered" : "foreign";
  }

  /** How many of a batch go under the lane's numbers: those before the first whose numbers must begin anew. */
  sureCount(batch: readonly SpooledMessage[]): number {
    const last = batch.at(-1);
    const mayBeDoubtful = this.#sent.length > 0 || (last !== undefined && this.#isDoubtful(last, batch.length - 1));
    // All behind a message that is in doubt are.
    const doubtfulAt = mayBeDoubtful ? batch.findIndex((message, at) => this.#isDoubtful(message, at)) : -1;
    return doubtfulAt === -1 ? batch.length : doubtfulAt;
  }

  /** A batch is at the destination, its last message at a position. @returns Where the lane stands with it. */
  deliveredMany(count: number, position: string | null): LanePosition {
    this.#number += count;
    this.#sent = this.#sent.slice(count);
    if (position !== null) this.#position = position;
    return this.last;
  }

  /** One more message is at the destination. @returns Where the lane stands with it. */
  delivered(position: string | null): LanePosition {
    this.#number += 1;
    if (this.#sent.length > 0) this.#sent = this.#sent.slice(1);
    if (this.#number === this.#had.number) this.#position = this.#had.position ?? this.#position;
    if (position !== null) this.#position = position;
    return this.last;
  }

  /** @param at - Its place among those that come next. */
  #isDoubtful({ logSequence }: SpooledMessage, at: number): boolean {
    const sent = this.#sent[at];
    if (sent !== undefined) return sent !== logSequence;
    return !this.#isTrusted && this.#log.isDoubtful(this.#lane, logSequence);
  }
}

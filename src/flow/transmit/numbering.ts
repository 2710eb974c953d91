/**
 * The numbers of one lane at a destination that refuses what it already has.
 *
 * Promise: a message's number follows from the log alone: where the lane stands by the cursor, and the log's order, less
 * what was skipped. A message counts as delivered without being sent only if an earlier send can have brought it there.
 */
import type { LanePosition, LaneRecovery } from "../../driver/destination.ts";
import type { MessageLog, SpooledMessage } from "../spool/spooled.ts";

/** What to do with the lane's next message. */
export type Step =
  | "send"
  /** The destination has it. */
  | "delivered"
  /** The destination has it by its numbers, but the log is damaged there: its numbers must begin anew. */
  | "renumber"
  /** The destination has numbers that this log never sent: it isn't the one it was, or the log isn't. */
  | "foreign";

export class Numbering {
  readonly #lane: string;
  readonly #log: Pick<MessageLog, "sentBelow" | "isDoubtful" | "lanePosition">;
  /** Of the next message to be acknowledged. */
  #number: number;
  #position: string | null;
  /** What the destination has and nobody confirmed yet: numbers below it, up to a position. */
  #had: LanePosition = { number: 0, position: null };
  /** The destination must be asked before the next send. */
  inDoubt = true;
  /** What the destination has was sent by this process, or under numbers that began after the damage. */
  #isTrusted = false;

  constructor(lane: string, log: Pick<MessageLog, "sentBelow" | "isDoubtful" | "lanePosition">) {
    this.#lane = lane;
    this.#log = log;
    const last = log.lanePosition(lane);
    this.#number = last?.number ?? 0;
    this.#position = last?.position ?? null;
  }

  get last(): LanePosition {
    return { number: this.#number, position: this.#position };
  }

  /** The destination answered. */
  recovered({ number, position }: LaneRecovery): "known" | "forgotten" | "lost" {
    if (number === null) {
      this.inDoubt = false;
      this.#position = position ?? this.#position;
      return "forgotten";
    }
    if (number < this.#number) return "lost";
    this.inDoubt = false;
    this.#had = { number, position };
    if (number === this.#number) this.#position = position ?? this.#position;
    return "known";
  }

  /** The destination begins anew with the next message's number. */
  renumbered(): void {
    this.inDoubt = false;
    this.#isTrusted = true;
    this.#had = { number: 0, position: null };
  }

  next(message: SpooledMessage): Step {
    if (this.#had.number <= this.#number) return "send";
    if (!this.#isTrusted && this.#log.isDoubtful(this.#lane, message.logSequence)) return "renumber";
    return message.logSequence < this.#log.sentBelow(this.#lane) ? "delivered" : "foreign";
  }

  /** A batch is at the destination, its last message at a position. @returns Where the lane stands with it. */
  deliveredMany(count: number, position: string | null): LanePosition {
    this.#number += count;
    if (position !== null) this.#position = position;
    return this.last;
  }

  /** One more message is at the destination. @returns Where the lane stands with it. */
  delivered(position: string | null): LanePosition {
    this.#number += 1;
    if (this.#number === this.#had.number) this.#position = this.#had.position ?? this.#position;
    if (position !== null) this.#position = position;
    return this.last;
  }
}

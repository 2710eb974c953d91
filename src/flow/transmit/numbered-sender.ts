/**
 * Sends a lane whose messages are numbered: asks what the destination has before the first send, and after each that
 * left something in doubt; what it has is not sent again.
 */
import { isNumbered, type LanePosition, type NumberedConnection } from "../../driver/destination.ts";
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import type { MessageLog, SpooledMessage } from "../spool/spooled.ts";
import type { OpenConnection } from "./connection-keeper.ts";
import {
  outgoing,
  type CallDriver,
  type Delivered,
  type LaneAsked,
  type LaneNotice,
  type LaneSender,
  type Prepared,
} from "./lane-sender.ts";
import type { Numbering } from "./numbering.ts";
import { decideResend, inFlightEver, messagesInDoubt, resendBelow, type DoubtLog } from "./in-doubt.ts";
import { callError, notSent, numberedResult, recoveryResult, type SendResult } from "./sending.ts";
import { retryOf } from "./settlement.ts";

const READY: Prepared = { delivered: [], failure: null };

/** Of messages that a lane stopped over, more than these are told as "at least". */
const COUNTED_MAX = 10_000;

export interface NumberedSenderParts {
  readonly lane: string;
  readonly numbering: Numbering;
  readonly log: Pick<MessageLog, "destination" | "maySend"> & DoubtLog;
  readonly call: CallDriver;
  readonly notice: LaneNotice;
  readonly asked: (told: LaneAsked) => void;
}

export class NumberedSender implements LaneSender {
  readonly #parts: NumberedSenderParts;
  readonly #lane: string;
  readonly #numbering: Numbering;

  constructor(parts: NumberedSenderParts) {
    this.#parts = parts;
    this.#lane = parts.lane;
    this.#numbering = parts.numbering;
  }

  get position(): LanePosition {
    return this.#numbering.last;
  }

  prepare(opened: OpenConnection, queue: readonly SpooledMessage[]): Promise<Prepared> | null {
    const [head] = queue;
    if (!this.#numbering.inDoubt && (head === undefined || this.#numbering.next(head) === "send")) return null;
    return this.#prepare(opened, queue);
  }

  togetherCount(batch: readonly SpooledMessage[]): number {
    return this.#numbering.sureCount(batch);
  }

  async send(opened: OpenConnection, batch: readonly SpooledMessage[]): Promise<SendResult> {
    const connection = opened.connection as NumberedConnection;
    const last = batch.at(-1)?.logSequence ?? 0;
    try {
      await this.#parts.log.maySend(this.#lane, last);
    } catch (error) {
      return notSent(error, batch.length);
    }
    const numbered = { lane: this.#lane, firstNumber: this.#numbering.last.number, messages: batch.map(outgoing) };
    this.#numbering.sending(batch);
    const result = numberedResult(await this.#parts.call(opened, (signal) => connection.send(numbered, signal)), batch.length);
    const failure = result.outcomes.find((outcome) => outcome !== null);
    if (failure && retryOf(failure) === "never") this.#numbering.refused();
    return result;
  }

  delivered(messages: readonly SpooledMessage[], position: string | null): readonly Delivered[] {
    const last = this.#numbering.deliveredMany(messages.length, position);
    // They are confirmed together: where the lane stands is told with the last one.
    return messages.map((message, at) => ({ message, position: at === messages.length - 1 ? last : null }));
  }

  doubt(): void {
    this.#numbering.inDoubt = true;
  }

  async #prepare(opened: OpenConnection, queue: readonly SpooledMessage[]): Promise<Prepared> {
    const { connection } = opened;
    if (!isNumbered(connection)) {
      const text = "the driver promises to refuse repeats, but its connection takes no numbers";
      return { delivered: [], failure: new SidestreamError("SST_DESTINATION_UNSUPPORTED", text) };
    }
    if (this.#numbering.inDoubt) {
      const failure = await this.#recover(opened, connection, queue);
      if (failure !== null) return { delivered: [], failure };
    }
    const delivered: Delivered[] = [];
    for (const message of queue) {
      const step = this.#numbering.next(message);
      if (step === "send") break;
      if (step === "delivered") delivered.push({ message, position: this.#numbering.delivered(null) });
      else return { delivered, failure: step === "renumber" ? await this.#gone(opened, connection) : this.#foreign() };
    }
    if (delivered.length > 0) return { delivered, failure: null };
    const failure = await this.#forgetDecision();
    return failure === null ? READY : { delivered, failure };
  }

  async #recover(
    opened: OpenConnection,
    connection: NumberedConnection,
    queue: readonly SpooledMessage[],
  ): Promise<SidestreamError | null> {
    const { last } = this.#numbering;
    const recovery = recoveryResult(await this.#parts.call(opened, (signal) => connection.recover(this.#lane, last, signal)));
    if (isSidestreamError(recovery)) return recovery;
    const inDoubt = this.#inDoubtOf(queue);
    const found = this.#numbering.recovered(recovery);
    const { number, readBack = false } = recovery;
    this.#parts.asked({ lane: this.#lane, inDoubt, found, had: Math.max(0, (number ?? 0) - last.number), readBack });
    if (found === "forgotten") return this.#forgotten(opened, connection);
    if (found === "known") return null;
    const lost = last.number - (number ?? 0);
    this.#parts.notice("lost", `the destination lost ${lost} messages of lane ${this.#lane} that it had acknowledged; new ones go on`);
    return this.#renumber(opened, connection);
  }

  /** Of those that were read so far. */
  #inDoubtOf(queue: readonly SpooledMessage[]): number {
    const { log } = this.#parts;
    const below = Math.max(log.sentBelow(this.#lane), log.doubtfulBelow(this.#lane));
    const count = queue.findIndex(({ logSequence }) => logSequence >= below);
    return Math.min(count === -1 ? queue.length : count, this.#numbering.sentCountMax(inFlightEver(log)));
  }

  async #forgotten(opened: OpenConnection, connection: NumberedConnection): Promise<SidestreamError | null> {
    const failure = await this.#undecided(connection, "the destination no longer knows what it has of the lane");
    if (failure !== null) return failure;
    if (resendBelow(this.#parts.log, this.#lane) > 0) return this.#renumber(opened, connection);
    this.#numbering.goesOn();
    const text = `the destination no longer knows what it has of lane ${this.#lane}: what was in doubt may arrive twice`;
    if (this.#numbering.last.number > 0) this.#parts.notice("forgotten", text);
    return null;
  }

  /** Of a lane that is new by all that is known nothing is told: each that is met from now on begins like this. */
  async #gone(opened: OpenConnection, connection: NumberedConnection): Promise<SidestreamError | null> {
    if (this.#numbering.mayHaveMore) {
      const failure = await this.#undecided(connection, "messages of the lane that may have been sent are gone from the log");
      if (failure !== null) return failure;
    }
    const text = `messages of lane ${this.#lane} that may have been sent are gone from the log: it is numbered anew, and others may arrive twice`;
    if (this.#numbering.last.number > 0 || this.#parts.log.sentBelow(this.#lane) > 0) this.#parts.notice("damaged", text);
    return this.#renumber(opened, connection);
  }

  /** Why nothing may be sent before somebody decides; null where nothing that must not arrive twice may have arrived. */
  async #undecided(connection: NumberedConnection, why: string): Promise<SidestreamError | null> {
    const { log } = this.#parts;
    const countMax = this.#numbering.sentCountMax(inFlightEver(log));
    let count = 0;
    let mustNotDouble = false;
    try {
      for await (const { exactlyOnce } of messagesInDoubt({ log, connection, lane: this.#lane, countMax })) {
        count += 1;
        mustNotDouble ||= exactlyOnce;
        if (count >= COUNTED_MAX) break;
      }
    } catch (error) {
      this.#numbering.inDoubt = true;
      if (isSidestreamError(error)) return error;
      return new SidestreamError("SST_SPOOL_IO", "the messages that are in doubt could not be read", { cause: error });
    }
    if (!mustNotDouble) return null;
    this.#numbering.inDoubt = true;
    const counted = `${count >= COUNTED_MAX ? "at least " : ""}${count} message${count === 1 ? "" : "s"}`;
    const name = `${log.destination}:${this.#lane}`;
    const text = `lane ${this.#lane} stopped: ${why}, and ${counted} of it may have arrived or not. \`sidestream spool resolve ${name}\` shows them; with --resend they are sent again, with --skip given up`;
    return new SidestreamError("SST_LANE_IN_DOUBT", text);
  }

  #foreign(): SidestreamError {
    this.#numbering.inDoubt = true;
    const text = `the destination has messages of lane ${this.#lane} that this spool never sent: the spool is an older copy, or two programs use copies of it. \`sidestream spool identity reset\` numbers anew`;
    return new SidestreamError("SST_IDENTITY_CHANGED", text);
  }

  async #renumber(opened: OpenConnection, connection: NumberedConnection): Promise<SidestreamError | null> {
    const { last, foundPosition } = this.#numbering;
    const { call } = this.#parts;
    const ending = await call(opened, (signal) => connection.renumber(this.#lane, last.number, foundPosition, signal));
    if (ending.kind === "value") {
      this.#numbering.renumbered();
      return this.#forgetDecision();
    }
    this.#numbering.inDoubt = true;
    return callError(ending, "the driver could not number a lane anew");
  }

  /** Before anything is sent by it, so that it counts for this doubt alone. */
  async #forgetDecision(): Promise<SidestreamError | null> {
    const { log } = this.#parts;
    if (resendBelow(log, this.#lane) === 0) return null;
    try {
      await decideResend(log, this.#lane, 0);
      return null;
    } catch (error) {
      this.#numbering.inDoubt = true;
      if (isSidestreamError(error)) return error;
      return new SidestreamError("SST_SPOOL_IO", "a decision that was carried out could not be forgotten", { cause: error });
    }
  }
}

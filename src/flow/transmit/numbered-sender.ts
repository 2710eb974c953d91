/**
 * Sends a lane whose messages are numbered: asks what the destination has before the first send, and after each that
 * left something in doubt; what it has is not sent again.
 */
import { isNumbered, type LanePosition, type NumberedConnection } from "../../driver/destination.ts";
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import type { MessageLog, SpooledMessage } from "../spool/spooled.ts";
import type { OpenConnection } from "./connection-keeper.ts";
import { outgoing, type CallDriver, type Delivered, type LaneNotice, type LaneSender, type Prepared } from "./lane-sender.ts";
import type { Numbering } from "./numbering.ts";
import { callError, notSent, numberedResult, recoveryResult, type SendResult } from "./sending.ts";
import { retryOf } from "./settlement.ts";

const READY: Prepared = { delivered: [], failure: null };

export class NumberedSender implements LaneSender {
  readonly #lane: string;
  readonly #numbering: Numbering;
  readonly #log: Pick<MessageLog, "maySend" | "sentBelow">;
  readonly #call: CallDriver;
  readonly #notice: LaneNotice;

  constructor(lane: string, numbering: Numbering, log: Pick<MessageLog, "maySend" | "sentBelow">, call: CallDriver, notice: LaneNotice) {
    this.#lane = lane;
    this.#log = log;
    this.#numbering = numbering;
    this.#call = call;
    this.#notice = notice;
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
      await this.#log.maySend(this.#lane, last);
    } catch (error) {
      return notSent(error, batch.length);
    }
    const numbered = { lane: this.#lane, firstNumber: this.#numbering.last.number, messages: batch.map(outgoing) };
    this.#numbering.sending(batch);
    const result = numberedResult(await this.#call(opened, (signal) => connection.send(numbered, signal)), batch.length);
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
      const failure = await this.#recover(opened, connection);
      if (failure !== null) return { delivered: [], failure };
    }
    const delivered: Delivered[] = [];
    for (const message of queue) {
      const step = this.#numbering.next(message);
      if (step === "send") break;
      if (step === "delivered") delivered.push({ message, position: this.#numbering.delivered(null) });
      else return { delivered, failure: step === "renumber" ? await this.#gone(opened, connection) : this.#foreign() };
    }
    return delivered.length === 0 ? READY : { delivered, failure: null };
  }

  async #recover(opened: OpenConnection, connection: NumberedConnection): Promise<SidestreamError | null> {
    const { last } = this.#numbering;
    const recovery = recoveryResult(await this.#call(opened, (signal) => connection.recover(this.#lane, last, signal)));
    if (isSidestreamError(recovery)) return recovery;
    const known = this.#numbering.recovered(recovery);
    if (known === "forgotten" && last.number > 0)
      this.#notice("forgotten", `the destination no longer knows what it has of lane ${this.#lane}: what was in doubt may arrive twice`);
    if (known !== "lost") return null;
    const lost = last.number - (recovery.number ?? 0);
    this.#notice("lost", `the destination lost ${lost} messages of lane ${this.#lane} that it had acknowledged; new ones go on`);
    return this.#renumber(opened, connection);
  }

  /** Of a lane that is new by all that is known nothing is told: each that is met from now on begins like this. */
  #gone(opened: OpenConnection, connection: NumberedConnection): Promise<SidestreamError | null> {
    const text = `messages of lane ${this.#lane} that may have been sent are gone from the log: it is numbered anew, and others may arrive twice`;
    if (this.#numbering.last.number > 0 || this.#log.sentBelow(this.#lane) > 0) this.#notice("damaged", text);
    return this.#renumber(opened, connection);
  }

  #foreign(): SidestreamError {
    this.#numbering.inDoubt = true;
    const text = `the destination has messages of lane ${this.#lane} that this spool never sent: the spool is an older copy, or two programs use copies of it. \`sidestream spool identity reset\` numbers anew`;
    return new SidestreamError("SST_IDENTITY_CHANGED", text);
  }

  async #renumber(opened: OpenConnection, connection: NumberedConnection): Promise<SidestreamError | null> {
    const { number } = this.#numbering.last;
    const ending = await this.#call(opened, (signal) => connection.renumber(this.#lane, number, signal));
    if (ending.kind === "value") {
      this.#numbering.renumbered();
      return null;
    }
    this.#numbering.inDoubt = true;
    return callError(ending, "the driver could not number a lane anew");
  }
}

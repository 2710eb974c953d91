/**
 * Sends a lane whose messages are numbered: asks what the destination has before the first send, and after each that
 * left something in doubt; what it has is not sent again.
 */
import { isNumbered, type LanePosition, type NumberedConnection } from "../../driver/destination.ts";
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import type { SpooledMessage } from "../spool/spooled.ts";
import type { OpenConnection } from "./connection-keeper.ts";
import type { LaneHost } from "./lane-host.ts";
import { outgoing, type CallDriver, type Delivered, type LaneSender, type Prepared } from "./lane-sender.ts";
import type { Numbering } from "./numbering.ts";
import { inFlightEver, isDecided, isUndecided, keepLaneDoubt, laneDoubt, leftOutThrough, messagesInDoubt } from "./in-doubt.ts";
import { callError, notSent, numberedResult, recoveryResult, type SendResult } from "./sending.ts";
import { retryOf } from "./settlement.ts";

const READY: Prepared = { delivered: [], failure: null };

export interface NumberedSenderParts {
  readonly lane: string;
  readonly numbering: Numbering;
  readonly call: CallDriver;
  readonly host: Pick<LaneHost, "log" | "notice" | "asked" | "connection">;
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
    const wasStopped = (laneDoubt(this.#parts.host.log, this.#lane)?.doubtful ?? null) !== null;
    if (!wasStopped && !this.#numbering.inDoubt && (head === undefined || this.#numbering.next(head) === "send")) return null;
    return this.#prepare(opened, queue);
  }

  togetherCount(batch: readonly SpooledMessage[]): number {
    return this.#numbering.sureCount(batch);
  }

  async send(opened: OpenConnection, batch: readonly SpooledMessage[]): Promise<SendResult> {
    const connection = opened.connection as NumberedConnection;
    const last = batch.at(-1)?.logSequence ?? 0;
    try {
      await this.#parts.host.log.maySend(this.#lane, last);
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
      else return { delivered, failure: step === "renumber" ? await this.#gone(opened, connection, queue) : this.#foreign() };
    }
    if (delivered.length > 0) return { delivered, failure: null };
    const failure = await this.#goOn();
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
    this.#parts.host.asked({ lane: this.#lane, inDoubt, found, had: Math.max(0, (number ?? 0) - last.number), readBack });
    const doubt = laneDoubt(this.#parts.host.log, this.#lane);
    // What is left out is no longer among those that the numbers count.
    if (isDecided(doubt) && (doubt.skip > 0 || found === "forgotten")) return this.#renumber(opened, connection);
    if (found === "forgotten") return this.#forgotten(opened, connection, queue);
    if (found === "known") return null;
    const lost = last.number - (number ?? 0);
    this.#parts.host.notice("lost", `the destination lost ${lost} messages of lane ${this.#lane} that it had acknowledged; new ones go on`);
    return this.#renumber(opened, connection);
  }

  /** Of those that were read so far. */
  #inDoubtOf(queue: readonly SpooledMessage[]): number {
    const { log } = this.#parts.host;
    const below = Math.max(log.sentBelow(this.#lane), log.doubtfulBelow(this.#lane));
    const count = queue.findIndex(({ logSequence }) => logSequence >= below);
    return Math.min(count === -1 ? queue.length : count, this.#numbering.sentCountMax(inFlightEver(log)));
  }

  async #forgotten(
    opened: OpenConnection,
    connection: NumberedConnection,
    queue: readonly SpooledMessage[],
  ): Promise<SidestreamError | null> {
    const looked = await this.#look(opened, connection, queue, "the destination no longer knows what it has of the lane");
    if (isSidestreamError(looked)) return looked;
    this.#numbering.goesOn();
    const text = `the destination no longer knows what it has of lane ${this.#lane}: what was in doubt may arrive twice`;
    if (looked > 0) this.#parts.host.notice("forgotten", text);
    return null;
  }

  /** Of a lane that is new by all that is known nothing is told: each that is met from now on begins like this. */
  async #gone(opened: OpenConnection, connection: NumberedConnection, queue: readonly SpooledMessage[]): Promise<SidestreamError | null> {
    if (this.#numbering.mayHaveMore && !isDecided(laneDoubt(this.#parts.host.log, this.#lane))) {
      const why = "messages of the lane that may have been sent are gone from the log";
      const looked = await this.#look(opened, connection, queue, why);
      if (isSidestreamError(looked)) return looked;
    }
    const text = `messages of lane ${this.#lane} that may have been sent are gone from the log: it is numbered anew, and others may arrive twice`;
    if (this.#numbering.last.number > 0 || this.#parts.host.log.sentBelow(this.#lane) > 0) this.#parts.host.notice("damaged", text);
    return this.#renumber(opened, connection);
  }

  /**
   * Looks up what is in doubt.
   *
   * @returns How many messages; or why nothing may be sent: one of them must not arrive twice, and somebody has to decide.
   */
  async #look(
    opened: OpenConnection,
    connection: NumberedConnection,
    queue: readonly SpooledMessage[],
    why: string,
  ): Promise<number | SidestreamError> {
    const { log } = this.#parts.host;
    const lane = this.#lane;
    const stopped = this.#stoppedText(why);
    if (isUndecided(laneDoubt(log, lane))) return this.#unsure(new SidestreamError("SST_LANE_IN_DOUBT", stopped));
    const countMax = this.#numbering.sentCountMax(inFlightEver(log));
    let count = 0;
    let [first, last] = [0, 0];
    let mustNotDouble = false;
    try {
      for await (const message of messagesInDoubt({ log, connection, lane, from: queue[0]?.logSequence ?? 0, last: null, countMax })) {
        // Whoever comes after this looks for itself.
        if (!this.#isCurrent(opened)) return this.#ended();
        count += 1;
        last = message.logSequence;
        if (count === 1) first = last;
        mustNotDouble ||= message.exactlyOnce;
      }
      if (!mustNotDouble) return count;
      await keepLaneDoubt(log, lane, { doubtful: [first, last], skip: null, left: laneDoubt(log, lane)?.left ?? 0 });
      return this.#unsure(new SidestreamError("SST_LANE_IN_DOUBT", stopped));
    } catch (error) {
      return this.#unsure(diskError(error, "the messages that are in doubt could not be looked up"));
    }
  }

  /** False: the connection was lost, or the dispatcher stops. */
  #isCurrent(opened: OpenConnection): boolean {
    return this.#parts.host.connection() === opened;
  }

  #ended(): SidestreamError {
    return this.#unsure(new SidestreamError("SST_DESTINATION_UNSURE", "the connection ended meanwhile"));
  }

  #unsure(error: SidestreamError): SidestreamError {
    this.#numbering.inDoubt = true;
    return error;
  }

  #stoppedText(why: string): string {
    const name = `${this.#parts.host.log.destination}:${this.#lane}`;
    return `lane ${this.#lane} stopped: ${why}, and what was being sent may have arrived or not. \`sidestream spool resolve ${name}\` shows which messages; with --resend they are sent again, with --skip left out`;
  }

  #foreign(): SidestreamError {
    const text = `the destination has messages of lane ${this.#lane} that this spool never sent: the spool is an older copy, or two programs use copies of it. \`sidestream spool identity reset\` numbers anew`;
    return this.#unsure(new SidestreamError("SST_IDENTITY_CHANGED", text));
  }

  async #renumber(opened: OpenConnection, connection: NumberedConnection): Promise<SidestreamError | null> {
    const { last, foundPosition } = this.#numbering;
    const { call } = this.#parts;
    if (!this.#isCurrent(opened)) return this.#ended();
    const ending = await call(opened, (signal) => connection.renumber(this.#lane, last.number, foundPosition, signal));
    if (ending.kind !== "value") return this.#unsure(callError(ending, "the driver could not number a lane anew"));
    this.#numbering.renumbered();
    return this.#goOn();
  }

  /** A decision counts for one doubt: that it is over is on disk before anything is sent. What is left out goes as it is read. */
  async #goOn(): Promise<SidestreamError | null> {
    const { log } = this.#parts.host;
    const doubt = laneDoubt(log, this.#lane);
    if (doubt === null || doubt.doubtful === null) return null;
    const left = leftOutThrough(doubt);
    try {
      await keepLaneDoubt(log, this.#lane, left === 0 ? null : { doubtful: null, skip: null, left });
      return null;
    } catch (error) {
      return this.#unsure(diskError(error, "it could not be written down that a lane goes on"));
    }
  }
}

function diskError(error: unknown, text: string): SidestreamError {
  return isSidestreamError(error) ? error : new SidestreamError("SST_SPOOL_IO", text, { cause: error });
}

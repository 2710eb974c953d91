/**
 * Reads a destination's log from the first unconfirmed message on and hands each message to its lane. Goes back for
 * messages that it had to leave, once their lanes get on.
 *
 * Promise: within a lane in the log's order, each message once; it stops reading while there is no room. A read that
 * fails is repeated.
 */
import type { MessageLog, SpooledMessage } from "../spool/spooled.ts";
import { backOffMs } from "./back-off.ts";
import type { Behind } from "./behind.ts";
import { wait, type Clock } from "./clock.ts";
import type { Verdict } from "./lanes.ts";

/** One read: some hundred usual messages, and what is held in memory beyond the window. */
export const READ_BYTES_MAX = 1024 * 1024;

export interface ReaderParts {
  readonly log: MessageLog;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly behind: Behind;
  /** Takes a message that is read for the first time. */
  readonly admit: (message: SpooledMessage) => Verdict;
  /** Takes a message that was passed before, if it is due now. */
  readonly admitLeft: (message: SpooledMessage) => Verdict;
  /** There is no room before what was left gets on, and some of it can. */
  mustGoBack(): boolean;
  /** Sends what was handed over. */
  pump(): void;
  failed(error: unknown): void;
  /** A read succeeded after one or more that failed. */
  recovered(): void;
}

export class LogReader {
  readonly #parts: ReaderParts;
  #wake: (() => void) | null = null;
  /** Ends the wait for new messages. */
  #stopWaiting: AbortController | null = null;
  #waitingMessage: SpooledMessage | null = null;
  #failureCount = 0;
  /** Where reading for the first time has come to. */
  #position = 0;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    parts.signal.addEventListener("abort", () => this.wake(), { once: true });
  }

  /** The last read failed. */
  get failing(): boolean {
    return this.#failureCount > 0;
  }

  /** When the oldest message was accepted that waits for room, or was left; null when none does. */
  get waitingAcceptedMs(): number | null {
    const left = this.#parts.behind.oldestAcceptedMs;
    const waiting = this.#waitingMessage?.acceptedMs ?? null;
    return left === null || waiting === null ? (left ?? waiting) : Math.min(left, waiting);
  }

  /** There may be room again, or something to go back for. */
  wake(): void {
    this.#wake?.();
    this.#wake = null;
    if (this.#parts.signal.aborted || this.#parts.behind.anyRevived) this.#stopWaiting?.abort();
  }

  /** Settles when the signal is aborted. */
  async run(): Promise<void> {
    const { log, clock, random, signal } = this.#parts;
    this.#position = log.confirmedSequence;
    while (!signal.aborted) {
      try {
        await this.#goBack();
        await this.#goOn();
      } catch (error) {
        this.#failureCount += 1;
        this.#parts.failed(error);
        await wait(clock, backOffMs(this.#failureCount, random()), signal);
      }
    }
  }

  async #goOn(): Promise<void> {
    const { log, behind, admit } = this.#parts;
    // A log that drops its oldest messages may have moved past the position.
    const from = Math.max(this.#position, log.confirmedSequence);
    if (log.durableSequence <= from) {
      if (!behind.anyRevived) await this.#waitBeyond(from);
      this.#succeeded();
      this.#position = from;
      return;
    }
    const { messages, nextSequence } = await log.read(from, READ_BYTES_MAX, "ahead");
    if (nextSequence <= from) throw new Error(`the log did not read on from ${from}`);
    this.#succeeded();
    for (const message of messages) {
      if (this.#tryHandOver(message, admit) || (await this.#handOver(message, admit))) continue;
      this.#position = message.logSequence;
      return;
    }
    this.#parts.pump();
    this.#position = nextSequence;
  }

  /** One read's worth of what was left and can get on. */
  async #goBack(): Promise<void> {
    const { log, behind, signal, admitLeft } = this.#parts;
    const from = behind.goBack();
    if (from === null) return;
    const { messages, nextSequence } = await log.read(from, READ_BYTES_MAX, "behind");
    this.#succeeded();
    for (const message of messages) {
      if (message.logSequence >= this.#position) break;
      if (this.#tryHandOver(message, admitLeft) || (await this.#handOver(message, admitLeft))) continue;
      behind.readUpTo(message.logSequence, this.#position);
      return;
    }
    this.#parts.pump();
    if (!signal.aborted) behind.readUpTo(Math.min(nextSequence, this.#position), this.#position);
  }

  async #waitBeyond(sequence: number): Promise<void> {
    const stop = (this.#stopWaiting = new AbortController());
    if (!this.#parts.signal.aborted) await this.#parts.log.waitBeyond(sequence, stop.signal);
    this.#stopWaiting = null;
  }

  #succeeded(): void {
    if (this.#failureCount === 0) return;
    this.#failureCount = 0;
    this.#parts.recovered();
  }

  /** False when it must wait for room. */
  #tryHandOver(message: SpooledMessage, take: (message: SpooledMessage) => Verdict): boolean {
    const { log, signal } = this.#parts;
    if (signal.aborted || message.logSequence < log.confirmedSequence || log.isConfirmed(message.logSequence)) return true;
    return take(message) !== "wait";
  }

  /** False when something must be gone back for before there can be room. */
  async #handOver(message: SpooledMessage, take: (message: SpooledMessage) => Verdict): Promise<boolean> {
    do {
      if (this.#parts.mustGoBack()) {
        this.#waitingMessage = null;
        this.#parts.pump();
        return false;
      }
      // What was handed over so far goes out as one batch for each lane, not message by message.
      this.#parts.pump();
      this.#waitingMessage = message;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    } while (!this.#tryHandOver(message, take));
    this.#waitingMessage = null;
    return true;
  }
}

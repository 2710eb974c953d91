/**
 * Reads a destination's log from the first unconfirmed message on and hands each message to its lane.
 *
 * Promise: in the log's order, each message once; it stops reading while there is no room. A read that fails is repeated.
 */
import type { MessageLog, SpooledMessage } from "../spool/spooled.ts";
import { backOffMs } from "./back-off.ts";
import { wait, type Clock } from "./clock.ts";

/** One read: some hundred usual messages, and what is held in memory beyond the window. */
export const READ_BYTES_MAX = 1024 * 1024;

export interface ReaderParts {
  readonly log: MessageLog;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** Takes the message, or says false when there is no room for it now. */
  admit(message: SpooledMessage): boolean;
  failed(error: unknown): void;
  /** A read succeeded after one or more that failed. */
  recovered(): void;
}

export class LogReader {
  readonly #parts: ReaderParts;
  #wake: (() => void) | null = null;
  #waitingMessage: SpooledMessage | null = null;
  #failureCount = 0;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    parts.signal.addEventListener("abort", () => this.roomMade(), { once: true });
  }

  /** The last read failed. */
  get failing(): boolean {
    return this.#failureCount > 0;
  }

  /** When the message was accepted that waits for room; null when none does. */
  get waitingAcceptedMs(): number | null {
    return this.#waitingMessage?.acceptedMs ?? null;
  }

  /** There may be room again. */
  roomMade(): void {
    this.#wake?.();
    this.#wake = null;
  }

  /** Settles when the signal is aborted. */
  async run(): Promise<void> {
    const { log, clock, random, signal } = this.#parts;
    let position = log.confirmedSequence;
    while (!signal.aborted) {
      try {
        position = await this.#readFrom(position);
      } catch (error) {
        this.#failureCount += 1;
        this.#parts.failed(error);
        await wait(clock, backOffMs(this.#failureCount, random()), signal);
      }
    }
  }

  async #readFrom(position: number): Promise<number> {
    const { log, signal } = this.#parts;
    // A log that drops its oldest messages may have moved past the position.
    const from = Math.max(position, log.confirmedSequence);
    if (log.durableSequence <= from) {
      await log.waitBeyond(from, signal);
      this.#succeeded();
      return from;
    }
    const { messages, nextSequence } = await log.read(from, READ_BYTES_MAX);
    if (nextSequence <= from) throw new Error(`the log did not read on from ${from}`);
    this.#succeeded();
    for (const message of messages) await this.#handOver(message);
    return nextSequence;
  }

  #succeeded(): void {
    if (this.#failureCount === 0) return;
    this.#failureCount = 0;
    this.#parts.recovered();
  }

  async #handOver(message: SpooledMessage): Promise<void> {
    const { log, signal } = this.#parts;
    while (!signal.aborted) {
      if (message.logSequence < log.confirmedSequence || log.isConfirmed(message.logSequence) || this.#parts.admit(message)) break;
      this.#waitingMessage = message;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    this.#waitingMessage = null;
  }
}

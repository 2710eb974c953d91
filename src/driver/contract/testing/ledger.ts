/**
 * A destination in memory that refuses what it already has: per writer and lane it keeps the number that comes next.
 *
 * Promise: what was on its way when it was paused is done when it goes on, whether or not anyone waits for the answer.
 */
import type { OutgoingMessage } from "../../destination.ts";
import type { DestinationHarness } from "../harness.ts";

/** It can't be reached. */
export class LedgerAway extends Error {}
/** No answer came: it may or may not have been done. */
export class LedgerCut extends Error {}

export type LedgerAnswer =
  | { readonly kind: "taken"; readonly count: number; readonly end: number; readonly refused: boolean }
  /** The numbers are neither those that come next nor some that it has. */
  | { readonly kind: "other-numbers" }
  /** Too large as a whole: nothing was looked at. */
  | { readonly kind: "too-large" }
  | { readonly kind: "busy"; readonly count: number; readonly end: number };

export const LEDGER_MESSAGE_BYTES_MAX = 1024 * 1024;
const LANES_PER_TOPIC = 3;
export const LEDGER_PASSWORD = "right";
export const UNWANTED = "unwanted";

export class Ledger {
  received: (OutgoingMessage & { readonly lane: string })[] = [];
  /** Number of the message that comes next, by writer and lane. */
  readonly next = new Map<string, number>();
  failAt: number | null = null;
  #running = true;
  #paused = false;
  #waiting: (() => void)[] = [];

  get isRunning(): boolean {
    return this.#running;
  }

  get harness(): DestinationHarness {
    return {
      options: async () => {
        this.received = [];
        this.next.clear();
        this.failAt = null;
        return { where: "here", password: LEDGER_PASSWORD };
      },
      received: async () => this.received,
      cleanup: async () => {},
      failNext: async (index) => void (this.failAt = index),
      stop: async () => void (this.#running = false),
      kill: async () => {
        this.#running = false;
        this.#waiting = [];
      },
      start: async () => void (this.#running = true),
      pause: async () => void (this.#paused = true),
      resume: async () => {
        this.#paused = false;
        for (const arrive of this.#waiting.splice(0)) arrive();
      },
      wrongCredentials: async () => ({ where: "here", password: "wrong" }),
      wrongCa: async () => ({ where: "here", password: LEDGER_PASSWORD, authority: "other" }),
      unreachable: async () => ({ where: "nowhere", password: LEDGER_PASSWORD }),
      oversizeBytes: LEDGER_MESSAGE_BYTES_MAX,
      refused: { value: Buffer.from(UNWANTED) },
      values: [Buffer.alloc(0), Buffer.from([0, 10, 13, 255, 128])],
    };
  }

  async login(password: string, signal: AbortSignal): Promise<boolean> {
    return this.#call(() => password === LEDGER_PASSWORD, signal);
  }

  async laneCount(): Promise<number> {
    return this.#call(() => LANES_PER_TOPIC, new AbortController().signal);
  }

  /** Number that it expects next; null when it knows nothing of writer and lane. */
  async expects(writer: string, lane: string, signal: AbortSignal): Promise<number | null> {
    return this.#call(() => this.next.get(`${writer} ${lane}`) ?? null, signal);
  }

  async append(
    writer: string,
    lane: string,
    firstNumber: number,
    messages: readonly OutgoingMessage[],
    signal: AbortSignal,
  ): Promise<LedgerAnswer> {
    return this.#call(() => this.#append(`${writer} ${lane}`, lane, firstNumber, messages), signal);
  }

  /** Takes what has no numbers. @returns For each message null, or why it was not taken. */
  async appendOnce(
    messages: readonly OutgoingMessage[],
    signal: AbortSignal,
  ): Promise<readonly ("SST_DESTINATION_REFUSED" | "SST_DESTINATION_BUSY" | null)[]> {
    return this.#call(() => {
      const { failAt } = this;
      this.failAt = null;
      return messages.map((message, index) => {
        const { value } = message;
        if (value.length >= LEDGER_MESSAGE_BYTES_MAX || value.toString() === UNWANTED) return "SST_DESTINATION_REFUSED";
        if (failAt !== null && index >= failAt) return "SST_DESTINATION_BUSY";
        this.received.push({ ...message, lane: "" });
        return null;
      });
    }, signal);
  }

  #append(key: string, lane: string, firstNumber: number, messages: readonly OutgoingMessage[]): LedgerAnswer {
    const next = this.next.get(key) ?? firstNumber;
    if (firstNumber + messages.length <= next) return { kind: "taken", count: messages.length, end: next, refused: false };
    if (firstNumber !== next) return { kind: "other-numbers" };
    if (messages.some(({ value }) => value.length >= LEDGER_MESSAGE_BYTES_MAX)) return { kind: "too-large" };
    const unwantedAt = messages.findIndex(({ value }) => value.toString() === UNWANTED);
    const { failAt } = this;
    this.failAt = null;
    const count = Math.min(failAt ?? messages.length, unwantedAt === -1 ? messages.length : unwantedAt);
    for (const message of messages.slice(0, count)) this.received.push({ ...message, lane });
    const end = next + count;
    this.next.set(key, end);
    if (count === failAt) return { kind: "busy", count, end };
    return { kind: "taken", count, end, refused: count < messages.length };
  }

  async #call<T>(work: () => T, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const arrive = (): void => {
        if (!this.#running) {
          reject(new LedgerAway());
          return;
        }
        const answer = work();
        setImmediate(() => (this.#running ? resolve(answer) : reject(new LedgerCut())));
      };
      const cut = (): void => reject(new LedgerCut());
      if (signal.aborted) {
        cut();
        return;
      }
      signal.addEventListener("abort", cut, { once: true });
      setImmediate(() => (this.#paused ? this.#waiting.push(arrive) : arrive()));
    });
  }
}

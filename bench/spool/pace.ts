/** Durable appends at a steady pace, each with its own flush, and how long they take. */
import { Worker } from "node:worker_threads";
import { isSidestreamError } from "../../src/errors.ts";
import type { Message } from "../../src/flow/message/message.ts";
import type { DestinationLog } from "../../src/flow/spool/destination-log.ts";
import { quantile } from "../figures.ts";
import { monotonicMs } from "./monotonic.ts";

export interface Times {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface PaceTimes {
  /** From when another thread handed the message over: the engine's thread may be busy with something else. */
  readonly handed: Times;
  /** From the append. */
  readonly appended: Times;
  readonly count: number;
  /** By error code. */
  readonly refused: Readonly<Record<string, number>>;
}

/** The appends that were begun while it was collected into. */
export class Samples {
  readonly handedMs: number[] = [];
  readonly appendedMs: number[] = [];
  readonly refused: Record<string, number> = {};

  times(): PaceTimes {
    const { handedMs, appendedMs, refused } = this;
    return { handed: timesOf(handedMs), appended: timesOf(appendedMs), count: handedMs.length, refused };
  }
}

export class Pace {
  readonly #log: DestinationLog;
  readonly #message: (index: number) => Message;
  readonly #worker: Worker;
  /** What comes now is collected here. */
  samples = new Samples();
  #index = 0;

  constructor(log: DestinationLog, perSecond: number, message: (index: number) => Message) {
    this.#log = log;
    this.#message = message;
    this.#worker = new Worker(new URL("./pacer.ts", import.meta.url), { workerData: { perSecond } });
    // What isn't a refusal ends the process.
    this.#worker.on("message", (handedMs: number) => void this.#append(handedMs, this.samples));
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  async #append(handedMs: number, { handedMs: handed, appendedMs: appended, refused }: Samples): Promise<void> {
    const startedMs = monotonicMs();
    try {
      this.#log.append(this.#message(this.#index++), true);
      await this.#log.flush();
    } catch (error) {
      if (!isSidestreamError(error)) throw error;
      refused[error.code] = (refused[error.code] ?? 0) + 1;
      return;
    }
    const nowMs = monotonicMs();
    handed.push(nowMs - handedMs);
    appended.push(nowMs - startedMs);
  }
}

function timesOf(all: readonly number[]): Times {
  return { p50Ms: quantile(all, 0.5), p99Ms: quantile(all, 0.99) };
}

export const TIME_TITLES = ["p50 ms from the hand-over", "p99 ms", "p50 ms from the append", "p99 ms"] as const;

/** The columns of these titles. @param of - Makes one figure of that of all passes. */
export function timeColumns(of: (figure: (times: PaceTimes) => number) => number): string[] {
  return [
    of(({ handed }) => handed.p50Ms).toFixed(2),
    of(({ handed }) => handed.p99Ms).toFixed(1),
    of(({ appended }) => appended.p50Ms).toFixed(2),
    of(({ appended }) => appended.p99Ms).toFixed(1),
  ];
}

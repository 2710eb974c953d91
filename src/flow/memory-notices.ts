/**
 * Tells an operator that messages are dropped which were to be sent once.
 *
 * Promise: a line at once, then one a minute at most with what was dropped since; never a line per message.
 */
import { ERRORS, type ErrorCode } from "../errors.ts";
import type { Log } from "../observe/log.ts";
import { DROP_REASONS, WAIT_MS_MAX } from "./transmit/memory-sender.ts";

const REPEAT_MS = 60_000;
/** Reason of a message that may have been sent before: its event was read again after a crash. */
export const REPEATED = "repeated";

const MEANINGS: Readonly<Record<string, string>> = {
  [DROP_REASONS.full]: "there was no room in memory: more came than the destination took",
  [DROP_REASONS.waited]: `they waited in memory for more than ${WAIT_MS_MAX / 1000} s`,
  [DROP_REASONS.stopped]: "the program was being stopped",
  [REPEATED]: "after a crash their events were read again, and they may have been sent before",
};

export class MemoryNotices {
  /** What is dropped then is told with one line by who stops it. */
  isStopping = false;
  readonly #name: string;
  readonly #log: Log;
  #untold = new Map<string, number>();
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(name: string, log: Log) {
    this.#name = name;
    this.#log = log;
  }

  dropped(reason: string): void {
    if (this.isStopping) return;
    this.#untold.set(reason, (this.#untold.get(reason) ?? 0) + 1);
    const nowMs = Date.now();
    if (nowMs - this.#toldMs < REPEAT_MS) return;
    this.#toldMs = nowMs;
    const told = [...this.#untold];
    this.#untold = new Map();
    const count = told.reduce((sum, [, each]) => sum + each, 0);
    const reasons = told.map(([name, each]) => `${each} as \`${name}\`: ${meaningOf(name)}`).join("; ");
    this.#log.warn(
      { destination: this.#name, dropped: Object.fromEntries(told) },
      `${count === 1 ? "a message" : `${count} messages`} for ${this.#name} with \`delivery: at-most-once\` ${count === 1 ? "was" : "were"} dropped, counted ${reasons}. Where that can't be borne, use at-least-once; the next line like this comes in a minute at the earliest`,
    );
  }
}

function meaningOf(reason: string): string {
  if (reason in MEANINGS) return MEANINGS[reason] as string;
  return reason in ERRORS ? ERRORS[reason as ErrorCode].hint.replace(/\.$/, "") : "see docs/errors.md";
}

/**
 * Posts that were refused for what a repeat won't change: the agent tries five times in 40 s, then drops the event and
 * says so nowhere but in its own log.
 *
 * Promise: while such posts come, and a minute longer, they are a trouble that `sidestream status` tells; the log has
 * one line for all of a kind that come within a minute of one another.
 */
import type { Notice } from "../../driver/source.ts";

/** Longer than an agent's pauses, so that what goes on is told as one. */
const SHOWN_MS = 60_000;

const KINDS: ReadonlyMap<number, string> = new Map([
  [
    401,
    "posts are answered 401, since their x-api-key is missing, wrong or that of another wallet; the agent drops such events after 40 s: compare apiKey and walletKeys with what follows # in the agent's webhook URL",
  ],
  [
    413,
    "posts are answered 413, since their event is larger than bodyBytesMax; the agent drops such events after 40 s: raise bodyBytesMax if they are right",
  ],
]);

export class Refusals {
  readonly #notice: Notice;
  /** By status; only those of the list above. */
  readonly #lastMs = new Map<number, number>();

  constructor(notice: Notice) {
    this.#notice = notice;
  }

  /** @param nowMs - Milliseconds of a clock that never goes back; below too. */
  note(status: number, nowMs: number): void {
    const told = KINDS.get(status);
    if (told === undefined) return;
    if (!this.#isRecent(status, nowMs)) this.#notice("warn", told);
    this.#lastMs.set(status, nowMs);
  }

  troubles(nowMs: number): readonly string[] {
    return [...KINDS].filter(([status]) => this.#isRecent(status, nowMs)).map(([, told]) => told);
  }

  #isRecent(status: number, nowMs: number): boolean {
    return nowMs - (this.#lastMs.get(status) ?? -Infinity) < SHOWN_MS;
  }
}

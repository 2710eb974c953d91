/**
 * Posts that were refused for what a repeat won't change, and connections that were turned away: the agent tries five
 * times in 40 s, then drops the event and says so nowhere but in its own log.
 *
 * Promise: while such posts come, and a minute longer, they are a trouble that `sidestream status` tells; the log has
 * one line for all of a kind that come within a minute of one another.
 */
import type { Notice } from "../../driver/source.ts";

/** Longer than an agent's pauses, so that what goes on is told as one. */
const SHOWN_MS = 60_000;

/** A status, or a connection that was not taken. */
type Kind = number | "dropped";

const KINDS: ReadonlyMap<Kind, string> = new Map<Kind, string>([
  [
    401,
    "posts are answered 401, since their x-api-key is missing, wrong or that of another wallet; the agent drops such events after 40 s: compare apiKey and walletKeys with what follows # in the agent's webhook URL",
  ],
  [
    413,
    "posts are answered 413, since their event is larger than bodyBytesMax; the agent drops such events after 40 s: raise bodyBytesMax if they are right",
  ],
  [
    "dropped",
    "connections are turned away, since connectionsMax stand; the agent drops events that don't get through for 40 s: raise connectionsMax, or see who keeps that many open",
  ],
]);

export class Refusals {
  readonly #notice: Notice;
  /** Only those of the list above. */
  readonly #lastMs = new Map<Kind, number>();

  constructor(notice: Notice) {
    this.#notice = notice;
  }

  /** @param nowMs - Milliseconds of a clock that never goes back; below too. */
  note(kind: Kind, nowMs: number): void {
    const told = KINDS.get(kind);
    if (told === undefined) return;
    if (!this.#isRecent(kind, nowMs)) this.#notice("warn", told);
    this.#lastMs.set(kind, nowMs);
  }

  troubles(nowMs: number): readonly string[] {
    return [...KINDS].filter(([kind]) => this.#isRecent(kind, nowMs)).map(([, told]) => told);
  }

  #isRecent(kind: Kind, nowMs: number): boolean {
    return nowMs - (this.#lastMs.get(kind) ?? -Infinity) < SHOWN_MS;
  }
}

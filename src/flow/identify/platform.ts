/**
 * What a platform offers: whose an event is, and what handled it.
 *
 * Promise to the flow: `identify` never waits and never throws; what it doesn't know is null, and an event of an
 * unknown owner reaches no rule. A platform that learns from outside (by polling) begins in `start`, answers from what
 * it last learnt, and tells in `status` how old that is.
 */
import type { Event, Identity } from "../event.ts";

export interface PlatformStatus {
  /** `waiting`: nothing learnt yet; `stale`: the last answer is older than it should be. */
  readonly state: "ready" | "waiting" | "stale";
  /** For people: what it waits for. Null when ready. */
  readonly detail: string | null;
  /** When it last learnt something, milliseconds since 1970. */
  readonly learntMs: number | null;
}

export interface Platform {
  /** Null: unidentified. */
  identify(event: Event): Identity | null;
  /** Begins to learn; settles at once, learning goes on until the signal is aborted. */
  start?(signal: AbortSignal): Promise<void>;
  /** Absent where there is nothing to learn. */
  status?(): PlatformStatus;
}

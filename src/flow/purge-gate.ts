/**
 * Keeps a tenant's messages from passing by while they are purged log by log: what is sent again, or moved to another
 * log, could come into one that was purged already.
 *
 * Promise: a purge waits for the piece that is under way, and nothing of it is begun until the purge is over.
 */
import { SidestreamError } from "../errors.ts";

/** A purge is asked for in pieces; when none has come for so long it is over, milliseconds. */
const BETWEEN_PIECES_MS = 10_000;

export class PurgeGate {
  readonly #moving = new Set<Promise<unknown>>();
  #purging = 0;
  #lastPurgeMs = -Infinity;
  readonly #nowMs: () => number;

  /** @param nowMs - A clock that never goes back, milliseconds. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Has messages come to another log, or to the same once more, or takes a log away. @throws SidestreamError `SST_COMMAND_INVALID` during a purge. */
  async move<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#purging > 0 || this.#nowMs() < this.#lastPurgeMs + BETWEEN_PIECES_MS)
      throw new SidestreamError(
        "SST_COMMAND_INVALID",
        `a tenant is being purged, and meanwhile nothing is sent again, and no log adopted or removed: give the command again ${BETWEEN_PIECES_MS / 1_000} s after the purge`,
      );
    const moving = work();
    const settled = moving.catch(() => undefined);
    this.#moving.add(settled);
    try {
      return await moving;
    } finally {
      this.#moving.delete(settled);
    }
  }

  /** Carries out a piece of a purge. */
  async purge<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#purging += 1;
    try {
      await Promise.all(this.#moving);
      return await work();
    } finally {
      this.#purging -= 1;
      this.#lastPurgeMs = this.#nowMs();
    }
  }
}

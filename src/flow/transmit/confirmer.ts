/**
 * Writes confirmations to the log: one write at a time, what gathers meanwhile goes with the next.
 *
 * Promise: a confirmation is repeated until the log has it on disk; only then does it leave the window. The window
 * bounds how many can gather.
 */
import type { LanePosition } from "../../driver/destination.ts";
import type { Confirmation, MessageLog, SpooledMessage } from "../spool/spooled.ts";
import { backOffMs } from "./back-off.ts";
import { wait, type Clock } from "./clock.ts";
import type { LaneHandle } from "./lane-host.ts";

export interface ConfirmerParts {
  readonly log: Pick<MessageLog, "confirm">;
  readonly clock: Clock;
  readonly random: () => number;
  /** These are on disk. */
  confirmed(confirmations: readonly Confirmation[]): void;
  /** A write failed. It will be repeated, unless the confirmer is closing. */
  failed(error: Error): void;
}

export class Confirmer {
  readonly #parts: ConfirmerParts;
  readonly #closing = new AbortController();
  #gathered: Confirmation[] = [];
  #writing: Promise<void> | null = null;
  #failureCount = 0;
  #isAbandoned = false;

  constructor(parts: ConfirmerParts) {
    this.#parts = parts;
  }

  /** The last write failed: sending more would only widen what a kill doubles. */
  get failing(): boolean {
    return this.#failureCount > 0;
  }

  /** After `close` it does nothing: what comes so late is sent again after the next start. */
  add(confirmations: readonly Confirmation[]): void {
    if (this.#closing.signal.aborted) return;
    for (const confirmation of confirmations) this.#gathered.push(confirmation);
    if (this.#gathered.length > 0) this.#writing ??= this.#write();
  }

  /** Writes what has gathered, once more if the write fails no longer than that; then stops. The caller bounds the wait. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#writing;
  }

  /** Nothing that gathered is written any more: somebody else works on the log from now on. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#closing.abort();
    this.#gathered = [];
  }

  async #write(): Promise<void> {
    const { log, clock, random } = this.#parts;
    while (this.#gathered.length > 0) {
      const confirmations = this.#gathered;
      this.#gathered = [];
      const error = await log.confirm(confirmations).then(() => null, asFailure);
      if (error === null) {
        this.#failureCount = 0;
        this.#parts.confirmed(confirmations);
        continue;
      }
      this.#gathered = this.#isAbandoned ? [] : [...confirmations, ...this.#gathered];
      this.#failureCount += 1;
      this.#parts.failed(error);
      if (this.#closing.signal.aborted) break;
      await wait(clock, backOffMs(this.#failureCount, random()), this.#closing.signal);
    }
    this.#writing = null;
  }
}

/** How a message leaves the log. @param deadCode - Null: it was delivered. */
export function confirmation(
  { logSequence, stream, tenant, frameBytes }: SpooledMessage,
  lane: LaneHandle | null,
  deadCode: string | null,
  position: LanePosition | null = lane?.position ?? null,
): Confirmation {
  const outcome = deadCode === null ? "delivered" : "dead";
  const name = lane?.name ?? null;
  const about = { logSequence, stream, tenant, frameBytes, lane: name, outcome, reason: deadCode } as const;
  return position === null ? about : { ...about, position };
}

function asFailure(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

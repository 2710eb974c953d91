/**
 * Keeps one connection to the destination: opens it, replaces it when a lane reports it lost, ends it.
 *
 * Promise: at most one connection is handed out. A lost one is disposed before the next is opened, after its sends in
 * flight ended or were given up; each of these waits is bounded, so a driver that hangs delays its successor by seconds.
 */
import type { DestinationConnection } from "../../driver/destination.ts";
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import { backOffMs } from "./back-off.ts";
import { endsWithin, wait, type Clock } from "./clock.ts";
import { endsPatiently } from "./patience.ts";
import { SETTLE_MS, type Sending } from "./sending.ts";
import { retryOf } from "./settlement.ts";

/** Time for name look-up, TLS and login at a slow broker. */
export const OPEN_DEADLINE_MS = 30_000;
/** An opening that can't succeed without someone's help (wrong options, say) is repeated this seldom. */
export const OPEN_REFUSED_WAIT_MS = 60_000;
/** A refused login is repeated this seldom at most: servers lock a user out who is wrong too often. */
export const LOGIN_WAIT_MS = 15_000;
/** When one lane finds the connection lost, the others' sends may end by themselves for so long. */
export const DRAIN_MS = 5_000;
/** A driver that doesn't end its connection in this time is left behind. */
export const DISPOSE_MS = 5_000;

/** A connection in use. */
export interface OpenConnection {
  readonly connection: DestinationConnection;
  /** Sends in flight on it: added by the lane before, removed after. */
  readonly sendings: Set<Sending>;
}

/** The connection as who sends beside the log may use it. */
export type SharedConnection = Pick<ConnectionKeeper, "current" | "openError" | "lose" | "proven">;

interface Held extends OpenConnection {
  readonly controller: AbortController;
  readonly lost: PromiseWithResolvers<void>;
}

export interface KeeperParts {
  open(signal: AbortSignal): Promise<DestinationConnection>;
  readonly clock: Clock;
  readonly random: () => number;
  /** Called when a connection came, was lost, or could not be opened. */
  changed(): void;
}

export class ConnectionKeeper {
  readonly #parts: KeeperParts;
  readonly #closing = new AbortController();
  #held: Held | null = null;
  #running: Promise<void> | null = null;
  /** Failures since the last successful send; an opening alone proves little. */
  #failureCount = 0;
  #openError: SidestreamError | null = null;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  get current(): OpenConnection | null {
    return this.#held;
  }

  /** Why the last opening failed; null when it succeeded or none has ended yet. */
  get openError(): SidestreamError | null {
    return this.#openError;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** A lane found the connection lost. Only the one in use counts; what is said of an earlier one comes late. */
  lose(opened: OpenConnection): void {
    if (opened !== this.#held) return;
    this.#held.lost.resolve();
    this.#held = null;
  }

  /** A send succeeded: the next loss is a first one again. */
  proven(): void {
    this.#failureCount = 0;
  }

  /** Ends the connection, within the bounds above. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#held?.lost.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#parts;
    const closing = this.#closing.signal;
    while (!closing.aborted) {
      const held = await this.#openOnce();
      if (held === null) {
        if (closing.aborted) return;
        this.#failureCount += 1;
        this.#parts.changed();
        await wait(clock, this.#waitMs(backOffMs(this.#failureCount, random())), closing);
        continue;
      }
      this.#held = held;
      if (closing.aborted) held.lost.resolve();
      this.#openError = null;
      this.#parts.changed();
      await held.lost.promise;
      this.#held = null;
      this.#parts.changed();
      await this.#retire(held);
      this.#failureCount += 1;
      await wait(clock, backOffMs(this.#failureCount, random()), closing);
    }
  }

  #waitMs(backOff: number): number {
    const error = this.#openError;
    if (error !== null && retryOf(error) === "never") return OPEN_REFUSED_WAIT_MS;
    return error?.code === "SST_DESTINATION_LOGIN" ? Math.max(backOff, LOGIN_WAIT_MS) : backOff;
  }

  async #openOnce(): Promise<Held | null> {
    const { clock } = this.#parts;
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    this.#closing.signal.addEventListener("abort", abort, { once: true });
    if (this.#closing.signal.aborted) controller.abort();
    const tooLate = (connection: DestinationConnection): void => void dispose(connection, clock);
    const patience = { deadlineMs: OPEN_DEADLINE_MS, settleMs: SETTLE_MS };
    const ending = await endsPatiently((signal) => this.#parts.open(signal), controller, clock, patience, tooLate);
    this.#closing.signal.removeEventListener("abort", abort);
    if (ending.kind === "value") {
      const held = { connection: ending.value, sendings: new Set<Sending>(), controller, lost: Promise.withResolvers<void>() };
      if (!controller.signal.aborted) return held;
      // It opened after it was told not to: its own signal says that it is unwanted.
      await dispose(ending.value, clock);
    }
    this.#openError = openError(ending.kind === "error" ? ending.error : undefined);
    return null;
  }

  async #retire(held: Held): Promise<void> {
    const { clock } = this.#parts;
    const ended = (): Promise<unknown> => Promise.all([...held.sendings].map((sending) => sending.ending));
    if (held.sendings.size > 0 && !(await endsWithin(clock, ended(), DRAIN_MS))) {
      for (const sending of held.sendings) sending.abort();
      await ended();
    }
    held.controller.abort();
    await dispose(held.connection, clock);
  }
}

/** What a driver throws here is of no use to anyone: the connection is given up either way. */
async function dispose(connection: DestinationConnection, clock: Clock): Promise<void> {
  const disposing = async (): Promise<void> => connection[Symbol.asyncDispose]();
  await endsWithin(clock, disposing(), DISPOSE_MS);
}

function openError(error: unknown): SidestreamError {
  if (isSidestreamError(error)) return error;
  if (error === undefined)
    return new SidestreamError("SST_DESTINATION_UNREACHABLE", `the connection was not open after ${OPEN_DEADLINE_MS} ms`);
  return new SidestreamError("SST_DESTINATION_UNREACHABLE", "the driver could not open the connection", { cause: error });
}

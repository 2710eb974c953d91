/**
 * The dispatcher of one destination: takes messages from its log and sees to it that the destination gets them.
 *
 * Promise: a message is confirmed only after the destination acknowledged it, or after it is on disk among the dead
 * letters. Messages of one key arrive in the log's order, save for repeats. At most `inFlightMax` messages are read and
 * not yet confirmed on disk: what a kill can double. Nothing that a driver does ends the engine.
 */
import type { DestinationDriver } from "../../driver/destination.ts";
import { isSidestreamError, type SidestreamError } from "../../errors.ts";
import type { Confirmation, DeadLetterLog, MessageLog, SpooledMessage } from "../spool/spooled.ts";
import { backOffMs } from "./back-off.ts";
import { endsWithin, systemClock, wait, type Clock } from "./clock.ts";
import { Confirmer } from "./confirmer.ts";
import { ConnectionKeeper, type OpenConnection } from "./connection-keeper.ts";
import { laneOfKey } from "./lane-of-key.ts";
import { Lane, messageBytes, type LaneHost, type TransmitCounters } from "./lane.ts";
import { LogReader } from "./log-reader.ts";
import type { Refusal } from "./settlement.ts";
import { Window } from "./window.ts";

/** How long the last confirmations, and a read under way, may take at the stop. */
export const STOP_DISK_MS = 5_000;

export type DispatcherState =
  /** Sending, or ready to. */
  | "up"
  /** The connection is being opened; nothing has failed for long. */
  | "connecting"
  /** The connection can't be opened, or no lane that has messages gets on. */
  | "down"
  /** A lane's messages are mostly refused, or the spool's disk fails: sending waits, nothing is lost. */
  | "paused";

export interface LastError {
  readonly code: string;
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

export interface DispatcherStatus extends Readonly<TransmitCounters> {
  readonly state: DispatcherState;
  /** Stays after it passed: see its time. */
  readonly lastError: LastError | null;
  /** Messages read and not yet confirmed on disk. */
  readonly inFlight: number;
  /** Lanes whose head failed and has not gone through since. */
  readonly lanesBlocked: number;
  /** How long ago the oldest message was accepted that is read and not yet sent; null when there is none. */
  readonly oldestUnsentMs: number | null;
}

/** Told once when the destination goes down or pauses, and once when it is up again. */
export type StateListener = (state: "up" | "down" | "paused", lastError: LastError | null) => void;

export interface DispatcherParts {
  readonly log: MessageLog;
  readonly deadLetters: DeadLetterLog;
  readonly driver: DestinationDriver;
  /** The driver's options, checked by its schema. */
  readonly options: unknown;
  readonly inFlightMax: number;
  /** Passed to the driver: what an operator should know once. */
  readonly notice?: (text: string) => void;
  readonly clock?: Clock;
  /** From 0 up to 1, for the spread of back-offs. */
  readonly random?: () => number;
}

export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #stopping = new AbortController();
  readonly #window: Window;
  readonly #lanes: readonly Lane[];
  readonly #laneMessagesMax: number;
  readonly #keeper: ConnectionKeeper;
  readonly #confirmer: Confirmer;
  readonly #reader: LogReader;
  readonly #listeners: StateListener[] = [];
  readonly #counters: TransmitCounters = { sent: 0, retried: 0, dead: 0, misbehaved: 0, sends: 0, sendMs: 0 };
  #lastError: LastError | null = null;
  #announced: "up" | "down" | "paused" = "up";
  /** Dead letters that the disk refused and that are being tried again. */
  #setAsideFailing = 0;
  #reading: Promise<void> | null = null;
  #stopped: Promise<void> | null = null;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? systemClock;
    this.#random = parts.random ?? Math.random;
    const laneCount = Math.max(1, parts.driver.promises.lanes);
    // A stuck lane may fill half of the window, no more, so that the others go on.
    this.#laneMessagesMax = laneCount === 1 ? parts.inFlightMax : Math.max(1, Math.floor(parts.inFlightMax / 2));
    this.#window = new Window(parts.inFlightMax);
    const host = this.#laneHost();
    this.#lanes = Array.from({ length: laneCount }, (_, index) => new Lane(index, host));
    const shared = { clock: this.#clock, random: this.#random };
    this.#keeper = new ConnectionKeeper({ ...shared, open: (signal) => this.#open(signal), changed: () => this.#connectionChanged() });
    this.#confirmer = new Confirmer({
      ...shared,
      log: parts.log,
      confirmed: (confirmations) => this.#confirmed(confirmations),
      failed: (error) => this.#diskFailed(error),
    });
    this.#reader = new LogReader({
      ...shared,
      log: parts.log,
      signal: this.#stopping.signal,
      admit: (message) => this.#admit(message),
      failed: (error) => this.#diskFailed(error),
      recovered: () => this.#announce(),
    });
  }

  /** Begins to connect, read and send. */
  start(): void {
    this.#keeper.start();
    this.#reading ??= this.#reader.run();
  }

  /**
   * Ends sending. What is not confirmed by then stays in the log and is sent after the next start.
   *
   * @param graceMs - Milliseconds for sends in flight to end by themselves before they are aborted. Settles within
   * 30 seconds after it, whatever driver and disk do.
   */
  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  onState(listener: StateListener): void {
    this.#listeners.push(listener);
  }

  status(): DispatcherStatus {
    return {
      ...this.#counters,
      state: this.#state(),
      lastError: this.#lastError,
      inFlight: this.#window.messageCount,
      lanesBlocked: this.#lanes.filter((lane) => lane.blocked).length,
      oldestUnsentMs: this.#oldestUnsentMs(),
    };
  }

  async #stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    for (const lane of this.#lanes) lane.stop();
    const sendsEnded = Promise.all(this.#lanes.map((lane) => lane.ended));
    if (!(await endsWithin(this.#clock, sendsEnded, graceMs))) {
      for (const sending of this.#keeper.current?.sendings ?? []) sending.abort();
    }
    // Ends the connection in the midst of a replacement too, which waits for its sends by itself.
    await this.#keeper.close();
    await endsWithin(this.#clock, sendsEnded, STOP_DISK_MS);
    for (const lane of this.#lanes) lane.stop();
    await endsWithin(this.#clock, Promise.all([this.#confirmer.close(), this.#reading]), STOP_DISK_MS);
  }

  #open(signal: AbortSignal): ReturnType<DestinationDriver["open"]> {
    const { driver, options, log, notice } = this.#parts;
    return driver.open(options, { name: log.destination, signal, ...(notice === undefined ? {} : { notice }) });
  }

  #laneHost(): LaneHost {
    return {
      clock: this.#clock,
      random: this.#random,
      counters: this.#counters,
      connection: () => (this.#stopping.signal.aborted || this.#confirmer.failing ? null : this.#keeper.current),
      confirmedSequence: () => this.#parts.log.confirmedSequence,
      lose: (opened: OpenConnection) => this.#keeper.lose(opened),
      delivered: (lane, messages) => this.#delivered(lane, messages),
      setAside: async (lane, refusals) => void (await Promise.all(refusals.map((refusal) => this.#setAside(lane, refusal)))),
      givenUp: (message) => {
        this.#window.release(message.logSequence);
        this.#reader.roomMade();
      },
      failed: (error) => this.#remember(error),
      progressed: () => {
        this.#reader.roomMade();
        this.#announce();
      },
    };
  }

  #admit(message: SpooledMessage): boolean {
    const bytes = messageBytes(message);
    const lane = this.#lanes[laneOfKey(message.key, this.#lanes.length)];
    if (lane === undefined || lane.messageCount >= this.#laneMessagesMax || !this.#window.hasRoom(bytes)) return false;
    this.#window.take(message.logSequence, bytes);
    lane.push(message);
    lane.pump();
    return true;
  }

  #delivered(lane: number, messages: readonly SpooledMessage[]): void {
    this.#counters.sent += messages.length;
    this.#keeper.proven();
    this.#confirmer.add(messages.map((message) => confirmation(message, lane, null)));
  }

  /** Until the disk has it: a refused message that is nowhere on disk must not be confirmed. */
  async #setAside(lane: number, { message, error }: Refusal): Promise<void> {
    const { signal } = this.#stopping;
    for (let failureCount = 1; ; failureCount += 1) {
      try {
        await this.#parts.deadLetters.add(message, error.code, reasonOf(error));
        if (failureCount > 1) this.#setAsideFailing -= 1;
        break;
      } catch (diskError) {
        if (failureCount === 1) this.#setAsideFailing += 1;
        this.#diskFailed(diskError);
        await wait(this.#clock, backOffMs(failureCount, this.#random()), signal);
        if (signal.aborted) return;
      }
    }
    this.#counters.dead += 1;
    this.#confirmer.add([confirmation(message, lane, error.code)]);
  }

  #confirmed(confirmations: readonly Confirmation[]): void {
    for (const { logSequence } of confirmations) this.#window.release(logSequence);
    this.#reader.roomMade();
    for (const lane of this.#lanes) lane.pump();
    this.#announce();
  }

  #connectionChanged(): void {
    const { openError } = this.#keeper;
    if (openError !== null) this.#remember(openError);
    for (const lane of this.#lanes) lane.pump();
    this.#announce();
  }

  #diskFailed(error: unknown): void {
    this.#remember(error);
    this.#announce();
  }

  #remember(error: unknown): void {
    const code = isSidestreamError(error) ? error.code : "SST_SPOOL_IO";
    this.#lastError = { code, message: error instanceof Error ? reasonOf(error) : String(error), atMs: this.#clock.nowMs() };
  }

  #state(): DispatcherState {
    const waiting = this.#lanes.filter((lane) => lane.messageCount > 0);
    if (this.#keeper.openError !== null) return "down";
    if (waiting.length > 0 && waiting.every((lane) => lane.stuck)) return "down";
    if (this.#confirmer.failing || this.#reader.failing || this.#setAsideFailing > 0) return "paused";
    if (this.#lanes.some((lane) => lane.paused)) return "paused";
    return this.#keeper.current === null ? "connecting" : "up";
  }

  #announce(): void {
    const state = this.#state();
    // Connecting says neither that it is down nor that it is up again.
    if (state === "connecting" || state === this.#announced || this.#stopping.signal.aborted) return;
    this.#announced = state;
    for (const listener of this.#listeners) listener(state, this.#lastError);
  }

  #oldestUnsentMs(): number | null {
    const acceptedMs = [this.#reader.waitingAcceptedMs, ...this.#lanes.map((lane) => lane.oldestAcceptedMs)].filter(
      (time) => time !== null,
    );
    return acceptedMs.length === 0 ? null : Math.max(0, this.#clock.nowMs() - Math.min(...acceptedMs));
  }
}

function confirmation(
  { logSequence, stream, tenant }: SpooledMessage,
  lane: number,
  deadCode: SidestreamError["code"] | null,
): Confirmation {
  return { logSequence, stream, tenant, lane, outcome: deadCode === null ? "delivered" : "dead", reason: deadCode };
}

/** The error's text with that of its cause, which often says more. */
function reasonOf(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause.message : "";
  // A driver's message often ends in the system's code, with which the cause begins.
  const code = /^[A-Z]+(?=: )/.exec(cause)?.[0] ?? "";
  const message = code !== "" && error.message.endsWith(`: ${code}`) ? error.message.slice(0, -code.length - 2) : error.message;
  return cause === "" ? error.message : `${message}: ${cause}`;
}

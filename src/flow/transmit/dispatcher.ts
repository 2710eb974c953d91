/**
 * The dispatcher of one destination: takes messages from its log and sees to it that the destination gets them.
 *
 * Promise: a message is confirmed only after the destination acknowledged it, or after it is on disk among the dead
 * letters. Messages of one key arrive in the log's order, save for repeats. At most `inFlightMax` messages are read and
 * not yet confirmed on disk: what a kill can double. Nothing that a driver does ends the engine.
 */
import { isNumbered, type DestinationConnection, type DestinationDriver } from "../../driver/destination.ts";
import { isSidestreamError } from "../../errors.ts";
import type { Confirmation, DeadLetterLog, MessageLog, SpooledMessage } from "../spool/spooled.ts";
import { Announcer } from "./announcer.ts";
import { Aside } from "./set-aside.ts";
import { endsWithin, systemClock, type Clock } from "./clock.ts";
import { confirmation, Confirmer } from "./confirmer.ts";
import { ConnectionKeeper, type OpenConnection, type SharedConnection } from "./connection-keeper.ts";
import { isUndecided, laneDoubt, messagesInDoubt, noteInFlight, REASON_SKIPPED } from "./in-doubt.ts";
import type { Delivered, LaneAsked } from "./lane-sender.ts";
import type { LaneHandle, TransmitCounters } from "./lane-host.ts";
import { Lanes, type LanesHost } from "./lanes.ts";
import { LogReader } from "./log-reader.ts";
import {
  blockedLanes,
  BLOCKED_NAMED_MAX,
  isNothingGettingOn,
  oldestUnsentMs,
  someNotices,
  type AnnouncedState,
  reasonOf,
  type DispatcherState,
  type DispatcherStatus,
  type LastError,
  type StateListener,
} from "./dispatcher-status.ts";
import { Window } from "./window.ts";

export type { DispatcherStatus, LastError } from "./dispatcher-status.ts";

/** How long the last confirmations, and a read under way, may take at the stop. */
export const STOP_DISK_MS = 5_000;

export interface DispatcherParts {
  readonly log: MessageLog;
  readonly deadLetters: DeadLetterLog;
  readonly driver: DestinationDriver;
  /** The driver's options, checked by its schema. */
  readonly options: unknown;
  readonly inFlightMax: number;
  /** Messages per second at most; absent or null for no bound. */
  readonly maxRate?: number | null;
  /** Passed to the driver: what an operator should know once. */
  readonly notice?: (text: string) => void;
  /** Told of each lane whose destination was asked what it has. */
  readonly asked?: (told: LaneAsked) => void;
  /** What was told of the destination last, by the dispatcher before this one. */
  readonly announced?: AnnouncedState;
  /** Told when the connection came, was lost, or could not be opened. */
  readonly connectionChanged?: (connection: SharedConnection) => void;
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
  readonly #lanes: Lanes;
  readonly #keeper: ConnectionKeeper;
  readonly #confirmer: Confirmer;
  readonly #aside: Aside;
  readonly #reader: LogReader;
  readonly #announcer: Announcer;
  readonly #counters: TransmitCounters = { sent: 0, retried: 0, dead: 0, misbehaved: 0, sends: 0, sendMs: 0 };
  #lastError: LastError | null = null;
  /** Lanes found no connection to send over, since confirmations could not be written. */
  #waitsForDisk = false;
  #reading: Promise<void> | null = null;
  #stopped: Promise<void> | null = null;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? systemClock;
    this.#random = parts.random ?? Math.random;
    this.#announcer = new Announcer(parts.announced ?? "up");
    const { inFlightMax, maxRate = null } = parts;
    this.#window = new Window(inFlightMax);
    parts.log.heldBy((logSequence) => this.#window.holds(logSequence));
    this.#lanes = new Lanes({ promises: parts.driver.promises, inFlightMax, maxRate }, this.#lanesHost());
    const shared = { clock: this.#clock, random: this.#random };
    this.#keeper = new ConnectionKeeper({ ...shared, open: (signal) => this.#open(signal), changed: () => this.#connectionChanged() });
    this.#confirmer = new Confirmer({
      ...shared,
      log: parts.log,
      confirmed: (confirmations) => this.#confirmed(confirmations),
      failed: (error) => {
        this.#waitsForDisk = true;
        this.#diskFailed(error);
      },
    });
    this.#aside = new Aside({
      ...shared,
      log: parts.log,
      deadLetters: parts.deadLetters,
      signal: this.#stopping.signal,
      failed: (error) => this.#diskFailed(error),
      done: (lane, { message, error }) => {
        this.#counters.dead += 1;
        this.#confirmer.add([confirmation(message, lane, error.code)]);
      },
    });
    this.#reader = new LogReader({
      ...shared,
      log: parts.log,
      signal: this.#stopping.signal,
      behind: this.#lanes.behind,
      admit: (message) => this.#lanes.admit(message),
      admitLeft: (message) => this.#lanes.admitLeft(message),
      mustGoBack: () => this.#lanes.isScattered && this.#lanes.behind.isAnyWaiting,
      pump: () => this.#lanes.pump(),
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
    return (this.#stopped ??= this.#stop(graceMs));
  }

  /** What was told of the destination last. */
  get announced(): AnnouncedState {
    return this.#announcer.announced;
  }

  onState(listener: StateListener): void {
    this.#announcer.onState(listener);
  }

  status(): DispatcherStatus {
    const blocked = blockedLanes(this.#lanes);
    return {
      ...this.#counters,
      state: this.#state(),
      lastError: this.#lastError,
      inFlight: this.#window.messageCount,
      lanesBlocked: blocked.length,
      blocked: blocked.slice(0, BLOCKED_NAMED_MAX),
      oldestUnsentMs: oldestUnsentMs(this.#reader.waitingAcceptedMs, this.#lanes, this.#clock.nowMs()),
    };
  }

  async #stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    this.#lanes.stop();
    const sendsEnded = Promise.all(this.#lanes.all.map((lane) => lane.ended));
    if (!(await endsWithin(this.#clock, sendsEnded, graceMs))) {
      for (const sending of this.#keeper.current?.sendings ?? []) sending.abort();
    }
    // Ends the connection in the midst of a replacement too, which waits for its sends by itself.
    await this.#keeper.close();
    await endsWithin(this.#clock, sendsEnded, STOP_DISK_MS);
    this.#lanes.stop();
    await endsWithin(this.#clock, Promise.all([this.#confirmer.close(), this.#reading]), STOP_DISK_MS);
    // What the disk holds up until now must not come in between of what the next dispatcher does.
    this.#aside.abandon();
    this.#confirmer.abandon();
  }

  /**
   * The messages of a lane that stopped, since nobody can tell whether they arrived.
   *
   * @returns Null where that lane didn't stop over any, or there is no connection, by which alone they are told.
   */
  inDoubt(lane: string): AsyncGenerator<SpooledMessage> | null {
    const { log } = this.#parts;
    const { current } = this.#keeper;
    const doubt = laneDoubt(log, lane);
    if (!isUndecided(doubt) || current === null || !isNumbered(current.connection)) return null;
    return messagesInDoubt({
      log,
      lane,
      connection: current.connection,
      from: doubt.doubtful[0],
      last: doubt.doubtful[1],
      countMax: Infinity,
    });
  }

  async #open(signal: AbortSignal): Promise<DestinationConnection> {
    const { driver, options, log, notice, inFlightMax } = this.#parts;
    if (driver.promises.deduplicates) await noteInFlight(log, inFlightMax);
    const memory = driver.promises.deduplicates ? { memory: log.memory } : {};
    return driver.open(options, { name: log.destination, signal, ...(notice === undefined ? {} : { notice }), ...memory });
  }

  #lanesHost(): LanesHost {
    const { log } = this.#parts;
    return {
      log,
      window: this.#window,
      clock: this.#clock,
      random: this.#random,
      counters: this.#counters,
      connection: () => (this.#stopping.signal.aborted || this.#confirmer.failing ? null : this.#keeper.current),
      confirmedSequence: () => log.confirmedSequence,
      lose: (opened: OpenConnection) => this.#keeper.lose(opened),
      delivered: (lane, messages) => this.#delivered(lane, messages),
      setAside: async (lane, refusals) => void (await Promise.all(refusals.map((refusal) => this.#aside.set(lane, refusal)))),
      unplaceable: (message, error) => void this.#aside.set(null, { message, error }), // It ends on disk or with the dispatcher.
      skipped: (lane, message, code) => this.#confirmer.add([confirmation(message, lane, code)]),
      leftOut: (lane, message) => this.#confirmer.add([{ ...confirmation(message, lane, REASON_SKIPPED, null), outcome: "dropped" }]),
      givenUp: (message) => {
        this.#window.release(message.logSequence);
        this.#reader.wake();
      },
      stepAside: (_lane, first, others) => {
        this.#window.putAside(first.logSequence);
        for (const { logSequence } of others) this.#window.release(logSequence);
        this.#reader.wake();
      },
      returned: () => this.#reader.wake(),
      failed: (error) => this.#remember(error),
      asked: (told) => this.#parts.asked?.(told),
      notice: someNotices((text) => this.#parts.notice?.(text)),
      wake: () => this.#reader.wake(),
      progressed: () => {
        this.#reader.wake();
        this.#announce();
      },
    };
  }

  #delivered(lane: LaneHandle, delivered: readonly Delivered[]): void {
    this.#counters.sent += delivered.length;
    this.#keeper.proven();
    this.#confirmer.add(delivered.map(({ message, position }) => confirmation(message, lane, null, position)));
  }

  #confirmed(confirmations: readonly Confirmation[]): void {
    for (const { logSequence } of confirmations) this.#window.release(logSequence);
    this.#reader.wake();
    if (this.#waitsForDisk) this.#lanes.resume();
    this.#waitsForDisk = false;
    this.#announce();
  }

  #connectionChanged(): void {
    if (this.#keeper.openError !== null) this.#remember(this.#keeper.openError);
    if (this.#keeper.current !== null) this.#lanes.resume();
    this.#parts.connectionChanged?.(this.#keeper);
    this.#reader.wake();
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
    if (this.#keeper.openError !== null) return "down";
    const isPaused = this.#lanes.troubled.size > 0 && this.#lanes.all.some((lane) => lane.paused);
    if (!isPaused && isNothingGettingOn(this.#lanes, this.#clock.nowMs())) return "down";
    if (isPaused || this.#confirmer.failing || this.#reader.failing || this.#aside.failing) return "paused";
    return this.#keeper.current === null ? "connecting" : "up";
  }

  #announce(): void {
    if (!this.#stopping.signal.aborted) this.#announcer.look(this.#state(), this.#lastError, this.#lanes);
  }
}

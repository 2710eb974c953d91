/**
 * Sends messages from memory, each once, over the connection that the dispatcher keeps open.
 *
 * Promise: `offer` never waits. A message is handed to the driver once at most, and settles once: as delivered, or with
 * why it was given up. Of a lane one batch is on its way at a time, in the order in which its messages came; whatever
 * becomes of it the next one follows. Messages for which there is no connection wait for a minute or so, within the
 * bounds of the queue.
 */
import { isNumbered, type DestinationConnection, type DestinationPromises, type OutgoingMessage } from "../../driver/destination.ts";
import type { Clock } from "./clock.ts";
import type { OpenConnection, SharedConnection } from "./connection-keeper.ts";
import { laneOfKey } from "./lane-of-key.ts";
import { BATCH_BYTES_MAX, BATCH_MESSAGES_MAX, messageBytes } from "./lane.ts";
import { MemoryQueue, type MemoryBounds, type Taken } from "./memory-queue.ts";
import { Rate } from "./rate.ts";
import { Sending, sendResult } from "./sending.ts";
import { retryOf } from "./settlement.ts";

/** Why a message was given up that was never handed to a driver. */
export const DROP_REASONS = {
  full: "memory-full",
  /** There was no connection, or its turn didn't come. */
  waited: "memory-waited",
  stopped: "stopped",
} as const;

/** Longer than brokers take to restart. What is older is of little use to who asked for messages that may be lost. */
export const WAIT_MS_MAX = 60_000;
/** Ticks are counted, not the time of day: a clock that is set forward must not make everything old. */
const TICK_MS = 15_000;
const TICKS_MAX = WAIT_MS_MAX / TICK_MS;

export interface MemorySenderParts<Message extends OutgoingMessage> {
  readonly promises: DestinationPromises;
  readonly bounds: MemoryBounds;
  /** Messages per second at most; null for no bound. */
  readonly maxRate: number | null;
  readonly clock: Clock;
  /** @param reason - Null: the destination has it. Else an error's code, or one of `DROP_REASONS`. */
  settled(message: Message, reason: string | null): void;
}

interface OnItsWay<Message> {
  readonly taken: Taken<Message>;
  readonly sending: Sending;
}

export class MemorySender<Message extends OutgoingMessage> {
  readonly #parts: MemorySenderParts<Message>;
  readonly #queue: MemoryQueue<Message>;
  readonly #rate: Rate;
  #shared: SharedConnection | null = null;
  /** Lanes that have something to send and don't. */
  readonly #due = new Set<string>();
  /** Lanes that send: once they have sent they look for more by themselves. */
  readonly #busy = new Set<string>();
  readonly #onTheirWay = new Map<string, OnItsWay<Message>>();
  #isPumpDue = false;
  #tick = 0;
  #cancelTick: (() => void) | null = null;
  #cancelRate: (() => void) | null = null;
  #stopping: PromiseWithResolvers<void> | null = null;
  #isEnded = false;

  constructor(parts: MemorySenderParts<Message>) {
    this.#parts = parts;
    this.#queue = new MemoryQueue(parts.bounds);
    this.#rate = new Rate(parts.clock, parts.maxRate ?? Infinity);
  }

  /** Messages that wait or are being sent, and their bytes. */
  get holds(): { readonly messages: number; readonly bytes: number } {
    const { messages, bytes } = this.#queue;
    return { messages, bytes };
  }

  /** Names the connection to use from now on. It is looked at again whenever `pump` is called. */
  use(shared: SharedConnection): void {
    this.#shared = shared;
    this.pump();
  }

  /** Why a message would be turned away now, before it is made; null: there is room, if it isn't too large. */
  refusal({ topic, key }: Pick<Message, "topic" | "key">): string | null {
    if (this.#stopping !== null) return DROP_REASONS.stopped;
    return this.#queue.hasRoom(this.#laneOf(topic, key)) ? null : DROP_REASONS.full;
  }

  /** Takes a message, which settles later; one that isn't taken settles at once. */
  offer(message: Message): void {
    const lane = this.#laneOf(message.topic, message.key);
    if (this.#stopping !== null) return this.#parts.settled(message, DROP_REASONS.stopped);
    if (!this.#queue.add(lane, message, messageBytes(message), this.#tick)) return this.#parts.settled(message, DROP_REASONS.full);
    this.#cancelTick ??= this.#parts.clock.after(TICK_MS, () => this.#ticked());
    if (this.#busy.has(lane)) return;
    this.#due.add(lane);
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    // What is offered in the same turn goes together.
    queueMicrotask(() => {
      this.#isPumpDue = false;
      this.pump();
    });
  }

  /** Sends what can be sent; harmless at any time. To be called when the connection came, or was lost. */
  pump(): void {
    if (this.#isEnded) return;
    const shared = this.#shared;
    for (const lane of [...this.#due]) {
      if (shared === null || shared.current === null) break;
      this.#due.delete(lane);
      void this.#work(lane, shared); // It never rejects.
    }
    this.#endIfIdle();
  }

  /**
   * Takes nothing more, sends what waits, and gives up the rest.
   *
   * @param graceMs - Milliseconds for that; it isn't waited for where there is no connection to be had.
   * @returns Messages that were given up.
   */
  async stop(graceMs: number): Promise<number> {
    const stopping = (this.#stopping ??= Promise.withResolvers<void>());
    const cancel = this.#parts.clock.after(graceMs, () => stopping.resolve());
    this.#endIfIdle();
    await stopping.promise;
    cancel();
    this.#isEnded = true;
    this.#cancelTick?.();
    this.#cancelRate?.();
    const unsent = this.#queue.removeUntil(Number.POSITIVE_INFINITY);
    const onTheirWay = [...this.#onTheirWay.values()];
    this.#onTheirWay.clear();
    for (const { sending } of onTheirWay) sending.abort();
    const givenUp = [...onTheirWay.flatMap(({ taken }) => taken.messages), ...unsent];
    for (const { taken } of onTheirWay) this.#queue.done(taken);
    for (const message of givenUp) this.#parts.settled(message, DROP_REASONS.stopped);
    return givenUp.length;
  }

  /** Where the destination has lanes of its own, those of a topic go together and the driver parts them. */
  #laneOf(topic: string, key: string): string {
    const { deduplicates, lanes } = this.#parts.promises;
    return deduplicates ? topic : String(laneOfKey(key, lanes));
  }

  async #work(lane: string, shared: SharedConnection): Promise<void> {
    this.#busy.add(lane);
    while (!this.#isEnded) {
      const opened = shared.current;
      if (opened === null) this.#due.add(lane);
      const taken = opened === null ? null : this.#queue.take(lane, this.#allowed(lane), BATCH_BYTES_MAX);
      if (opened === null || taken === null) break;
      await this.#send(shared, opened, taken);
    }
    // No await between the last look and this: a message that is offered later finds the lane at rest.
    this.#busy.delete(lane);
  }

  async #send(shared: SharedConnection, opened: OpenConnection, taken: Taken<Message>): Promise<void> {
    const { lane, messages } = taken;
    const sending = new Sending((signal) => sentOnce(opened.connection, messages, signal), this.#parts.clock);
    this.#onTheirWay.set(lane, { taken, sending });
    opened.sendings.add(sending);
    const ending = await sending.ending;
    opened.sendings.delete(sending);
    // The driver never settled: its connection must not be used again.
    if (ending.kind === "abandoned") shared.lose(opened);
    if (this.#isEnded) return;
    this.#onTheirWay.delete(lane);
    this.#queue.done(taken);
    const { outcomes } = sendResult(ending, messages.length);
    let isLost = false;
    let isProven = false;
    for (const [index, message] of messages.entries()) {
      const failure = outcomes[index] ?? null;
      if (failure === null) isProven = true;
      else isLost ||= retryOf(failure) === "reconnect";
      this.#parts.settled(message, failure === null ? null : failure.code);
    }
    if (isProven) shared.proven();
    if (isLost) shared.lose(opened);
    this.#endIfIdle();
  }

  /** How many messages of a lane may go now, by the rate. Where none may, it is due again once one may. */
  #allowed(lane: string): number {
    const waiting = Math.min(BATCH_MESSAGES_MAX, this.#queue.waitingOf(lane));
    for (let count = 0; count < waiting; count += 1) {
      const waitMs = this.#rate.take();
      if (waitMs === 0) continue;
      if (count > 0) return count;
      this.#due.add(lane);
      this.#cancelRate ??= this.#parts.clock.after(waitMs, () => {
        this.#cancelRate = null;
        this.pump();
      });
      return 0;
    }
    return waiting;
  }

  #ticked(): void {
    this.#cancelTick = null;
    this.#tick += 1;
    for (const message of this.#queue.removeUntil(this.#tick - 1 - TICKS_MAX)) this.#parts.settled(message, DROP_REASONS.waited);
    if (this.#queue.messages > 0) this.#cancelTick = this.#parts.clock.after(TICK_MS, () => this.#ticked());
    this.#endIfIdle();
  }

  #endIfIdle(): void {
    if (this.#stopping === null) return;
    const hasNoWay = this.#shared === null || (this.#shared.current === null && this.#shared.openError !== null);
    if (this.#queue.messages === 0 || (hasNoWay && this.#onTheirWay.size === 0)) this.#stopping.resolve();
  }
}

function sentOnce(connection: DestinationConnection, messages: readonly OutgoingMessage[], signal: AbortSignal): Promise<unknown> {
  return isNumbered(connection) ? connection.sendOnce(messages, signal) : connection.send(messages, signal);
}

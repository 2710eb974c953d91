/**
 * A lane: the messages of its keys, sent one batch after another.
 *
 * Promise: one send at a time, in the log's order; after a failure that may pass, the same message is tried again before
 * any later one. Other lanes never wait for this one's back-off.
 */
import type { OutgoingMessage } from "../../driver/destination.ts";
import type { SidestreamError } from "../../errors.ts";
import type { SpooledMessage } from "../spool/spooled.ts";
import { backOffMs } from "./back-off.ts";
import type { Clock } from "./clock.ts";
import type { OpenConnection } from "./connection-keeper.ts";
import { RecentOutcomes } from "./recent-outcomes.ts";
import { Sending } from "./sending.ts";
import { retryOf, settle, type Refusal } from "./settlement.ts";

/** Bounds of one batch: enough to share a round trip, few enough that repeating it costs little. */
export const BATCH_MESSAGES_MAX = 500;
export const BATCH_BYTES_MAX = 1024 * 1024;
/** A lane most of whose recent messages were refused tries one message this often. */
export const REFUSED_PAUSE_MS = 30_000;
/** About 1.2 seconds of back-off without progress: longer than a blip. */
export const STUCK_FAILURE_COUNT = 5;

/** Counts since the start, plain numbers for whoever scrapes them. */
export interface TransmitCounters {
  /** Messages that the destination acknowledged. */
  sent: number;
  /** Messages handed to the driver once more. */
  retried: number;
  /** Messages set aside. */
  dead: number;
  /** Batches whose driver threw, hung or answered wrongly. */
  misbehaved: number;
  /** Calls of `send`, and the milliseconds they took together. */
  sends: number;
  sendMs: number;
}

/** What a lane needs of its dispatcher. */
export interface LaneHost {
  readonly clock: Clock;
  readonly random: () => number;
  readonly counters: TransmitCounters;
  /** Null while nothing may be sent. */
  connection(): OpenConnection | null;
  /** Everything in the log below it is settled; what the log gave up needs no sending. */
  confirmedSequence(): number;
  lose(opened: OpenConnection): void;
  delivered(lane: number, messages: readonly SpooledMessage[]): void;
  /** Settles once all are on disk, or the dispatcher stops. */
  setAside(lane: number, refusals: readonly Refusal[]): Promise<void>;
  givenUp(message: SpooledMessage): void;
  failed(error: SidestreamError): void;
  /** A batch was settled or a wait ended. */
  progressed(): void;
}

export class Lane {
  readonly #index: number;
  readonly #host: LaneHost;
  readonly #recent = new RecentOutcomes();
  #queue: SpooledMessage[] = [];
  #busy = false;
  #ended: Promise<void> = Promise.resolve();
  #cancelWait: (() => void) | null = null;
  #failureCount = 0;
  #paused = false;
  /** Halved by a failure, doubled by a success: a batch too large for the deadline finds its size. */
  #batchMessagesMax = BATCH_MESSAGES_MAX;
  #attemptedSequence = -1;

  constructor(index: number, host: LaneHost) {
    this.#index = index;
    this.#host = host;
  }

  get messageCount(): number {
    return this.#queue.length;
  }

  get oldestAcceptedMs(): number | null {
    return this.#queue[0]?.acceptedMs ?? null;
  }

  /** Its head failed and has not gone through since. */
  get blocked(): boolean {
    return this.#failureCount > 0 || this.#paused;
  }

  get stuck(): boolean {
    return this.#failureCount >= STUCK_FAILURE_COUNT;
  }

  /** Most of its recent messages were refused. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Settles when no send is in flight and no refused message is being set aside. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  push(message: SpooledMessage): void {
    this.#queue.push(message);
  }

  /** Sends if there is something to send and nothing to wait for; harmless at any time. */
  pump(): void {
    if (this.#busy || !this.#ready()) return;
    this.#busy = true;
    this.#ended = this.#work();
  }

  /** Calls off the wait; the host gives no connection any more. */
  stop(): void {
    this.#cancelWait?.();
    this.#cancelWait = null;
  }

  #ready(): boolean {
    return this.#queue.length > 0 && this.#cancelWait === null && this.#host.connection() !== null;
  }

  async #work(): Promise<void> {
    while (this.#ready()) {
      const opened = this.#host.connection();
      if (opened !== null) await this.#sendHead(opened);
    }
    // No await between the last look and this: a message pushed later finds the lane at rest.
    this.#busy = false;
  }

  async #sendHead(opened: OpenConnection): Promise<void> {
    this.#forgetGivenUp();
    const batch = this.#head();
    const last = batch.at(-1);
    if (last === undefined) return;
    const { clock, counters } = this.#host;
    if (this.#attemptedSequence >= (batch[0]?.logSequence ?? 0)) {
      counters.retried += batch.filter((message) => message.logSequence <= this.#attemptedSequence).length;
    }
    this.#attemptedSequence = Math.max(this.#attemptedSequence, last.logSequence);
    const startedMs = clock.nowMs();
    const sending = new Sending(opened.connection, batch.map(outgoing), clock);
    opened.sendings.add(sending);
    const result = await sending.result;
    opened.sendings.delete(sending);
    counters.sends += 1;
    counters.sendMs += clock.nowMs() - startedMs;
    if (result.misbehaved) counters.misbehaved += 1;
    if (result.abandoned) this.#host.lose(opened);

    const settlement = settle(batch, result.outcomes, this.#recent);
    this.#queue.splice(0, batch.length, ...settlement.kept);
    if (settlement.delivered.length > 0) this.#host.delivered(this.#index, settlement.delivered);
    const moved = settlement.delivered.length + settlement.refused.length > 0;
    this.#judge(opened, settlement.failure, settlement.refusal, moved, settlement.delivered.length > 0);
    if (settlement.refused.length > 0) await this.#host.setAside(this.#index, settlement.refused);
    this.#host.progressed();
  }

  /** Decides when the next batch goes and how large it may be. */
  #judge(
    opened: OpenConnection,
    failure: SidestreamError | null,
    refusal: SidestreamError | null,
    moved: boolean,
    delivered: boolean,
  ): void {
    if (this.#paused && delivered) {
      this.#paused = false;
      this.#recent.clear();
    }
    if (refusal !== null) this.#host.failed(refusal);
    if (refusal !== null && this.#recent.mostlyDead) this.#paused = true;
    if (failure === null) {
      this.#failureCount = 0;
      this.#batchMessagesMax = Math.min(BATCH_MESSAGES_MAX, this.#batchMessagesMax * 2);
    } else {
      this.#host.failed(failure);
      this.#failureCount = moved ? 1 : this.#failureCount + 1;
      this.#batchMessagesMax = Math.max(1, Math.floor(this.#batchMessagesMax / 2));
      if (retryOf(failure) === "reconnect") this.#host.lose(opened);
    }
    if (this.#paused) {
      this.#batchMessagesMax = 1;
      this.#waitThenSend(REFUSED_PAUSE_MS);
    } else if (failure !== null) {
      this.#waitThenSend(backOffMs(this.#failureCount, this.#host.random()));
    }
  }

  #waitThenSend(delayMs: number): void {
    this.#cancelWait = this.#host.clock.after(delayMs, () => {
      this.#cancelWait = null;
      this.pump();
      this.#host.progressed();
    });
  }

  /** A log that was told to drop its oldest messages may have done so while they waited here. */
  #forgetGivenUp(): void {
    const confirmedSequence = this.#host.confirmedSequence();
    for (let head = this.#queue[0]; head !== undefined && head.logSequence < confirmedSequence; head = this.#queue[0]) {
      this.#queue.shift();
      this.#host.givenUp(head);
    }
  }

  #head(): readonly SpooledMessage[] {
    let bytes = 0;
    let count = 0;
    for (const message of this.#queue) {
      bytes += messageBytes(message);
      if (count > 0 && (count >= this.#batchMessagesMax || bytes > BATCH_BYTES_MAX)) break;
      count += 1;
    }
    return this.#queue.slice(0, count);
  }
}

/** Bytes that a message takes in a batch, headers included. */
export function messageBytes(message: SpooledMessage): number {
  let bytes = message.value.length + message.key.length + message.topic.length;
  for (const [name, value] of message.headers) bytes += name.length + value.length;
  return bytes;
}

function outgoing(message: SpooledMessage): OutgoingMessage {
  return { topic: message.topic, key: message.key, headers: message.headers, value: message.value, sequence: message.logSequence };
}

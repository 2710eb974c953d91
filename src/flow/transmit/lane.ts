/**
 * A lane: the messages of its keys, sent one batch after another.
 *
 * Promise: one send at a time, in the log's order; after a failure that may pass, the same message is tried again before
 * any later one. Other lanes never wait for this one's back-off. A numbered lane asks what the destination has before its
 * first send, and after each that left something in doubt.
 */
import type { OutgoingMessage } from "../../driver/destination.ts";
import type { SidestreamError } from "../../errors.ts";
import { isRedriven } from "../message/stream-label.ts";
import type { SpooledMessage } from "../spool/spooled.ts";
import { backOffMs } from "./back-off.ts";
import type { OpenConnection } from "./connection-keeper.ts";
import { laneDoubt, leftOutThrough } from "./in-doubt.ts";
import type { LaneHandle, LaneHost } from "./lane-host.ts";
import { PlainSender, type CallDriver, type LaneSender } from "./lane-sender.ts";
import { NumberedSender } from "./numbered-sender.ts";
import type { Numbering } from "./numbering.ts";
import { RecentOutcomes } from "./recent-outcomes.ts";
import { Sending } from "./sending.ts";
import { retryOf, settle } from "./settlement.ts";

/** Bounds of one batch: enough to share a round trip, few enough that repeating it costs little. */
export const BATCH_MESSAGES_MAX = 500;
export const BATCH_BYTES_MAX = 1024 * 1024;
/** A lane most of whose recent messages were refused tries one message this often. */
export const REFUSED_PAUSE_MS = 30_000;
/** About 1.2 seconds of back-off without progress: longer than a blip. */
export const STUCK_FAILURE_COUNT = 5;

/** What came of one attempt. */
interface Judged {
  readonly failure: SidestreamError | null;
  readonly refusal: SidestreamError | null;
  /** At least one message left the queue. */
  readonly moved: boolean;
  /** At least one is at the destination. */
  readonly delivered: boolean;
  /** All of them were refused, and go back to the dead letters that they came from. */
  readonly wentBack: boolean;
  /** Messages handed to the driver; 0 when it was only asked. */
  readonly sentCount: number;
}

export class Lane implements LaneHandle {
  readonly name: string;
  /** Messages up to it that wait are left out: somebody decided so. 0: none is. */
  readonly skipThrough: number;
  readonly #sender: LaneSender;
  readonly #host: LaneHost;
  readonly #recent = new RecentOutcomes();
  #queue: SpooledMessage[] = [];
  #busy = false;
  #ended: Promise<void> = Promise.resolve();
  #cancelWait: (() => void) | null = null;
  #failureCount = 0;
  #lastFailure: SidestreamError | null = null;
  #paused = false;
  #isAside = false;
  #isTroubled = false;
  #deliveredMs = Number.NEGATIVE_INFINITY;
  /** Halved by a failure, doubled by a success: a batch too large for the deadline finds its size. */
  #batchMessagesMax = BATCH_MESSAGES_MAX;
  #attemptedSequence = -1;

  /** @param numbering - Null where the destination can't refuse what it has. */
  constructor(name: string, host: LaneHost, numbering: Numbering | null) {
    this.name = name;
    this.#host = host;
    this.skipThrough = numbering === null ? 0 : leftOutThrough(laneDoubt(host.log, name));
    const call: CallDriver = (opened, run) => this.#call(opened, run);
    this.#sender = numbering === null ? new PlainSender(call) : new NumberedSender({ lane: name, numbering, call, host });
  }

  /** Where it stands; null where it isn't numbered. */
  get position(): LaneSender["position"] {
    return this.#sender.position;
  }

  get messageCount(): number {
    return this.#queue.length;
  }

  get oldestAcceptedMs(): number | null {
    return this.#queue[0]?.acceptedMs ?? null;
  }

  /** Why its head failed and has not gone through since; null when it gets on. */
  get blockedBy(): SidestreamError | null {
    return this.#isTroubled ? this.#lastFailure : null;
  }

  /** When it last got something through. */
  get deliveredMs(): number {
    return this.#deliveredMs;
  }

  get stuck(): boolean {
    return this.#failureCount >= STUCK_FAILURE_COUNT;
  }

  /** Most of its recent messages were refused. */
  get paused(): boolean {
    return this.#paused;
  }

  /** It holds one message at most; the others wait in the log. */
  get isAside(): boolean {
    return this.#isAside;
  }

  /** It is aside, and has nothing to try. */
  get wantsOne(): boolean {
    return this.#isAside && this.#queue.length === 0 && this.#cancelWait === null;
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
      if (opened === null) continue;
      this.#forgetGivenUp();
      if (this.#queue.length === 0) continue;
      const preparing = this.#sender.prepare(opened, this.#queue);
      if (preparing === null) await this.#sendHead(opened);
      else this.#settlePrepared(opened, await preparing);
    }
    // No await between the last look and this: a message pushed later finds the lane at rest.
    this.#busy = false;
  }

  async #sendHead(opened: OpenConnection): Promise<void> {
    const batch = this.#head();
    const last = batch.at(-1);
    if (last === undefined) return;
    const { clock, counters } = this.#host;
    if (this.#attemptedSequence >= (batch[0]?.logSequence ?? 0)) {
      counters.retried += batch.filter((message) => message.logSequence <= this.#attemptedSequence).length;
    }
    this.#attemptedSequence = Math.max(this.#attemptedSequence, last.logSequence);
    const startedMs = clock.nowMs();
    const { outcomes, position, misbehaved } = await this.#sender.send(opened, batch);
    counters.sends += 1;
    counters.sendMs += clock.nowMs() - startedMs;
    if (misbehaved) counters.misbehaved += 1;

    const settlement = settle(batch, outcomes, this.#recent);
    this.#queue.splice(0, batch.length, ...settlement.kept);
    if (settlement.delivered.length > 0) this.#host.delivered(this, this.#sender.delivered(settlement.delivered, position));
    if (settlement.failure !== null && retryOf(settlement.failure) !== "split") this.#sender.doubt();
    this.#judge(opened, {
      failure: settlement.failure,
      refusal: settlement.refusal,
      moved: settlement.delivered.length + settlement.refused.length > 0,
      delivered: settlement.delivered.length > 0,
      wentBack: settlement.refused.length === batch.length && batch.every(({ stream }) => isRedriven(stream)),
      sentCount: batch.length,
    });
    if (settlement.refused.length > 0) await this.#host.setAside(this, settlement.refused);
    this.#host.progressed();
  }

  #settlePrepared(opened: OpenConnection, { delivered, failure }: Awaited<ReturnType<LaneSender["prepare"]> & object>): void {
    this.#queue.splice(0, delivered.length);
    if (delivered.length > 0) this.#host.delivered(this, delivered);
    const moved = delivered.length > 0;
    if (moved || failure !== null) this.#judge(opened, { failure, refusal: null, moved, delivered: moved, wentBack: false, sentCount: 0 });
    this.#host.progressed();
  }

  async #call(opened: OpenConnection, call: Parameters<CallDriver>[1]): ReturnType<CallDriver> {
    const sending = new Sending(call, this.#host.clock);
    opened.sendings.add(sending);
    const ending = await sending.ending;
    opened.sendings.delete(sending);
    // The driver never settled: its connection must not be used again.
    if (ending.kind === "abandoned") this.#host.lose(opened);
    return ending;
  }

  /** Decides when the next batch goes and how large it may be. */
  #judge(opened: OpenConnection, { failure, refusal, moved, delivered, wentBack, sentCount }: Judged): void {
    if (delivered) this.#deliveredMs = this.#host.clock.nowMs();
    if (this.#paused && delivered) {
      this.#paused = false;
      this.#recent.clear();
    }
    if (refusal !== null) this.#fault(refusal);
    if (refusal !== null && this.#recent.mostlyDead) this.#paused = true;
    // One that can't be split any further has failed, whatever the driver calls it.
    const split = failure !== null && retryOf(failure) === "split" && (moved || sentCount > 1);
    if (failure === null || (split && moved)) {
      this.#failureCount = 0;
      this.#batchMessagesMax = Math.min(BATCH_MESSAGES_MAX, this.#batchMessagesMax * 2);
    } else {
      if (!split) {
        this.#fault(failure);
        this.#failureCount = moved ? 1 : this.#failureCount + 1;
      }
      const tried = split ? Math.min(this.#batchMessagesMax, sentCount) : this.#batchMessagesMax;
      this.#batchMessagesMax = Math.max(1, Math.floor(tried / 2));
      if (retryOf(failure) === "reconnect") this.#host.lose(opened);
    }
    if (this.#paused) {
      this.#batchMessagesMax = 1;
      if (!wentBack) this.#waitThenSend(REFUSED_PAUSE_MS);
    } else if (failure !== null && !split) {
      this.#waitThenSend(backOffMs(this.#failureCount, this.#host.random()));
    }
    const isTroubled = this.#failureCount > 0 || this.#paused;
    if (isTroubled !== this.#isTroubled) this.#host.troubled(this, isTroubled);
    this.#isTroubled = isTroubled;
    this.#stepAsideOrReturn();
  }

  #fault(error: SidestreamError): void {
    this.#lastFailure = error;
    this.#host.failed(error);
  }

  /** A lane that doesn't get on keeps one message to try, so that it takes no room from the others. */
  #stepAsideOrReturn(): void {
    const aside = this.#paused || this.stuck;
    if (aside === this.#isAside) return;
    this.#isAside = aside;
    const [first] = this.#queue;
    if (!aside) this.#host.returned(this);
    else if (first !== undefined) this.#host.stepAside(this, first, this.#queue.splice(1));
  }

  #waitThenSend(delayMs: number): void {
    this.#cancelWait = this.#host.clock.after(delayMs, () => {
      this.#cancelWait = null;
      // What it could try went with the last refusal: the next one comes from the log.
      if (this.wantsOne) this.#host.returned(this);
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
    const batch = this.#queue.slice(0, count);
    const togetherCount = this.#sender.togetherCount(batch);
    return togetherCount === count ? batch : batch.slice(0, togetherCount);
  }
}

/** Bytes that a message takes in a batch, headers included. */
export function messageBytes(message: Pick<OutgoingMessage, "topic" | "key" | "headers" | "value">): number {
  let bytes = message.value.length + message.key.length + message.topic.length;
  for (const [name, value] of message.headers) bytes += name.length + value.length;
  return bytes;
}

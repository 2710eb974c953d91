/** A destination's log and its dead letters in memory, for tests. What is confirmed outlives `crash`, as on a disk. */
import type { DestinationMemory, LanePosition } from "../../../driver/destination.ts";
import type { Confirmation, DeadLetterLog, MessageLog, ReadResult, SpooledMessage } from "../../spool/spooled.ts";

/** What outlives a kill beside the messages. */
interface Kept {
  readonly records: Map<string, unknown>;
  readonly skips: Map<number, string>;
  readonly sentBelow: Map<string, number>;
  /** Damage that was met before everything below the log's end at that time was confirmed. */
  doubt: { readonly from: number; readonly below: number } | null;
}

export class MemoryLog implements MessageLog {
  readonly destination = "memory1";
  readonly logId = "log1";
  readonly #messages: SpooledMessage[];
  readonly confirmations: Confirmation[];
  readonly #confirmed: Set<number>;
  #confirmedSequence = 1;
  #waiting: (() => void)[] = [];
  #crashed = false;
  /** Sizes of the confirmations written together. */
  readonly confirmSizes: number[] = [];
  confirmsUnderWay = 0;
  /** Broken promises of the code under test; thrown here, they would be taken for a failing disk. */
  readonly violations: string[] = [];
  /** Set to make a confirmation fail or wait; called before it is written. */
  beforeConfirm: () => Promise<void> = async () => {};
  /** Set to make a read fail or wait. */
  beforeRead: () => Promise<void> = async () => {};

  readonly #startSequence: number;
  readonly #kept: Kept;
  readonly #lanes = new Map<string, LanePosition>();
  /** Set to make what is kept fail or wait. */
  beforeKeep: () => Promise<void> = async () => {};
  #disk: Promise<void> = Promise.resolve();

  constructor(
    messages: readonly SpooledMessage[] = [],
    confirmations: readonly Confirmation[] = [],
    kept: Kept = { records: new Map(), skips: new Map(), doubt: null, sentBelow: new Map() },
  ) {
    this.#messages = [...messages];
    this.#startSequence = this.durableSequence;
    this.#kept = kept;
    for (const { lane, position } of confirmations) if (lane !== null && position !== undefined) this.#lanes.set(lane, position);
    this.confirmations = [...confirmations];
    this.#confirmed = new Set(confirmations.map(({ logSequence }) => logSequence));
    this.#raise();
  }

  get durableSequence(): number {
    return (this.#messages.at(-1)?.logSequence ?? 0) + 1;
  }

  get confirmedSequence(): number {
    return this.#confirmedSequence;
  }

  get unconfirmedCount(): number {
    return this.#messages.length - this.#confirmed.size;
  }

  isConfirmed(logSequence: number): boolean {
    return this.#confirmed.has(logSequence);
  }

  append(...messages: readonly SpooledMessage[]): void {
    this.#messages.push(...messages);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Gives up all messages below a number, as a full log that drops its oldest does. */
  drop(belowSequence: number): void {
    for (const { logSequence } of this.#messages) if (logSequence < belowSequence) this.#confirmed.add(logSequence);
    this.#raise();
  }

  /** The process is killed: whoever still uses this object gets no answer. The returned log is what the next process finds. */
  crash(): MemoryLog {
    this.#crashed = true;
    return new MemoryLog(this.#messages, this.confirmations, {
      records: new Map(this.#kept.records),
      skips: new Map(this.#kept.skips),
      doubt: this.#kept.doubt,
      sentBelow: new Map(this.#kept.sentBelow),
    });
  }

  /** Loses messages as damage does: they are no longer there to be read. */
  damage(logSequence: number): void {
    const at = this.#messages.findIndex((message) => message.logSequence === logSequence);
    if (at === -1 || this.#confirmed.has(logSequence)) return;
    this.#messages.splice(at, 1);
    if (logSequence < this.#startSequence) this.#doubtFrom(logSequence);
  }

  #doubtFrom(logSequence: number): void {
    const from = Math.min(this.#kept.doubt?.from ?? logSequence, logSequence);
    this.#kept.doubt = { from, below: Math.max(this.#startSequence, ...this.#kept.sentBelow.values()) };
  }

  isDoubtful(lane: string, logSequence: number): boolean {
    const { doubt } = this.#kept;
    if (doubt === null || logSequence < doubt.from) return false;
    return !this.confirmations.some((confirmation) => confirmation.lane === lane && confirmation.logSequence >= doubt.below);
  }

  doubtfulBelow(lane: string): number {
    const { doubt } = this.#kept;
    return doubt !== null && this.isDoubtful(lane, doubt.from) ? doubt.below : 0;
  }

  get scattered(): number {
    return this.confirmations.length;
  }

  get memory(): DestinationMemory {
    const { records } = this.#kept;
    return {
      get: (name) => records.get(name),
      names: () => [...records.keys()],
      nextSequence: this.durableSequence,
      set: async (name, value) => {
        await this.#keep();
        if (value === null) records.delete(name);
        else records.set(name, value);
      },
    };
  }

  heldBy(): void {}

  lanePosition(lane: string): LanePosition | null {
    return this.#lanes.get(lane) ?? null;
  }

  skipCode(logSequence: number): string | null {
    return this.#kept.skips.get(logSequence) ?? null;
  }

  async skip(_lane: string, logSequence: number, code: string): Promise<void> {
    await this.#keep();
    this.#kept.skips.set(logSequence, code);
  }

  sentBelow(lane: string): number {
    return this.#kept.sentBelow.get(lane) ?? 0;
  }

  maySend(lane: string, logSequence: number): Promise<void> | null {
    if (logSequence < this.sentBelow(lane)) return null;
    const below = this.durableSequence;
    return this.#keep().then(() => {
      this.#kept.sentBelow.set(lane, Math.max(this.sentBelow(lane), below));
    });
  }

  /** What is kept comes to the disk in the order in which it was asked for, as in a log. */
  async #keep(): Promise<void> {
    const turn = this.#disk.then(() => this.beforeKeep());
    this.#disk = turn.catch(() => undefined);
    await turn;
    if (this.#crashed) await new Promise(() => {});
  }

  async read(fromSequence: number, bytesMax: number): Promise<ReadResult> {
    await this.beforeRead();
    if (this.#crashed) return new Promise(() => {});
    const messages: SpooledMessage[] = [];
    let bytes = 0;
    for (const message of this.#messages) {
      if (message.logSequence < fromSequence) continue;
      if (messages.length > 0 && bytes + message.value.length > bytesMax) break;
      messages.push(message);
      bytes += message.value.length;
    }
    return { messages, nextSequence: (messages.at(-1)?.logSequence ?? fromSequence) + 1 };
  }

  async waitBeyond(sequence: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (this.#crashed || this.durableSequence <= sequence)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
    }
  }

  async confirm(confirmations: readonly Confirmation[]): Promise<void> {
    this.confirmsUnderWay += 1;
    if (this.confirmsUnderWay > 1) this.violations.push("two writes of confirmations at a time");
    try {
      await this.beforeConfirm();
      if (this.#crashed) return await new Promise(() => {});
      this.confirmSizes.push(confirmations.length);
      for (const confirmation of confirmations) {
        if (this.#confirmed.has(confirmation.logSequence)) this.violations.push(`message ${confirmation.logSequence} was confirmed twice`);
        this.#confirmed.add(confirmation.logSequence);
        this.confirmations.push(confirmation);
        if (confirmation.outcome === "dropped" && confirmation.lane === null) this.#doubtFrom(confirmation.logSequence);
        if (confirmation.lane !== null && confirmation.position !== undefined) this.#lanes.set(confirmation.lane, confirmation.position);
      }
      this.#raise();
    } finally {
      this.confirmsUnderWay -= 1;
    }
  }

  #raise(): void {
    const next = this.#messages.find(({ logSequence }) => !this.#confirmed.has(logSequence));
    this.#confirmedSequence = next?.logSequence ?? this.durableSequence;
  }
}

export interface DeadLetter {
  readonly message: SpooledMessage;
  readonly code: string;
  readonly reason: string;
}

export class MemoryDeadLetters implements DeadLetterLog {
  readonly letters: DeadLetter[] = [];
  /** Set to make an addition fail or wait. */
  beforeAdd: () => Promise<void> = async () => {};

  async add(message: SpooledMessage, code: string, reason: string): Promise<void> {
    await this.beforeAdd();
    this.letters.push({ message, code, reason });
  }
}

/** A message with made-up particulars, number and key given. */
export function spooled(logSequence: number, key = "key", value = `{"n":${logSequence}}`): SpooledMessage {
  return {
    logSequence,
    sequence: logSequence,
    frameBytes: 200,
    stream: "stream1",
    rule: 1,
    revision: "0123456789ab",
    tenant: "diku",
    source: "front",
    sourcePosition: 0,
    eventId: `event-${logSequence}`,
    topic: "topic1",
    key,
    headers: [],
    value: Buffer.from(value),
    acceptedMs: 1_700_000_000_000,
    exactlyOnce: false,
  };
}

/**
 * One journal: drains it into the flow, and tells its writer what is done.
 *
 * Promise: nothing is acknowledged before the flow has it on disk; whatever fails is tried again from behind what was
 * acknowledged, with growing pauses, for as long as the source is open.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { CapturePort } from "../../driver/source.ts";
import { AckFile, type Ack } from "./ack-file.ts";
import { HandIn } from "./hand-in.ts";
import { JournalReader, type Place, type Read } from "./journal-reader.ts";
import type { StateNotes } from "./state-notes.ts";

/** Events of which it is written down ahead that they may have been passed on: so many may be left unsent after a crash by what is sent at most once. */
const CLAIMED_AHEAD = 1_024;
/** Between two writes of `ack`: what was done meanwhile is read again after a crash. */
const ACK_WAIT_MS = 200;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;
/** So often an event is turned back before somebody is told. */
const TURNED_BACK_MAX = 5;
/** Reasons are the writer's own; each is a metric. */
const REASONS_MAX = 20;
const OTHER_REASON = "other";
const NO_BOOT = "0".repeat(32);

export type JournalTrouble = "reading" | "handing in" | "acknowledging";

export interface JournalSettings {
  readonly name: string;
  readonly folder: string;
  readonly port: CapturePort;
  readonly eventBytesMax: number;
  /** Told of each event that was handed in. */
  readonly states: StateNotes;
  /** `ack` names another segment: the writer may remove those before it. */
  readonly onFreed: () => void;
  /** All is read: the writer is to say when there is more. */
  readonly onIdle: () => void;
  /** Milliseconds after which an idle journal is looked at, whoever says what. */
  readonly pollMs: () => number;
  /** Something failed, and is tried again; null: it works again. */
  readonly onTrouble: (what: JournalTrouble, error: Error | null) => void;
}

export class Journal {
  readonly name: string;
  /** Records handed in, gaps included; those that were turned back count once. */
  recordCount = 0;
  /** Reason → events that are missing; beyond a bound reasons are summed. */
  readonly missing = new Map<string, number>();
  readonly #settings: JournalSettings;
  readonly #reader: JournalReader;
  readonly #handIn: HandIn;
  readonly #file: AckFile;
  readonly #ending = new AbortController();
  readonly #ended: Promise<void>;
  #acked: Ack;
  /** As it stands in the file. */
  #writtenSegment: number;
  #ackTimer: NodeJS.Timeout | null = null;
  #wake: (() => void) | null = null;
  #isWoken = false;
  #retryMs = RETRY_MS_MIN;
  /** The last record that was counted. */
  #counted = { boot: NO_BOOT, sequence: 0 };
  /** In a row, without any event that was taken. */
  #turnedBackCount = 0;

  private constructor(settings: JournalSettings, file: AckFile) {
    const ack = file.found;
    this.name = settings.name;
    this.#settings = settings;
    this.#file = file;
    this.#acked = ack ?? { boot: NO_BOOT, sequence: 0, segment: 0, claimed: 0 };
    this.#writtenSegment = ack?.segment ?? Number.MAX_SAFE_INTEGER;
    this.#reader = new JournalReader(settings.folder, ack);
    const { port, name, eventBytesMax } = settings;
    this.#handIn = new HandIn({ port, journal: name, eventBytesMax, onAcked: (place) => this.#advance(place) });
    this.#handIn.claim(this.#acked.boot, this.#acked.claimed);
    this.#ended = this.#run();
  }

  /** Opens the journal and begins to drain it. @throws As `node:fs` does. */
  static async open(settings: JournalSettings): Promise<Journal> {
    return new Journal(settings, await AckFile.open(settings.folder));
  }

  /** How far it was read can't be told, so that all of it is read again. */
  get hadDamagedAck(): boolean {
    return this.#file.wasDamaged;
  }

  /** Bytes that could not be read. */
  get damagedBytes(): number {
    return this.#reader.damagedBytes;
  }

  /** Last record of which everything is safe. */
  get acked(): Pick<Ack, "boot" | "sequence"> {
    return this.#acked;
  }

  /** Whether the flow has everything that was there at the last look. */
  get isIdle(): boolean {
    return this.#wake !== null;
  }

  /** Somebody removed its folder, or `ack` in it, and may have made it again. */
  isReplaced(): Promise<boolean> {
    return this.#file.isReplaced();
  }

  backlogBytes(): Promise<number> {
    return this.#reader.backlogBytes();
  }

  /** There may be more to read. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  /** Reads no more, waits for what is under way, and writes down how far it got. Never rejects. */
  async close(graceMs: number): Promise<void> {
    this.#ending.abort();
    await this.#ended;
    await this.#handIn.settled(AbortSignal.timeout(Math.max(1, graceMs)));
    if (this.#ackTimer !== null) clearTimeout(this.#ackTimer);
    // With nothing under way, and nothing turned back, nothing can come twice.
    const isThrough = this.#handIn.underWay === 0 && !this.#handIn.isTurnedBack;
    const claimed = isThrough ? this.#acked.sequence : this.#acked.claimed;
    this.#acked = { ...this.#acked, claimed };
    if (this.#acked.boot !== NO_BOOT) await this.#write().catch(() => undefined);
    await this.#file.close();
    await this.#reader.close().catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        await this.#drain(signal);
      } catch (error) {
        this.#settings.onTrouble("reading", error as Error);
        await this.#pause(signal);
      }
      if (!signal.aborted) await this.#goBack(signal);
    }
  }

  /** Ends when something was turned back. */
  async #drain(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#isWoken = false;
      const found = await this.#reader.read();
      for (const read of found) {
        await this.#claim(read.place);
        if ((await this.#handIn.take(read, signal)) === "turned-back") return this.#turnedBack(signal);
        this.#settings.states.take(read, this.name);
        this.#count(read);
      }
      if (found.length > 0) continue;
      // Nothing more is there: what was handed in last must be heard of before one goes to sleep.
      await this.#handIn.settled(signal);
      if (this.#handIn.isTurnedBack) return this.#turnedBack(signal);
      this.#settings.onTrouble("reading", null);
      await this.#idle(signal);
    }
  }

  async #turnedBack(signal: AbortSignal): Promise<void> {
    await this.#handIn.settled(signal);
    this.#turnedBackCount += 1;
    if (this.#turnedBackCount === TURNED_BACK_MAX) {
      const { boot, sequence } = this.#acked;
      const text = `the event after ${boot}/${sequence} was turned back ${TURNED_BACK_MAX} times: a log has no room for it, or can't be written to`;
      this.#settings.onTrouble("handing in", new Error(text));
    }
    await this.#pause(signal);
  }

  async #goBack(signal: AbortSignal): Promise<void> {
    await this.#handIn.settled(signal);
    if (signal.aborted) return;
    const { boot } = this.#acked;
    await this.#reader.seek(boot === NO_BOOT ? null : this.#acked).catch(() => undefined);
    this.#handIn.goBack();
  }

  #count({ record, place: { boot, sequence } }: Read): void {
    if (boot === this.#counted.boot && sequence <= this.#counted.sequence) return;
    this.#counted = { boot, sequence };
    this.recordCount += 1;
    if (record.kind !== "gap") return;
    const isNamed = this.missing.has(record.reason) || this.missing.size < REASONS_MAX;
    const reason = isNamed ? record.reason : OTHER_REASON;
    this.missing.set(reason, (this.missing.get(reason) ?? 0) + record.last - sequence + 1);
  }

  /** Has it on disk, before an event is passed on, that it may have been. */
  async #claim({ boot, sequence, segment }: Place): Promise<void> {
    if (boot !== this.#acked.boot) {
      // One boot at a time: the file has room for one.
      await this.#handIn.settled(this.#ending.signal);
      if (this.#handIn.isTurnedBack) return;
      this.#acked = { boot, sequence: sequence - 1, segment, claimed: 0 };
    }
    const { claimed } = this.#acked;
    if (sequence + CLAIMED_AHEAD / 2 <= claimed) return;
    this.#acked = { ...this.#acked, claimed: Math.max(claimed, sequence + CLAIMED_AHEAD) };
    const written = this.#write();
    if (sequence > claimed) return written;
    written.catch(() => undefined); // It was told.
  }

  #advance({ boot, sequence, segment }: Place): void {
    this.#retryMs = RETRY_MS_MIN;
    if (this.#turnedBackCount >= TURNED_BACK_MAX) this.#settings.onTrouble("handing in", null);
    this.#turnedBackCount = 0;
    this.#acked = { boot, sequence, segment, claimed: Math.max(this.#acked.claimed, sequence) };
    const writeLater = (): void => {
      this.#ackTimer = null;
      this.#write().catch(() => undefined); // It was told.
    };
    if (!this.#ending.signal.aborted) this.#ackTimer ??= setTimeout(writeLater, ACK_WAIT_MS);
  }

  async #write(): Promise<void> {
    const ack = this.#acked;
    this.#settings.states.flush();
    try {
      await this.#file.write(ack);
      this.#settings.onTrouble("acknowledging", null);
    } catch (error) {
      this.#settings.onTrouble("acknowledging", error as Error);
      throw error;
    }
    const before = this.#writtenSegment;
    this.#writtenSegment = ack.segment;
    if (ack.segment > before) this.#settings.onFreed();
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const waitMs = this.#retryMs;
    this.#retryMs = Math.min(RETRY_MS_MAX, waitMs * 2);
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
  }

  /** Settles when there may be more to read. */
  async #idle(signal: AbortSignal): Promise<void> {
    this.#settings.onIdle();
    if (this.#isWoken || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, this.#settings.pollMs());
      this.#wake = done;
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

/**
 * Hands the events of one journal to the flow, in their order, many at a time.
 *
 * Promise: `acked` moves over an event only when it and all before it are safe. When one is refused or lost, what is
 * under way is waited for, and the journal is read again from behind `acked`.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { AgentRecord, CapturePort, Reservation, Settlement } from "../../driver/source.ts";
import type { Place, Read } from "./journal-reader.ts";

/** Events under way at once: each takes some hundred bytes here beside its bytes in the hand-over. */
const IN_FLIGHT_MAX = 4_096;
/** Lengths, the id and the time beside texts and payload. */
const FRAME_BYTES = 1_024;
/** The longest time to wait for room before looking whether to go on waiting: a stop waits for it. */
const ROOM_WAIT_MS = 1_000;
const NO_ROOM_MS = 100;
export const GAP_TOPIC = "sidestream::journal::gap";

interface UnderWay {
  readonly place: Place;
  settlement: Settlement | null;
}

export interface HandInOptions {
  readonly port: CapturePort;
  /** Of the journal, for gaps. */
  readonly journal: string;
  /** Larger payloads are handed in without their content. */
  readonly eventBytesMax: number;
  /** `acked` has moved. */
  readonly onAcked: (place: Place) => void;
}

/** What became of a piece of the journal: all handed in, or something was turned back and is to be read again. */
export type HandedIn = "taken" | "turned-back";

export class HandIn {
  readonly #options: HandInOptions;
  readonly #underWay: UnderWay[] = [];
  /** Something that was handed in since the last going back was turned back. */
  #isTurnedBack = false;
  /** All before it has settled, too. */
  #isBehind = false;
  #resumes = true;
  /** Of the boot that is read: what may have been handed to an engine or a process that is gone. */
  #repeated = { boot: "", sequence: 0 };
  #submitted = { boot: "", sequence: 0 };
  #wake: (() => void) | null = null;

  constructor(options: HandInOptions) {
    this.#options = options;
  }

  get underWay(): number {
    return this.#underWay.length;
  }

  /** Events of a boot up to here may have been passed on before. */
  claim(boot: string, sequence: number): void {
    this.#repeated = { boot, sequence };
  }

  /**
   * Hands in one event, waiting for room as long as it takes.
   *
   * @param signal - Ends the waiting; the event isn't handed in then.
   */
  async take(read: Read, signal: AbortSignal): Promise<HandedIn> {
    const whole = this.#recordOf(read);
    const record = bytesOf(whole) > this.#options.port.recordBytesMax ? withoutContent(whole) : whole;
    const bytes = bytesOf(record);
    while (!signal.aborted) {
      while (this.#underWay.length >= IN_FLIGHT_MAX && !this.#isTurnedBack && !signal.aborted) await this.#change(signal);
      if (this.#isTurnedBack) return "turned-back";
      const reservation = await this.#options.port.reserve(bytes, ROOM_WAIT_MS);
      if (reservation === null) {
        // It may have been told at once.
        await delay(NO_ROOM_MS, undefined, { signal }).catch(() => undefined);
        continue;
      }
      // Nothing is awaited from here on: a record must not go in behind one that was turned back.
      if (this.#isTurnedBack || signal.aborted) {
        reservation.release();
        return "turned-back";
      }
      this.#submit(read, record, reservation);
      return "taken";
    }
    return "turned-back";
  }

  /** Settles when nothing is under way. */
  async settled(signal: AbortSignal): Promise<void> {
    while (this.#underWay.length > 0 && !signal.aborted) await this.#change(signal);
  }

  /** After all has settled: what is handed in next is the first that was not safe. */
  goBack(): void {
    this.#isTurnedBack = this.#isBehind = false;
    this.#resumes = true;
  }

  get isTurnedBack(): boolean {
    return this.#isTurnedBack;
  }

  #submit({ place, record: read }: Read, record: AgentRecord, reservation: Reservation): void {
    const { boot, sequence } = place;
    const isRepeated = this.#repeated.boot === boot && sequence <= this.#repeated.sequence;
    // A gap is done with its last event: what is read next is the one behind it.
    const end = read.kind === "gap" ? read.last : sequence;
    const under: UnderWay = { place: { ...place, sequence: end }, settlement: null };
    this.#underWay.push(under);
    this.#submitted = { boot, sequence };
    const placed = { ...record, place: { position: sequence, resumes: this.#resumes, isRepeated } };
    this.#resumes = false;
    // Nothing in it throws: what fails is lost, and read again.
    void this.#options.port
      .submitDurable(placed, reservation)
      .catch((): Settlement => "lost")
      .then((settlement) => this.#settle(under, settlement));
  }

  #settle(under: UnderWay, settlement: Settlement): void {
    under.settlement = settlement;
    if (settlement === "lost") this.#repeated = this.#submitted;
    if (settlement !== "spooled") this.#isTurnedBack = true;
    this.#advance();
    this.#wake?.();
  }

  /** Takes what is settled off the begin. Behind the first that was turned back nothing counts as safe. */
  #advance(): void {
    let acked: Place | null = null;
    while (this.#underWay[0]?.settlement !== null) {
      const settled = this.#underWay.shift();
      if (settled === undefined) break;
      this.#isBehind ||= settled.settlement !== "spooled";
      if (!this.#isBehind) acked = settled.place;
    }
    if (acked !== null) this.#options.onAcked(acked);
  }

  #recordOf({ place, record }: Read): AgentRecord {
    const { boot, sequence, agent, qos } = place;
    const common = {
      kind: "agent" as const,
      route: 0,
      startedMs: record.timeMs,
      id: `${boot}/${sequence}`,
      ...(agent === null ? {} : { agent }),
      ...(qos === null ? {} : { qos }),
    };
    if (record.kind === "gap") {
      const { last, reason } = record;
      const text = JSON.stringify({ boot, first: sequence, last, reason, journal: this.#options.journal });
      return { ...common, topic: GAP_TOPIC, wallet: null, payload: wholeBody(Buffer.from(text)) };
    }
    const { topic, wallet, label, recordId, payload } = record;
    const event: AgentRecord = {
      ...common,
      topic,
      wallet,
      ...(label === null ? {} : { label }),
      ...(recordId === null ? {} : { recordId }),
      payload: wholeBody(payload),
    };
    return payload.length > this.#options.eventBytesMax ? withoutContent(event) : event;
  }

  /** Settles when something under way has settled, or the signal is aborted. One waits at a time. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener("abort", done);
        this.#wake = null;
        resolve();
      };
      this.#wake = done;
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

function withoutContent(record: AgentRecord): AgentRecord {
  return { ...record, payload: { slices: [], sizeBytes: record.payload.sizeBytes, truncated: true } };
}

function wholeBody(bytes: Buffer): AgentRecord["payload"] {
  return { slices: [bytes], sizeBytes: bytes.length, truncated: false };
}

function bytesOf({ id, topic, wallet, label = "", agent = "", recordId = "", payload }: AgentRecord): number {
  let bytes = FRAME_BYTES + Buffer.byteLength(topic) + id.length + (wallet?.length ?? 0);
  bytes += Buffer.byteLength(label) + Buffer.byteLength(agent) + Buffer.byteLength(recordId);
  for (const slice of payload.slices) bytes += slice.length;
  return bytes;
}

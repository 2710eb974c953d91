/**
 * A capture port for the tests of sources: it keeps what it is given and settles when the test says so.
 *
 * Promise: records are copied when they are handed in, so that a source that reuses its buffers is found out.
 */
import type { CapturePort, CaptureRecord, LossReason, RecordBody, Reservation, Settlement } from "../source.ts";

export interface KeptRecord {
  readonly record: CaptureRecord;
  readonly durable: boolean;
}

interface Waiting {
  readonly count: number;
  readonly resolve: () => void;
}

export class FakePort implements CapturePort {
  recordBytesMax = Number.MAX_SAFE_INTEGER;
  readonly kept: KeptRecord[] = [];
  readonly losses: { readonly route: number; readonly reason: LossReason }[] = [];
  readonly reserved: number[] = [];
  /** Milliseconds that each reservation would wait. */
  readonly waitsMs: number[] = [];
  /** Reservations neither released nor used up. */
  openReservations = 0;
  /** Body bytes held now. */
  heldBytes = 0;
  /** Body bytes that may be held. */
  heldBytesMax = Number.POSITIVE_INFINITY;
  /** Whether `reserve` finds room. */
  hasRoom = true;
  /** What `reserve` waits for, when a test wants to act meanwhile. */
  reserveGate: Promise<void> | null = null;
  /** Null: `submitDurable` waits for `settle`. */
  settlement: Settlement | null = "spooled";
  readonly #unsettled: ((settlement: Settlement) => void)[] = [];
  readonly #waiting: Waiting[] = [];

  async reserve(bytesMax: number, waitMsMax: number): Promise<Reservation | null> {
    this.reserved.push(bytesMax);
    this.waitsMs.push(waitMsMax);
    await this.reserveGate;
    if (!this.hasRoom) return null;
    this.openReservations += 1;
    let open = true;
    return {
      bytes: bytesMax,
      release: () => {
        if (open) this.openReservations -= 1;
        open = false;
      },
    };
  }

  hold(bytes: number): boolean {
    if (this.heldBytes + bytes > this.heldBytesMax) return false;
    this.heldBytes += bytes;
    return true;
  }

  unhold(bytes: number): void {
    this.heldBytes -= bytes;
  }

  submit(record: CaptureRecord): void {
    this.#keep(record, false);
  }

  submitDurable(record: CaptureRecord, reservation: Reservation): Promise<Settlement> {
    reservation.release();
    this.#keep(record, true);
    if (this.settlement !== null) return Promise.resolve(this.settlement);
    return new Promise((resolve) => void this.#unsettled.push(resolve));
  }

  countLoss(route: number, reason: LossReason): void {
    this.losses.push({ route, reason });
  }

  /** Settles the longest waiting durable record. */
  settle(settlement: Settlement): void {
    const resolve = this.#unsettled.shift();
    if (resolve === undefined) throw new Error("no record waits to be settled");
    resolve(settlement);
  }

  /** Settles once `count` records in all were handed in. */
  records(count: number): Promise<void> {
    if (this.kept.length >= count) return Promise.resolve();
    return new Promise((resolve) => void this.#waiting.push({ count, resolve }));
  }

  #keep(record: CaptureRecord, durable: boolean): void {
    this.kept.push({ record: copied(record), durable });
    for (const { count, resolve } of this.#waiting) if (this.kept.length >= count) resolve();
  }
}

/** All bytes of a body that were kept. */
export function bodyBytes(body: RecordBody): Buffer {
  return Buffer.concat(body.slices);
}

function copied(record: CaptureRecord): CaptureRecord {
  if (record.kind === "agent") return { ...record, payload: copiedBody(record.payload) };
  return { ...record, requestBody: copiedBody(record.requestBody), responseBody: copiedBody(record.responseBody) };
}

function copiedBody(body: RecordBody): RecordBody {
  return { ...body, slices: [bodyBytes(body)] };
}

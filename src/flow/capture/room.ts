/**
 * The ledger of the memory between edge and engine.
 *
 * Promise: held body bytes, reservations and batches not yet credited never exceed `bytesMax` together. Reservations
 * are granted in the order asked and only while the spool, as the engine last told, has room for all that is promised:
 * for a small record too, the room that the engine asks for before it takes one. Each wait ends: with a reservation, at
 * its deadline, or when the ledger closes.
 */
import type { Reservation } from "../../driver/source.ts";

/** Requests that may wait for room at once. Each holds its client's connection and about 1 KiB: 10 MiB in all. */
export const WAITERS_MAX = 10_000;

/** Longest time that a timer of Node takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;

interface Waiter {
  readonly bytes: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (reservation: Reservation | null) => void;
}

class RoomReservation implements Reservation {
  readonly bytes: number;
  readonly room: Room;
  readonly #giveBack: (bytes: number) => void;
  #live = true;

  constructor(room: Room, bytes: number, giveBack: (bytes: number) => void) {
    this.room = room;
    this.bytes = bytes;
    this.#giveBack = giveBack;
  }

  release(): void {
    if (this.spend()) this.#giveBack(this.bytes);
  }

  /** Ends the reservation without giving its room back; false when it had ended before. */
  spend(): boolean {
    const wasLive = this.#live;
    this.#live = false;
    return wasLive;
  }
}

export interface RoomBounds {
  readonly bytesMax: number;
  /** Room in the spool that a durable record counts for at least, however small it is: what its messages may take. */
  readonly spoolBytesPerRecord?: number;
  readonly waitersMax?: number;
}

export class Room {
  readonly bytesMax: number;
  readonly #spoolBytesPerRecord: number;
  readonly #waitersMax: number;
  /** A set keeps the order of entry and lets a waiter leave from the middle at no cost. */
  readonly #waiters = new Set<Waiter>();
  readonly #giveBack = (bytes: number): void => {
    this.#unreserve(bytes);
    this.#grant();
  };
  #heldBytes = 0;
  #reservedBytes = 0;
  #handedBytes = 0;
  /** What reservations, and durable records that did not settle, may take of the spool. */
  #reservedSpoolBytes = 0;
  #unsettledSpoolBytes = 0;
  #spoolRoomBytes = Number.MAX_SAFE_INTEGER;
  #phase: "paused" | "open" | "closed" = "paused";

  constructor({ bytesMax, spoolBytesPerRecord = 0, waitersMax = WAITERS_MAX }: RoomBounds) {
    this.bytesMax = bytesMax;
    this.#spoolBytesPerRecord = spoolBytesPerRecord;
    this.#waitersMax = waitersMax;
  }

  /** Bytes of bodies that best-effort transactions hold. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Bytes reserved and not used yet. */
  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  /** Bytes of batches that the engine has not credited. */
  get handedBytes(): number {
    return this.#handedBytes;
  }

  /** Bytes of the spool that reservations, and durable records that did not settle, may take. */
  get promisedSpoolBytes(): number {
    return this.#reservedSpoolBytes + this.#unsettledSpoolBytes;
  }

  get spoolRoomBytes(): number {
    return this.#spoolRoomBytes;
  }

  get usedBytes(): number {
    return this.#heldBytes + this.#reservedBytes + this.#handedBytes;
  }

  get waiterCount(): number {
    return this.#waiters.size;
  }

  /**
   * Reserves room; the first that asked is the first that gets.
   *
   * @param waitMsMax - Milliseconds to wait; 0 asks once.
   * @returns Null when no room came in time, the wait line is full, the ledger is closed, or so much never fits.
   */
  reserve(bytes: number, waitMsMax: number): Promise<Reservation | null> {
    if (this.#phase === "closed" || bytes > this.bytesMax) return Promise.resolve(null);
    if (this.#waiters.size === 0 && this.#fits(bytes)) return Promise.resolve(this.#reservation(bytes));
    if (!(waitMsMax > 0) || this.#waiters.size >= this.#waitersMax) return Promise.resolve(null);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#giveUp(waiter), Math.min(waitMsMax, TIMER_MS_MAX));
      const waiter: Waiter = { bytes, timer, resolve };
      this.#waiters.add(waiter);
    });
  }

  /** Takes room for body bytes, if it is to be had without taking it from the first that waits. */
  hold(bytes: number): boolean {
    if (!this.#spare(bytes)) return false;
    this.#heldBytes += bytes;
    return true;
  }

  /** Gives back what `hold` took. */
  unhold(bytes: number): void {
    this.#heldBytes = Math.max(0, this.#heldBytes - bytes);
    this.#grant();
  }

  /** Takes room for a best-effort record in a batch, if it is to be had without taking it from the first that waits. */
  hand(bytes: number): boolean {
    if (!this.#spare(bytes)) return false;
    this.#handedBytes += bytes;
    return true;
  }

  /**
   * Turns a reservation into room in a batch. The reservation ends, also when the answer is false.
   *
   * @param bytes - What the record takes in the batch. More than was reserved needs free room.
   */
  exchange(reservation: Reservation, bytes: number): boolean {
    if (reservation instanceof RoomReservation && reservation.room === this && reservation.spend()) this.#unreserve(reservation.bytes);
    const fits = this.usedBytes + bytes <= this.bytesMax;
    if (fits) {
      this.#handedBytes += bytes;
      this.#unsettledSpoolBytes += this.#spoolBytes(bytes);
    }
    this.#grant();
    return fits;
  }

  /** A durable record settled. */
  settled(bytes: number): void {
    this.#unsettledSpoolBytes = Math.max(0, this.#unsettledSpoolBytes - this.#spoolBytes(bytes));
    this.#grant();
  }

  /** The engine is done with bytes of batches. */
  credit(bytes: number): void {
    this.#handedBytes = Math.max(0, this.#handedBytes - bytes);
    this.#grant();
  }

  /** The engine told how many bytes of records its spool can surely take. */
  setSpoolRoom(bytes: number): void {
    this.#spoolRoomBytes = bytes;
    this.#grant();
  }

  /** The engine is down: nothing new is granted, waiters go on waiting until their deadline. */
  pause(): void {
    if (this.#phase === "open") this.#phase = "paused";
  }

  /** The engine is up. */
  resume(): void {
    if (this.#phase === "paused") this.#phase = "open";
    this.#grant();
  }

  /** The engine died: what it held is gone. */
  forgetHandedOver(): void {
    this.#handedBytes = 0;
    this.#unsettledSpoolBytes = 0;
    this.#grant();
  }

  /** Ends for good: who waits gets null. */
  close(): void {
    this.#phase = "closed";
    for (const waiter of this.#waiters) this.#leave(waiter, null);
  }

  #fits(bytes: number): boolean {
    if (this.#phase !== "open") return false;
    return this.usedBytes + bytes <= this.bytesMax && this.promisedSpoolBytes + this.#spoolBytes(bytes) <= this.#spoolRoomBytes;
  }

  #spoolBytes(recordBytes: number): number {
    return Math.max(recordBytes, this.#spoolBytesPerRecord);
  }

  /** Whether best-effort may take bytes: the first waiter's are not to be had, or a steady stream would starve it. */
  #spare(bytes: number): boolean {
    let wantedBytes = bytes;
    if (this.#waiters.size > 0) {
      const [first] = this.#waiters;
      wantedBytes += first?.bytes ?? 0;
    }
    return this.usedBytes + wantedBytes <= this.bytesMax;
  }

  #reservation(bytes: number): Reservation {
    this.#reservedBytes += bytes;
    this.#reservedSpoolBytes += this.#spoolBytes(bytes);
    return new RoomReservation(this, bytes, this.#giveBack);
  }

  #unreserve(bytes: number): void {
    this.#reservedBytes -= bytes;
    this.#reservedSpoolBytes -= this.#spoolBytes(bytes);
  }

  #leave(waiter: Waiter, reservation: Reservation | null): void {
    clearTimeout(waiter.timer);
    this.#waiters.delete(waiter);
    waiter.resolve(reservation);
  }

  #giveUp(waiter: Waiter): void {
    this.#leave(waiter, null);
    // The first in line may have been the large one that kept the others waiting.
    this.#grant();
  }

  #grant(): void {
    if (this.#waiters.size === 0) return;
    for (const waiter of this.#waiters) {
      if (!this.#fits(waiter.bytes)) return;
      this.#leave(waiter, this.#reservation(waiter.bytes));
    }
  }
}

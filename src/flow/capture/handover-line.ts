/**
 * The line from the edge to the engine that all sources of an edge share: room, batches, what is in flight.
 *
 * Promise: a record is handed in once or turned away at once; never queued beyond the room.
 */
import type { CaptureRecord, LossReason, Reservation, Settlement } from "../../driver/source.ts";
import { isSidestreamError } from "../../errors.ts";
import { Batcher, type SealedBatch } from "./batcher.ts";
import { Flight, countEngineLost } from "./flight.ts";
import type { RouteLosses } from "./losses.ts";
import { measureRecord } from "./record.ts";
import { Room, type RoomBounds } from "./room.ts";

function measure(record: CaptureRecord): number | null {
  try {
    return measureRecord(record);
  } catch (error) {
    if (isSidestreamError(error)) return null;
    throw error;
  }
}

export class HandoverLine {
  readonly room: Room;
  readonly flight: Flight;
  readonly #batcher: Batcher;
  /** Whether an engine is there to take records. */
  accepting = false;
  #recordNumber = 0;

  /** @param send - Passes a sealed batch on to the engine that lives now. */
  constructor(bootId: Uint8Array, bounds: RoomBounds, send: (buffer: ArrayBuffer) => void) {
    this.room = new Room(bounds);
    this.flight = new Flight(this.room);
    this.#batcher = new Batcher(bootId, (batch: SealedBatch) => {
      this.flight.sent(batch);
      send(batch.buffer);
    });
  }

  /** Hands in a best-effort record. @returns Null when it was taken, else why not. */
  submit(record: CaptureRecord, sourceIndex: number, losses: RouteLosses): LossReason | null {
    if (!this.accepting) return "engine-lost";
    const recordBytes = measure(record);
    if (recordBytes === null) return "refused";
    if (!this.room.hand(this.#batcher.costOf(recordBytes))) return "no-room";
    this.#batcher.add(record, { sourceIndex, recordNumber: ++this.#recordNumber, durable: false }, recordBytes, losses);
    return null;
  }

  /** Hands in a durable record; null when it was turned away as `refused` or `lost` without reaching a batch. */
  submitDurable(record: CaptureRecord, reservation: Reservation, sourceIndex: number): Promise<Settlement> {
    const recordBytes = this.accepting ? measure(record) : null;
    if (recordBytes === null) {
      reservation.release();
      return Promise.resolve(this.accepting ? "refused" : "lost");
    }
    const cost = this.#batcher.costOf(recordBytes);
    if (!this.room.exchange(reservation, cost)) return Promise.resolve("refused");
    const recordNumber = ++this.#recordNumber;
    const settlement = this.flight.settlement(recordNumber, cost);
    this.#batcher.add(record, { sourceIndex, recordNumber, durable: true }, recordBytes, null);
    return settlement;
  }

  flush(): void {
    this.#batcher.flush();
  }

  /** The engine died: what it had, and what was about to go to it, is lost. @returns Records lost. */
  engineDied(): { readonly durable: number; readonly bestEffort: number } {
    const gathered = countEngineLost(this.#batcher.discard());
    const { durable, bestEffort } = this.flight.lose();
    return { durable, bestEffort: bestEffort + gathered };
  }
}

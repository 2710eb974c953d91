/**
 * What the engine tells the edge, as bytes: credits, settlements, room in the spool.
 *
 * Promise: what one loop turn of the engine gathered travels as one message. The edge reads the settlements before the
 * room, so that a record is never missing from both.
 */
import type { Settlement } from "../../driver/source.ts";
import {
  HANDOVER_VERSION,
  SETTLE,
  SETTLEMENT_BYTES,
  SETTLE_HEADER_BYTES,
  SETTLE_MAGIC,
  invalidHandover,
  readU53,
  writeU53,
} from "./layout.ts";

/** How the engine ends a durable record. `lost` is what the edge says when the engine died. */
export type EngineSettlement = Exclude<Settlement, "lost">;

/** As told to the edge: also a record, durable or not, whose inside the engine could not read. */
export type ToldOutcome = EngineSettlement | "unreadable";

/** The number that stands for an outcome is its place here; the list only ever grows at its end. */
const TOLD_OUTCOMES: readonly ToldOutcome[] = ["spooled", "refused", "unreadable"];

export interface SettleMessage {
  /** Bytes of batches that the engine is done with. */
  readonly creditBytes: number;
  /** Bytes of records that the spool can surely take; null when it has not changed. */
  readonly roomBytes: number | null;
  readonly settlements: readonly { readonly recordNumber: number; readonly outcome: ToldOutcome }[];
}

/** Gathers, on the engine thread, what the edge is to be told. */
export class SettleGatherer {
  #recordNumbers: number[] = [];
  #outcomes: number[] = [];
  #creditBytes = 0;
  #roomBytes: number | null = null;

  settle(recordNumber: number, outcome: ToldOutcome): void {
    this.#recordNumbers.push(recordNumber);
    this.#outcomes.push(TOLD_OUTCOMES.indexOf(outcome));
  }

  credit(bytes: number): void {
    this.#creditBytes += bytes;
  }

  room(bytes: number): void {
    this.#roomBytes = bytes;
  }

  /** Writes what was gathered and begins anew; null when there is nothing to tell. */
  take(): ArrayBuffer | null {
    if (this.#creditBytes === 0 && this.#roomBytes === null && this.#recordNumbers.length === 0) return null;
    const buffer = new ArrayBuffer(SETTLE_HEADER_BYTES + this.#recordNumbers.length * SETTLEMENT_BYTES);
    const view = new DataView(buffer);
    view.setUint32(SETTLE.magic, SETTLE_MAGIC, true);
    view.setUint8(SETTLE.version, HANDOVER_VERSION);
    view.setUint8(SETTLE.hasRoom, this.#roomBytes === null ? 0 : 1);
    view.setUint32(SETTLE.settlementCount, this.#recordNumbers.length, true);
    writeU53(view, SETTLE.creditBytes, this.#creditBytes);
    writeU53(view, SETTLE.roomBytes, this.#roomBytes ?? 0);
    let offset = SETTLE_HEADER_BYTES;
    for (const [index, recordNumber] of this.#recordNumbers.entries()) {
      writeU53(view, offset, recordNumber);
      view.setUint32(offset + 8, this.#outcomes[index] ?? 0, true);
      offset += SETTLEMENT_BYTES;
    }
    this.#recordNumbers = [];
    this.#outcomes = [];
    this.#creditBytes = 0;
    this.#roomBytes = null;
    return buffer;
  }
}

/**
 * Reads a settle message, on the edge thread.
 *
 * @throws {@link SidestreamError} `SST_HANDOVER_INVALID`: nothing of it is to be believed.
 */
export function decodeSettle(buffer: ArrayBuffer): SettleMessage {
  const place = "settle message";
  if (buffer.byteLength < SETTLE_HEADER_BYTES) throw invalidHandover(place, `${buffer.byteLength} bytes are too few for a header`);
  const view = new DataView(buffer);
  if (view.getUint32(SETTLE.magic, true) !== SETTLE_MAGIC) throw invalidHandover(place, "these bytes are not a settle message");
  const version = view.getUint8(SETTLE.version);
  if (version !== HANDOVER_VERSION) throw invalidHandover(place, `version ${version}; this edge reads version ${HANDOVER_VERSION}`);
  const hasRoom = view.getUint8(SETTLE.hasRoom);
  const zeros = view.getUint16(SETTLE.zero, true) + view.getUint32(SETTLE.zero2, true);
  if (hasRoom > 1 || zeros !== 0) throw invalidHandover(place, "flags or bytes kept for later are not known");
  const count = view.getUint32(SETTLE.settlementCount, true);
  const bytes = SETTLE_HEADER_BYTES + count * SETTLEMENT_BYTES;
  if (bytes !== buffer.byteLength) throw invalidHandover(place, `${count} settlements take ${bytes} bytes, it has ${buffer.byteLength}`);
  const creditBytes = readU53(view, SETTLE.creditBytes);
  const roomBytes = readU53(view, SETTLE.roomBytes);
  if (Number.isNaN(creditBytes) || Number.isNaN(roomBytes)) throw invalidHandover(place, "credit or room is out of range");
  const settlements: { recordNumber: number; outcome: ToldOutcome }[] = [];
  for (let offset = SETTLE_HEADER_BYTES; offset < bytes; offset += SETTLEMENT_BYTES) {
    const recordNumber = readU53(view, offset);
    const outcome = TOLD_OUTCOMES[view.getUint32(offset + 8, true)];
    if (Number.isNaN(recordNumber) || outcome === undefined) throw invalidHandover(place, `settlement at byte ${offset} is not known`);
    settlements.push({ recordNumber, outcome });
  }
  return { creditBytes, roomBytes: hasRoom === 1 ? roomBytes : null, settlements };
}

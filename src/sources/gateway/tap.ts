/**
 * Keeps the first bytes of a body while it goes by.
 *
 * Promise: it never holds a body up and never keeps more than its bound; what it doesn't keep it counts. Slices are
 * kept as they came, without a copy, save for a body in crumbs, where each slice would weigh more than its bytes.
 */
import type { RecordBody } from "../../driver/source.ts";

/** Slices kept as they are; from then on small ones are put together. */
const SLICES_AS_THEY_CAME = 16;
/** Below this a slice is small: the object around it is about as heavy. */
const SMALL_BYTES = 512;
const BLOCK_BYTES = 8 * 1024;

/** Takes memory for body bytes; false when there is none. */
export type Hold = (bytes: number) => boolean;

export class BodyTap {
  readonly #bytesMax: number;
  #hold: Hold | null;
  #slices: Buffer[] = [];
  #keptBytes = 0;
  #heldBytes = 0;
  #sizeBytes = 0;
  #closed = false;
  #block: Buffer | null = null;
  #blockUsed = 0;

  /** @param hold - Null where room was reserved beforehand. */
  constructor(bytesMax: number, hold: Hold | null) {
    this.#bytesMax = bytesMax;
    this.#hold = hold;
  }

  /** Bytes taken with `hold`, to be given back after the record was handed in. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  add(chunk: Buffer): void {
    this.#sizeBytes += chunk.length;
    if (this.#closed || chunk.length === 0) return;
    const bytes = Math.min(chunk.length, this.#bytesMax - this.#keptBytes);
    if (bytes < chunk.length) this.#closed = true;
    if (bytes === 0) return;
    if (this.#hold !== null) {
      if (!this.#hold(bytes)) {
        this.#closed = true;
        return;
      }
      this.#heldBytes += bytes;
    }
    this.#keptBytes += bytes;
    this.#keep(bytes === chunk.length ? chunk : chunk.subarray(0, bytes));
  }

  /** Keeps nothing of what comes: for streams without end. */
  stop(): void {
    this.#closed = true;
  }

  /** From now on bytes must be held; also those kept so far, or they are let go. */
  holdFrom(hold: Hold): void {
    this.#hold = hold;
    if (this.#keptBytes === 0) return;
    if (hold(this.#keptBytes)) {
      this.#heldBytes = this.#keptBytes;
      return;
    }
    this.#slices = [];
    this.#block = null;
    this.#keptBytes = 0;
    this.#closed = true;
  }

  /** What was kept. To be called once, at the end. */
  body(): RecordBody {
    this.#closeBlock();
    return { slices: this.#slices, sizeBytes: this.#sizeBytes, truncated: this.#keptBytes < this.#sizeBytes };
  }

  #keep(slice: Buffer): void {
    if (slice.length >= SMALL_BYTES || this.#slices.length < SLICES_AS_THEY_CAME) {
      this.#closeBlock();
      this.#slices.push(slice);
      return;
    }
    if (this.#block === null || this.#blockUsed + slice.length > BLOCK_BYTES) {
      this.#closeBlock();
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    }
    this.#blockUsed += slice.copy(this.#block, this.#blockUsed);
  }

  #closeBlock(): void {
    if (this.#block !== null) this.#slices.push(this.#block.subarray(0, this.#blockUsed));
    this.#block = null;
    this.#blockUsed = 0;
  }
}

/**
 * The messages between reading and the confirmation on disk: what a kill can double.
 *
 * Promise: never more than `messagesMax` of them, nor more than `bytesMax` bytes save for a single message that is larger.
 */
import assert from "node:assert/strict";

/** Bytes of messages held in memory per destination: 64 of the largest by default, far more of the usual ones. */
export const WINDOW_BYTES_MAX = 64 * 1024 * 1024;

export class Window {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  readonly #bytesBySequence = new Map<number, number>();
  #bytes = 0;

  constructor(messagesMax: number, bytesMax: number = WINDOW_BYTES_MAX) {
    this.#messagesMax = messagesMax;
    this.#bytesMax = bytesMax;
  }

  get messageCount(): number {
    return this.#bytesBySequence.size;
  }

  hasRoom(bytes: number): boolean {
    if (this.messageCount === 0) return true;
    return this.messageCount < this.#messagesMax && this.#bytes + bytes <= this.#bytesMax;
  }

  take(logSequence: number, bytes: number): void {
    assert(!this.#bytesBySequence.has(logSequence), `message ${logSequence} was read twice`);
    this.#bytesBySequence.set(logSequence, bytes);
    this.#bytes += bytes;
  }

  release(logSequence: number): void {
    const bytes = this.#bytesBySequence.get(logSequence);
    assert(bytes !== undefined, `message ${logSequence} left the window twice`);
    this.#bytesBySequence.delete(logSequence);
    this.#bytes -= bytes;
  }
}

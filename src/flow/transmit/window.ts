/**
 * The messages between reading and the confirmation on disk: what a kill can double.
 *
 * Promise: never more than `messagesMax` of them, nor more than `bytesMax` bytes save for a single message that is larger.
 */
import assert from "node:assert/strict";

/** Bytes of messages held in memory per destination: 64 of the largest by default, far more of the usual ones. */
export const WINDOW_BYTES_MAX = 64 * 1024 * 1024;
/** Lanes that are stuck keep one message each beside the window, up to these bounds; beyond them they take room in it. */
export const ASIDE_MESSAGES_MAX = 1_000;
export const ASIDE_BYTES_MAX = 32 * 1024 * 1024;

export class Window {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  readonly #bytesBySequence = new Map<number, number>();
  #bytes = 0;
  /** First messages of lanes that are stuck. */
  readonly #aside = new Map<number, number>();
  #asideBytes = 0;

  constructor(messagesMax: number, bytesMax: number = WINDOW_BYTES_MAX) {
    this.#messagesMax = messagesMax;
    this.#bytesMax = bytesMax;
  }

  /** Messages in memory. */
  get messageCount(): number {
    return this.#bytesBySequence.size + this.#aside.size;
  }

  hasRoom(bytes: number): boolean {
    const count = this.#bytesBySequence.size;
    if (count === 0) return true;
    return count < this.#messagesMax && this.#bytes + bytes <= this.#bytesMax;
  }

  /** It was taken and not released. */
  holds(logSequence: number): boolean {
    return this.#bytesBySequence.has(logSequence) || this.#aside.has(logSequence);
  }

  take(logSequence: number, bytes: number): void {
    assert(!this.#bytesBySequence.has(logSequence) && !this.#aside.has(logSequence), `message ${logSequence} was read twice`);
    this.#bytesBySequence.set(logSequence, bytes);
    this.#bytes += bytes;
  }

  release(logSequence: number): void {
    const asideBytes = this.#aside.get(logSequence);
    if (asideBytes !== undefined) {
      this.#aside.delete(logSequence);
      this.#asideBytes -= asideBytes;
      return;
    }
    const bytes = this.#bytesBySequence.get(logSequence);
    assert(bytes !== undefined, `message ${logSequence} left the window twice`);
    this.#bytesBySequence.delete(logSequence);
    this.#bytes -= bytes;
  }

  /** The message stays in memory, but takes no room from others any more, as long as there is room beside. */
  putAside(logSequence: number): void {
    const bytes = this.#bytesBySequence.get(logSequence);
    if (bytes === undefined || this.#aside.size >= ASIDE_MESSAGES_MAX || this.#asideBytes + bytes > ASIDE_BYTES_MAX) return;
    this.release(logSequence);
    this.#aside.set(logSequence, bytes);
    this.#asideBytes += bytes;
  }
}

/**
 * Gathers the body of a post in memory that is counted.
 *
 * Promise: it takes no more than twice the bytes that came, in whatever crumbs they come, and none that the capture
 * port doesn't grant; `release` gives all of it back.
 */
import type { CapturePort } from "../../driver/source.ts";

/** What most events fit into. */
const FIRST_BYTES = 4 * 1024;

export class GatheredBody {
  readonly #port: Pick<CapturePort, "hold" | "unhold">;
  readonly #bytesMax: number;
  #buffer = Buffer.alloc(0);
  #usedBytes = 0;

  constructor(port: Pick<CapturePort, "hold" | "unhold">, bytesMax: number) {
    this.#port = port;
    this.#bytesMax = bytesMax;
  }

  /** @returns Why the chunk was not taken; null when it was. */
  add(chunk: Buffer): "too-large" | "no-room" | null {
    const neededBytes = this.#usedBytes + chunk.length;
    if (neededBytes > this.#bytesMax) return "too-large";
    if (neededBytes > this.#buffer.length && !this.#grow(neededBytes)) return "no-room";
    chunk.copy(this.#buffer, this.#usedBytes);
    this.#usedBytes = neededBytes;
    return null;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#usedBytes);
  }

  release(): void {
    this.#port.unhold(this.#buffer.length);
    this.#buffer = Buffer.alloc(0);
    this.#usedBytes = 0;
  }

  #grow(neededBytes: number): boolean {
    const sizeBytes = Math.min(this.#bytesMax, Math.max(neededBytes, FIRST_BYTES, this.#buffer.length * 2));
    if (!this.#port.hold(sizeBytes - this.#buffer.length)) return false;
    // Slow means: with memory of its own, not a share of a pool that would outlive what is counted.
    const larger = Buffer.allocUnsafeSlow(sizeBytes);
    this.#buffer.copy(larger, 0, 0, this.#usedBytes);
    this.#buffer = larger;
    return true;
  }
}

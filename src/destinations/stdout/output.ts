/**
 * Writes to a file descriptor that may be a pipe with a slow reader.
 *
 * Promise: one write at a time per descriptor, over all connections of a thread; whole lines unless it says otherwise,
 * and a line that was cut off is ended before the next one begins. What is told as taken was taken by the system:
 * `process.stdout` of a worker thread would hold it in memory and hand it to the main thread later.
 */
import { write } from "node:fs";
import { isMainThread } from "node:worker_threads";

/** About what a pipe holds; between two writes an abort is noticed. */
const CHUNK_BYTES = 64 * 1024;
/** How long to wait for a reader that is slow: short for one that is busy, bounded so that its return is noticed. */
const WAIT_MS_MIN = 5;
const WAIT_MS_MAX = 100;
const NEWLINE = 0x0a;

export interface Written {
  /** Bytes of the text that the system took, from its start. */
  readonly bytes: number;
  /** Why not all; null when all were taken or the signal was aborted. */
  readonly error: unknown;
}

export class Output {
  readonly #descriptor: number;
  #turn: Promise<unknown> = Promise.resolve();
  #torn = false;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    // Its making turns a pipe to non-blocking; a blocked write could not be given up, and would hold up the exit. In a
    // worker thread the main thread has done so.
    if (isMainThread && descriptor === 1) void process.stdout;
  }

  /** @param text - Whole lines. Settles when all is taken, at an error, or some time after the signal is aborted. */
  write(text: Buffer, signal: AbortSignal): Promise<Written> {
    const turn = this.#turn.then(() => this.#write(text, signal));
    this.#turn = turn;
    return turn;
  }

  async #write(text: Buffer, signal: AbortSignal): Promise<Written> {
    if (this.#torn) {
      const ended = await this.#writeBytes(Buffer.of(NEWLINE), signal);
      if (ended.bytes === 0) return ended;
      this.#torn = false;
    }
    const written = await this.#writeBytes(text, signal);
    this.#torn = written.bytes > 0 && text[written.bytes - 1] !== NEWLINE;
    return written;
  }

  async #writeBytes(text: Buffer, signal: AbortSignal): Promise<Written> {
    let bytes = 0;
    let waitMs = WAIT_MS_MIN;
    while (bytes < text.length && !signal.aborted) {
      try {
        bytes += await writeSome(this.#descriptor, text, bytes, Math.min(CHUNK_BYTES, text.length - bytes));
        waitMs = WAIT_MS_MIN;
      } catch (error) {
        if (!isFull(error)) return { bytes, error };
        await pause(waitMs, signal);
        waitMs = Math.min(WAIT_MS_MAX, waitMs * 2);
      }
    }
    return { bytes, error: null };
  }
}

function writeSome(descriptor: number, text: Buffer, offset: number, length: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(descriptor, text, offset, length, null, (error, bytes) => (error === null ? resolve(bytes) : reject(error)));
  });
}

/** A non-blocking pipe whose reader is behind. */
function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}

function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, waitMs);
    signal.addEventListener("abort", end, { once: true });
  });
}

/**
 * One way of a connection through the fault proxy: bytes come from one socket and go to the other, in order.
 *
 * Promise: at most {@link QUEUED_BYTES_MAX} and one read are kept; beyond that the sender is not read from, as a network
 * that is full does. The end of a connection keeps its place behind the bytes that came before it.
 */
import type { Socket } from "node:net";

/** Enough for some requests under way, little enough that a sender notices soon that nobody takes more. */
export const QUEUED_BYTES_MAX = 1024 * 1024;
/** A slow way gets its bytes in so many portions a second, so that it is slow and not choppy. */
const PORTIONS_PER_SECOND = 20;

/** What is wrong with one way, for all connections of a proxy. */
export interface WayFaults {
  /** Each piece goes on so long after it came. */
  delayMs: number;
  /** Null: as fast as it goes. */
  bytesPerSecond: number | null;
  /** Nothing goes on; it does once this is false again. */
  isHeld: boolean;
  /** What comes in is gone. */
  isSwallowed: boolean;
}

export const noFaults = (): WayFaults => ({ delayMs: 0, bytesPerSecond: null, isHeld: false, isSwallowed: false });

/** How a sender's part of a connection ended: in good order, or not. */
type Ending = "end" | "reset";

interface Piece {
  readonly content: Buffer | Ending;
  readonly dueMs: number;
}

export interface PipeParts {
  readonly from: Socket;
  readonly to: Socket;
  readonly faults: WayFaults;
  /** Bytes came in; faults that are set now hold for them. */
  readonly arrived: (chunk: Buffer) => void;
  /** Bytes were given to the system for the other side. */
  readonly passed: (chunk: Buffer) => void;
}

/**
 * Ends a connection by RST; by FIN where its end is on the way already. Node can't reset it then: it says EINVAL, keeps the
 * socket open, and waits for it for ever at the end of the process.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

export class Pipe {
  /** Held alone, whatever holds for the others. */
  isHeld = false;
  readonly #parts: PipeParts;
  #queue: Piece[] = [];
  #queuedBytes = 0;
  #isFull = false;
  #hasEnded = false;
  #isAbandoned = false;
  #mayPassMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #hasSwallowed = false;

  constructor(parts: PipeParts) {
    this.#parts = parts;
    const { from, to } = parts;
    from.on("data", (chunk: Buffer) => this.#take(chunk));
    from.on("end", () => this.#end("end"));
    from.on("close", () => this.#end("reset"));
    to.on("drain", () => {
      this.#isFull = false;
      this.pass();
    });
    to.on("close", () => this.abandon());
    from.resume();
  }

  /** Some of what came was thrown away, or that it ended: the two sides can't go on with each other. */
  get hasSwallowed(): boolean {
    return this.#hasSwallowed;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Passes on what may go now; to be called when the faults have changed. */
  pass(): void {
    const { to, faults } = this.#parts;
    for (let piece = this.#queue[0]; piece !== undefined && !this.#isFull && !faults.isHeld && !this.isHeld; piece = this.#queue[0]) {
      const waitMs = Math.max(piece.dueMs, this.#mayPassMs) - performance.now();
      if (waitMs > 0) return this.#passIn(waitMs);
      if (!Buffer.isBuffer(piece.content)) {
        this.abandon();
        if (piece.content === "end") to.end();
        else reset(to);
        return;
      }
      this.#write(piece.content, piece.dueMs);
    }
  }

  /** Nothing more goes on, whatever comes: it is read and thrown away, so that its end shows. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#parts.from.resume();
  }

  #take(chunk: Buffer): void {
    if (this.#isAbandoned) return;
    const { from, faults, arrived } = this.#parts;
    arrived(chunk);
    if (faults.isSwallowed) {
      this.#hasSwallowed = true;
      return;
    }
    // What it was told of may have cut the connection.
    if (this.#isAbandoned) return;
    this.#queue.push({ content: chunk, dueMs: performance.now() + faults.delayMs });
    this.#queuedBytes += chunk.length;
    this.pass();
    if (this.#queuedBytes >= QUEUED_BYTES_MAX) from.pause();
  }

  #end(how: Ending): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.#isAbandoned) return;
    if (this.#parts.faults.isSwallowed) {
      this.#hasSwallowed = true;
      return;
    }
    this.#queue.push({ content: how, dueMs: performance.now() + this.#parts.faults.delayMs });
    this.pass();
  }

  #write(content: Buffer, dueMs: number): void {
    const { from, to, faults, passed } = this.#parts;
    const rate = faults.bytesPerSecond;
    const portion = rate === null ? content : content.subarray(0, Math.max(1, Math.floor(rate / PORTIONS_PER_SECOND)));
    if (rate !== null) this.#mayPassMs = performance.now() + (portion.length / rate) * 1000;
    if (portion.length === content.length) this.#queue.shift();
    else this.#queue[0] = { content: content.subarray(portion.length), dueMs };
    this.#queuedBytes -= portion.length;
    this.#isFull = !to.write(portion);
    passed(portion);
    if (this.#queuedBytes < QUEUED_BYTES_MAX) from.resume();
  }

  #passIn(waitMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.pass(), Math.ceil(waitMs));
  }
}

/**
 * Gives the response to the client: at once, or (held) so that its end waits.
 *
 * Promise: while held, the last chunk (or the head, where there is no body) stays here until `complete`, so no client
 * takes the response for whole before that; one chunk is all the memory it takes. A response that is never completed
 * is cut, so that it never looks whole.
 */
import type { ServerResponse } from "node:http";
import { asWritten, trailerPairs } from "./headers.ts";

export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  /** Fields as forwarded, flat. */
  readonly headers: readonly string[];
  /** No body follows: HEAD, 204, 304, Content-Length 0. */
  readonly bodiless: boolean;
}

export class Release {
  readonly #response: ServerResponse;
  readonly #held: boolean;
  #last: Buffer | null = null;
  #ended = false;

  constructor(response: ServerResponse, held: boolean) {
    this.#response = response;
    this.#held = held;
  }

  /**
   * Begins the response.
   *
   * @param close - The connection ends with this response.
   * @throws TypeError when a field or the reason has characters that can't be written.
   */
  begin(head: ResponseHead, close: boolean): void {
    const response = this.#response;
    const headers = asWritten(head.headers);
    response.sendDate = false;
    if (close || !response.shouldKeepAlive) headers.push("Connection", "close");
    else response.removeHeader("Connection");
    response.writeHead(head.status, head.reason, headers);
    // `writeHead` only stores the head. One that nothing follows for a while must not wait for the first chunk; a
    // short response that is already here goes out in one piece.
    if (!(this.#held && head.bodiless)) setImmediate(() => this.#flushHead());
  }

  /** @returns False when the client should be waited for (`drain`). */
  chunk(chunk: Buffer): boolean {
    if (!this.#held) return this.#response.write(chunk);
    const before = this.#last;
    this.#last = chunk;
    return before === null ? true : this.#response.write(before);
  }

  /** Ends the response: what was held goes out. */
  complete(rawTrailers: readonly string[]): void {
    this.#ended = true;
    const response = this.#response;
    if (rawTrailers.length > 0 && response.chunkedEncoding) response.addTrailers(trailerPairs(rawTrailers));
    if (this.#last === null) response.end();
    else response.end(this.#last);
    this.#last = null;
  }

  #flushHead(): void {
    if (!this.#ended && !this.#response.destroyed) this.#response.flushHeaders();
  }
}

/**
 * Requests that a client sends on one connection without waiting for answers.
 *
 * Promise: they are forwarded one after another, so that one client has one upstream connection and effects keep the
 * order of the requests. The line is bounded: a client that fills it is cut off.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Requests waiting on one connection. Browsers send none ahead, load tools up to a few dozen. */
const WAITING_MAX = 64;

interface Line {
  busy: boolean;
  readonly waiting: { readonly response: ServerResponse; readonly begin: () => void }[];
}

export class Pipeline {
  readonly #lines = new WeakMap<Socket, Line>();

  isBusy(socket: Socket): boolean {
    return this.#lines.get(socket)?.busy ?? false;
  }

  /** Calls `begin` once the responses before it on the connection are out; never, when the connection ends with them. */
  enter(socket: Socket, response: ServerResponse, begin: () => void): void {
    let line = this.#lines.get(socket);
    if (line === undefined) {
      line = { busy: false, waiting: [] };
      this.#lines.set(socket, line);
    }
    if (!line.busy) {
      this.#begin(line, socket, response, begin);
      return;
    }
    if (line.waiting.length >= WAITING_MAX) {
      line.waiting.length = 0;
      socket.destroy();
      return;
    }
    line.waiting.push({ response, begin });
  }

  #begin(line: Line, socket: Socket, response: ServerResponse, begin: () => void): void {
    // A connection that ends with the response before: what comes after it must not reach the upstream.
    if (!socket.writable) return;
    line.busy = true;
    response.once("close", () => {
      line.busy = false;
      const next = line.waiting.shift();
      if (next !== undefined) this.#begin(line, socket, next.response, next.begin);
    });
    begin();
  }
}

/**
 * One connection to an agent's admin WebSocket, from the handshake to its end.
 *
 * Promise: `ended` settles, with the reason, however the connection ends; a connection on which nothing comes ends by
 * itself; a frame beyond the bound ends it before it is in memory.
 */
import type { RawData, WebSocket } from "ws";

/** The code with which ws tells of a frame beyond the bound. */
const TOO_LARGE = "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH";
const NORMAL_CLOSURE = 1_000;

export interface Heard {
  /** A frame of text. */
  onText(data: Buffer): void;
  /** A frame that is none of an agent. */
  onOdd(reason: string): void;
}

export class AgentSocket {
  /** Why it ended. Never rejects. */
  readonly ended: Promise<string>;
  readonly #socket: WebSocket;
  readonly #silence: NodeJS.Timeout;
  #reason: string | null = null;

  /** @param socket - Just made, its handshake under way. */
  constructor(socket: WebSocket, silenceMs: number, heard: Heard) {
    this.#socket = socket;
    this.#silence = setTimeout(() => this.cut(`nothing came for ${silenceMs / 1000} s`), silenceMs);
    socket.on("message", (data: RawData, isBinary: boolean) => {
      this.#silence.refresh();
      if (isBinary) heard.onOdd("it is not text");
      else if (this.#reason === null) heard.onText(data as Buffer);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      const isTooLarge = error.code === TOO_LARGE;
      if (isTooLarge) heard.onOdd("it is larger than frameBytesMax");
      this.cut(isTooLarge ? "an event is larger than frameBytesMax" : error.message === "" ? (error.code ?? "it failed") : error.message);
    });
    this.ended = new Promise((resolve) => {
      socket.once("close", (code: number) => {
        clearTimeout(this.#silence);
        resolve(this.#reason ?? `the other side closed it, with code ${code}`);
      });
    });
  }

  /** Asks the other side to end it, too. */
  end(reason: string): void {
    this.#reason ??= reason;
    this.#socket.close(NORMAL_CLOSURE);
  }

  /** Ends it here and now. */
  cut(reason: string): void {
    this.#reason ??= reason;
    this.#socket.terminate();
  }
}

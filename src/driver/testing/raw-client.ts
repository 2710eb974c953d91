/** A bare TCP client for the tests of sources that listen: it sends what it is told and keeps what it gets. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";

/** A test that waits this long has failed; it says what came instead. */
const PATIENCE_MS = 10_000;

export class RawClient {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      socket.emit("received");
    });
    socket.on("error", () => {}); // A reset shows as `close`.
  }

  static async connect(address: string): Promise<RawClient> {
    const url = new URL(address);
    const socket = connect({ port: Number(url.port), host: url.hostname.replace(/^\[|\]$/g, ""), allowHalfOpen: true });
    await once(socket, "connect");
    return new RawClient(socket);
  }

  /** What came so far, as latin1. */
  get text(): string {
    return this.#bytes.toString("latin1");
  }

  send(text: string | Buffer): this {
    this.socket.write(typeof text === "string" ? Buffer.from(text, "latin1") : text);
    return this;
  }

  /** Settles once what came satisfies the test; rejects when the connection ended before. */
  async until(test: (text: string) => boolean): Promise<string> {
    const late = setTimeout(() => this.socket.destroy(), PATIENCE_MS);
    try {
      return await this.#until(test);
    } finally {
      clearTimeout(late);
    }
  }

  async #until(test: (text: string) => boolean): Promise<string> {
    while (!test(this.text)) {
      if (this.socket.closed || this.socket.readableEnded)
        throw new Error(`the connection ended after: ${JSON.stringify(this.text.slice(0, 500))}`);
      const wait = new AbortController();
      await Promise.race(["received", "end", "close"].map((event) => once(this.socket, event, { signal: wait.signal })));
      wait.abort();
    }
    return this.text;
  }

  /** Settles once `part` came. */
  untilText(part: string): Promise<string> {
    return this.until((text) => text.includes(part));
  }

  /** Settles with all that came, once the other side ended the connection. */
  async ended(): Promise<string> {
    if (!this.socket.readableEnded && !this.socket.closed) {
      const late = setTimeout(() => this.socket.destroy(new Error("late")), PATIENCE_MS);
      const wait = new AbortController();
      await Promise.race(["end", "close"].map((event) => once(this.socket, event, { signal: wait.signal })));
      wait.abort();
      clearTimeout(late);
      if (this.socket.errored?.message === "late")
        throw new Error(`the connection never ended; it brought: ${JSON.stringify(this.text.slice(0, 500))}`);
    }
    this.socket.destroy();
    return this.text;
  }
}

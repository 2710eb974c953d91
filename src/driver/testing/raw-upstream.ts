/** A scripted TCP server for the tests of the gateway: it notes the bytes it gets and answers bytes. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

/** One connection to the upstream. */
export interface UpstreamConnection {
  readonly socket: Socket;
  /** All bytes that came on it, as latin1. */
  text: string;
}

/** Called with each arrival; answers when it likes what came. */
export type UpstreamScript = (connection: UpstreamConnection, chunk: string) => void;

export class RawUpstream {
  readonly connections: UpstreamConnection[] = [];
  readonly #server: Server;

  private constructor(script: UpstreamScript) {
    this.#server = createServer((socket) => {
      const connection: UpstreamConnection = { socket, text: "" };
      this.connections.push(connection);
      socket.on("error", () => {});
      socket.on("data", (chunk: Buffer) => {
        connection.text += chunk.toString("latin1");
        script(connection, chunk.toString("latin1"));
      });
      this.#server.emit("arrived", connection);
    });
  }

  static async listen(script: UpstreamScript): Promise<RawUpstream> {
    const upstream = new RawUpstream(script);
    upstream.#server.listen(0, "127.0.0.1");
    await once(upstream.#server, "listening");
    return upstream;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** All that came on all connections. */
  get text(): string {
    return this.connections.map(({ text }) => text).join("");
  }

  /** Settles with the connection of this number, from 0. */
  async connection(number: number): Promise<UpstreamConnection> {
    for (;;) {
      const connection = this.connections[number];
      if (connection !== undefined) return connection;
      await once(this.#server, "arrived");
    }
  }

  close(): void {
    this.#server.close();
    for (const { socket } of this.connections) socket.destroy();
  }
}

/** Answers each request that has no body with these bytes. */
export function answering(bytes: string): UpstreamScript {
  return (connection, chunk) => {
    if (chunk.endsWith("\r\n\r\n")) connection.socket.write(Buffer.from(bytes, "latin1"));
  };
}

/**
 * The socket on which writers of journals say that there is more to read.
 *
 * Promise: nothing depends on it. Who can't be told is left alone, and journals are looked at by the clock as well.
 *
 * @see docs/journal-format.md, section 5.
 */
import { once } from "node:events";
import { chmod, rename, rm, stat } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { identityOf, isInPlace } from "./file-identity.ts";

export const WAKE_SOCKET = "wake";
/** The name while it is made. What listens removes at its end the name it was given, whosever that is by then. */
const NEW_SOCKET = "wake.new";
const SOCKET_MODE = 0o600;
/** What the kernel takes as the address of a Unix socket, its final zero included. */
const PATH_BYTES_MAX = 107;
const CONNECTIONS_MAX = 1_000;
/** A name and its line feed; who sends more before one is no writer of journals. */
const HELLO_BYTES_MAX = 256;

/** Bytes that go to a writer. */
export const TOLD = { wakeMe: "w", lookAtAck: "a" } as const;

export class WakeSocket {
  readonly #server: Server;
  readonly #path: string;
  /** Of the file that it listens on. */
  #identity: string | null = null;
  readonly #writers = new Map<string, Set<Socket>>();
  readonly #sockets = new Set<Socket>();
  readonly #onWake: (journal: string) => void;

  private constructor(path: string, onWake: (journal: string) => void) {
    this.#path = path;
    this.#onWake = onWake;
    this.#server = createServer((socket) => this.#greet(socket));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /**
   * Listens in the folder, whose lock the caller holds: a socket that is there is left from a process that is gone.
   *
   * @returns Why it can't, as text: journals are looked at by the clock alone then.
   */
  static async open(folder: string, onWake: (journal: string) => void): Promise<WakeSocket | string> {
    const path = join(folder, WAKE_SOCKET);
    const made = join(folder, NEW_SOCKET);
    if (Buffer.byteLength(made) > PATH_BYTES_MAX)
      return `the path ${made} is longer than the ${PATH_BYTES_MAX} bytes that a socket may have`;
    const socket = new WakeSocket(path, onWake);
    try {
      await rm(made, { force: true });
      socket.#server.listen(made);
      await once(socket.#server, "listening");
      await chmod(made, SOCKET_MODE);
      socket.#identity = identityOf(await stat(made));
      await rename(made, path);
      return socket;
    } catch (error) {
      await socket.close();
      return `it can't listen on ${path}: ${(error as Error).message}`;
    }
  }

  /** True: a writer of this journal listens. */
  has(journal: string): boolean {
    return this.#writers.has(journal);
  }

  tell(journal: string, what: string): void {
    for (const socket of this.#writers.get(journal) ?? []) {
      // A writer that doesn't read is none to be waited for.
      if (socket.writableLength > HELLO_BYTES_MAX) socket.destroy();
      else socket.write(what);
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    await this.#removeOwn();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** Where the folder was removed and made again, another may listen under the name. */
  async #removeOwn(): Promise<void> {
    if (this.#identity !== null && (await isInPlace(this.#path, this.#identity)))
      await rm(this.#path, { force: true }).catch(() => undefined);
  }

  #greet(socket: Socket): void {
    let hello = "";
    let journal: string | null = null;
    this.#sockets.add(socket);
    socket.setEncoding("latin1");
    socket.on("error", () => {}); // "close" follows.
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (journal !== null) this.#leave(journal, socket);
    });
    socket.on("data", (text: string) => {
      if (journal !== null) return text.includes("w") ? this.#onWake(journal) : undefined;
      hello += text;
      const end = hello.indexOf("\n");
      if (end < 0 || end > HELLO_BYTES_MAX) return hello.length > HELLO_BYTES_MAX ? void socket.destroy() : undefined;
      journal = hello.slice(0, end);
      this.#enter(journal, socket);
      this.#onWake(journal);
    });
  }

  #enter(journal: string, socket: Socket): void {
    const sockets = this.#writers.get(journal) ?? new Set();
    this.#writers.set(journal, sockets.add(socket));
  }

  #leave(journal: string, socket: Socket): void {
    const sockets = this.#writers.get(journal);
    sockets?.delete(socket);
    if (sockets?.size === 0) this.#writers.delete(journal);
  }
}

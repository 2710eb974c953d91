/**
 * A TCP proxy before one broker that does to its connections what networks do: cuts, delays, half-open connections,
 * black holes, slow readers, refusals.
 *
 * Promise: without a fault every byte goes on, in order. A fault is set and healed while it runs, and holds for new
 * connections too. Memory is bounded: connections, and bytes of each. Kafka's requests are told as they pass, before
 * anything that comes after them, so that a fault can be aimed at one.
 */
import { createServer, connect, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { KafkaRequests, type KafkaRequest } from "./kafka-requests.ts";
import { noFaults, Pipe, reset, type WayFaults } from "./pipe.ts";

export type Direction = "to-server" | "to-client" | "both";
type Way = Exclude<Direction, "both">;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface FaultProxyOptions {
  readonly upstream: Address;
  /** On the loopback interface; 0: any that is free. */
  readonly port: number;
  /** Told of each request in each state; may set faults, which hold from this request on. */
  readonly observe?: (request: KafkaRequest) => void;
}

/** Far more than a client has. */
const CONNECTIONS_MAX = 200;
/** A network that is slower counts as broken. */
export const DELAY_MS_MAX = 60_000;

const waysOf = (direction: Direction): readonly Way[] => (direction === "both" ? ["to-server", "to-client"] : [direction]);

/** A client's connection and the one that was made for it. */
interface Link {
  readonly client: Socket;
  readonly server: Socket;
  readonly pipes: Readonly<Record<Way, Pipe>>;
  /** One side was closed and the other not told. */
  isHalfOpen: boolean;
}

export class FaultProxy {
  readonly #options: FaultProxyOptions;
  readonly #listener: Server;
  readonly #faults: Readonly<Record<Way, WayFaults>> = { "to-server": noFaults(), "to-client": noFaults() };
  readonly #links = new Set<Link>();
  readonly #sockets = new Set<Socket>();
  #port: number;

  private constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#listener = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) => this.#accept(client));
    this.#listener.maxConnections = CONNECTIONS_MAX;
  }

  /** @throws Error when the port can't be had. */
  static async open(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    await proxy.#listen();
    return proxy;
  }

  /** `host:port` for clients. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Connections that reach through. */
  get connectionCount(): number {
    return this.#links.size;
  }

  /** Bytes that wait in it. */
  get queuedBytes(): number {
    let sum = 0;
    for (const { pipes } of this.#links) sum += pipes["to-server"].queuedBytes + pipes["to-client"].queuedBytes;
    return sum;
  }

  /**
   * Ends every connection; what was under way is lost.
   *
   * @param direction - Who is told. With one side only, the other's connection stays, half-open: what it sends is gone and
   * nothing comes, until the faults are healed; then it is reset.
   * @param how - By RST or by FIN.
   */
  cut(direction: Direction, how: "reset" | "end"): void {
    for (const link of this.#links) {
      link.isHalfOpen = true;
      for (const pipe of Object.values(link.pipes)) pipe.abandon();
      for (const [way, socket] of [["to-server", link.server] as const, ["to-client", link.client] as const]) {
        if (!waysOf(direction).includes(way)) continue;
        if (how === "reset") reset(socket);
        else socket.destroySoon();
      }
    }
  }

  /** Each piece takes so much longer. @param ms - {@link DELAY_MS_MAX} at most. */
  delay(direction: Direction, ms: number): void {
    if (!(ms >= 0 && ms <= DELAY_MS_MAX)) throw new RangeError(`a delay of ${ms} ms: expected 0 to ${DELAY_MS_MAX}`);
    this.#set(direction, { delayMs: ms });
  }

  /** A black hole that forgets nothing: connections stay, nothing goes on, and all of it does once that is healed. */
  hold(direction: Direction): void {
    this.#set(direction, { isHeld: true });
  }

  /** The same for the connections that are there; new ones are free, and may be quicker than what was sent before. */
  holdPresent(direction: Direction): void {
    for (const { pipes } of this.#links) for (const way of waysOf(direction)) pipes[way].isHeld = true;
  }

  /** A black hole: connections stay, what comes is gone. Whose bytes were swallowed is reset once that is healed. */
  swallow(direction: Direction): void {
    this.#set(direction, { isSwallowed: true });
  }

  /** So many bytes a second at most for each connection: the other side reads slowly. */
  slow(direction: Direction, bytesPerSecond: number): void {
    if (!(bytesPerSecond > 0)) throw new RangeError(`${bytesPerSecond} bytes per second: expected more than 0`);
    this.#set(direction, { bytesPerSecond });
  }

  /** New connections are refused; those that are there stay. */
  refuse(): void {
    this.#listener.close();
  }

  /** All faults end. What was held goes on; connections that can't go on are reset. */
  async heal(): Promise<void> {
    for (const link of this.#links) {
      for (const pipe of Object.values(link.pipes)) pipe.isHeld = false;
      if (!link.isHalfOpen && !Object.values(link.pipes).some(({ hasSwallowed }) => hasSwallowed)) continue;
      reset(link.client);
      reset(link.server);
    }
    this.#set("both", noFaults());
    if (!this.#listener.listening) await this.#listen();
  }

  /** Ends all connections and listens no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    // It is called back also where nobody listened any more.
    const closed = new Promise<void>((done) => void this.#listener.close(() => done()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #listen(): Promise<void> {
    this.#listener.listen(this.#port, "127.0.0.1");
    await once(this.#listener, "listening");
    const address = this.#listener.address();
    if (address !== null && typeof address === "object") this.#port = address.port;
  }

  #set(direction: Direction, faults: Partial<WayFaults>): void {
    for (const way of waysOf(direction)) Object.assign(this.#faults[way], faults);
    for (const { pipes } of this.#links) for (const way of waysOf(direction)) pipes[way].pass();
  }

  #accept(client: Socket): void {
    const server = connect({ ...this.#options.upstream, allowHalfOpen: true, noDelay: true });
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      // Why it broke is of no matter: it is closed then, and that is passed on.
      socket.on("error", () => undefined);
      socket.once("close", () => this.#sockets.delete(socket));
    }
    const unreached = (): void => reset(client);
    server.once("close", unreached);
    server.once("connect", () => {
      server.off("close", unreached);
      if (client.destroyed) reset(server);
      else this.#join(client, server);
    });
  }

  #join(client: Socket, server: Socket): void {
    const requests = new KafkaRequests((request) => this.#options.observe?.(request));
    const up = new Pipe({
      from: client,
      to: server,
      faults: this.#faults["to-server"],
      arrived: (chunk) => requests.arrived(chunk),
      passed: (chunk) => requests.forwarded(chunk),
    });
    const down = new Pipe({
      from: server,
      to: client,
      faults: this.#faults["to-client"],
      arrived: (chunk) => requests.answering(chunk),
      passed: (chunk) => requests.answered(chunk),
    });
    const link: Link = { client, server, pipes: { "to-server": up, "to-client": down }, isHalfOpen: false };
    this.#links.add(link);
    const gone = (): void => void (client.destroyed && server.destroyed && this.#links.delete(link));
    for (const socket of [client, server]) {
      socket.once("close", gone);
      // Whoever goes on its own has no other side any more.
      socket.once("end", () => void (link.isHalfOpen && socket.destroy()));
    }
  }
}

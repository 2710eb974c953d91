/**
 * The gateway's server: takes connections, refuses what isn't plain HTTP/1.1, starts exchanges, ends in good order.
 *
 * Promise: strict parsing only; a request that is refused never reaches the upstream, and nothing more is read from
 * its connection.
 */
import { once } from "node:events";
import http, { ServerResponse } from "node:http";
import type { IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { targetPath } from "../../driver/target-path.ts";
import { SidestreamError } from "../../errors.ts";
import { addressUrl, readListenAddress } from "../../driver/listen-address.ts";
import type { CapturePort, SourceConnection } from "../../driver/source.ts";
import { sendAnswer, sendBareAnswer } from "../../driver/http-answer.ts";
import type { Answer } from "../../driver/http-answer.ts";
import { GatewayCounters } from "./counters.ts";
import { Exchange } from "./forward.ts";
import type { Gateway } from "./forward.ts";
import { requestFault } from "./headers.ts";
import { routeTable } from "./options.ts";
import type { GatewayOptions, Route } from "./options.ts";
import { Pipeline } from "../../driver/http-pipeline.ts";
import { isTunnelWish } from "./tunnel.ts";
import type { UpgradeWish } from "./tunnel.ts";
import { Upstream } from "./upstream.ts";

/** Connections that the kernel may hold before they are accepted; the system's own bound may be lower. */
const BACKLOG = 4096;
/** How often heads that take too long are looked for. */
const HEAD_CHECK_MS = 1_000;

export class Listener implements SourceConnection {
  readonly #gateway: Gateway;
  readonly #server: http.Server;
  readonly #routeOf: (method: string, path: string) => Route;
  readonly #pipeline = new Pipeline();
  readonly #exchanges = new WeakMap<Duplex, Exchange>();
  /** Connections that asked for another protocol: the server has let go of them, so they are ended from here. */
  readonly #upgrading = new Set<Socket>();
  /** Connections whose last answer is on its way: whatever else comes on them is not looked at. */
  readonly #refused = new WeakSet<Duplex>();
  #running = 0;
  #closing: Promise<void> | null = null;
  #address = "";

  constructor(options: GatewayOptions, port: CapturePort) {
    const { timeouts, headBytesMax, connectionsMax } = options;
    this.#routeOf = routeTable(options);
    this.#gateway = {
      options,
      port,
      upstream: new Upstream(options.upstream, timeouts, headBytesMax),
      counters: new GatewayCounters(),
      isClosing: () => this.#closing !== null,
      addTunnel: (socket) => this.#addTunnel(socket),
    };
    const server = http.createServer({
      httpValidation: "strict",
      maxHeaderSize: headBytesMax,
      requireHostHeader: false, // Checked with the rest, so that every refusal looks alike.
      keepAliveTimeout: timeouts.keepAliveMs,
      headersTimeout: timeouts.headMs,
      requestTimeout: 0, // An upload may take as long as it moves.
      connectionsCheckingInterval: HEAD_CHECK_MS,
      shouldUpgradeCallback: (request) => isTunnelWish(request) && !this.#pipeline.isBusy(request.socket),
    });
    server.maxHeadersCount = 0; // The size bounds them; a count would drop fields unseen.
    server.maxConnections = connectionsMax;
    server.timeout = timeouts.clientIdleMs;
    server.on("connection", (socket) => socket.setDefaultEncoding("latin1")); // As for the upstream: fields are latin1.
    server.on("request", (request, response) => this.#onRequest(request, response));
    server.on("checkContinue", (request, response) => this.#onRequest(request, response));
    server.on("checkExpectation", (request, response) => this.#onRequest(request, response));
    server.on("upgrade", (request, _socket, head) => this.#onUpgrade(request, head));
    server.on("connect", (_request, socket) => this.#refuseBare(socket, 501, "SST_REQUEST_INVALID", "CONNECT is not spoken here"));
    server.on("clientError", (error, socket) => this.#onClientError(error, socket));
    server.on("timeout", (socket) => this.#onIdle(socket));
    server.on("drop", () => (this.#gateway.counters.connectionsDropped += 1));
    this.#server = server;
  }

  get address(): string {
    return this.#address;
  }

  counters(): Readonly<Record<string, number>> {
    return this.#gateway.counters.samples();
  }

  /** @throws SidestreamError `SST_LISTEN_FAILED`. */
  async listen(): Promise<void> {
    const text = this.#gateway.options.listen;
    const wanted = readListenAddress(text);
    if (wanted === undefined) throw new SidestreamError("SST_LISTEN_FAILED", `listen: ${text} is no address to listen on`);
    const server = this.#server;
    try {
      server.listen({ port: wanted.port, backlog: BACKLOG, ...(wanted.host === null ? {} : { host: wanted.host }) });
      await once(server, "listening");
    } catch (cause) {
      throw new SidestreamError("SST_LISTEN_FAILED", `can't listen on ${text}: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`, {
        cause,
      });
    }
    const bound = server.address() as AddressInfo;
    this.#address = addressUrl(bound.address, bound.port);
  }

  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    const server = this.#server;
    const closed = server.listening ? once(server, "close") : Promise.resolve();
    server.close();
    server.closeIdleConnections();
    const cut = setTimeout(() => {
      server.closeAllConnections();
      for (const socket of this.#upgrading) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(cut);
    // The server tells of its end before the last exchanges are told of theirs.
    if (this.#running > 0) await once(this.#server, "idle");
    this.#gateway.upstream.close();
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    // Kept open without saying so in words that HTTP/1.0 knows, it would leave a client waiting for the end.
    if (request.httpVersion === "1.0") response.shouldKeepAlive = false;
    this.#pipeline.enter(request.socket, response, () => this.#begin(request, response, null));
  }

  #onUpgrade(request: IncomingMessage, head: Buffer): void {
    const { socket } = request;
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    this.#upgrading.add(socket);
    socket.once("close", () => this.#upgrading.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.on("timeout", () => this.#onIdle(socket));
    response.once("finish", () => socket.destroySoon());
    this.#begin(request, response, { socket, head });
  }

  #begin(request: IncomingMessage, response: ServerResponse, wish: UpgradeWish | null): void {
    const fault = requestFault(request);
    if (fault !== null) {
      this.#gateway.counters.rejected += 1;
      this.#refused.add(request.socket);
      const status = fault.startsWith("Transfer-Encoding is something") ? 501 : 400;
      sendAnswer(response, { status, code: "SST_REQUEST_INVALID", message: fault }, true);
      return;
    }
    const route = this.#routeOf(request.method ?? "", targetPath(request.url ?? "/"));
    const exchange = new Exchange(this.#gateway, request, response, route, wish);
    const { socket } = request;
    this.#exchanges.set(socket, exchange);
    this.#running += 1;
    response.once("close", () => {
      if (this.#exchanges.get(socket) === exchange) this.#exchanges.delete(socket);
      this.#countEnd();
      if (this.#closing !== null) setImmediate(() => this.#server.closeIdleConnections());
    });
    void exchange.run();
  }

  #onIdle(socket: Socket): void {
    // The timer runs once: it must run again for the time when it is the client that is waited for.
    if (this.#exchanges.get(socket)?.waitsForUpstream() === true) socket.setTimeout(this.#gateway.options.timeouts.clientIdleMs);
    else socket.destroy();
  }

  /** A request that the parser could not read, or one that broke off or took too long. */
  #onClientError(error: NodeJS.ErrnoException & { readonly reason?: string }, socket: Duplex): void {
    if (this.#refused.has(socket)) return;
    const exchange = this.#exchanges.get(socket);
    if (error.code === "ECONNRESET" || !socket.writable || exchange?.hasAnswered() === true) {
      socket.destroy();
      return;
    }
    if (error.code === "HPE_HEADER_OVERFLOW") {
      const most = this.#gateway.options.headBytesMax;
      this.#refuseBare(socket, 431, "SST_REQUEST_TOO_LARGE", `the request's head is larger than headBytesMax (${most} bytes)`);
    } else if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") {
      this.#refuseBare(socket, 408, "SST_REQUEST_INVALID", "the request's head did not come in time");
    } else
      this.#refuseBare(
        socket,
        400,
        "SST_REQUEST_INVALID",
        `the request is not valid HTTP/1.1: ${error.reason ?? error.code ?? error.message}`,
      );
    exchange?.abandon();
  }

  #refuseBare(socket: Duplex, status: number, code: Answer["code"], message: string): void {
    this.#gateway.counters.rejected += 1;
    this.#refused.add(socket);
    sendBareAnswer(socket, { status, code, message });
  }

  #countEnd(): void {
    this.#running -= 1;
    if (this.#running === 0) this.#server.emit("idle");
  }

  #addTunnel(socket: Socket): void {
    const { counters } = this.#gateway;
    this.#countEnd();
    counters.tunnelsOpen += 1;
    socket.once("close", () => (counters.tunnelsOpen -= 1));
  }
}

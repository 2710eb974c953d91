/**
 * Connections to the upstream: a pool of them, and the waits on each.
 *
 * Promise: a connection is used again only after a whole request and a whole response; bytes on an unused one close it.
 */
import http from "node:http";
import type { ClientRequest } from "node:http";
import https from "node:https";
import { isIP } from "node:net";
import type { Socket } from "node:net";

/** Unused connections kept; more are closed. Enough for the concurrency of one process. */
const UNUSED_CONNECTIONS_MAX = 256;

export type UpstreamPhase = "connect" | "idle";

/** The upstream kept us waiting. */
export class UpstreamTimeout extends Error {
  readonly phase: UpstreamPhase;

  constructor(phase: UpstreamPhase, waitMs: number) {
    super(phase === "connect" ? `no connection to the upstream in ${waitMs} ms` : `no byte from the upstream in ${waitMs} ms`);
    this.phase = phase;
  }
}

export interface UpstreamWaits {
  readonly connectMs: number;
  readonly upstreamIdleMs: number;
  readonly poolMs: number;
}

export interface UpstreamRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  /** Use a new connection, not one of the pool. */
  readonly fresh: boolean;
  /** Asked when the connection was idle for long: true when it is not the upstream that is waited for. */
  readonly mayIdle: () => boolean;
}

export class Upstream {
  /** `host:port` for a request that brought no Host. */
  readonly authority: string;
  readonly #url: URL;
  readonly #waits: UpstreamWaits;
  readonly #headBytesMax: number;
  readonly #agent: http.Agent;
  readonly #connected = new WeakSet<ClientRequest>();

  constructor(origin: string, waits: UpstreamWaits, headBytesMax: number) {
    this.#url = new URL(origin);
    this.authority = this.#url.host;
    this.#waits = waits;
    this.#headBytesMax = headBytesMax;
    const { Agent } = this.#url.protocol === "https:" ? https : http;
    this.#agent = new Agent({ keepAlive: true, maxFreeSockets: UNUSED_CONNECTIONS_MAX, scheduling: "lifo", timeout: waits.poolMs });
  }

  /**
   * Opens a request; its head is on its way.
   *
   * @throws Error when method, target or a field can't be written.
   */
  open({ method, target, headers, fresh, mayIdle }: UpstreamRequest): ClientRequest {
    const { protocol, hostname, port } = this.#url;
    const host = hostname.replace(/^\[|\]$/g, "");
    const request = (protocol === "https:" ? https : http).request({
      host,
      port: port === "" ? null : port,
      ...(protocol === "https:" && isIP(host) === 0 ? { servername: host } : {}),
      method,
      path: target,
      headers: [...headers],
      agent: fresh ? false : this.#agent,
      // No field of our own: neither Connection nor Content-Length nor Transfer-Encoding nor Host.
      setDefaultHeaders: false,
      maxHeaderSize: this.#headBytesMax,
      httpValidation: "strict",
    });
    request.maxHeadersCount = 0;
    request.once("socket", (socket) => this.#watch(request, socket, mayIdle));
    request.flushHeaders();
    return request;
  }

  /** True once the request had a connection, so that the upstream may have seen it. */
  hasConnected(request: ClientRequest): boolean {
    return this.#connected.has(request);
  }

  close(): void {
    this.#agent.destroy();
  }

  #watch(request: ClientRequest, socket: Socket, mayIdle: () => boolean): void {
    const { connectMs, upstreamIdleMs } = this.#waits;
    // A head that goes out before its body is written in the socket's own encoding, and a field's bytes are latin1 here.
    socket.setDefaultEncoding("latin1");
    if (!socket.connecting) this.#connected.add(request);
    else {
      const ready = this.#url.protocol === "https:" ? "secureConnect" : "connect";
      const late = setTimeout(() => request.destroy(new UpstreamTimeout("connect", connectMs)), connectMs);
      socket.once(ready, () => {
        clearTimeout(late);
        this.#connected.add(request);
      });
      socket.once("close", () => clearTimeout(late));
    }
    const idle = (): void => {
      // The timer runs once: it must run again for the time when it is the upstream that is waited for.
      if (mayIdle()) socket.setTimeout(upstreamIdleMs);
      else request.destroy(new UpstreamTimeout("idle", upstreamIdleMs));
    };
    socket.setTimeout(upstreamIdleMs);
    socket.on("timeout", idle);
    request.once("close", () => socket.off("timeout", idle));
  }
}

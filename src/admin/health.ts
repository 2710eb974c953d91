/**
 * The health listener: `/live`, `/ready` and `/metrics`, apart from the traffic's own port.
 *
 * Promise: it listens on loopback unless told otherwise, shows numbers and names but no content, and changes nothing.
 * `/live` says whether a restart alone would help, so a full disk never fails it; `/ready` says whether to send traffic
 * here, so a destination that is down never fails it, since the spool is there for that, but a log that has stopped
 * does. What counts is decided by the caller; docs/health.md tells it to the user.
 */
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { fastify } from "fastify";
import type { FastifyInstance } from "fastify";
import { addressUrl } from "../driver/listen-address.ts";
import { SidestreamError } from "../errors.ts";

const LOOPBACK = "127.0.0.1";
/** A request here is one short line; whoever takes longer to send it is not a monitor. */
const REQUEST_WAIT_MS = 5000;
/** Monitors, not the public: more at once is a fault or an attack. */
const CONNECTIONS_MAX = 64;
const KEEP_ALIVE_MS = 30_000;
const REQUEST_BODY_BYTES_MAX = 1024;

export interface Readiness {
  readonly ready: boolean;
  /** Why not, for people; may also hold warnings while ready. */
  readonly reasons: readonly string[];
}

export interface HealthChecks {
  /** False only when a restart would help. */
  readonly live: () => boolean;
  /** False when traffic should go elsewhere. */
  readonly ready: () => Readiness | Promise<Readiness>;
  /** The text for Prometheus. */
  readonly metrics: () => Promise<string>;
  /** Told what broke while an answer was made; the client is told nothing of it. */
  readonly onError: (problem: unknown) => void;
}

export interface HealthOptions extends HealthChecks {
  /** `host` is loopback when absent, every address of the machine when null; port 0 takes a free one. */
  readonly listen: { readonly host?: string | null; readonly port: number };
}

export interface HealthListener {
  /** `http://127.0.0.1:9131`. */
  readonly address: string;
  readonly port: number;
  /** Ends listening and cuts open connections. Again is harmless. */
  close(): Promise<void>;
}

/**
 * Opens the health listener.
 *
 * @throws SidestreamError `SST_LISTEN_FAILED` when the address is taken, unknown here or not allowed.
 */
export async function openHealth({ listen, ...checks }: HealthOptions): Promise<HealthListener> {
  const server = healthServer(checks);
  const host = listen.host === undefined ? LOOPBACK : (listen.host ?? everyAddress());
  try {
    await server.listen({ host, port: listen.port });
  } catch (cause) {
    await server.close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SidestreamError("SST_LISTEN_FAILED", `health: cannot listen on ${host}:${listen.port}: ${reason}`, { cause });
  }
  const { address, port } = server.server.address() as AddressInfo;
  return {
    address: addressUrl(address, port),
    port,
    close: async () => server.close(),
  };
}

/** The listener's answers without the listening, for tests by injection. */
export function healthServer({ live, ready, metrics, onError }: HealthChecks): FastifyInstance {
  const server = fastify({
    logger: false,
    bodyLimit: REQUEST_BODY_BYTES_MAX,
    requestTimeout: REQUEST_WAIT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    return503OnClosing: true,
  });
  server.server.maxConnections = CONNECTIONS_MAX;
  server.get("/live", async (_request, reply) => {
    const isLive = live();
    return reply
      .code(isLive ? 200 : 503)
      .header("cache-control", "no-store")
      .send({ live: isLive });
  });
  server.get("/ready", async (_request, reply) => {
    const { ready: isReady, reasons } = await ready();
    return reply
      .code(isReady ? 200 : 503)
      .header("cache-control", "no-store")
      .send({ ready: isReady, reasons });
  });
  server.get("/metrics", async (_request, reply) => {
    const text = await metrics();
    return reply.header("content-type", "text/plain; version=0.0.4; charset=utf-8").header("cache-control", "no-store").send(text);
  });
  server.setNotFoundHandler(async (_request, reply) =>
    reply.code(404).send({ error: "not found", paths: ["/live", "/ready", "/metrics"] }),
  );
  server.setErrorHandler(async (problem: unknown, _request, reply) => {
    // What a client did wrong carries its own status; all else is ours, and no detail of it leaves the program.
    const status = problem instanceof Error && "statusCode" in problem && typeof problem.statusCode === "number" ? problem.statusCode : 500;
    if (status >= 500) onError(problem);
    return reply.code(status).send({ error: status < 500 ? "bad request" : "the answer could not be made; the log says why" });
  });
  return server;
}

/** IPv6's wildcard takes IPv4 too, but can't be used where IPv6 is switched off. */
function everyAddress(): string {
  const hasIPv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ family }) => family === "IPv6"));
  return hasIPv6 ? "::" : "0.0.0.0";
}

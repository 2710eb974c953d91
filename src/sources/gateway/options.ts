/**
 * The gateway's options: their schema, their defaults, and the settings of each route that follow from them.
 */
import { z } from "zod";
import { size } from "../../driver/quantity.ts";
import { listenText } from "../../driver/listen-address.ts";
import { pathGlob } from "./path-glob.ts";

const capture = z.enum(["best-effort", "durable", "write-ahead"], {
  error: "expected best-effort, durable or write-ahead",
});
const whenNoRoom = z.enum(["pass", "refuse"], { error: "expected pass or refuse" });
const onCaptureFailure = z.enum(["release", "abort"], { error: "expected release or abort" });

/** What a default Kafka takes as one message, less the room that heads and the envelope need. */
const BODY_BYTES_DEFAULT = 900 * 1024;
const BODY_BYTES_LIMIT = 64 * 1024 * 1024;
const bodyBytesMax = size(0, BODY_BYTES_LIMIT);

const milliseconds = (most: number) => z.int("expected a whole number of milliseconds").min(1).max(most);
const DAY_MS = 86_400_000;

const route = z
  .strictObject({
    path: z
      .string()
      .max(1024, "a path pattern has at most 1024 characters")
      .regex(/^[/*][^\s?#]*$/, "expected a path such as /loans/*, without query; * stands for any characters")
      .describe("Path pattern, matched against the path as it was sent; `*` stands for any characters, also `/`."),
    methods: z
      .array(z.string().regex(/^[A-Z][A-Z-]{0,31}$/, "expected a method in capitals, such as POST"))
      .min(1)
      .max(32)
      .optional()
      .describe("Methods that the route holds for; all when absent."),
    capture: capture.optional().describe("As above, for this route."),
    whenNoRoom: whenNoRoom.optional().describe("As above, for this route."),
    onCaptureFailure: onCaptureFailure.optional().describe("As above, for this route."),
    bodyBytesMax: bodyBytesMax.optional().describe("As above, for this route."),
  })
  .describe("Settings for some requests; the first route that matches wins.");

const timeouts = z
  .strictObject({
    connectMs: milliseconds(DAY_MS).default(5_000).describe("Time to reach the upstream; then 504."),
    upstreamIdleMs: milliseconds(DAY_MS)
      .default(600_000)
      .describe("Time without a byte from or to the upstream while an answer is due; then 504, or a cut where the answer had begun."),
    clientIdleMs: milliseconds(DAY_MS)
      .default(60_000)
      .describe("Time without a byte from or to the client while it is the one waited for."),
    headMs: milliseconds(DAY_MS).default(60_000).describe("Time for a client to send a whole head; then 408."),
    keepAliveMs: milliseconds(DAY_MS).default(75_000).describe("Time that a client's connection is kept between two requests."),
    poolMs: milliseconds(DAY_MS)
      .default(4_000)
      .describe("Time that an upstream connection is kept unused: less than the upstream's own, so that it isn't closed under a request."),
  })
  .prefault({});

export const gatewayOptions = z.strictObject({
  listen: listenText.describe("Address to listen on: `:9130`, `127.0.0.1:9130`, `[::1]:9130`."),
  upstream: z
    .string()
    .refine(isOrigin, { error: "expected http://host:port or https://host:port, without path, query or password" })
    .describe("Where requests go. The path stays as the client sent it."),
  forwarding: z.literal("node-http").default("node-http").describe("The code that forwards; one choice so far."),
  capture: capture.default("best-effort").describe("How surely a transaction is captured."),
  whenNoRoom: whenNoRoom
    .default("pass")
    .describe("A durable request for which there is no room: forward it uncaptured and count a loss, or answer 503."),
  onCaptureFailure: onCaptureFailure
    .default("release")
    .describe("A durable answer whose capture failed: deliver it all the same and count a loss, or close the connection."),
  reserveWaitMs: milliseconds(60_000)
    .default(2_000)
    .describe(
      "Time that a durable request waits for room: longer than a stalled disk or an engine's restart, shorter than clients' patience.",
    ),
  settleWaitMs: milliseconds(600_000)
    .default(30_000)
    .describe("Time that a durable answer waits for the disk before its capture counts as failed."),
  routes: z.array(route).max(1000, "at most 1000 routes").default([]).describe("Settings by path; the first that matches wins."),
  bodyBytesMax: bodyBytesMax
    .default(BODY_BYTES_DEFAULT)
    .describe("Bytes captured of each body; the rest is forwarded, counted and marked."),
  headBytesMax: size(1024, 1024 * 1024)
    .default(64 * 1024)
    .describe("Size of a request's or a response's head; a larger request gets 431, a larger answer becomes 502."),
  connectionsMax: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(4096)
    .describe("Client connections at once; each needs up to two file descriptors. More are closed at once."),
  timeouts: timeouts.describe("Waits, in milliseconds."),
});

export type GatewayOptions = z.output<typeof gatewayOptions>;

/** What applies to a request. */
export interface Route {
  /** 0 where no route of the configuration matched, else its place, from 1. */
  readonly index: number;
  readonly capture: GatewayOptions["capture"];
  readonly whenNoRoom: GatewayOptions["whenNoRoom"];
  readonly onCaptureFailure: GatewayOptions["onCaptureFailure"];
  readonly bodyBytesMax: number;
}

/** Returns a function that finds the route of a request. */
export function routeTable(options: GatewayOptions): (method: string, path: string) => Route {
  const { capture, whenNoRoom, onCaptureFailure, bodyBytesMax } = options;
  const fallback: Route = { index: 0, capture, whenNoRoom, onCaptureFailure, bodyBytesMax };
  const routes = options.routes.map((route, place) => ({
    matches: pathGlob(route.path),
    methods: route.methods === undefined ? null : new Set(route.methods),
    settings: {
      index: place + 1,
      capture: route.capture ?? capture,
      whenNoRoom: route.whenNoRoom ?? whenNoRoom,
      onCaptureFailure: route.onCaptureFailure ?? onCaptureFailure,
      bodyBytesMax: route.bodyBytesMax ?? bodyBytesMax,
    },
  }));
  return (method, path) => {
    for (const { matches, methods, settings } of routes) {
      if ((methods === null || methods.has(method)) && matches(path)) return settings;
    }
    return fallback;
  };
}

/** Names of the routes for counters: `default` first. */
export function routeNames(options: GatewayOptions): readonly string[] {
  return ["default", ...options.routes.map(({ path, methods }) => (methods === undefined ? path : `${methods.join(",")} ${path}`))];
}

/** Names of the routes whose answers don't wait for the disk. */
export function bestEffortRoutes(options: GatewayOptions): readonly string[] {
  const captures = [options.capture, ...options.routes.map(({ capture }) => capture ?? options.capture)];
  return routeNames(options).filter((_, index) => captures[index] === "best-effort");
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const plain = url.username === "" && url.password === "" && url.search === "" && url.hash === "" && url.pathname === "/";
  return plain && url.hostname !== "" && (url.protocol === "http:" || url.protocol === "https:");
}

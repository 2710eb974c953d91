/**
 * Listens to the admin WebSocket of an ACA-Py agent.
 *
 * Promise: at most once. The agent neither waits for an acknowledgement nor repeats anything: events while no connection
 * stands are lost, and nobody can tell which. It serves where nothing can be changed in the agent, and for trying things out.
 *
 * @see docs/acapy-websocket.md
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { SidestreamError } from "../../errors.ts";
import { defineSource, type SourceConnection, type SourceContext } from "../../driver/source.ts";
import { AgentSocket } from "./agent-socket.ts";
import { type Frame, readFrame } from "./frame.ts";
import { websocketOptions, type WebsocketOptions } from "./options.ts";

/** Pauses between two tries to connect. A long one would lose what an agent tells after it is back. */
const PAUSE_MS_MIN = 500;
const PAUSE_MS_MAX = 5_000;
/** A connection that held for so long was a good one: the next pause is a short one again. */
const GOOD_MS = 10_000;
const CONNECTION_ID_BYTES = 12;
const COUNTER_MAX = 2 ** 32;
const KEY_REFUSED = "the agent does not accept apiKey, and so tells nothing but signs of life";
const CLOSED_HERE = "Sidestream ends";

type WebSocketClass = typeof import("ws").WebSocket;

class WebsocketListener implements SourceConnection {
  readonly address: string;
  readonly #options: WebsocketOptions;
  readonly #context: SourceContext;
  readonly #WebSocket: WebSocketClass;
  readonly #stop = new AbortController();
  readonly #frames = { event: 0, idle: 0, bad: 0 };
  readonly #running: Promise<void>;
  #connectCount = 0;
  #socket: AgentSocket | null = null;
  #isConnected = false;
  /** Why there is no connection; null before the first try ended, and while there is one. */
  #trouble: string | null = null;
  #toldBad = false;
  #idPrefix = "";
  #idCounter = COUNTER_MAX;

  constructor(options: WebsocketOptions, context: SourceContext, WebSocket: WebSocketClass) {
    this.address = options.url;
    this.#options = options;
    this.#context = context;
    this.#WebSocket = WebSocket;
    this.#running = this.#run();
  }

  counters(): Readonly<Record<string, number>> {
    const { event, idle, bad } = this.#frames;
    return Object.fromEntries([
      ["sidestream_acapy_websocket_connected", this.#isConnected ? 1 : 0],
      ["sidestream_acapy_websocket_connects_total", this.#connectCount],
      [`sidestream_acapy_websocket_frames_total{kind="event"}`, event],
      [`sidestream_acapy_websocket_frames_total{kind="idle"}`, idle],
      [`sidestream_acapy_websocket_frames_total{kind="bad"}`, bad],
    ]);
  }

  troubles(): readonly string[] {
    return this.#trouble === null ? [] : [`no connection to ${this.address}: ${this.#trouble}; the agent's events are being lost`];
  }

  async close(graceMs: number): Promise<void> {
    this.#stop.abort();
    this.#socket?.end(CLOSED_HERE);
    const cut = setTimeout(() => this.#socket?.cut(CLOSED_HERE), graceMs);
    await this.#running;
    clearTimeout(cut);
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let pauseMs = PAUSE_MS_MIN;
    while (!signal.aborted) {
      const startedMs = performance.now();
      const reason = await this.#connect().catch((error: Error) => error.message);
      this.#socket = null;
      this.#isConnected = false;
      if (signal.aborted) return;
      this.#tellLost(reason);
      if (performance.now() - startedMs >= GOOD_MS) pauseMs = PAUSE_MS_MIN;
      await wait(pauseMs, undefined, { signal }).catch(() => undefined);
      pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2);
    }
  }

  /** Settles with why the connection ended. */
  async #connect(): Promise<string> {
    const { url, apiKey, ca, frameBytesMax, silenceMs } = this.#options;
    // Read for each connection, so that a new authority needs no restart.
    const authorities = ca === undefined ? {} : { ca: await readFile(ca) };
    if (this.#stop.signal.aborted) return CLOSED_HERE;
    const socket = new this.#WebSocket(url, {
      headers: apiKey === undefined ? {} : { "x-api-key": apiKey },
      maxPayload: frameBytesMax,
      handshakeTimeout: silenceMs,
      // Unpacking would cost the forwarding thread time, and the agent is near.
      perMessageDeflate: false,
      ...authorities,
    });
    this.#toldBad = false;
    this.#socket = new AgentSocket(socket, silenceMs, {
      onText: (data) => this.#take(readFrame(data)),
      onOdd: (reason) => this.#take({ kind: "bad", reason }),
    });
    return this.#socket.ended;
  }

  #take(frame: Frame): void {
    this.#frames[frame.kind] += 1;
    if (frame.kind === "bad") {
      if (!this.#toldBad) this.#context.notice("warn", `the agent sent a frame that is no event; it is lost, and counted: ${frame.reason}`);
      this.#toldBad = true;
      return;
    }
    if (frame.kind === "idle" && frame.isAllowed === false) {
      this.#socket?.end(KEY_REFUSED);
      return;
    }
    if (!this.#isConnected) this.#tellConnected();
    if (frame.kind === "idle") return;
    const { topic, wallet, payload } = frame;
    this.#context.port.submit({
      kind: "agent",
      route: 0,
      startedMs: Date.now(),
      id: this.#nextId(),
      topic,
      wallet,
      payload: { slices: [payload], sizeBytes: payload.length, truncated: false },
    });
  }

  /** Only what comes tells that the agent took the key. */
  #tellConnected(): void {
    this.#isConnected = true;
    this.#connectCount += 1;
    const first = this.#trouble === null ? "connected" : "connected; what the agent told before is lost";
    const again = this.#connectCount === 1 ? first : "connected again; what the agent told meanwhile is lost";
    this.#trouble = null;
    this.#idCounter = COUNTER_MAX;
    this.#context.notice("info", `${again}: ${this.address}`);
  }

  #tellLost(reason: string): void {
    // Once for each outage, and again when it has another reason.
    if (this.#trouble !== reason)
      this.#context.notice("warn", `no connection to ${this.address}: ${reason}; the agent's events are lost until there is one`);
    this.#trouble = reason;
  }

  /** The agent gives its events no identity, and none of them comes twice. */
  #nextId(): string {
    if (this.#idCounter === COUNTER_MAX) {
      this.#idPrefix = randomBytes(CONNECTION_ID_BYTES).toString("hex");
      this.#idCounter = 0;
    }
    const counter = this.#idCounter.toString(16).padStart(8, "0");
    this.#idCounter += 1;
    return `${this.#idPrefix}${counter}`;
  }
}

export const acapyWebsocket = defineSource({
  type: "acapy-websocket",
  summary: "Listens to the admin WebSocket of an ACA-Py agent; what it tells while no connection stands is lost",
  options: websocketOptions,
  caution: "events while the socket is down are lost, and nobody can tell which: the agent repeats none",
  paths: ["ca"],
  routes: () => ["default"],
  bestEffortRoutes: () => ["default"],
  async open(options, context) {
    if (options.ca !== undefined) await readCa(options.ca);
    const { WebSocket } = await import("ws");
    const listener = new WebsocketListener(options, context, WebSocket);
    context.signal.addEventListener("abort", () => void listener.close(0), { once: true });
    if (context.signal.aborted) await listener.close(0);
    return listener;
  },
});

async function readCa(path: string): Promise<void> {
  await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new SidestreamError("SST_CONFIG_UNREADABLE", `ca: can't read ${path}: ${cause.code ?? cause.message}`, { cause });
  });
}

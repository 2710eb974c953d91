/**
 * Receives the webhooks of stock ACA-Py agents.
 *
 * Promise: an event that was answered 200 is on disk. An agent tries five times in 40 s and then gives up, so what
 * happens while Sidestream is away for longer is lost, unseen by both; the order of arrival says nothing.
 *
 * @see docs/acapy-webhooks.md
 */
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { SidestreamError } from "../../errors.ts";
import { sendBareAnswer, type Answer } from "../../driver/http-answer.ts";
import { Pipeline } from "../../driver/http-pipeline.ts";
import { addressUrl, readListenAddress } from "../../driver/listen-address.ts";
import { defineSource } from "../../driver/source.ts";
import type { Notice, SourceConnection } from "../../driver/source.ts";
import { keysOf, webhookOptions } from "./options.ts";
import { receive } from "./receive.ts";
import type { Receiver } from "./receive.ts";
import { Refusals } from "./refusals.ts";
import { Repeats } from "./repeats.ts";
import { WebhookKeys } from "./webhook-keys.ts";

/** Time for a client to send a whole head, where the deadline isn't shorter; and how often is looked for those that take longer. */
const HEAD_WAIT_MS = 10_000;
const HEAD_CHECK_MS = 1_000;
const HEAD_TIMEOUT = "ERR_HTTP_REQUEST_TIMEOUT";
/** Time that a connection is kept between two posts. */
const KEEP_ALIVE_MS = 75_000;

const HEAD_TOO_LATE: Answer = { status: 408, code: "SST_REQUEST_INVALID", message: "the head of the request did not come in time" };
const NO_HTTP: Answer = { status: 400, code: "SST_REQUEST_INVALID", message: "the request is not valid HTTP/1.1" };

class WebhookListener implements SourceConnection {
  readonly #server: http.Server;
  readonly #pipeline = new Pipeline();
  readonly #answers = new Map<number, number>();
  readonly #receiver: Receiver;
  readonly #refusals: Refusals;
  /** Connections beyond the bound. */
  #droppedCount = 0;
  #closing: Promise<void> | null = null;
  #address = "";

  constructor(receiver: Receiver, notice: Notice) {
    this.#receiver = receiver;
    this.#refusals = new Refusals(notice);
    const { connectionsMax, deadlineMs } = receiver.options;
    this.#server = http.createServer({
      httpValidation: "strict",
      headersTimeout: Math.min(HEAD_WAIT_MS, deadlineMs),
      connectionsCheckingInterval: HEAD_CHECK_MS,
      requestTimeout: 0, // Each request has its deadline.
      keepAliveTimeout: KEEP_ALIVE_MS,
    });
    this.#server.maxConnections = connectionsMax;
    this.#server.timeout = deadlineMs * 2;
    this.#server.on("request", (request, response) => {
      this.#pipeline.enter(request.socket, response, () => {
        if (this.#closing !== null) response.shouldKeepAlive = false;
        response.once("close", () => {
          if (this.#closing !== null) setImmediate(() => this.#server.closeIdleConnections());
        });
        void receive(receiver, request, response).then((status) => this.#count(status));
      });
    });
    this.#server.on("drop", () => {
      this.#droppedCount += 1;
      this.#refusals.note("dropped", performance.now());
    });
    this.#server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
      const answer = error.code === HEAD_TIMEOUT ? HEAD_TOO_LATE : NO_HTTP;
      this.#count(answer.status);
      sendBareAnswer(socket, answer);
    });
  }

  get address(): string {
    return this.#address;
  }

  counters(): Readonly<Record<string, number>> {
    const answers = [...this.#answers].map(
      ([status, count]) => [`sidestream_acapy_webhook_answers_total{status="${status}"}`, count] as const,
    );
    return Object.fromEntries([
      ...answers,
      ["sidestream_acapy_webhook_repeats_total", this.#receiver.repeatCount],
      ["sidestream_acapy_webhook_connections_dropped_total", this.#droppedCount],
    ]);
  }

  troubles(): readonly string[] {
    return this.#refusals.troubles(performance.now());
  }

  async listen(text: string): Promise<void> {
    const wanted = readListenAddress(text);
    if (wanted === undefined) throw new SidestreamError("SST_LISTEN_FAILED", `listen: ${text} is no address to listen on`);
    try {
      this.#server.listen({ port: wanted.port, ...(wanted.host === null ? {} : { host: wanted.host }) });
      await once(this.#server, "listening");
    } catch (cause) {
      throw new SidestreamError("SST_LISTEN_FAILED", `can't listen on ${text}: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`, {
        cause,
      });
    }
    const bound = this.#server.address() as AddressInfo;
    this.#address = addressUrl(bound.address, bound.port);
  }

  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, "close") : Promise.resolve();
    this.#server.close();
    const cut = setTimeout(() => this.#server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(cut);
  }

  /** Statuses are ours, a handful; 0 stands for a client that went away. */
  #count(status: number): void {
    this.#answers.set(status, (this.#answers.get(status) ?? 0) + 1);
    this.#refusals.note(status, performance.now());
  }
}

export const acapyWebhook = defineSource({
  type: "acapy-webhook",
  summary: "Receives the webhooks of ACA-Py agents",
  options: webhookOptions,
  routes: () => ["default"],
  async open(options, { port, notice, signal }) {
    const keys = new WebhookKeys(keysOf(options.apiKey), options.walletKeys);
    const listener = new WebhookListener({ port, options, keys, repeats: new Repeats(), repeatCount: 0 }, notice);
    await listener.listen(options.listen);
    signal.addEventListener("abort", () => void listener.close(0), { once: true });
    if (signal.aborted) await listener.close(0);
    return listener;
  },
});

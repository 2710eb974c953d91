/**
 * One exchange: a request, its way to the upstream, the response's way back, and the record of both.
 *
 * Promise: each exchange that was forwarded is handed to the port at most once, with how it ended. A response that the
 * upstream did not finish never looks whole to the client. `best-effort` never waits for the port.
 */
import { STATUS_CODES } from "node:http";
import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { CapturePort, Outcome } from "../../driver/source.ts";
import { answerBody, answerHeaders, drainUpload, sendAnswer } from "../../driver/http-answer.ts";
import type { Answer } from "../../driver/http-answer.ts";
import type { GatewayCounters } from "./counters.ts";
import { ExchangeCapture } from "./exchange-capture.ts";
import { classify, isStale } from "./failure.ts";
import { asWritten, forwardedRequest, forwardedResponse, hasBody, headText, isEmpty, isEventStream } from "./headers.ts";
import { passInterim } from "./interim.ts";
import type { GatewayOptions, Route } from "./options.ts";
import { Release } from "./release.ts";
import { resumeAfterWait } from "./resume.ts";
import { joinTunnel, stayWithHttp } from "./tunnel.ts";
import type { UpgradeWish } from "./tunnel.ts";
import { sendUpload } from "./upload.ts";
import type { Upstream } from "./upstream.ts";

/** What all exchanges of a gateway share. */
export interface Gateway {
  readonly options: GatewayOptions;
  readonly port: CapturePort;
  readonly upstream: Upstream;
  readonly counters: GatewayCounters;
  /** True once it is closing: connections end with their response. */
  isClosing(): boolean;
  /** Counts a tunnel, by its connection to the upstream. */
  addTunnel(socket: Socket): void;
}

export class Exchange {
  readonly #gateway: Gateway;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #wish: UpgradeWish | null;
  readonly #route: Route;
  readonly #headers: readonly string[];
  readonly #capture: ExchangeCapture;
  /** The response's end waits for the disk. */
  #durable: boolean;
  #release: Release;
  #upstreamRequest: ClientRequest | null = null;
  #upstreamResponse: IncomingMessage | null = null;
  #streaming = false;
  #retried = false;
  #interims = 0;
  #counted = false;
  #outcome: Outcome | null = null;

  constructor(gateway: Gateway, request: IncomingMessage, response: ServerResponse, route: Route, wish: UpgradeWish | null) {
    this.#gateway = gateway;
    this.#request = request;
    this.#response = response;
    this.#route = route;
    this.#wish = wish;
    const { port, options, upstream } = gateway;
    this.#headers = forwardedRequest(request, wish !== null, upstream.authority);
    this.#durable = route.capture === "durable" && wish === null;
    const head = headText(`${request.method} ${request.url} HTTP/${request.httpVersion}`, this.#headers);
    this.#capture = new ExchangeCapture(port, options, route, request, head, this.#durable);
    this.#release = new Release(response, this.#durable);
  }

  /** Runs it; settles once the request is on its way or was answered here. Never rejects. */
  async run(): Promise<void> {
    this.#response.once("close", () => this.#onClientClose());
    this.#request.on("error", () => {}); // The response's `close` tells of both.
    this.#response.on("error", () => {});
    drainUpload(this.#response);
    if (!this.#durable) this.#capture.begin();
    else if (await this.#capture.reserve(this.#request)) this.#capture.begin();
    else if (this.#route.whenNoRoom === "refuse") {
      this.#refuse();
      return;
    } else this.#passUncaptured();
    if (this.#outcome === null && !this.#response.destroyed) this.#forward();
    else this.#capture.drop();
  }

  /** True while nothing is awaited from the client. */
  waitsForUpstream(): boolean {
    if (this.#response.writableLength > 0 || this.#response.writableNeedDrain) return false;
    if (this.#upstreamRequest === null || this.#outcome !== null || !hasBody(this.#request.rawHeaders)) return true;
    return this.#request.complete || this.#request.isPaused();
  }

  /** True once a response began. */
  hasAnswered(): boolean {
    return this.#response.headersSent;
  }

  /** Ends the exchange without an answer of its own: the client broke HTTP's rules in mid-request. */
  abandon(): void {
    if (this.#outcome !== null) return;
    this.#outcome = "client-aborted";
    this.#upstreamRequest?.destroy();
    void this.#record("client-aborted");
  }

  #refuse(): void {
    this.#durable = false;
    if (this.#response.destroyed) return;
    this.#gateway.counters.refused += 1;
    const message = "there is no room to capture this request durably, so it was not passed on";
    sendAnswer(this.#response, { status: 503, code: "SST_CAPTURE_NO_ROOM", message }, this.#gateway.isClosing());
  }

  #passUncaptured(): void {
    this.#durable = false;
    this.#release = new Release(this.#response, false);
    if (!this.#response.destroyed) this.#gateway.port.countLoss(this.#route.index, "no-room");
  }

  #forward(): void {
    const request = this.#request;
    let upstreamRequest: ClientRequest;
    try {
      upstreamRequest = this.#gateway.upstream.open({
        method: request.method ?? "GET",
        target: request.url ?? "/",
        headers: asWritten(this.#headers),
        fresh: this.#retried,
        mayIdle: () => this.#streaming || !this.waitsForUpstream(),
      });
    } catch (error) {
      this.#answer(
        { status: 400, code: "SST_REQUEST_INVALID", message: `the request can't be passed on: ${String(error)}` },
        "upstream-unreachable",
      );
      return;
    }
    this.#upstreamRequest = upstreamRequest;
    upstreamRequest.once("response", (response) => this.#onResponse(response));
    upstreamRequest.on("information", (interim) => this.#onInterim(interim.statusCode, interim.rawHeaders));
    upstreamRequest.once("upgrade", (response, socket, head) => this.#onUpgrade(response, socket, head));
    upstreamRequest.on("error", (error) => this.#onUpstreamError(upstreamRequest, error));
    if (hasBody(request.rawHeaders)) sendUpload(request, upstreamRequest, this.#capture.requestTap);
    else {
      request.resume();
      upstreamRequest.end();
    }
  }

  #onInterim(status: number, rawHeaders: readonly string[]): void {
    this.#interims += 1;
    passInterim(this.#request, this.#response, status, rawHeaders, this.#interims);
  }

  #onUpgrade(answer: IncomingMessage, socket: Socket, head: Buffer): void {
    const { port, counters } = this.#gateway;
    if (this.#wish === null || this.#outcome !== null) {
      socket.destroy();
      this.#answer({ status: 502, code: "SST_UPSTREAM_BROKEN", message: "the upstream changed the protocol unasked" }, "upstream-aborted");
      return;
    }
    this.#outcome = "complete";
    this.#capture.drop();
    counters.tunnelsOpened += 1;
    port.countLoss(this.#route.index, "stream");
    this.#response.detachSocket(this.#request.socket);
    joinTunnel(this.#wish, answer, socket, head);
    this.#gateway.addTunnel(socket);
  }

  #onResponse(answer: IncomingMessage): void {
    if (this.#outcome !== null) {
      answer.resume();
      return;
    }
    this.#upstreamResponse = answer;
    answer.on("error", () => this.#onResponseCut());
    const status = answer.statusCode ?? 0;
    const reason = answer.statusMessage ?? "";
    const headers = forwardedResponse(answer.rawHeaders, status, this.#request.httpVersion);
    if (isEventStream(answer.rawHeaders)) this.#becomeStream();
    if (this.#wish !== null) stayWithHttp(this.#wish);
    const bodiless = this.#request.method === "HEAD" || status === 204 || status === 304 || isEmpty(headers);
    try {
      if (status < 200) throw new TypeError(`unexpected status ${status}`);
      this.#release.begin({ status, reason, headers, bodiless }, this.#gateway.isClosing());
    } catch (error) {
      answer.destroy();
      this.#answer(
        { status: 502, code: "SST_UPSTREAM_BROKEN", message: `the upstream's answer can't be passed on: ${String(error)}` },
        "upstream-aborted",
      );
      return;
    }
    this.#capture.responseHead = headText(`HTTP/1.1 ${status} ${reason}`, headers);
    answer.on("data", (chunk: Buffer) => {
      this.#capture.responseTap?.add(chunk);
      if (this.#release.chunk(chunk)) return;
      answer.pause();
      this.#response.once("drain", () => resumeAfterWait(answer));
    });
    answer.once("end", () => {
      if (answer.complete) this.#conclude("complete", answer.rawTrailers);
      else this.#onResponseCut();
    });
  }

  #becomeStream(): void {
    this.#streaming = true;
    this.#capture.becomeStream();
    if (this.#durable) this.#release = new Release(this.#response, false);
    this.#durable = false;
  }

  #onResponseCut(): void {
    if (this.#outcome !== null) return;
    this.#outcome = "upstream-aborted";
    this.#response.destroy();
  }

  #onUpstreamError(upstreamRequest: ClientRequest, error: Error): void {
    if (this.#outcome !== null || upstreamRequest !== this.#upstreamRequest) return;
    if (this.#upstreamResponse !== null) {
      this.#onResponseCut();
      return;
    }
    if (!this.#retried && this.#interims === 0 && isStale(upstreamRequest, error) && !hasBody(this.#request.rawHeaders)) {
      this.#retried = true;
      this.#gateway.counters.retried += 1;
      this.#forward();
      return;
    }
    const { answer, outcome } = classify(this.#gateway.upstream.hasConnected(upstreamRequest), error);
    this.#answer(answer, outcome);
  }

  /** Answers in the upstream's place. */
  #answer(answer: Answer, outcome: Outcome): void {
    if (this.#outcome !== null) return;
    if (this.#response.headersSent) {
      this.#onResponseCut();
      return;
    }
    const body = answerBody(answer);
    const headers = answerHeaders(answer, body);
    const reason = STATUS_CODES[answer.status] ?? "";
    this.#capture.responseHead = headText(`HTTP/1.1 ${answer.status} ${reason}`, headers);
    this.#capture.responseTap?.add(body);
    this.#release.begin({ status: answer.status, reason, headers, bodiless: false }, this.#gateway.isClosing());
    this.#release.chunk(body);
    this.#conclude(outcome, []);
  }

  #conclude(outcome: Outcome, rawTrailers: readonly string[]): void {
    if (this.#outcome !== null) return;
    this.#outcome = outcome;
    if (this.#durable) void this.#concludeDurably(outcome, rawTrailers);
    else this.#release.complete(rawTrailers);
  }

  async #concludeDurably(outcome: Outcome, rawTrailers: readonly string[]): Promise<void> {
    const captured = await this.#record(outcome);
    if (!captured && this.#route.onCaptureFailure === "abort") {
      this.#gateway.counters.aborted += 1;
      this.#response.destroy();
      return;
    }
    if (!captured) this.#gateway.counters.released += 1;
    if (!this.#response.destroyed) this.#release.complete(rawTrailers);
  }

  #onClientClose(): void {
    const finished = this.#response.writableFinished;
    if (this.#outcome === null) this.#outcome = "client-aborted";
    else if (!finished && this.#outcome === "complete") this.#outcome = "client-aborted";
    // Whole requests keep their connection for the next; anything less can't be used again.
    if (!finished || this.#upstreamRequest?.writableFinished === false) this.#upstreamRequest?.destroy();
    if (this.#upstreamRequest === null && this.#capture.responseHead === "") this.#capture.drop();
    else void this.#record(this.#outcome);
  }

  /** Counts how the exchange ended and hands its record in, once. @returns False when a durable record is not on disk. */
  #record(outcome: Outcome): Promise<boolean> {
    if (!this.#counted) this.#gateway.counters.outcomes[outcome] += 1;
    this.#counted = true;
    return this.#capture.record(outcome);
  }
}

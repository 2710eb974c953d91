/**
 * The capture of one exchange: its room, its taps, its record.
 *
 * Promise: the record is handed in at most once; room and memory are given back on every way out.
 */
import type { IncomingMessage } from "node:http";
import type { CapturePort, Outcome, Reservation, Settlement, TransactionRecord } from "../../driver/source.ts";
import { fieldValue, hasBody } from "./headers.ts";
import type { GatewayOptions, Route } from "./options.ts";
import { BodyTap } from "./tap.ts";

/**
 * Ports at which the last wait for room was in vain. A request that would pass uncaptured anyway doesn't wait there
 * again until one finds room: a spool that is full for hours must not slow the traffic.
 */
const starved = new WeakSet<CapturePort>();

/** Numbers, lengths and the remote address beside heads and bodies. */
const FRAME_BYTES = 512;

export class ExchangeCapture {
  readonly #port: CapturePort;
  readonly #options: GatewayOptions;
  readonly #route: Route;
  readonly #startedMs = Date.now();
  readonly #started = performance.now();
  readonly #remoteAddress: string;
  readonly requestHead: string;
  responseHead = "";
  /** Null while nothing is captured. */
  requestTap: BodyTap | null = null;
  responseTap: BodyTap | null = null;
  #reservation: Reservation | null = null;
  #durable: boolean;
  #recorded = false;
  #dropped = false;

  /** @param durable - Room must be reserved before it begins. */
  constructor(port: CapturePort, options: GatewayOptions, route: Route, request: IncomingMessage, requestHead: string, durable: boolean) {
    this.#port = port;
    this.#options = options;
    this.#route = route;
    this.#durable = durable;
    // A listener for both families names IPv4 clients in IPv6's way.
    this.#remoteAddress = (request.socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
    this.requestHead = requestHead;
  }

  /** Takes room for the largest record that can come of the request: both heads, both bodies up to their bound. */
  async reserve(request: IncomingMessage): Promise<boolean> {
    const { bodyBytesMax } = this.#route;
    const declared = Number(fieldValue(request.rawHeaders, "content-length") ?? bodyBytesMax);
    const requestBytes = hasBody(request.rawHeaders) ? Math.min(declared, bodyBytesMax) : 0;
    const responseBytes = request.method === "HEAD" ? 0 : bodyBytesMax;
    const bytes = this.requestHead.length + requestBytes + this.#options.headBytesMax + responseBytes + FRAME_BYTES;
    const waitMs = this.#route.whenNoRoom === "pass" && starved.has(this.#port) ? 0 : this.#options.reserveWaitMs;
    this.#reservation = await this.#port.reserve(bytes, waitMs);
    if (this.#reservation === null) starved.add(this.#port);
    else starved.delete(this.#port);
    return this.#reservation !== null;
  }

  /** Starts to keep bodies. */
  begin(): void {
    const hold = this.#durable ? null : (bytes: number) => this.#port.hold(bytes);
    this.requestTap = new BodyTap(this.#route.bodyBytesMax, hold);
    this.responseTap = new BodyTap(this.#route.bodyBytesMax, hold);
  }

  /** A stream without end can't wait for its last byte: from here on it is best-effort, without its body. */
  becomeStream(): void {
    this.responseTap?.stop();
    if (!this.#durable) return;
    this.#durable = false;
    this.#reservation?.release();
    this.#reservation = null;
    this.requestTap?.holdFrom((bytes) => this.#port.hold(bytes));
    this.#port.countLoss(this.#route.index, "stream");
  }

  /** Gives everything back; nothing will be recorded. Again, also after room came late, is right. */
  drop(): void {
    if (this.#recorded) return;
    this.#dropped = true;
    this.#reservation?.release();
    this.#reservation = null;
    this.#unhold();
    this.requestTap = null;
    this.responseTap = null;
  }

  /** Hands in the record, once. @returns False when it had to be durable and did not reach the disk. */
  async record(outcome: Outcome): Promise<boolean> {
    if (this.#recorded || this.#dropped || this.requestTap === null || this.responseTap === null) return true;
    this.#recorded = true;
    const record: TransactionRecord = {
      kind: "transaction",
      route: this.#route.index,
      startedMs: this.#startedMs,
      durationMs: performance.now() - this.#started,
      outcome,
      requestHead: this.requestHead,
      requestBody: this.requestTap.body(),
      responseHead: this.responseHead,
      responseBody: this.responseTap.body(),
      remoteAddress: this.#remoteAddress,
    };
    if (this.#reservation !== null) return this.#recordDurably(record, this.#reservation);
    this.#port.submit(record);
    this.#unhold();
    return true;
  }

  async #recordDurably(record: TransactionRecord, reservation: Reservation): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<"late">();
    const timer = setTimeout(() => resolve("late"), this.#options.settleWaitMs);
    timer.unref(); // It alone must not keep a process that is done.
    let settlement: Settlement | "late";
    try {
      settlement = await Promise.race([this.#port.submitDurable(record, reservation), late]);
    } catch {
      settlement = "lost";
    }
    clearTimeout(timer);
    if (settlement === "spooled") return true;
    this.#port.countLoss(record.route, settlement === "refused" ? "refused" : "engine-lost");
    return false;
  }

  #unhold(): void {
    const bytes = (this.requestTap?.heldBytes ?? 0) + (this.responseTap?.heldBytes ?? 0);
    if (bytes > 0) this.#port.unhold(bytes);
  }
}

/**
 * Tells an operator what a destination's spool and dead letters go through: once when it begins, once when it ends.
 *
 * Promise: never a line per event. What repeats is counted and told again after a minute at the earliest; what goes on
 * by then is told, so that the last line says how it is.
 */
import { ERRORS, isSidestreamError, type ErrorCode, type SidestreamError } from "../errors.ts";
import type { Log } from "../observe/log.ts";
import type { DestinationHold } from "../observe/snapshot.ts";
import { holdText } from "./hold.ts";
import { stoppedText } from "./stopped-log.ts";

const REPEAT_MS = 60_000;
/** What a driver said last is kept for the status: the same is said at each connection, so that few are different. */
const SAID_MAX = 5;

/** Why messages can't be kept at the moment. */
export interface SpoolTrouble {
  readonly code: string;
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
}

export class OutletNotices {
  /** Null while messages are kept. */
  trouble: SpoolTrouble | null = null;
  lastDeadReason: string | null = null;
  /** The last different things that the driver had to say, such as a setting of the brokers that weakens a promise. */
  readonly said: string[] = [];
  readonly #name: string;
  readonly #log: Log;
  #troubleTold = { code: "", atMs: Number.NEGATIVE_INFINITY };
  /** What the trouble that there is was told by; null while its end is owed to nobody. */
  #toldCode: string | null = null;
  #hasStopped = false;
  #deadToldMs = Number.NEGATIVE_INFINITY;
  #deadUntold = 0;

  constructor(name: string, log: Log) {
    this.#name = name;
    this.#log = log;
  }

  /** The driver tells what an operator should know once. */
  driverSays(text: string): void {
    const known = this.said.indexOf(text);
    if (known !== -1) this.said.splice(known, 1);
    // Said again at each connection.
    else this.#log.warn({ destination: this.#name }, text);
    this.said.push(text);
    if (this.said.length > SAID_MAX) this.said.shift();
  }

  /** Messages could not be kept. */
  spoolFailed(error: SidestreamError): void {
    const so = "Durable requests and webhooks are refused or pass uncaptured, the rest is lost and counted";
    if (this.#begins(error)) this.#log.error(this.#about(error), `messages for ${this.#name} can't be kept: ${error.message}. ${so}`);
  }

  /**
   * The log takes nothing more in until a restart. Told once, since nothing ends it before.
   *
   * @param isSent - What it holds is still sent.
   */
  logStopped(error: SidestreamError, isSent: boolean): void {
    if (this.#hasStopped) return;
    this.#hasStopped = true;
    this.trouble = { code: error.code, message: error.message, sinceMs: Date.now() };
    this.#log.error(this.#about(error), `messages for ${this.#name} can't be kept: ${stoppedText(error, isSent)}`);
  }

  /** Whether a line about such trouble would be written now: it was not told yet, and another not within a minute. */
  isDue(code: ErrorCode): boolean {
    if (this.#hasStopped || this.#toldCode === code) return false;
    // A log at its bound fills and empties many times a minute.
    return this.#troubleTold.code !== code || Date.now() - this.#troubleTold.atMs >= REPEAT_MS;
  }

  /** The log has come to the end of its budget. @param what - That, what becomes of messages and what to do, as a text. */
  spoolFull(error: SidestreamError, what: string): void {
    if (this.#begins(error)) this.#log.error(this.#about(error), what);
  }

  /** Messages are kept again. @param what - What has ended, for the line that says so. */
  spoolWorks(what = `messages for ${this.#name} are kept again`): void {
    if (this.trouble === null || this.#hasStopped) return;
    const seconds = Math.round((Date.now() - this.trouble.sinceMs) / 1000);
    this.trouble = null;
    if (this.#toldCode === null) return;
    this.#toldCode = null;
    this.#log.info({ destination: this.#name }, `${what}, after ${seconds} s`);
  }

  /** A message was set aside for good. */
  dead(stream: string, code: string, reason: string): void {
    this.lastDeadReason = `${code}: ${reason}`;
    this.#deadUntold += 1;
    const nowMs = Date.now();
    if (nowMs - this.#deadToldMs < REPEAT_MS) return;
    const hint = code in ERRORS ? ERRORS[code as keyof typeof ERRORS].hint : undefined;
    const what = this.#deadUntold === 1 ? "a message is" : `${this.#deadUntold} messages are`;
    this.#log.warn(
      { destination: this.#name, stream, code, hint },
      `${what} dead, set aside in the dead letters of ${this.#name}: ${reason}`,
    );
    this.#deadToldMs = nowMs;
    this.#deadUntold = 0;
  }

  /** Somebody held the destination before the program started. */
  held(hold: DestinationHold): void {
    const what = `nothing is sent to it until \`sidestream resume ${this.#name}\`; its messages wait in the spool`;
    this.#log.warn({ destination: this.#name, ...hold }, `${this.#name} is ${holdText(hold)}; ${what}`);
  }

  /** The destination went down or came back. */
  destinationIs(state: "up" | "down" | "paused" | "blocked", error: { readonly code: string; readonly message: string } | null): void {
    if (state === "up") {
      this.#log.info({ destination: this.#name }, `${this.#name} is up`);
      return;
    }
    const hint = error !== null && error.code in ERRORS ? ERRORS[error.code as keyof typeof ERRORS].hint : undefined;
    const why = error === null ? "" : `: ${error.message}`;
    if (state === "blocked") {
      this.#log.warn({ destination: this.#name, code: error?.code, hint }, `some messages of ${this.#name} wait in the spool${why}`);
      return;
    }
    this.#log.warn({ destination: this.#name, code: error?.code, hint }, `${this.#name} is ${state}${why}; its messages wait in the spool`);
  }

  /** Anything that went wrong with the spool, whatever threw it. */
  failed(error: unknown): void {
    if (isSidestreamError(error)) this.spoolFailed(error);
  }

  /** @returns Whether to tell of it. */
  #begins(error: SidestreamError): boolean {
    if (this.#hasStopped) return false;
    const nowMs = Date.now();
    if (this.trouble?.code !== error.code) this.trouble = { code: error.code, message: error.message, sinceMs: nowMs };
    if (!this.isDue(error.code)) return false;
    this.#troubleTold = { code: error.code, atMs: nowMs };
    this.#toldCode = error.code;
    return true;
  }

  #about({ code, hint }: SidestreamError): { readonly destination: string; readonly code: string; readonly hint: string } {
    return { destination: this.#name, code, hint };
  }
}

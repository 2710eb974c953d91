/**
 * A source's own answers over HTTP: what it says when it can't or won't do what was asked.
 *
 * Promise: a small JSON object with code, message and hint; no stack, nothing of the request.
 */
import { STATUS_CODES } from "node:http";
import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { ERRORS } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";

export interface Answer {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
  /** Further fields, flat. */
  readonly headers?: readonly string[];
}

/** Seconds after which a client may try again where there was no room. */
const RETRY_AFTER_SECONDS = "1";

/** Time that a client gets to take the answer before its connection is cut, though it still sends. */
export const LINGER_MS = 2_000;

export function answerBody({ code, message }: Answer): Buffer {
  return Buffer.from(`${JSON.stringify({ code, message, hint: ERRORS[code].hint })}\n`);
}

export function answerHeaders(answer: Answer, body: Buffer): string[] {
  const headers = ["Content-Type", "application/json", "Content-Length", String(body.length), ...(answer.headers ?? [])];
  if (answer.status === 503) headers.push("Retry-After", RETRY_AFTER_SECONDS);
  return headers;
}

/** Answers a request that goes no further. `close`: nothing more is read from the connection. */
export function sendAnswer(response: ServerResponse, answer: Answer, close: boolean): void {
  const body = answerBody(answer);
  const headers = answerHeaders(answer, body);
  response.sendDate = false;
  if (close || !response.shouldKeepAlive) headers.push("Connection", "close");
  else response.removeHeader("Connection");
  response.writeHead(answer.status, STATUS_CODES[answer.status] ?? "", headers);
  response.end(body);
}

/** Answers on a bare connection, whose request could not be read, and closes it. */
export function sendBareAnswer(socket: Duplex, answer: Answer): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = answerBody(answer);
  const headers = [...answerHeaders(answer, body), "Connection", "close"];
  let head = `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ""}\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  // Node takes its own listener off a connection that asked for a tunnel; a client that resets it must not end the program.
  socket.on("error", () => socket.destroy());
  socket.end(`${head}\r\n${body.toString("latin1")}`, "latin1");
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(cut));
}

/**
 * Once the response is out, reads away what the client still sends of its request, for a while: closed at once, the
 * connection would be reset and the client might never see the answer.
 */
export function drainUpload(response: ServerResponse): void {
  const { req: request } = response;
  response.once("finish", () => {
    if (request.complete || request.destroyed) return;
    const cut = setTimeout(() => request.socket.destroy(), LINGER_MS);
    request.once("end", () => clearTimeout(cut));
    request.once("close", () => clearTimeout(cut));
    request.resume();
  });
}

/**
 * What becomes of header fields on their way through: which requests are refused, which fields end here.
 *
 * Promise: the fields that pass keep their order, case, duplicates and bytes. What is captured is what was passed on,
 * so that no rule looks at a field that the upstream never saw.
 *
 * @see docs/gateway.md, "What passes unchanged, and what does not"
 */
import type { IncomingMessage } from "node:http";

/** Fields between two neighbours; they end here. RFC 9110, section 7.6.1. */
const HOP_BY_HOP: ReadonlySet<string> = new Set(["connection", "keep-alive", "proxy-connection", "te", "upgrade"]);

/** Fields that stay, even if `Connection` names them: without them the message means something else. */
const NEVER_REMOVED: ReadonlySet<string> = new Set(["host", "content-length", "transfer-encoding"]);

/** Fields that say who asks. A client that has one of them removed on the way wants two readers to see two askers. */
const IDENTITY: ReadonlySet<string> = new Set(["authorization", "cookie", "x-api-key", "x-system-token", "x-wallet-id"]);
const IDENTITY_PREFIX = "x-okapi-";

type Head = Pick<IncomingMessage, "rawHeaders" | "httpVersion" | "method">;

/** Why a request can't be forwarded without guessing what it means; null when it is plain. */
export function requestFault({ rawHeaders, httpVersion }: Head): string | null {
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return `HTTP/${httpVersion} is not spoken here, only 1.1 and 1.0`;
  let hosts = 0;
  let lengths = 0;
  let codings = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? "").toLowerCase();
    const value = rawHeaders[i + 1] ?? "";
    if (name === "host") hosts += 1;
    else if (name === "content-length") {
      lengths += 1;
      if (!/^[0-9]{1,15}$/.test(value)) return "Content-Length is not a plain number";
    } else if (name === "transfer-encoding") {
      codings += 1;
      if (value.toLowerCase() !== "chunked") return "Transfer-Encoding is something other than chunked";
    }
  }
  if (hosts > 1) return "there is more than one Host field";
  if (hosts === 0 && httpVersion === "1.1") return "the Host field is missing";
  if (lengths > 1 || codings > 1) return "a field that says how long the body is stands there twice";
  if (codings === 1 && lengths === 1) return "Content-Length and Transfer-Encoding contradict each other";
  if (codings === 1 && httpVersion === "1.0") return "Transfer-Encoding has no meaning in HTTP/1.0";
  for (const named of connectionNames(rawHeaders)) {
    if (named.startsWith(IDENTITY_PREFIX) || IDENTITY.has(named)) return `Connection names ${named}, a field that says who asks`;
  }
  return null;
}

/** True when a request has a body, also an empty chunked one. */
export function hasBody(rawHeaders: readonly string[]): boolean {
  const hasLength = fieldValue(rawHeaders, "content-length") !== undefined && !isEmpty(rawHeaders);
  return hasLength || fieldValue(rawHeaders, "transfer-encoding") !== undefined;
}

/** True for a Content-Length of nought, however many zeros it is written with. */
export function isEmpty(rawHeaders: readonly string[]): boolean {
  return /^0+$/.test(fieldValue(rawHeaders, "content-length") ?? "");
}

/** True for server-sent events: a response that goes on for as long as both sides like. */
export function isEventStream(rawHeaders: readonly string[]): boolean {
  return (fieldValue(rawHeaders, "content-type") ?? "").trimStart().toLowerCase().startsWith("text/event-stream");
}

/** The first value of a field, by lower-case name. */
export function fieldValue(rawHeaders: readonly string[], name: string): string | undefined {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name) return rawHeaders[i + 1];
  }
  return undefined;
}

/**
 * Fields of a request as they go to the upstream.
 *
 * @param upgrade - Keep the wish for another protocol (`Upgrade`, and `Connection: Upgrade` for it).
 * @param host - Host for an HTTP/1.0 request that brought none.
 */
export function forwardedRequest(request: Head, upgrade: boolean, host: string): string[] {
  const chunked = fieldValue(request.rawHeaders, "transfer-encoding") !== undefined;
  const headers = endToEnd(request.rawHeaders, (name) => name === "trailer" && !chunked, upgrade);
  if (fieldValue(headers, "host") === undefined) headers.push("Host", host);
  return headers;
}

/** Fields of a response as they go to the client; without chunks where the client or the status can't have them. */
export function forwardedResponse(rawHeaders: readonly string[], status: number, clientVersion: string): string[] {
  const canChunk = clientVersion === "1.1" && status !== 204 && status !== 304;
  const chunked = canChunk && fieldValue(rawHeaders, "transfer-encoding") !== undefined;
  return endToEnd(rawHeaders, (name) => !chunked && (name === "transfer-encoding" || name === "trailer"), false);
}

/** Fields without those that end here and those that `drop` names (by lower-case name). */
export function endToEnd(rawHeaders: readonly string[], drop: (name: string) => boolean, upgrade: boolean): string[] {
  const named = connectionNames(rawHeaders);
  const kept: string[] = [];
  let connectionWritten = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const field = rawHeaders[i] ?? "";
    const name = field.toLowerCase();
    const value = rawHeaders[i + 1] ?? "";
    if (upgrade && name === "upgrade") kept.push(field, value);
    else if (upgrade && name === "connection") {
      if (!connectionWritten) kept.push(field, "Upgrade");
      connectionWritten = true;
    } else if (!HOP_BY_HOP.has(name) && !(named.has(name) && !NEVER_REMOVED.has(name)) && !drop(name)) kept.push(field, value);
  }
  return kept;
}

/** A message's head as text, without the final empty line. */
export function headText(firstLine: string, headers: readonly string[]): string {
  let text = firstLine;
  for (let i = 0; i < headers.length; i += 2) text += `\r\n${headers[i]}: ${headers[i + 1]}`;
  return text;
}

/**
 * Fields in the form that `node:http` writes unchanged. After a Content-Length it takes the bytes of Content-Disposition
 * for latin1 and writes them as UTF-8 read back; encoding them once more undoes that.
 */
export function asWritten(headers: readonly string[]): string[] {
  const written = [...headers];
  let lengthSeen = false;
  for (let i = 0; i < written.length; i += 2) {
    const name = (written[i] ?? "").toLowerCase();
    const value = written[i + 1] ?? "";
    if (name === "content-length") lengthSeen = Number(value) !== 0;
    else if (name === "content-disposition" && lengthSeen) written[i + 1] = Buffer.from(value, "utf8").toString("latin1");
  }
  return written;
}

/** Raw trailers as pairs, as `addTrailers` wants them. */
export function trailerPairs(rawTrailers: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < rawTrailers.length; i += 2) pairs.push([rawTrailers[i] ?? "", rawTrailers[i + 1] ?? ""]);
  return pairs;
}

function connectionNames(rawHeaders: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() !== "connection") continue;
    for (const token of (rawHeaders[i + 1] ?? "").split(",")) names.add(token.trim().toLowerCase());
  }
  return names;
}

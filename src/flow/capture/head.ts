/**
 * Reads the head of a captured HTTP message, on the engine thread.
 *
 * Promise: a head that the gateway let through is taken apart without change to names, case, order or duplicates;
 * values lose only the blanks around them. Anything else is an error that tells the line, never its content, because
 * heads hold secrets.
 */
import { invalidHandover } from "./layout.ts";

export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** `1.1` of `HTTP/1.1`. */
  readonly httpVersion: string;
  /** Flat: name, value, name, value. */
  readonly headers: readonly string[];
}

export interface ResponseHead {
  /** 0 where the client was answered nothing. */
  readonly status: number;
  readonly headers: readonly string[];
}

const LINE_END = "\r\n";
const VERSION_PREFIX = "HTTP/";
const STATUS_LINE = /^HTTP\/\d\.\d ([1-9]\d\d)(?: |$)/;
const SPACE = 0x20;
const TAB = 0x09;

function isBlank(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === SPACE || code === TAB;
}

function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text, start)) start += 1;
  while (end > start && isBlank(text, end - 1)) end -= 1;
  return text.slice(start, end);
}

/** Reads field lines from `from` to the end; one line end after the last is allowed. */
function parseFields(head: string, from: number, place: string): string[] {
  const headers: string[] = [];
  let at = from;
  while (at < head.length) {
    const found = head.indexOf(LINE_END, at);
    const lineEnd = found < 0 ? head.length : found;
    const colon = head.indexOf(":", at);
    if (colon <= at || colon > lineEnd || isBlank(head, at)) {
      throw invalidHandover(place, `field line ${headers.length / 2 + 1} is not "name: value"`);
    }
    headers.push(head.slice(at, colon), trimmed(head, colon + 1, lineEnd));
    at = lineEnd + LINE_END.length;
  }
  return headers;
}

function startLineEnd(head: string): number {
  const found = head.indexOf(LINE_END);
  return found < 0 ? head.length : found;
}

/**
 * Takes a request's head apart: request line, then fields.
 *
 * @throws {@link SidestreamError} `SST_HANDOVER_INVALID`.
 */
export function parseRequestHead(head: string): RequestHead {
  const end = startLineEnd(head);
  const afterMethod = head.indexOf(" ");
  const beforeVersion = head.lastIndexOf(" ", end - 1);
  const whole =
    afterMethod > 0 && beforeVersion > afterMethod + 1 && beforeVersion < end && head.startsWith(VERSION_PREFIX, beforeVersion + 1);
  if (!whole) throw invalidHandover("request head", 'the first line is not "METHOD target HTTP/version"');
  return {
    method: head.slice(0, afterMethod),
    target: head.slice(afterMethod + 1, beforeVersion),
    httpVersion: head.slice(beforeVersion + 1 + VERSION_PREFIX.length, end),
    headers: parseFields(head, end + LINE_END.length, "request head"),
  };
}

/**
 * Takes a response's head apart: status line, then fields. An empty head is that of a client who left before the answer.
 *
 * @throws {@link SidestreamError} `SST_HANDOVER_INVALID`.
 */
export function parseResponseHead(head: string): ResponseHead {
  if (head === "") return { status: 0, headers: [] };
  const end = startLineEnd(head);
  const status = STATUS_LINE.exec(head.slice(0, end))?.[1];
  if (status === undefined) throw invalidHandover("response head", 'the first line is not "HTTP/version status reason"');
  return { status: Number(status), headers: parseFields(head, end + LINE_END.length, "response head") };
}

/**
 * Takes a multipart body (RFC 2046, RFC 7578) apart.
 *
 * Promise: strict. A body that isn't framed to the last delimiter is refused as a whole, so that nothing in it escapes
 * the rules for parts.
 */
import { parametersOf } from "./media-type.ts";

/** Forms have dozens of parts, uploads hundreds. */
const PARTS_MAX = 1000;
/** RFC 2046 allows 70 characters; some programs take more. */
const BOUNDARY_CHARS_MAX = 200;
const HEADERS_BYTES_MAX = 16 * 1024;

export interface Part {
  /** Where its headers begin. */
  readonly start: number;
  readonly contentStart: number;
  /** Exclusive. */
  readonly contentEnd: number;
  /** Flat list, as in a message head. */
  readonly headers: readonly string[];
  /** Every name that its Content-Disposition headers give. */
  readonly names: readonly string[];
}

/** True for bytes that begin as a multipart body does: a line of dashes and words, then a header of a part. */
export function looksLikeMultipart(bytes: Buffer): boolean {
  if (bytes[0] !== 0x2d || bytes[1] !== 0x2d) return false;
  return /^--[^\r\n]{1,200}\r?\nContent-/i.test(bytes.toString("latin1", 0, 256));
}

/** @returns Null when the framing is broken or the parts are too many. */
export function readParts(bytes: Buffer, boundary: string | null): readonly Part[] | null {
  if (boundary === null || boundary === "" || boundary.length > BOUNDARY_CHARS_MAX) return null;
  const delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  const parts: Part[] = [];
  // The first delimiter may stand at the very begin, without its line break.
  let at = bytes.indexOf(delimiter.subarray(2));
  if (at < 0 || (at > 0 && bytes.indexOf(delimiter) !== at - 2)) return null;
  at += delimiter.length - 2;
  for (;;) {
    if (bytes[at] === 0x2d && bytes[at + 1] === 0x2d) return parts;
    while (bytes[at] === 0x20 || bytes[at] === 0x09) at++;
    if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a || parts.length === PARTS_MAX) return null;
    const part = readPart(bytes, at + 2, delimiter);
    if (part === null) return null;
    parts.push(part);
    at = part.contentEnd + delimiter.length;
  }
}

function readPart(bytes: Buffer, start: number, delimiter: Buffer): Part | null {
  const empty = bytes[start] === 0x0d && bytes[start + 1] === 0x0a;
  const headersEnd = empty ? start : bytes.indexOf("\r\n\r\n", start, "latin1");
  if (headersEnd < 0 || headersEnd - start > HEADERS_BYTES_MAX) return null;
  const contentStart = empty ? start + 2 : headersEnd + 4;
  const contentEnd = bytes.indexOf(delimiter, contentStart);
  if (contentEnd < 0) return null;
  const headers = readHeaders(bytes.toString("utf8", start, headersEnd));
  if (headers === null) return null;
  return { start, contentStart, contentEnd, headers, names: namesOf(headers) };
}

function readHeaders(text: string): readonly string[] | null {
  const headers: string[] = [];
  if (text === "") return headers;
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    // A line that begins with white space goes on from the line before.
    if (/^[ \t]/.test(line) && headers.length > 0) headers[headers.length - 1] += ` ${line.trim()}`;
    else if (colon <= 0) return null;
    else headers.push(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  return headers;
}

function namesOf(headers: readonly string[]): readonly string[] {
  const names: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index]?.toLowerCase() !== "content-disposition") continue;
    const value = headers[index + 1] ?? "";
    const parameters = value.slice(Math.max(0, value.indexOf(";")));
    // Of several names readers take the first or the last, and put pieces (name*0, name*1) together: all are told.
    const pieces: string[] = [];
    for (const [parameter, name] of parametersOf(parameters)) {
      if (parameter === "name" || parameter === "name*") names.push(name);
      else if (parameter.startsWith("name*")) pieces.push(name);
    }
    if (pieces.length > 0) names.push(pieces.join(""));
  }
  return names;
}

/** Writes a redacted body as members of a JSON object, cut to a number of bytes where it has to be. */
import type { BodySettings } from "../settings.ts";
import type { OutBody } from "./redact-body.ts";

/** A body cut to less than this is left out. */
const CUT_BYTES_MIN = 64;

/** A body ready to be written: its JSON value, and what is told about it. */
export interface BodyJson {
  /** JSON value; `null` where there is none. */
  readonly value: string;
  /** Bytes of `value` in UTF-8. */
  readonly valueBytes: number;
  /** The members that follow, `,"bodyEncoding":...`. */
  readonly marks: string;
  /** It is JSON, whole. */
  readonly isPlain: boolean;
}

/**
 * Encodes a body.
 *
 * @param name - `body` or `payload`; the marks are named after it.
 * @param settings - What the stream lets through.
 * @param bytesMax - Bytes that the value may have, besides the stream's own limit.
 */
export function encodeBody(body: OutBody, name: "body" | "payload", settings: BodySettings, bytesMax: number): BodyJson {
  if (body.encoding === null) return without(body, name, body.omitted);
  if (body.type !== null && !settings.types.includes(body.type)) return without(body, name, "type");
  const value =
    body.encoding === "json" ? body.text : body.encoding === "text" ? JSON.stringify(body.text) : base64(body.bytes ?? Buffer.alloc(0));
  const valueBytes = Buffer.byteLength(value);
  // The quotes around text and base64 don't count: the stream's limit is one for the body.
  const quotes = body.encoding === "json" ? 0 : 2;
  if (valueBytes - quotes <= settings.bytesMax && valueBytes <= bytesMax) {
    const isPlain = body.encoding === "json" && !body.truncated && body.withheld === null;
    return { value, valueBytes, marks: marksOf(body, name, body.encoding, body.truncated, null), isPlain };
  }
  const limit = Math.min(bytesMax, settings.bytesMax + 2);
  if (limit < CUT_BYTES_MIN) return { value: "null", valueBytes: 4, marks: marksOf(body, name, null, true, null), isPlain: false };
  const cut = body.bytes === null ? cutText(body.text, limit) : base64(body.bytes.subarray(0, Math.floor((limit - 2) / 4) * 3));
  // JSON that was cut is no JSON any more; what is left of it is text.
  const encoding = body.encoding === "json" ? "text" : body.encoding;
  return { value: cut, valueBytes: Buffer.byteLength(cut), marks: marksOf(body, name, encoding, true, null), isPlain: false };
}

function without(body: OutBody, name: string, omitted: OutBody["omitted"]): BodyJson {
  return { value: "null", valueBytes: 4, marks: marksOf(body, name, null, body.truncated, omitted), isPlain: false };
}

function marksOf(body: OutBody, name: string, encoding: OutBody["encoding"], truncated: boolean, omitted: OutBody["omitted"]): string {
  let marks = `,"${name}Encoding":${encoding === null ? "null" : `"${encoding}"`},"${name}Size":${body.sizeBytes ?? "null"}`;
  if (body.coding !== null && encoding !== null) marks += `,"${name}Coding":${JSON.stringify(body.coding)}`;
  if (truncated) marks += `,"${name}Truncated":true`;
  if (body.withheld !== null) marks += `,"${name}Withheld":"${body.withheld}"`;
  if (omitted !== null) marks += `,"${name}Omitted":"${omitted}"`;
  if (body.hash !== undefined) marks += `,"${name}Hash":"${body.hash}"`;
  return marks;
}

function base64(bytes: Buffer): string {
  return `"${bytes.toString("base64")}"`;
}

/** The longest begin of a text whose JSON string takes at most so many bytes, quotes included. */
export function cutText(text: string, bytesMax: number): string {
  let bytes = 2;
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    let units = 1;
    let size = 1;
    if (code < 0x20) size = code === 8 || code === 9 || code === 10 || code === 12 || code === 13 ? 2 : 6;
    else if (code === 0x22 || code === 0x5c) size = 2;
    else if (code >= 0x80 && code < 0x800) size = 2;
    else if (code >= 0xd800 && code < 0xe000) {
      const pair = code < 0xdc00 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
      units = pair ? 2 : 1;
      // A surrogate without its other half is written as an escape.
      size = pair ? 4 : 6;
    } else if (code >= 0x800) size = 3;
    if (bytes + size > bytesMax) break;
    bytes += size;
    at += units;
  }
  return JSON.stringify(text.slice(0, at));
}

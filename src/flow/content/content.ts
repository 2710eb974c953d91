/**
 * Reads a captured body: undoes its codings, tells what it is, and checks that it can be read in full.
 *
 * Promise: a body of a kind that holds named fields (JSON, forms, multipart) comes back whole and valid, or as
 * `unreadable` with the reason; never in part. Plain text and binary bodies may be cut.
 */
import { isUtf8 } from "node:buffer";
import type { CapturedBody } from "../event.ts";
import { decode, readCodings } from "./decode.ts";
import { scanJson, type JsonDocument } from "./json-scan.ts";
import { encodingOf, headerOf, looksLikeJson, mediaTypeOf, type MediaKind, type MediaType } from "./media-type.ts";
import { looksLikeMultipart, readParts, type Part } from "./multipart.ts";

export interface ContentLimits {
  /** Bytes a body may have when its content coding is undone. */
  readonly decodedBytesMax: number;
}

export type UnreadableReason = "cut" | "undecodable" | "too-large" | "too-deep" | "malformed" | "unknown-charset";

/** `coding` is the content coding that was undone, as the header named it; null when there was none. */
export type Content =
  | { readonly kind: "empty"; readonly coding: null }
  | { readonly kind: "json"; readonly coding: string | null; readonly document: JsonDocument }
  | { readonly kind: "form"; readonly coding: string | null; readonly text: string }
  | {
      readonly kind: "multipart";
      readonly coding: string | null;
      readonly bytes: Buffer;
      readonly boundary: string;
      readonly parts: readonly Part[];
    }
  | { readonly kind: "text"; readonly coding: string | null; readonly text: string; readonly truncated: boolean }
  | { readonly kind: "binary"; readonly coding: string | null; readonly bytes: Buffer; readonly truncated: boolean }
  /** `as`: what it would have been, null where even that is not known. */
  | { readonly kind: "unreadable"; readonly coding: null; readonly reason: UnreadableReason; readonly as: MediaKind | null };

const EMPTY: Content = { kind: "empty", coding: null };

/**
 * Reads a body. Costs a pass over its bytes: callers keep the result.
 *
 * @param headers - Flat list of the message's headers, names in any case.
 */
export function readContent(body: CapturedBody, headers: readonly string[], limits: ContentLimits): Content {
  if (body.bytes.length === 0 && !body.truncated) return EMPTY;
  const type = mediaTypeOf(headers);
  let codings = readCodings(headerOf(headers, "content-encoding") ?? "");
  if (codings?.length === 0 && startsLikeGzip(body.bytes)) {
    // Okapi hands compressed answers to its filters without the header that says so.
    if (type.kind === null) return readUnnamedGzip(body, type, limits);
    if (type.kind !== "binary") codings = ["gzip"];
  }
  if (codings === null) return unreadable("undecodable", type.kind);
  if (codings.length === 0) {
    if (body.bytes.length > limits.decodedBytesMax) return unreadable("too-large", type.kind);
    return interpret(body.bytes, body.truncated, type, null);
  }
  if (body.truncated) return unreadable("cut", type.kind);
  const decoded = decode(body.bytes, codings, limits.decodedBytesMax);
  if (typeof decoded === "string") return unreadable(decoded, type.kind);
  return decoded.length === 0 ? EMPTY : interpret(decoded, false, type, codings.join(", "));
}

/** It may be a file of its own: only what holds names inside is told as what it is, all else stays as it came. */
function readUnnamedGzip(body: CapturedBody, type: MediaType, limits: ContentLimits): Content {
  const raw: Content = { kind: "binary", coding: null, bytes: body.bytes, truncated: body.truncated };
  if (body.truncated) return unreadable("cut", null);
  const decoded = decode(body.bytes, ["gzip"], limits.decodedBytesMax);
  if (decoded === "too-large") return unreadable("too-large", null);
  if (decoded === "undecodable") return raw;
  const inside = interpret(decoded, false, type, "gzip");
  return inside.kind === "binary" ? raw : inside;
}

function unreadable(reason: UnreadableReason, as: MediaKind | null): Content {
  return { kind: "unreadable", coding: null, reason, as };
}

function startsLikeGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

function interpret(bytes: Buffer, truncated: boolean, type: MediaType, coding: string | null): Content {
  switch (type.kind) {
    case "json":
      return truncated ? unreadable("cut", "json") : readJson(bytes, type, coding);
    case "form": {
      if (truncated) return unreadable("cut", "form");
      const text = textOf(bytes, type.charset);
      if (text === null) return unreadable(encodingOf(type.charset) === null ? "unknown-charset" : "malformed", "form");
      // curl and others send JSON, and whatever else, as a form unless told better.
      if (looksLikeJson(bytes)) return readJson(bytes, type, coding);
      if (looksLikeMultipart(bytes)) return unreadable("malformed", "multipart");
      return { kind: "form", coding, text };
    }
    case "multipart": {
      if (truncated) return unreadable("cut", "multipart");
      const parts = readParts(bytes, type.boundary);
      return parts === null
        ? unreadable("malformed", "multipart")
        : { kind: "multipart", coding, bytes, boundary: type.boundary ?? "", parts };
    }
    default:
      return sniff(bytes, truncated, type, coding);
  }
}

function readJson(bytes: Buffer, type: MediaType, coding: string | null): Content {
  if (encodingOf(type.charset) === null) return unreadable("unknown-charset", "json");
  const text = textOf(bytes, type.charset);
  if (text === null) return unreadable("malformed", "json");
  const document = scanJson(withoutMark(text));
  return typeof document === "string" ? unreadable(document, "json") : { kind: "json", coding, document };
}

/** Bodies whose type promises nothing about fields: text, binary, unknown. Their bytes decide. */
function sniff(bytes: Buffer, truncated: boolean, type: MediaType, coding: string | null): Content {
  if (type.kind !== "binary" && looksLikeMultipart(bytes)) return unreadable("malformed", "multipart");
  const whole = truncated ? withoutCutCharacter(bytes) : bytes;
  const text = type.kind === "binary" && !looksLikeJson(bytes) ? null : textOf(whole, type.charset);
  if (text === null) {
    // Text in UTF-16, say: its names can't be seen, and base64 would hide nothing.
    if (type.kind !== "binary" && looksLikeJson(bytes)) return unreadable("malformed", "json");
    return { kind: "binary", coding, bytes, truncated };
  }
  const start = firstVisible(text);
  if (start === 0x7b || start === 0x5b) {
    const document = truncated ? "cut" : scanJson(withoutMark(text));
    if (typeof document !== "string") return { kind: "json", coding, document };
    if (looksLikeJson(bytes) || /"[ \t\r\n]*:/.test(text)) return unreadable(document, "json");
  }
  if (type.kind === null) {
    if (text.includes("\0")) return looksLikeJson(bytes) ? unreadable("malformed", "json") : { kind: "binary", coding, bytes, truncated };
    if (looksLikeForm(text)) return truncated ? unreadable("cut", "form") : { kind: "form", coding, text };
  }
  if (type.kind === "binary") return { kind: "binary", coding, bytes, truncated };
  return { kind: "text", coding, text, truncated };
}

/** One line, no blanks, and a name before an equals sign: what a form is without its content type. */
function looksLikeForm(text: string): boolean {
  const equals = text.indexOf("=");
  if (equals <= 0 || equals > 256) return false;
  return !/[\s<>{}"]/.test(text.trimEnd());
}

/** Null when the charset isn't understood or the bytes aren't valid in it. */
function textOf(bytes: Buffer, charset: string | null): string | null {
  const encoding = encodingOf(charset);
  if (encoding === "latin1") return bytes.toString("latin1");
  return encoding === "utf8" && isUtf8(bytes) ? bytes.toString("utf8") : null;
}

function withoutMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function firstVisible(text: string): number {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0x20 && code !== 0xfeff) return code;
  }
  return 0;
}

/** Leaves out the bytes of a UTF-8 character that the capture cut through. */
function withoutCutCharacter(bytes: Buffer): Buffer {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const code = bytes[bytes.length - back] ?? 0;
    if (code < 0x80) break;
    if (code >= 0xc0) return back < (code >= 0xf0 ? 4 : code >= 0xe0 ? 3 : 2) ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

/**
 * Encodes messages as CloudEvents 1.0 in structured JSON, by hand.
 *
 * Promise: one line of valid JSON in UTF-8, never longer than the limit. Where an event is too large, bodies are cut
 * first, the larger one more; then the heads; every cut is marked.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { headerOf } from "../content/media-type.ts";
import type { IdentifiedEvent } from "../event.ts";
import type { BodySettings } from "../settings.ts";
import { encodeBody, type BodyJson } from "./body-json.ts";
import type { DataParts } from "./data-parts.ts";
import type { Evidence } from "./message.ts";

/** Names the schema of `data`; schemas/data.schema.json has it as its `$id`. */
export const DATA_SCHEMA_ID = "urn:sidestream:schema:data:1";
/** The case matters to readers built on the `cloudevents` package: it knows this spelling only. */
export const CONTENT_TYPE = "application/cloudevents+json; charset=utf-8";
/** Bytes that the attributes of a message may take; each of them is bounded so that they do. */
export const ATTRIBUTES_BYTES_MAX = 8 * 1024;
/** The least limit under which every message can be written. */
export const MESSAGE_BYTES_MIN = 16 * 1024;

/** Characters of an attribute, so that all together stay within their bound at three bytes each. */
const ATTRIBUTE_CHARS_MAX = 128;
const SUBJECT_CHARS_MAX = 512;
export const KEY_CHARS_MAX = 512;
const SEQUENCE_DIGITS = 16;
/** Marks that a cut adds to a body. */
const MARKS_BYTES = 256;
const LAST_TIME_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Encodes `data` within a number of bytes. */
export function encodeData(parts: DataParts, settings: BodySettings, bytesMax: number): string {
  const { bodies, bodyName } = parts;
  const encoded = bodies.map((body) => encodeBody(body, bodyName, settings, bytesMax));
  const frame = parts.frame(0, bytesMax);
  const data = join(frame, encoded);
  if (data.length * 3 <= bytesMax || Buffer.byteLength(data) <= bytesMax) return data;
  const room = (pieces: readonly string[]): number => bytesMax - byteLength(pieces) - bodies.length * MARKS_BYTES;
  // Heads that fill more than half are cut themselves before the bodies are given up for them.
  let pieces = frame;
  for (const level of [1, 2] as const) {
    if (room(pieces) >= bytesMax / 2) break;
    pieces = parts.frame(level, bytesMax);
  }
  return join(pieces, fit(parts, settings, encoded, Math.max(0, room(pieces))));
}

/** Shares room among the bodies: each gets what it needs, or an equal part of what the smaller ones leave. */
function fit(parts: DataParts, settings: BodySettings, encoded: readonly BodyJson[], room: number): readonly BodyJson[] {
  const bySize = encoded.map((body, index) => ({ index, bytes: body.valueBytes })).toSorted((a, b) => a.bytes - b.bytes);
  const fitted = [...encoded];
  let left = room;
  for (const [place, { index, bytes }] of bySize.entries()) {
    const share = Math.floor(left / (bySize.length - place));
    const body = parts.bodies[index];
    if (bytes > share && body !== undefined) fitted[index] = encodeBody(body, parts.bodyName, settings, share);
    left = Math.max(0, left - (fitted[index]?.valueBytes ?? 0));
  }
  return fitted;
}

function byteLength(pieces: readonly string[]): number {
  let bytes = 0;
  for (const piece of pieces) bytes += Buffer.byteLength(piece);
  return bytes;
}

function join(frame: readonly string[], bodies: readonly BodyJson[]): string {
  let data = frame[0] ?? "";
  for (let index = 0; index < bodies.length; index++) {
    const body = bodies[index];
    if (body !== undefined) data += body.value + body.marks + (frame[index + 1] ?? "");
  }
  return data;
}

export interface MessageHead {
  readonly event: IdentifiedEvent;
  readonly subject: string;
  readonly key: string;
  readonly evidence: Evidence;
  /** `"source":"/instance/source"`, as {@link sourceOf} makes it. */
  readonly source: string;
  /** The request's, when it has a valid one. */
  readonly traceparent: string | null;
}

/** Puts attributes and data together: the message's bytes. */
export function encodeMessage(head: MessageHead, data: string, bytesMax: number): Buffer {
  const { event, subject, key, evidence } = head;
  let json = `{"specversion":"1.0","id":${attribute(shortened(event.id, ATTRIBUTE_CHARS_MAX))},"source":${head.source},"type":"dev.sidestream.${event.kind}","time":"${timeOf(event.timeMs)}"`;
  if (subject !== "") json += `,"subject":${attribute(subject.slice(0, SUBJECT_CHARS_MAX))}`;
  json += `,"datacontenttype":"application/json","dataschema":"${DATA_SCHEMA_ID}"`;
  if (head.traceparent !== null) json += `,"traceparent":"${head.traceparent}"`;
  if (key !== "") json += `,"partitionkey":${attribute(shortened(key, KEY_CHARS_MAX))}`;
  if (event.identity.tenant !== "") json += `,"sidestreamtenant":${attribute(shortened(event.identity.tenant, ATTRIBUTE_CHARS_MAX))}`;
  json +=
    `,"sidestreamstream":${attribute(shortened(evidence.stream, ATTRIBUTE_CHARS_MAX))},"sidestreamrule":"${evidence.rule}","sidestreamrevision":${attribute(shortened(evidence.revision, ATTRIBUTE_CHARS_MAX))}` +
    `,"sidestreaminstance":${attribute(shortened(evidence.instance, ATTRIBUTE_CHARS_MAX))},"sidestreamlog":${attribute(shortened(evidence.logId, ATTRIBUTE_CHARS_MAX))}` +
    `,"sequence":"${String(evidence.sequence).padStart(SEQUENCE_DIGITS, "0")}","data":${data}}`;
  const value = Buffer.from(json);
  assert(value.length <= bytesMax, "a message stays within its limit");
  return value;
}

/** The `source` attribute as JSON: instance and source name, percent-encoded. */
export function sourceOf(instance: string, source: string): string {
  const segment = (text: string): string => encodeURIComponent(shortened(text, ATTRIBUTE_CHARS_MAX / 2).toWellFormed());
  return JSON.stringify(`/${segment(instance)}/${segment(source)}`);
}

/** RFC 3339 in UTC with milliseconds. A time that a clock can't show becomes 1970. */
function timeOf(timeMs: number): string {
  return new Date(timeMs >= 0 && timeMs <= LAST_TIME_MS ? timeMs : 0).toISOString();
}

/**
 * An attribute as JSON. CloudEvents forbids control characters, lone surrogates and non-characters in attributes: each
 * becomes U+FFFD.
 */
function attribute(text: string): string {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code >= 0xd800) {
      return JSON.stringify(text.toWellFormed().replace(FORBIDDEN, "\ufffd"));
    }
  }
  return JSON.stringify(text);
}

// oxlint-disable-next-line no-control-regex -- control characters are what it is for
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff]/g;

/** A text that is too long keeps its begin and gets a hash of the whole, so that different texts stay different. */
export function shortened(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
  return `${text.slice(0, charsMax - hash.length - 1)}~${hash}`;
}

/** The request's `traceparent` (W3C Trace Context, version 00), when it is a valid one. */
export function traceparentOf(event: IdentifiedEvent): string | null {
  if (event.transaction === null) return null;
  const value = headerOf(event.transaction.requestHeaders, "traceparent");
  if (value === undefined || value.length !== 55) return null;
  if (!/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(value)) return null;
  return value.startsWith("0".repeat(32), 3) || value.startsWith("0".repeat(16), 36) ? null : value;
}

/**
 * Encodes messages as CloudEvents 1.0 in structured JSON, by hand.
 *
 * Promise: one line of valid JSON in UTF-8, never longer than the limit. Where an event is too large, bodies are cut
 * first, the larger one more; then the heads; every cut is marked.
 */
import { headerOf } from "../content/media-type.ts";
import { detached } from "../detached.ts";
import type { IdentifiedEvent } from "../event.ts";
import type { BodySettings } from "../settings.ts";
import { ATTRIBUTE_CHARS_MAX, attributeText, KEY_CHARS_MAX, sequenceText, subjectText, timeOf } from "./attribute-text.ts";
import { encodeBody, type BodyJson } from "./body-json.ts";
import type { DataParts } from "./data-parts.ts";
import type { Evidence, Message } from "./message.ts";

/** Names the schema of `data`; schemas/data.schema.json has it as its `$id`. */
export const DATA_SCHEMA_ID = "urn:sidestream:schema:data:1";
/** The case matters to readers built on the `cloudevents` package: it knows this spelling only. */
const CONTENT_TYPE = "application/cloudevents+json; charset=utf-8";
/** Protocol headers of a message in structured form. */
export const STRUCTURED_HEADERS: Message["headers"] = [["content-type", CONTENT_TYPE]];
export const STRUCTURED_HEADERS_BYTES = "content-type".length + CONTENT_TYPE.length;
/** Bytes that the attributes of a message may take, with the content type, in either form; each is bounded so that they do. */
export const ATTRIBUTES_BYTES_MAX = 8 * 1024;
/** The least limit under which every message can be written. */
export const MESSAGE_BYTES_MIN = 16 * 1024;

/** Marks that a cut adds to a body. */
const MARKS_BYTES = 256;

/** Encodes `data` within a number of bytes. */
export function encodeData(parts: DataParts, settings: BodySettings, bytesMax: number): string {
  const { bodies, bodyName } = parts;
  const encoded = bodies.map((body) => encodeBody(body, bodyName, settings, bytesMax));
  const frame = parts.frame(0, bytesMax);
  const data = join(parts, frame, encoded);
  if (data.length * 3 <= bytesMax || Buffer.byteLength(data) <= bytesMax) return data;
  const room = (pieces: readonly string[]): number => bytesMax - byteLength(pieces) - bodies.length * MARKS_BYTES;
  // Heads that fill more than half are cut themselves before the bodies are given up for them.
  let pieces = frame;
  for (const level of [1, 2] as const) {
    if (room(pieces) >= bytesMax / 2) break;
    pieces = parts.frame(level, bytesMax);
  }
  return join(parts, pieces, fit(parts, settings, encoded, Math.max(0, room(pieces))));
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

function join({ leavesOutPlainMarks = false }: DataParts, frame: readonly string[], bodies: readonly BodyJson[]): string {
  let data = frame[0] ?? "";
  for (let index = 0; index < bodies.length; index++) {
    const body = bodies[index];
    if (body === undefined) continue;
    data += body.value + (leavesOutPlainMarks && body.isPlain ? "" : body.marks) + (frame[index + 1] ?? "");
  }
  return data;
}

export interface EventHead {
  readonly event: IdentifiedEvent;
  readonly subject: string;
  /** As `sourceOf` makes it. */
  readonly source: string;
  /** The request's, when it has a valid one. */
  readonly traceparent: string | null;
}

export interface MessageHead extends EventHead {
  readonly key: string;
  readonly evidence: Evidence;
}

/** Puts attributes and data together: the bytes of a message in structured form. */
export function encodeMessage(head: MessageHead, data: string): Buffer {
  const { event, key, evidence } = head;
  let json = attributesOfEvent(head);
  if (key !== "") json += `,"partitionkey":${JSON.stringify(attributeText(key, KEY_CHARS_MAX))}`;
  json += tenantOf(event);
  json +=
    `,"sidestreamstream":${knownAttribute(evidence.stream)},"sidestreamrule":"${evidence.rule}","sidestreamrevision":${knownAttribute(evidence.revision)}` +
    `,"sidestreaminstance":${knownAttribute(evidence.instance)},"sidestreamlog":${knownAttribute(evidence.logId)}` +
    `,"sequence":"${sequenceText(evidence.sequence)}","data":${data}}`;
  return Buffer.from(json);
}

/** The same of an event that no stream has made a message of: what tells the stream, the rule and the place is left out. */
export function encodeEvent(head: EventHead, data: string): Buffer {
  return Buffer.from(`${attributesOfEvent(head)}${tenantOf(head.event)},"data":${data}}`);
}

function attributesOfEvent({ event, subject, source, traceparent }: EventHead): string {
  let json = `{"specversion":"1.0","id":${attribute(event.id)},"source":"${source}","type":"dev.sidestream.${event.kind}","time":"${timeOf(event.timeMs)}"`;
  if (subject !== "") json += `,"subject":${JSON.stringify(subjectText(subject))}`;
  json += `,"datacontenttype":"application/json","dataschema":"${DATA_SCHEMA_ID}"`;
  return traceparent === null ? json : `${json},"traceparent":"${traceparent}"`;
}

function tenantOf({ identity: { tenant } }: IdentifiedEvent): string {
  return tenant === "" ? "" : `,"sidestreamtenant":${knownAttribute(tenant)}`;
}

function attribute(text: string): string {
  return JSON.stringify(attributeText(text));
}

/** Streams, revisions, logs and tenants are few and come with every message: what is known of them need not be written anew. */
function knownAttribute(text: string): string {
  let json = knownAttributes.get(text);
  if (json === undefined) {
    json = attribute(text);
    if (text.length > ATTRIBUTE_CHARS_MAX) return json;
    if (knownAttributes.size >= KNOWN_ATTRIBUTES_MAX) knownAttributes.clear();
    knownAttributes.set(detached(text), json);
  }
  return json;
}

/** With the texts they take 4 MiB at most. */
const KNOWN_ATTRIBUTES_MAX = 8_192;
const knownAttributes = new Map<string, string>();

/** The request's `traceparent` (W3C Trace Context, version 00), when it is a valid one. */
export function traceparentOf(event: IdentifiedEvent): string | null {
  if (event.transaction === null) return null;
  const value = headerOf(event.transaction.requestHeaders, "traceparent");
  if (value === undefined || value.length !== 55) return null;
  if (!/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(value)) return null;
  return value.startsWith("0".repeat(32), 3) || value.startsWith("0".repeat(16), 36) ? null : value;
}

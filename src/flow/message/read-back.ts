/**
 * Makes an event again of a message that Sidestream wrote, in structured or in binary form.
 *
 * Promise: what redaction removed, what was cut and what the stream left out is unknown in the view that comes with the
 * event, never absent. The event alone can't say so: rules are to look at the view.
 */
import type { z } from "zod";
import { encodingOf, mediaTypeOf } from "../content/media-type.ts";
import type { ContentLimits } from "../content/content.ts";
import { valuesAt } from "../content/json-pointer.ts";
import { scanJson, type JsonDocument } from "../content/json-scan.ts";
import { ContentValues } from "../content/pointers.ts";
import type { AgentEvent, CapturedBody, IdentifiedEvent, Identity } from "../event.ts";
import { knownIdentity } from "../identify/known-identity.ts";
import { percentDecoded } from "../identify/tenant-value.ts";
import type { Attribute, Attributes, ContentPart } from "../match/rule.ts";
import { agentData, transactionData } from "./data-schema.ts";
import type { Message } from "./message.ts";
import { MessageAttributes, type BodyGap, type MessageGaps } from "./read-back-view.ts";

/** Larger ones were never written: this is what `limits.messageBytesMax` allows at most, and a bound on memory. */
export const READ_BACK_BYTES_MAX = 64 * 1024 * 1024;

export interface ReadBack {
  readonly event: IdentifiedEvent;
  /** How rules see it: null where the message doesn't tell. */
  readonly attributes: Attributes;
  /** Its bodies, as far as the message has them. */
  readonly content: ContentValues;
  /** False: of what a part has, something may be unknown. */
  readonly tellsAll: (part: ContentPart) => boolean;
  /** Why nothing is known of an attribute; null where it is known. */
  readonly whyUnknown: (attribute: Attribute) => string | null;
  /** Stream that made the message; empty where it doesn't say. */
  readonly stream: string;
  readonly revision: string;
}

export interface ReadBackOptions {
  readonly limits: ContentLimits;
  /**
   * Whether that stream leaves whole bodies, but for what is marked. With `keep` it doesn't, and a message can't show
   * what isn't in it: what is absent from a body is unknown then. Absent: no stream is known to.
   */
  readonly keepsAll?: (stream: string, revision: string) => boolean;
}

type TransactionData = z.output<typeof transactionData>;
type AgentData = z.output<typeof agentData>;

/** The attributes of a CloudEvent as text, and where its data stands. */
interface Envelope {
  readonly attribute: (name: string) => string;
  readonly data: unknown;
  /** The text that has the data in it, and the way to it. */
  readonly text: string;
  readonly path: readonly string[];
}

interface Body {
  readonly captured: CapturedBody;
  readonly gap: BodyGap | null;
  readonly isSizeKnown: boolean;
  /** Its coding was undone: the header that names it would undo it again. */
  readonly isDecoded: boolean;
}

/**
 * Reads a message.
 *
 * @param message - In structured form its headers don't matter.
 * @returns What is wrong with it, where it is no message of ours.
 */
export function eventOfMessage(message: Pick<Message, "headers" | "value">, options: ReadBackOptions): ReadBack | string {
  if (message.value.length > READ_BACK_BYTES_MAX) return `it has more than ${READ_BACK_BYTES_MAX} bytes`;
  const envelope = envelopeOf(message);
  if (typeof envelope === "string") return envelope;
  const type = envelope.attribute("type");
  const schema = { "dev.sidestream.transaction": transactionData, "dev.sidestream.agent": agentData }[type];
  if (schema === undefined) return `its type is ${JSON.stringify(type.slice(0, 100))}, which is none of an event that Sidestream writes`;
  const data = schema.safeParse(envelope.data);
  if (!data.success) {
    const [issue] = data.error.issues;
    return `its data is not as schemas/data.schema.json says: ${["data", ...(issue?.path ?? [])].join("/")}: ${issue?.message ?? "not accepted"}`;
  }
  const [stream, revision] = [envelope.attribute("sidestreamstream"), envelope.attribute("sidestreamrevision")];
  const isWhole = options.keepsAll?.(stream, revision) === true;
  const made = madeOf(data.data, envelope, isWhole);
  if (made === null) return "its body is nested deeper than Sidestream reads";
  const { event, gaps } = made;
  const content = new ContentValues(event, options.limits);
  const view = new MessageAttributes(event, content, gaps);
  return {
    event,
    attributes: view,
    content,
    tellsAll: (part) => view.tellsAll(part),
    whyUnknown: (attribute) => view.whyUnknown(attribute),
    stream,
    revision,
  };
}

function envelopeOf({ headers, value }: Pick<Message, "headers" | "value">): Envelope | string {
  const text = value.toString("utf8");
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return "it is not JSON";
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return "it is JSON, but no object";
  const inHeaders = new Map(headers.map(([name, header]) => [name.toLowerCase().replace(/^ce-/, "ce_"), header]));
  if (inHeaders.has("ce_type")) return { attribute: (name) => inHeaders.get(`ce_${name}`) ?? "", data: parsed, text, path: [] };
  const members = parsed as Readonly<Record<string, unknown>>;
  if (!Object.hasOwn(members, "specversion") || !Object.hasOwn(members, "data"))
    return "it is no CloudEvent: it has no `specversion` or no `data`, and no headers that begin with ce_";
  const attribute = (name: string): string => {
    const found = Object.hasOwn(members, name) ? members[name] : undefined;
    return typeof found === "string" ? found : "";
  };
  return { attribute, data: members["data"], text, path: ["data"] };
}

/** What all events have. */
function commonOf({ attribute }: Envelope): Pick<IdentifiedEvent, "id" | "source" | "sourcePosition" | "timeMs"> {
  const timeMs = Date.parse(attribute("time"));
  const source = percentDecoded(attribute("source").split("/").at(-1) ?? "");
  return { id: attribute("id"), source, sourcePosition: 0, timeMs: Number.isNaN(timeMs) ? 0 : timeMs };
}

interface Made {
  readonly event: IdentifiedEvent;
  readonly gaps: MessageGaps;
}

/** Null: it can't be written as text any more. Nothing that Sidestream wrote is like that, but a file may have been touched. */
function madeOf(data: TransactionData | AgentData, envelope: Envelope, isWhole: boolean): Made | null {
  try {
    return "request" in data ? ofTransaction(data, envelope, isWhole) : ofAgent(data, envelope, isWhole);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function ofTransaction(data: TransactionData, envelope: Envelope, isWhole: boolean): Made {
  const { request, response } = data;
  const document = scanned(envelope.text);
  const requestBody = bodyOf(partsOf(request, "body"), rawText(document, [...envelope.path, "request", "body"]), request.headers);
  const responseBody = bodyOf(partsOf(response, "body"), rawText(document, [...envelope.path, "response", "body"]), response.headers);
  const event: IdentifiedEvent = {
    ...commonOf(envelope),
    kind: "transaction",
    agent: null,
    identity: identityOf(data, envelope.attribute("sidestreamtenant")),
    transaction: {
      method: request.method,
      target: request.query === "" ? request.path : `${request.path}?${request.query}`,
      httpVersion: request.httpVersion,
      requestHeaders: flatHeaders(request.headers, requestBody.isDecoded),
      requestBody: requestBody.captured,
      status: response.status,
      responseHeaders: flatHeaders(response.headers, responseBody.isDecoded),
      responseBody: responseBody.captured,
      outcome: data.outcome,
      durationMs: data.durationMs,
      remoteAddress: data.remoteAddress,
    },
  };
  const gaps = {
    headTruncated: data.headTruncated === true,
    requestHeaders: request.headers,
    responseHeaders: response.headers,
    isWhole,
    bodies: { "request.body": requestBody.gap, "response.body": responseBody.gap, payload: null },
    isRequestSizeKnown: requestBody.isSizeKnown,
    isResponseSizeKnown: responseBody.isSizeKnown,
  };
  return { event, gaps };
}

/** What only some sources tell. */
function factsOf({ label, agent, recordId, qos }: AgentData): Pick<AgentEvent, "label" | "agent" | "recordId" | "qos"> {
  return {
    ...(label === undefined ? {} : { label }),
    ...(agent === undefined ? {} : { agent }),
    ...(recordId === undefined ? {} : { recordId }),
    ...(qos === undefined ? {} : { qos }),
  };
}

function ofAgent(data: AgentData, envelope: Envelope, isWhole: boolean): Made {
  const payload = bodyOf(partsOf(data, "payload"), rawText(scanned(envelope.text), [...envelope.path, "payload"]), {});
  const event: IdentifiedEvent = {
    ...commonOf(envelope),
    kind: "agent",
    transaction: null,
    identity: { tenant: envelope.attribute("sidestreamtenant") },
    agent: { topic: data.topic, wallet: data.wallet, payload: payload.captured, ...factsOf(data) },
  };
  const gaps = {
    headTruncated: data.headTruncated === true,
    requestHeaders: {},
    responseHeaders: {},
    isWhole,
    bodies: { "request.body": null, "response.body": null, payload: payload.gap },
    isRequestSizeKnown: payload.isSizeKnown,
    isResponseSizeKnown: true,
  };
  return { event, gaps };
}

function identityOf({ module = {}, route, userId, request }: TransactionData, tenant: string): Identity {
  const { name: moduleName, id: moduleId, version: moduleVersion, interface: interfaceId, interfaceVersion, permission } = module;
  const known = { moduleName, moduleId, moduleVersion, interface: interfaceId, interfaceVersion, permission, route, userId };
  return knownIdentity(tenant, request.path, known);
}

interface BodyParts {
  readonly value: unknown;
  readonly encoding: unknown;
  readonly size: number | null;
  readonly isDecoded: boolean;
  readonly isTruncated: boolean;
  readonly left: string | null;
}

function partsOf(members: Readonly<Record<string, unknown>>, name: "body" | "payload"): BodyParts {
  const member = (part: string): unknown => members[`${name}${part}`];
  const [size, withheld, omitted] = [member("Size"), member("Withheld"), member("Omitted")];
  const left = typeof withheld === "string" ? withheld : omitted;
  return {
    value: member(""),
    encoding: member("Encoding"),
    size: typeof size === "number" ? size : null,
    isDecoded: member("Coding") !== undefined,
    isTruncated: member("Truncated") === true,
    left: typeof left === "string" ? left : null,
  };
}

function bodyOf(parts: BodyParts, raw: string | null, headers: TransactionData["request"]["headers"]): Body {
  const { size, isTruncated, isDecoded, left } = parts;
  const bytes = bytesOf(parts, raw, headers);
  const gap = left !== null ? { left } : isTruncated ? { left: "cut" } : null;
  const captured = { bytes, sizeBytes: size ?? bytes.length, truncated: gap !== null };
  return { captured, gap, isSizeKnown: size !== null, isDecoded };
}

function bytesOf({ value, encoding }: BodyParts, raw: string | null, headers: TransactionData["request"]["headers"]): Buffer {
  if (encoding === "base64") return Buffer.from(String(value), "base64");
  if (encoding !== "json" && encoding !== "text") return Buffer.alloc(0);
  // A string that is JSON has lost its quotes on the way; all else stands as it was written, `1.0` too.
  const text = encoding === "text" ? String(value) : typeof value === "string" ? JSON.stringify(value) : (raw ?? JSON.stringify(value));
  const { charset } = mediaTypeOf(flatHeaders(headers, false));
  return Buffer.from(text, encodingOf(charset) ?? "utf8");
}

/** Null where it is nested too deep to be scanned with what is around it. */
function scanned(text: string): JsonDocument | null {
  const document = scanJson(text);
  return typeof document === "string" ? null : document;
}

function rawText(document: JsonDocument | null, path: readonly string[]): string | null {
  return (document === null ? null : valuesAt(document, path)?.at(-1)) ?? null;
}

function flatHeaders(headers: TransactionData["request"]["headers"], isDecoded: boolean): readonly string[] {
  return Object.entries(headers).flatMap(([name, values]) =>
    isDecoded && name === "content-encoding" ? [] : values.flatMap((value) => [name, value]),
  );
}

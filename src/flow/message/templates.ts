/**
 * Fills in the templates of topics, keys and headers.
 *
 * Promise: no value forges a namespace. Each value in a topic is checked alone, each value in a key is
 * percent-encoded, so neither can add a separator. Values that a source itself defines, such as the topics of agents,
 * are normalised first. A value in a header is one line of text, and all headers of a message stay within their bound.
 */
import type { ContentValues } from "../content/pointers.ts";
import type { IdentifiedEvent } from "../event.ts";
import { TOPIC_CHARACTERS_MAX } from "../match/bounds.ts";
import { RESERVED_WORDS, type Attributes, type ReservedWord, type Template } from "../match/rule.ts";
import type { HeaderSettings } from "../settings.ts";
import { cleaned, KEY_CHARS_MAX, shortened } from "./attribute-text.ts";
import { redactTarget } from "./data-parts.ts";
import { entityId, entityKind } from "./entity.ts";
import type { Message } from "./message.ts";
import { BASE_PLAN, type RedactionPlan } from "./plan.ts";
import { withoutPatterns } from "./redact-text.ts";
import { Removals } from "./removals.ts";
import { hidesSecret } from "./secret-text.ts";

const VALUE = /^[A-Za-z0-9_-]{1,80}$/;
const TOPIC = /^[A-Za-z0-9._-]{1,249}$/;
/** Values that the source defines, not its callers. */
const NORMALISED: ReadonlySet<string> = new Set(["topic", "category", "state", "eventtype"]);
/** Words whose values callers choose as they like, in headers. */
const FREE_WORDS: ReadonlySet<string> = new Set(["userid", "requestid"]);
/** Characters of a header's value: three KiB at most in UTF-8, of the eight that all have together. */
const HEADER_CHARS_MAX = 1_024;
const words = new Map<string, ReservedWord>(RESERVED_WORDS.map((word) => [word.toLowerCase(), word]));

export interface TemplateContext {
  readonly event: IdentifiedEvent;
  readonly env: string;
  readonly attributes: Pick<Attributes, "word">;
  readonly content: ContentValues;
  /** The stream's redaction, so that keys don't say what the message hides. The defaults where left out. */
  readonly plan?: RedactionPlan;
}

export type RenderedTopic = { readonly ok: true; readonly topic: string } | { readonly ok: false; readonly reason: string };

/**
 * Makes a topic.
 *
 * @returns The reason why there is none: a value is missing or has a character outside `[A-Za-z0-9_-]`, or the topic is
 * longer than 249 characters. The message is dead then.
 */
export function renderTopic(template: Template, context: TemplateContext): RenderedTopic {
  let topic = "";
  for (const piece of template) {
    if (typeof piece === "string") {
      topic += piece;
      continue;
    }
    const value = topicValue(piece.name, context);
    if (value === undefined || value === "") return { ok: false, reason: `the event has no value for {${piece.name}} of the topic` };
    if (!VALUE.test(value)) {
      return {
        ok: false,
        reason: `the value for {${piece.name}} of the topic has characters outside [A-Za-z0-9_-] or more than 80 of them`,
      };
    }
    topic += value;
  }
  if (topic.length > TOPIC_CHARACTERS_MAX)
    return { ok: false, reason: `the topic has ${topic.length} characters, ${TOPIC_CHARACTERS_MAX} are allowed` };
  if (!TOPIC.test(topic) || topic === "." || topic === "..")
    return { ok: false, reason: "the topic is empty, a dot or two, or has characters outside [A-Za-z0-9._-]" };
  return { ok: true, topic };
}

/** What a source defines may have colons and dots in it: `acapy::record::connections` becomes `acapy-record-connections`. */
function topicValue(name: string, context: TemplateContext): string | undefined {
  const value = valueOf(name, context);
  if (value === undefined || !NORMALISED.has(name)) return value;
  return value.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^-|-$/g, "");
}

/**
 * Makes a key: the values percent-encoded, a missing one empty.
 *
 * @param template - Null: `{tenant}/{entityId}` where there is an entity, else `{tenant}`.
 * @returns At most 512 characters; a longer key ends in a hash of the whole, so that equal stays equal.
 */
export function renderKey(template: Template | null, context: TemplateContext): string {
  if (template === null) {
    const id = valueOf("entityId", context);
    const tenant = encodeValue(valueOf("tenant", context));
    return shortened(id === undefined ? tenant : `${tenant}/${encodeValue(id)}`, KEY_CHARS_MAX);
  }
  let key = "";
  for (const piece of template) key += typeof piece === "string" ? piece : encodeValue(valueOf(piece.name, context));
  return shortened(key, KEY_CHARS_MAX);
}

/** Headers as a message carries them. */
export interface RenderedHeaders {
  readonly headers: Message["headers"];
  /** Bytes of all names and values in UTF-8. */
  readonly bytes: number;
}

export const NO_HEADERS: RenderedHeaders = { headers: [], bytes: 0 };

/**
 * Makes a message's own headers, values as they are. One is left out when a value of its template is missing or empty,
 * and when it finds no room. Control characters become U+FFFD; a value beyond 1,024 characters ends in a hash of the
 * whole.
 *
 * @param bytesMax - Bytes that names and values may take together.
 */
export function renderHeaders(settings: readonly HeaderSettings[], context: TemplateContext, bytesMax: number): RenderedHeaders {
  const headers: (readonly [string, string])[] = [];
  let bytes = 0;
  for (const { name, value: template } of settings) {
    const value = headerValue(template, context);
    if (value === undefined) continue;
    const headerBytes = name.length + Buffer.byteLength(value);
    if (bytes + headerBytes > bytesMax) continue;
    bytes += headerBytes;
    headers.push([name, value]);
  }
  return { headers, bytes };
}

function headerValue(template: Template, context: TemplateContext): string | undefined {
  let text = "";
  for (const piece of template) {
    const value = typeof piece === "string" ? piece : valueOf(piece.name, context);
    if (value === undefined || value === "") return undefined;
    text += value;
  }
  return cleaned(shortened(text, HEADER_CHARS_MAX));
}

function encodeValue(value: string | undefined): string {
  return value === undefined ? "" : encodeURIComponent(value.toWellFormed());
}

function valueOf(name: string, context: TemplateContext): string | undefined {
  const { event, attributes, plan = BASE_PLAN } = context;
  switch (name) {
    case "env":
      return context.env;
    case "tenant":
      return event.identity.tenant;
    case "module":
      return event.identity.moduleName ?? attributes.word("MODULENAME") ?? undefined;
    case "entity":
      return entityKind(event, plan);
    case "entityId":
      return entityId(event, context.content, plan);
    case "path":
    case "query": {
      if (event.transaction === null) return undefined;
      // Nobody reads these removals: the message lists its own.
      const target = redactTarget(event.transaction.target, plan, new Removals(NO_KEY));
      return name === "path" ? target.path : target.query;
    }
    default: {
      const word = words.get(name);
      const value = word === undefined ? undefined : attributes.word(word);
      if (typeof value !== "string" || (FREE_WORDS.has(name) && hidesSecret(value))) return undefined;
      return withoutPatterns(value, plan.patterns);
    }
  }
}

const NO_KEY = Buffer.alloc(32);

/**
 * Reads an event that a person wrote down as a record of attributes, as tests of descriptors do:
 * `{ tenant: diku, METHOD: POST, MODULENAME: mod-users, request.body: { id: u-7 } }`.
 *
 * Promise: a name that rules couldn't have, and a value that the event could never show, is told at its place.
 */
import { isScalar } from "yaml";
import { ContentValues } from "../flow/content/pointers.ts";
import type { IdentifiedEvent } from "../flow/event.ts";
import { isTenantValue } from "../flow/identify/tenant-value.ts";
import { attributesOf } from "../flow/match/attributes.ts";
import { parseAttribute, RuleSyntaxError } from "../flow/match/parse.ts";
import { RESERVED_WORDS, type Attribute, type ContentPart, type ReservedWord } from "../flow/match/rule.ts";
import { valueAt } from "./check.ts";
import { eventOf, type EventParts } from "./event-of-record.ts";
import { type Findings, formatPath } from "./finding.ts";
import type { Path, YamlDocument } from "./yaml-document.ts";

/** Key of the list of contents that can't be known. */
const UNKNOWN = "unknown";
const TENANT = "tenant";
const PARTS: readonly string[] = ["request.body", "response.body", "payload"] satisfies ContentPart[];
/** A check of what was written reads no more than that. */
const LIMITS = { decodedBytesMax: 1024 * 1024 };

/**
 * @param path - Where the record stands in its document.
 * @returns Null when something is wrong with it; every fault is among the findings then.
 */
export function readEventRecord(document: YamlDocument, path: Path, findings: Findings): IdentifiedEvent | null {
  const record = valueAt(document.value, path);
  if (typeof record !== "object" || record === null || Array.isArray(record)) {
    const found = { severity: "error", code: "SST_CONFIG_INVALID", file: document.file, ...document.place(path) } as const;
    findings.add({ ...found, path: formatPath(path), problem: "expected the attributes of an event, names with values" });
    return null;
  }
  return new RecordReader(document, path, findings).read(Object.entries(record));
}

class RecordReader {
  readonly #document: YamlDocument;
  readonly #path: Path;
  readonly #findings: Findings;
  readonly #words = new Map<ReservedWord, string>();
  /** Under which key a word was given: the tenant has several names. */
  readonly #keys = new Map<ReservedWord, string>();
  readonly #headers: string[] = [];
  readonly #responseHeaders: string[] = [];
  readonly #bodies = new Map<ContentPart, string | null>();
  readonly #json = new Set<ContentPart>();

  constructor(document: YamlDocument, path: Path, findings: Findings) {
    this.#document = document;
    this.#path = path;
    this.#findings = findings;
  }

  read(entries: readonly (readonly [string, unknown])[]): IdentifiedEvent | null {
    const before = this.#findings.errorCount;
    for (const [key, value] of entries) {
      if (key === UNKNOWN) this.#readUnknown(value);
      else this.#readEntry(key, value);
    }
    if (!this.#words.has("TENANT")) this.#tell([], "missing: tenant", "Say whose the event is: `tenant: diku`.");
    if (this.#findings.errorCount > before) return null;
    const parts: EventParts = {
      words: this.#words,
      headers: this.#headers,
      responseHeaders: this.#responseHeaders,
      bodies: this.#bodies,
      json: this.#json,
    };
    const event = eventOf(parts);
    this.#compare(event);
    return this.#findings.errorCount > before ? null : event;
  }

  #readEntry(key: string, value: unknown): void {
    const attribute = this.#attributeOf(key);
    if (attribute === null) return;
    switch (attribute.kind) {
      case "word":
        return this.#readWord(key, attribute.word, value);
      case "header":
        return this.#readHeader(key, attribute.name, value, this.#headers);
      case "responseHeader":
        return this.#readHeader(key, attribute.name, value, this.#responseHeaders);
      case "content":
        return this.#readBody(key, attribute, value);
    }
  }

  #attributeOf(key: string): Attribute | null {
    if (key === TENANT) return { kind: "word", word: "TENANT" };
    const word = RESERVED_WORDS.find((each) => each === key.toUpperCase());
    if (word !== undefined && key !== word) {
      this.#tellKey(key, `${key} would be a request header here`, `Write ${word} for the reserved word, header.${key} for the header.`);
      return null;
    }
    try {
      return parseAttribute(key);
    } catch (error) {
      if (!(error instanceof RuleSyntaxError)) throw error;
      this.#tellKey(key, error.problem, error.hint);
      return null;
    }
  }

  #readWord(key: string, word: ReservedWord, value: unknown): void {
    const text = this.#textOf([key], value);
    if (text === null) return;
    const earlier = this.#keys.get(word);
    if (earlier !== undefined && this.#words.get(word) !== text) this.#tell([key], `${earlier} and ${key} name different tenants`);
    if (word === "TENANT" && !isTenantValue(text)) this.#tell([key], "expected the name of a tenant: 1 to 128 characters, no spaces");
    this.#keys.set(word, key);
    this.#words.set(word, text);
  }

  #readHeader(key: string, name: string, value: unknown, headers: string[]): void {
    const values = Array.isArray(value) ? value : [value];
    for (const [index, each] of values.entries()) {
      const text = this.#textOf(Array.isArray(value) ? [key, index] : [key], each);
      // On the wire it is bytes, each of which is a character of the header.
      if (text !== null) headers.push(name, Buffer.from(text).toString("latin1"));
    }
  }

  #readBody(key: string, { part, pointer }: Extract<Attribute, { kind: "content" }>, value: unknown): void {
    if (pointer.length > 0) {
      this.#tellKey(key, "single fields of a body can't be set", `Write the body: \`${part}: { ... }\`, or as JSON text.`);
      return;
    }
    if (typeof value !== "string") this.#json.add(part);
    this.#bodies.set(part, typeof value === "string" ? value : JSON.stringify(value));
  }

  #readUnknown(value: unknown): void {
    for (const [index, name] of (Array.isArray(value) ? value : [value]).entries()) {
      const at = Array.isArray(value) ? [UNKNOWN, index] : [UNKNOWN];
      const part = PARTS.find((each): each is ContentPart => each === name);
      const isGiven = part !== undefined && valueAt(this.#document.value, [...this.#path, part]) !== undefined;
      if (part === undefined) this.#tell(at, `expected ${PARTS.join(", ")}`, "A header of that name is header.unknown.");
      else if (isGiven) this.#tell(at, `${part} can't be unknown and have a value`);
      else this.#bodies.set(part, null);
    }
  }

  /** As it stands in the file: `16.0` is not `16`. */
  #textOf(below: Path, value: unknown): string | null {
    if (typeof value === "string") return value;
    if (typeof value === "number" || typeof value === "boolean") {
      const node = this.#document.node([...this.#path, ...below]);
      return isScalar(node) && typeof node.source === "string" ? node.source : String(value);
    }
    this.#tell(below, "expected text or a number", "For an attribute that is absent leave the line out.");
    return null;
  }

  /** What was written must be what rules will see: a status of an agent's event, say, nobody could. */
  #compare(event: IdentifiedEvent): void {
    const attributes = attributesOf(event, new ContentValues(event, LIMITS));
    for (const [word, text] of this.#words) {
      // Zero stands for a client that was never answered, whose status is absent.
      if (word === "STATUS" && text === "0" && event.kind === "transaction") continue;
      const seen = attributes.word(word);
      if (seen === text) continue;
      const key = this.#keys.get(word) ?? word;
      if (seen === undefined) this.#tell([key], `${word} is absent from such an event (its EVENTTYPE is ${event.kind})`, KINDS_HINT);
      else if (seen === null) this.#tell([key], `${word} comes out of the payload, which is unknown here`);
      else this.#tell([key], `rules would see ${word} as ${JSON.stringify(seen.slice(0, 100))}`, HINTS[word]);
    }
    const other = event.kind === "agent" ? ["request.body", "response.body"] : ["payload"];
    for (const part of other) {
      const key = this.#bodies.has(part as ContentPart) ? part : null;
      if (key !== null) this.#tell([key], `such an event has no ${part} (its EVENTTYPE is ${event.kind})`, KINDS_HINT);
    }
    if (event.kind === "agent" && this.#headers.length + this.#responseHeaders.length > 0)
      this.#tell([], "an agent's event has no headers", KINDS_HINT);
  }

  #tell(below: Path, problem: string, hint?: string): void {
    this.#add(this.#document.place([...this.#path, ...below]), below, problem, hint);
  }

  #tellKey(key: string, problem: string, hint?: string): void {
    this.#add(this.#document.placeOfKey([...this.#path, key]), [], problem, hint);
  }

  #add(place: ReturnType<YamlDocument["place"]>, below: Path, problem: string, hint: string | undefined): void {
    this.#findings.add({
      severity: "error",
      code: "SST_CONFIG_INVALID",
      file: this.#document.file,
      ...place,
      path: formatPath([...this.#path, ...below]),
      problem,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

const KINDS_HINT = "TOPIC, CATEGORY, STATE, WALLET and payload belong to agents' events, the rest to transactions; EVENTTYPE decides.";
const HINTS: Readonly<Partial<Record<ReservedWord, string>>> = {
  PATH: "The path begins with / and ends before ?; what follows is QUERY.",
  STATE: "It is `state` of the payload.",
  CATEGORY: "It follows from TOPIC.",
  STATUS: "Expected a whole number; 0 where the client was never answered.",
  DURATION: "Expected whole milliseconds.",
  REQUESTSIZE: "Expected a whole number of bytes.",
  RESPONSESIZE: "Expected a whole number of bytes.",
  EVENTTYPE: "Expected transaction or agent.",
  OUTCOME: "Expected complete, client-aborted, upstream-aborted, upstream-unreachable or unknown.",
  REQUESTID: "It is the header x-okapi-request-id, else x-request-id.",
  MODULENAME: "It may follow from MODULEID.",
};

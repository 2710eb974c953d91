/**
 * Reads names: reserved words, headers, pointers into content. It says no rather than take a misspelt reserved word
 * for a header that no request has.
 */
import { POINTER_STEPS_MAX } from "./bounds.ts";
import { keywordOf } from "./reader.ts";
import type { RuleReader } from "./reader.ts";
import { RESERVED_WORDS } from "./rule.ts";
import type { Attribute, ContentPart, ReservedWord } from "./rule.ts";
import { nearest } from "./suggest.ts";
import { readQuoted } from "./values.ts";

export const CONTENT_PARTS = ["request.body", "response.body", "payload"] as const satisfies readonly ContentPart[];

/** Any number of steps, also none. */
export const ANY_DEPTH = "**";

/** Characters of a header name (RFC 9110 section 5.6.2) less those that are operators here: ! ' * ~ */
const HEADER_NAME = /^[A-Za-z0-9#$%&+.^_`|-]+$/;
const NOT_IN_HEADER_NAME = /[^A-Za-z0-9#$%&+.^_`|-]/u;
/** What a step may have without quotes; `~0` and `~1` are the pointer's own escapes. */
const STEP = /(?:[^\s,()"'\u201c\u201d\u201e=!<>~*/]|~[01]|\*)+/uy;

const WORDS: ReadonlyMap<string, ReservedWord> = new Map(RESERVED_WORDS.map((word) => [word, word]));

/** The reserved word that a name is, exactly as written. */
export function reservedWordOf(name: string): ReservedWord | undefined {
  return WORDS.get(name);
}

/** One for all rules: a hundred thousand of them name few words. */
const WORD_ATTRIBUTES: ReadonlyMap<string, Attribute> = new Map(RESERVED_WORDS.map((word) => [word, { kind: "word", word }]));

/** The tenant header means the tenant that was resolved, not what a caller claims. */
export const TENANT_HEADER = "x-okapi-tenant";

function headerName(reader: RuleReader, name: string, start: number): string {
  const bad = name.search(NOT_IN_HEADER_NAME);
  if (name !== "" && HEADER_NAME.test(name)) return name.toLowerCase();
  if (bad === -1) throw reader.invalid("the name of a header is missing", undefined, start);
  const character = String.fromCodePoint(name.codePointAt(bad) ?? 0);
  const hint = {
    ":": "Name and value are joined by =.",
    "/": "A path is PATH=/…; content is request.body/…, response.body/… or payload/….",
  }[character];
  throw reader.invalid(`${character} can't stand in the name of a header`, hint, start + bad);
}

/** Reads the steps of a pointer (RFC 6901), the reader standing behind the part's name. */
function readPointer(reader: RuleReader): readonly string[] {
  const steps: string[] = [];
  while (reader.next === "/") {
    if (steps.length === POINTER_STEPS_MAX) throw reader.invalid(`a pointer has at most ${POINTER_STEPS_MAX} steps`);
    reader.offset += 1;
    const start = reader.offset;
    const step = readStep(reader);
    if (step !== ANY_DEPTH || steps.at(-1) !== ANY_DEPTH) steps.push(step);
    else reader.warn("** after ** adds nothing", start);
  }
  return steps;
}

function readStep(reader: RuleReader): string {
  const start = reader.offset;
  if (reader.next === '"') {
    const step = readQuoted(reader);
    if (step === ANY_DEPTH) throw reader.invalid('a key "**" can\'t be named: ** means any depth', undefined, start);
    return step;
  }
  const raw = reader.match(STEP);
  reader.refuseInvisible(start, reader.offset);
  if (raw === ANY_DEPTH) return ANY_DEPTH;
  const star = raw.indexOf("*");
  if (star !== -1)
    throw reader.invalid(
      "a star in a pointer is only the whole step **",
      "** means any depth; a key with a star in it stands in quotes.",
      start + star,
    );
  if (raw === "" && reader.next !== "/") reader.warn('this pointer ends in "/" and so names the empty key', start - 1);
  return raw.replaceAll(/~[01]/g, (escape) => (escape === "~0" ? "~" : "/"));
}

/** What all of them begin with. */
const LOOKALIKE = /^(?:request\.|response\.|header\.|query\.|payload)/;

/** Prefixes that look like content or headers but are not. */
function refuseLookalike(reader: RuleReader, name: string, start: number): void {
  const lower = name.toLowerCase();
  if (!LOOKALIKE.test(lower)) return;
  for (const part of CONTENT_PARTS) {
    if (lower.startsWith(`${part}.`)) throw reader.invalid(`pointers begin with "/": ${part}/…`, undefined, start + part.length);
    if ((lower === part || lower.startsWith(`${part}/`)) && !name.startsWith(part))
      throw reader.invalid(`write ${part} in lower case`, undefined, start);
  }
  if (lower.startsWith("request.")) {
    throw reader.invalid(
      '"request." is followed by "body" only',
      "A request header is its name alone, or header.NAME; content is request.body/….",
      start,
    );
  }
  if (lower.startsWith("query."))
    throw reader.invalid("single query parameters can't be matched", "Match the whole query: QUERY~/(^|&)name=value/", start);
  for (const prefix of ["response.", "header."]) {
    if (lower.startsWith(prefix) && !name.startsWith(prefix)) throw reader.invalid(`write ${prefix} in lower case`, undefined, start);
  }
}

/** Capitals only, so a reserved word was meant: X-REQUEST-ID is a header, MODULE-NAME is MODULENAME misspelt. */
function refuseAlmostReserved(reader: RuleReader, name: string, start: number): void {
  if (/\p{Ll}/u.test(name) || !/[A-Z]/.test(name)) return;
  const plain = name.replaceAll(/[-_]/g, "");
  const meant = reservedWordOf(plain) ?? (name.includes("-") ? undefined : nearest(plain, RESERVED_WORDS));
  if (meant === undefined && name.includes("-")) return;
  const suggestion = meant === undefined ? "" : `; did you mean ${meant}?`;
  const header = HEADER_NAME.test(name) ? ` A request header of that name is header.${name.toLowerCase()}.` : "";
  throw reader.invalid(
    `${name.slice(0, 60)} is not a reserved word${suggestion}`,
    `Reserved words are listed in docs/rules.md.${header}`,
    start,
  );
}

function warnAboutCase(reader: RuleReader, name: string, start: number): void {
  const word = reservedWordOf(name.toUpperCase());
  if (word === undefined) return;
  reader.warn(
    `${name} is taken for a request header; write ${word} for the reserved word, or header.${name.toLowerCase()} if the header is meant`,
    start,
  );
}

/**
 * Reads one name.
 *
 * @throws RuleSyntaxError when none stands here, or it can't be one.
 */
export function readAttribute(reader: RuleReader): Attribute {
  reader.skipSpace();
  const start = reader.offset;
  const name = reader.peekBare();
  if (name === "" || keywordOf(name) !== undefined) throw missingName(reader, name);
  const part = CONTENT_PARTS.find((known) => name.startsWith(known) && (name.length === known.length || name[known.length] === "/"));
  if (part !== undefined) {
    reader.offset += part.length;
    return { kind: "content", part, pointer: readPointer(reader) };
  }
  reader.readBare();
  const word = WORD_ATTRIBUTES.get(name.toLowerCase() === TENANT_HEADER ? "TENANT" : name);
  if (word !== undefined) return word;
  refuseLookalike(reader, name, start);
  if (name.startsWith("response.")) {
    const header = name.slice("response.".length);
    return { kind: "responseHeader", name: headerName(reader, header, start + "response.".length) };
  }
  if (name.startsWith("header."))
    return { kind: "header", name: headerName(reader, name.slice("header.".length), start + "header.".length) };
  refuseAlmostReserved(reader, name, start);
  warnAboutCase(reader, name, start);
  return { kind: "header", name: headerName(reader, name, start) };
}

function missingName(reader: RuleReader, word: string): Error {
  const { next } = reader;
  if (next === "!") return reader.invalid('expected a name, found "!"', "Write NOT before a term.");
  if (next === '"') return reader.invalid("a term begins with a name, and names have no quotes", 'A term is name="any value".');
  if (word !== "")
    return reader.invalid(`expected a name, found ${word}`, `A request header of that name is header.${word.toLowerCase()}.`);
  return reader.invalid(`expected a name, found ${reader.describeNext()}`);
}

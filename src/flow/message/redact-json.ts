/**
 * Removes values from scanned JSON and keeps the rest as it was written.
 *
 * Promise: one pass, no recursion; numbers, escapes and duplicate names that stay are copied byte for byte. The result
 * is valid JSON on one line.
 */
import { pointerTo } from "../content/json-pointer.ts";
import { END, FLAGS, KEY_END, KEY_START, NEXT, NODE, START, VALUE_ESCAPED, VALUE_SIGNS, type JsonDocument } from "../content/json-scan.ts";
import { at, isArray, isContainer, nameOf, valueOf } from "../content/json-values.ts";
import type { PointerAutomaton } from "../content/pointer-automaton.ts";
import type { Pattern } from "./patterns.ts";
import { redactPatterns, withoutPatterns } from "./redact-text.ts";
import { REMOVED, type Removals } from "./removals.ts";
import { isSecretName } from "./secret-names.ts";
import { hidesSecret } from "./secret-text.ts";

const REMOVED_JSON = `"${REMOVED}"`;

export interface JsonRedaction {
  readonly redact: PointerAutomaton | null;
  /** State of the document's root in `redact`. */
  readonly state: number;
  readonly patterns: readonly Pattern[];
  readonly removals: Removals;
  /** What stands before the pointer in the list of removals: `request.body`. */
  readonly place: string;
}

/**
 * Removes values under secret names, strings that hide such a name with its value, values at the named pointers, and
 * matches of the patterns.
 */
export function redactJson(document: JsonDocument, redaction: JsonRedaction): string {
  const { text, index } = document;
  const { redact, patterns, removals } = redaction;
  const walk = redact?.walk(document, redaction.state) ?? null;
  let out = "";
  let copied = at(document, START);
  for (let node = 0; node < index.length;) {
    const name = nameOf(document, node);
    if (name !== undefined && patterns.length > 0) {
      const clean = withoutPatterns(name, patterns);
      if (clean !== name) {
        noteMatches(document, node, name, redaction);
        out += text.slice(copied, at(document, node + KEY_START)) + JSON.stringify(clean);
        copied = at(document, node + KEY_END);
      }
    }
    const secret = (name !== undefined && isSecretName(name)) || stringHidesSecret(document, node);
    const named = walk !== null && redact !== null && redact.accepts(walk.enter(node, name));
    if (secret || named) {
      out += text.slice(copied, at(document, node + START)) + REMOVED_JSON;
      copied = at(document, node + END);
      if (secret) removals.secretInBody = true;
      note(document, node, secret, redaction);
      node = at(document, node + NEXT);
      continue;
    }
    if (patterns.length > 0 && !isContainer(document, node)) {
      const value = valueOf(document, node);
      const clean = withoutPatterns(value, patterns);
      if (clean !== value) {
        noteMatches(document, node, value, redaction);
        out += text.slice(copied, at(document, node + START)) + JSON.stringify(clean);
        copied = at(document, node + END);
      }
    }
    node += NODE;
  }
  redact?.trim();
  return out + text.slice(copied, at(document, END));
}

function stringHidesSecret(document: JsonDocument, node: number): boolean {
  const flags = at(document, node + FLAGS);
  // An escape may stand for a sign.
  if ((flags & VALUE_ESCAPED) !== 0) return hidesSecret(valueOf(document, node));
  // Looked at where it stands, which spares a copy.
  return (flags & VALUE_SIGNS) !== 0 && hidesSecret(document.text, at(document, node + START) + 1, at(document, node + END) - 1);
}

function note(document: JsonDocument, node: number, secret: boolean, redaction: JsonRedaction): void {
  const { removals } = redaction;
  if (!removals.listing) removals.more++;
  else if (secret) removals.secret(placeOf(document, node, redaction));
  else removals.value(placeOf(document, node, redaction), holdsSecret(document, node) ? "" : valueOf(document, node), null);
}

/** The path is made only for what matched: finding it costs a walk. */
function noteMatches(document: JsonDocument, node: number, value: string, redaction: JsonRedaction): void {
  const { removals } = redaction;
  redactPatterns(value, redaction.patterns, removals, removals.listing ? placeOf(document, node, redaction) : "");
}

/** A removed object that holds a secret gets no hash either: what else is in it may be known. */
function holdsSecret(document: JsonDocument, root: number): boolean {
  const end = at(document, root + NEXT);
  for (let node = root + NODE; node < end; node += NODE) {
    if (isSecretName(nameOf(document, node) ?? "") || stringHidesSecret(document, node)) return true;
  }
  return false;
}

function placeOf(document: JsonDocument, node: number, redaction: JsonRedaction): string {
  // A name may be what a pattern is meant to hide.
  return withoutPatterns(redaction.place + pointerTo(document, node), redaction.patterns);
}

/**
 * Keeps only the named values, and the objects and arrays around them.
 *
 * @returns Null when nothing at all is kept.
 */
export function keepJson(document: JsonDocument, keep: PointerAutomaton, state: number): string | null {
  const { text, index } = document;
  const walk = keep.walk(document, state);
  let out = "";
  const ends: number[] = [];
  const closers: string[] = [];
  let first = true;
  for (let node = 0; node < index.length;) {
    while (ends.length > 0 && node >= (ends.at(-1) ?? 0)) {
      out += closers.pop() ?? "";
      ends.pop();
      first = false;
    }
    const here = walk.enter(node);
    const whole = keep.accepts(here);
    const open = !whole && !keep.isDead(here) && isContainer(document, node);
    if (whole || open) {
      if (!first) out += ",";
      if (at(document, node + KEY_START) >= 0) out += `${text.slice(at(document, node + KEY_START), at(document, node + KEY_END))}:`;
      first = false;
    }
    if (whole) out += text.slice(at(document, node + START), at(document, node + END));
    if (open) {
      const array = isArray(document, node);
      out += array ? "[" : "{";
      closers.push(array ? "]" : "}");
      ends.push(at(document, node + NEXT));
      first = true;
      node += NODE;
    } else {
      node = at(document, node + NEXT);
    }
  }
  out += closers.toReversed().join("");
  keep.trim();
  return out === "" ? null : out;
}

/**
 * Removes values from `name=value` lists: queries, forms, and the URLs that headers carry.
 *
 * Promise: what stays is copied as it was written. A value that hides a secret parameter of its own, behind a `;` or
 * percent-encoded inside another URL, goes as a whole.
 */
import type { Pattern } from "./patterns.ts";
import { redactPatterns, withoutPatterns } from "./redact-text.ts";
import { REMOVED, type Removals } from "./removals.ts";
import { isLoginRoute, isSecretName, lenientDecode } from "./secret-names.ts";

export interface ParameterRedaction {
  /** True for names that the stream removes; gets the decoded name. Null: none. */
  readonly named: ((name: string) => boolean) | null;
  readonly patterns: readonly Pattern[];
  readonly removals: Removals;
  /** What stands before the name in the list of removals: `query.`. */
  readonly place: string;
  /** What the list of removals names for a match in the path. */
  readonly pathPlace: string;
  /** Every value goes: the route is a login. */
  readonly all: boolean;
}

/** Encodings inside encodings that are looked through. */
const NESTED_MAX = 3;

/**
 * Redacts a list of parameters joined by `&`.
 *
 * @param onSecret - Called once for each value that went because of its name.
 */
export function redactParameters(text: string, redaction: ParameterRedaction, onSecret?: () => void): string {
  if (text === "") return text;
  const { named, patterns, removals, place, all } = redaction;
  // An authorization code travels with the state that it answers.
  const codeIsSecret = text.includes("code=") && text.includes("state=");
  let out = "";
  let copied = 0;
  for (let start = 0; start <= text.length;) {
    let end = text.indexOf("&", start);
    if (end < 0) end = text.length;
    let equals = text.indexOf("=", start);
    if (equals < 0 || equals > end) equals = end;
    const name = decodeParameter(text.slice(start, equals));
    const secret = isSecretName(name) || (codeIsSecret && name === "code") || hidesSecret(text, equals + 1, end) || (all && equals < end);
    if (secret || (named !== null && named(name))) {
      out += text.slice(copied, Math.min(equals + 1, end)) + (equals < end ? REMOVED : "");
      copied = end;
      const path = withoutPatterns(place + name, patterns);
      if (secret) removals.secret(path);
      else removals.value(path, decodeParameter(text.slice(equals + 1, end)), null);
      if (secret) onSecret?.();
    } else if (patterns.length > 0) {
      out += text.slice(copied, start) + withoutMatches(text.slice(start, equals), redaction, place);
      if (equals < end) out += `=${withoutMatches(text.slice(equals + 1, end), redaction, place + name)}`;
      copied = end;
    }
    start = end + 1;
  }
  return out + text.slice(copied);
}

/** Undoes the encoding of a form's or a query's name or value. */
export function decodeParameter(raw: string): string {
  return lenientDecode(raw.includes("+") ? raw.replaceAll("+", " ") : raw);
}

function hidesSecret(text: string, start: number, end: number): boolean {
  if (start >= end) return false;
  let value = text.slice(start, end);
  for (let depth = 0; depth < NESTED_MAX; depth++) {
    if (value.includes("=")) {
      for (const piece of value.split(/[?&#;/]/)) {
        const equals = piece.indexOf("=");
        if (equals > 0 && isSecretName(lenientDecode(piece.slice(0, equals)))) return true;
      }
    }
    if (!value.includes("%")) return false;
    value = decodeParameter(value);
  }
  return false;
}

function withoutMatches(raw: string, redaction: ParameterRedaction, path: string): string {
  const value = decodeParameter(raw);
  const clean = redactPatterns(value, redaction.patterns, redaction.removals, withoutPatterns(path, redaction.patterns));
  if (clean === value) return raw;
  return encodeURIComponent(clean.toWellFormed()).replaceAll(encodeURIComponent(REMOVED), REMOVED);
}

/** Redacts a path: parameters behind `;` in its segments, and matches of patterns. */
export function redactPath(path: string, redaction: ParameterRedaction): string {
  if (!path.includes(";") && redaction.patterns.length === 0) return path;
  const inPath = { ...redaction, place: `${redaction.pathPlace};` };
  return path
    .split("/")
    .map((segment) => redactSegment(segment, inPath))
    .join("/");
}

function redactSegment(segment: string, redaction: ParameterRedaction): string {
  const [head = "", ...parameters] = segment.split(";");
  const kept = withoutMatches(head, redaction, redaction.pathPlace);
  if (parameters.length === 0) return kept;
  return `${kept};${parameters.map((parameter) => redactParameters(parameter, redaction)).join(";")}`;
}

/** Redacts a URL, absolute or not: user and password, path parameters, query and fragment. */
export function redactUrl(url: string, redaction: ParameterRedaction): string {
  const fragmentStart = url.indexOf("#");
  const beforeFragment = fragmentStart < 0 ? url : url.slice(0, fragmentStart);
  const queryStart = beforeFragment.indexOf("?");
  const front = queryStart < 0 ? beforeFragment : beforeFragment.slice(0, queryStart);
  const pathStart = pathStartOf(front);
  const path = front.slice(pathStart);
  const inside = isLoginRoute(path) ? { ...redaction, all: true } : redaction;
  let out = withoutUser(front.slice(0, pathStart), redaction) + redactPath(path, redaction);
  if (queryStart >= 0) out += `?${redactParameters(beforeFragment.slice(queryStart + 1), inside)}`;
  if (fragmentStart >= 0) out += `#${redactParameters(url.slice(fragmentStart + 1), inside)}`;
  return out;
}

function pathStartOf(front: string): number {
  const authority = front.indexOf("//");
  if (authority < 0) return 0;
  const slash = front.indexOf("/", authority + 2);
  return slash < 0 ? front.length : slash;
}

function withoutUser(origin: string, redaction: ParameterRedaction): string {
  const end = origin.lastIndexOf("@");
  const start = origin.indexOf("//");
  if (end < 0 || start < 0) return origin;
  redaction.removals.secret(`${redaction.pathPlace}//user`);
  return `${origin.slice(0, start + 2)}${REMOVED}${origin.slice(end)}`;
}

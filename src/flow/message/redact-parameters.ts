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
import { hidesSecret } from "./secret-text.ts";

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

/** Encodings of a name that are undone to look at it. */
const NAME_ENCODINGS_MAX = 4;

/**
 * Redacts a list of parameters joined by `&`.
 *
 * @param onSecret - Called once for each value that went because of its name.
 */
export function redactParameters(text: string, redaction: ParameterRedaction, onSecret?: () => void): string {
  if (text === "") return text;
  const { named, patterns, removals, place, all } = redaction;
  const codeIsSecret = isAuthorization(text);
  let out = "";
  let copied = 0;
  let equals = -1;
  for (let start = 0; start <= text.length;) {
    let end = text.indexOf("&", start);
    if (end < 0) end = text.length;
    // Looked for once: a form without any sign must not be searched to its end for each of its names.
    if (equals < start) equals = indexOrEnd(text, "=", start);
    const nameEnd = Math.min(equals, end);
    const name = decodeParameter(text.slice(start, nameEnd));
    // What is taken for a name may be a whole document: {"password":"a=b"}.
    const inName = hidesSecret(name);
    const hidden = inName || (nameEnd < end && hidesSecret(decodeParameter(text.slice(nameEnd + 1, end))));
    const secret = hidden || isSecretParameter(name) || (codeIsSecret && name.toLowerCase() === "code") || (all && nameEnd < end);
    if (secret || (named !== null && named(name))) {
      out += text.slice(copied, inName ? start : Math.min(nameEnd + 1, end)) + (inName || nameEnd < end ? REMOVED : "");
      copied = end;
      const path = withoutPatterns(place + (inName ? REMOVED : name), patterns);
      if (secret) removals.secret(path);
      else removals.value(path, decodeParameter(text.slice(nameEnd + 1, end)), null);
      if (secret) onSecret?.();
    } else if (patterns.length > 0) {
      out += text.slice(copied, start) + withoutMatches(text.slice(start, nameEnd), redaction, place);
      if (nameEnd < end) out += `=${withoutMatches(text.slice(nameEnd + 1, end), redaction, place + name)}`;
      copied = end;
    }
    start = end + 1;
  }
  return out + text.slice(copied);
}

function indexOrEnd(text: string, sign: string, start: number): number {
  const at = text.indexOf(sign, start);
  return at < 0 ? text.length : at;
}

/** An authorization code travels with the state that it answers. */
function isAuthorization(text: string): boolean {
  const plain = lenientDecode(text).toLowerCase();
  return plain.includes("code=") && plain.includes("state=");
}

function isSecretParameter(name: string): boolean {
  let plain = name;
  for (let depth = 0; ; depth++) {
    if (isSecretName(plain)) return true;
    if (depth === NAME_ENCODINGS_MAX || !plain.includes("%")) return false;
    plain = lenientDecode(plain);
  }
}

/** Undoes the encoding of a form's or a query's name or value. */
export function decodeParameter(raw: string): string {
  return lenientDecode(raw.includes("+") ? raw.replaceAll("+", " ") : raw);
}

function withoutMatches(raw: string, redaction: ParameterRedaction, path: string): string {
  const value = decodeParameter(raw);
  const clean = redactPatterns(value, redaction.patterns, redaction.removals, withoutPatterns(path, redaction.patterns));
  if (clean === value) return raw;
  return encodeURIComponent(clean.toWellFormed()).replaceAll(encodeURIComponent(REMOVED), REMOVED);
}

/** Redacts a path: parameters in its segments, most of them behind `;`, and matches of patterns. */
export function redactPath(path: string, redaction: ParameterRedaction): string {
  if (!/[;=:%]/.test(path) && redaction.patterns.length === 0) return path;
  const inPath = { ...redaction, place: `${redaction.pathPlace};`, all: false };
  return path
    .split("/")
    .map((segment) => redactSegment(segment, inPath))
    .join("/");
}

function redactSegment(segment: string, redaction: ParameterRedaction): string {
  return segment
    .split(";")
    .map((piece, place) => {
      if (place > 0 || hidesSecret(piece)) return redactParameters(piece, redaction);
      return withoutMatches(piece, redaction, redaction.pathPlace);
    })
    .join(";");
}

/** `//`, user and password, host and port; a scheme before it belongs to what stays. */
const AUTHORITY = /\/\/[^/?#\s;,"<>()]*/;

/** Redacts a URL, absolute or not: user and password, path parameters, query and fragment. */
export function redactUrl(url: string, redaction: ParameterRedaction): string {
  const fragmentStart = url.indexOf("#");
  const beforeFragment = fragmentStart < 0 ? url : url.slice(0, fragmentStart);
  const queryStart = beforeFragment.indexOf("?");
  const front = queryStart < 0 ? beforeFragment : beforeFragment.slice(0, queryStart);
  const inside = isLoginRoute(front) ? { ...redaction, all: true } : redaction;
  let out = redactFront(front, redaction);
  if (queryStart >= 0) out += `?${redactParameters(beforeFragment.slice(queryStart + 1), inside)}`;
  if (fragmentStart >= 0) out += `#${redactParameters(url.slice(fragmentStart + 1), inside)}`;
  return out;
}

/** All before the query. Where `//` stands in the middle of a path, what looks like a user there goes as well. */
function redactFront(front: string, redaction: ParameterRedaction): string {
  const authority = AUTHORITY.exec(front);
  if (authority === null) return redactPath(front, redaction);
  const before = front.slice(0, authority.index);
  const behind = front.slice(authority.index + authority[0].length);
  // A scheme's colon is no sign.
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:$/.test(before) ? before : redactPath(before, redaction);
  return scheme + withoutUser(authority[0], redaction) + redactPath(behind, redaction);
}

function withoutUser(authority: string, redaction: ParameterRedaction): string {
  const end = authority.lastIndexOf("@");
  if (end < 0) return authority;
  redaction.removals.secret(`${redaction.pathPlace}//user`);
  return `//${REMOVED}${authority.slice(end)}`;
}

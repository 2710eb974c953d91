/**
 * Tells text that gives a secret away though no parser takes it apart: a script, a log, a query language, a document
 * inside a string, a URL.
 *
 * Promise: linear in the length of the text, whatever stands in it.
 */
import { isSecretName, lenientDecode } from "./secret-names.ts";

/** Names are looked at so far from their sign; longer ones are none that people give. */
const NAME_CHARS_MAX = 64;
/** Blanks and quotes between a name and its sign. */
const BETWEEN_CHARS_MAX = 8;
/** User and password before a host. */
const USER_CHARS_MAX = 512;
/** Encodings inside encodings that are looked through. */
const ENCODINGS_MAX = 4;

const EQUALS = 0x3d;
const COLON = 0x3a;
const LESS = 0x3c;
const PERCENT = 0x25;

/** What a scan found: nothing, percent signs that may hide something, a secret. */
type Found = "nothing" | "encoding" | "secret";

/**
 * True when a secret name stands before `=` or `:` with something behind it, or in a tag; or when a URL has a user and a
 * password.
 */
export function namesSecret(text: string): boolean {
  return scan(text, 0, text.length) === "secret";
}

/**
 * As {@link namesSecret}, also behind percent-encoding, which may be applied several times.
 *
 * @param start - Where to begin in the text, and `end` where to stop: a part need not be cut out of it.
 */
export function hidesSecret(text: string, start: number = 0, end: number = text.length): boolean {
  let found = scan(text, start, end);
  if (found !== "encoding") return found === "secret";
  let plain = text.slice(start, end);
  for (let depth = 0; depth < ENCODINGS_MAX && found === "encoding"; depth++) {
    plain = lenientDecode(plain);
    found = scan(plain, 0, plain.length);
  }
  return found === "secret";
}

function scan(text: string, start: number, end: number): Found {
  let found: Found = "nothing";
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    // Letters, which most characters are, need one comparison.
    if (code > COLON + 3) continue;
    if (code === PERCENT) found = "encoding";
    else if (code === LESS) {
      if (namesSecretTag(text, at + 1, end)) return "secret";
    } else if (code === EQUALS || code === COLON) {
      if (namesSecretBefore(text, start, at) && hasValue(text, at + 1, end)) return "secret";
      if (code === COLON && text.startsWith("//", at + 1) && hasPassword(text, at + 3, end)) return "secret";
    }
  }
  return found;
}

function namesSecretBefore(text: string, from: number, sign: number): boolean {
  let end = sign;
  while (end > from && sign - end < BETWEEN_CHARS_MAX && isBetween(text.charCodeAt(end - 1))) end--;
  let start = end;
  // Times and dates have colons too: what has no two letters is no name.
  let letters = 0;
  for (; start > from && end - start < NAME_CHARS_MAX; start--) {
    const code = text.charCodeAt(start - 1);
    if (isLetter(code)) letters++;
    else if (!isJoint(code)) break;
  }
  return letters > 1 && isSecretName(text.slice(start, end));
}

function namesSecretTag(text: string, start: number, textEnd: number): boolean {
  let name = start;
  let end = start;
  for (; end < textEnd && end - start < NAME_CHARS_MAX; end++) {
    const code = text.charCodeAt(end);
    // What stands before the colon is the namespace.
    if (code === COLON) name = end + 1;
    else if (!isLetter(code) && !isJoint(code)) break;
  }
  return end - name > 1 && isSecretName(text.slice(name, end));
}

function hasValue(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (text.charCodeAt(at) > 0x20) return true;
  return false;
}

function hasPassword(text: string, start: number, end: number): boolean {
  let colon = false;
  for (let at = start; at < end && at - start < USER_CHARS_MAX; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x40) return colon;
    if (code === COLON) colon = true;
    if (code <= 0x20 || code === 0x2f || code === 0x3f || code === 0x23 || code === 0x22 || code === LESS) return false;
  }
  return false;
}

function isBetween(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x22 || code === 0x27 || code === 0x5c || code === 0x60;
}

function isLetter(code: number): boolean {
  return (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
}

/** Digits, and what joins words in names: `_ - . [ ]`. */
function isJoint(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x5f || code === 0x2d || code === 0x2e || code === 0x5b || code === 0x5d;
}

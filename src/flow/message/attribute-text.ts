/**
 * The texts of a message's attributes, alike in both forms of a message.
 *
 * Promise: an attribute is well-formed text without the characters that CloudEvents forbids, and all attributes of a
 * message stay within their bound.
 */
import { createHash } from "node:crypto";

/** Characters of an attribute, so that all together stay within their bound at three bytes each. */
export const ATTRIBUTE_CHARS_MAX = 128;
export const SUBJECT_CHARS_MAX = 512;
export const KEY_CHARS_MAX = 512;
/** Bytes of the headers that templates give a message: what HTTP servers take of headers, and brokers take more. */
export const HEADERS_BYTES_MAX = 8 * 1024;
const SEQUENCE_DIGITS = 16;
const LAST_TIME_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

// oxlint-disable-next-line no-control-regex -- control characters are what it is for
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff]/g;

/** CloudEvents forbids control characters, lone surrogates and non-characters in attributes: each becomes U+FFFD. */
export function cleaned(text: string): string {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code >= 0xd800) return text.toWellFormed().replace(FORBIDDEN, "\ufffd");
  }
  return text;
}

/** A text that is too long keeps its begin and gets a hash of the whole, so that different texts stay different. */
export function shortened(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
  return `${text.slice(0, charsMax - hash.length - 1)}~${hash}`;
}

/** A text as an attribute. */
export function attributeText(text: string, charsMax: number = ATTRIBUTE_CHARS_MAX): string {
  return cleaned(shortened(text, charsMax));
}

/** The subject is just cut. */
export function subjectText(subject: string): string {
  return cleaned(subject.slice(0, SUBJECT_CHARS_MAX));
}

/** The `source` attribute: instance and source name, percent-encoded, so that JSON needs no escape in it. */
export function sourceOf(instance: string, source: string): string {
  const segment = (text: string): string => encodeURIComponent(shortened(text, ATTRIBUTE_CHARS_MAX / 2).toWellFormed());
  return `/${segment(instance)}/${segment(source)}`;
}

/** RFC 3339 in UTC with milliseconds. A time that a clock can't show becomes 1970. */
export function timeOf(timeMs: number): string {
  const shown = timeMs >= 0 && timeMs <= LAST_TIME_MS ? Math.trunc(timeMs) : 0;
  const milliseconds = shown % 1_000;
  // Events come many in a second, and writing a date costs as much as the rest of the attributes.
  if (shown - milliseconds !== lastSecond.beginMs) {
    const beginMs = shown - milliseconds;
    lastSecond = { beginMs, text: new Date(beginMs).toISOString().slice(0, -"000Z".length) };
  }
  return `${lastSecond.text}${milliseconds < 10 ? "00" : milliseconds < 100 ? "0" : ""}${milliseconds}Z`;
}

let lastSecond = { beginMs: -1, text: "" };

/** Digits enough to be compared as text. */
export function sequenceText(sequence: number): string {
  return String(sequence).padStart(SEQUENCE_DIGITS, "0");
}

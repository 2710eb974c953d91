/**
 * Reads attributes out of JSON as it comes over the wire, in one pass over its bytes: names and values are compared where
 * they stand, and nothing is made of what no rule names.
 *
 * Promise: it takes exactly what `JSON.parse` takes for an object, and nothing else. What is rare (values that are objects
 * or arrays, escapes in names) goes a slower way with the same result.
 */
import { isUtf8 } from "node:buffer";
import { SidestreamError } from "../../../errors.ts";
import { scanJson, NEXT, NODE, type JsonDocument } from "../../content/json-scan.ts";
import { at as numberAt, isArray, isContainer, nameOf, valueOf } from "../../content/json-values.ts";
import { JSON_NUMBER } from "../values.ts";
import { specialAt } from "./byte-words.ts";
import type { EventInput } from "./event-input.ts";
import type { NameTrail } from "./name-trail.ts";
import { UNUSED } from "./names.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const SPACE = 0x20;

/** `":"` and `","` as numbers of three bytes. */
const NAME_TO_STRING = 0x223a22;
const STRING_TO_NAME = 0x222c22;
const THREE_BYTES = 0xffffff;

/** Where the slow way has to be taken. */
const SLOW = -1;

/**
 * Reads the attributes of an event.
 *
 * @throws SidestreamError `SST_EVENT_INVALID` when it isn't an object in JSON, or nested too deeply.
 */
export function readJsonAttributes(bytes: Buffer, view: DataView, names: NameTrail, input: EventInput): void {
  if (!isUtf8(bytes)) throw new SidestreamError("SST_EVENT_INVALID", "the event's JSON is not valid UTF-8");
  if (readFast(bytes, view, names, input)) return;
  input.restart();
  const document = scanJson(bytes.toString("utf8"));
  if (typeof document === "string") throw new SidestreamError("SST_EVENT_INVALID", `the event's JSON can't be read: it is ${document}`);
  if (!isContainer(document, 0) || isArray(document, 0))
    throw new SidestreamError("SST_EVENT_INVALID", "expected an object of attributes, names with values");
  readDocument(document, input);
}

/**
 * No byte is read beyond the end, not even to see that there is none: one such read makes all others slow.
 *
 * @returns False where the slow way has to be taken.
 */
function readFast(bytes: Buffer, view: DataView, names: NameTrail, input: EventInput): boolean {
  const { length } = bytes;
  let at = after(bytes, 0, OPEN);
  if (at === SLOW) return false;
  if (bytes[at] === CLOSE) return isEnd(bytes, at + 1);
  if (bytes[at] !== QUOTE) return false;
  at += 1;
  names.begin();
  for (;;) {
    const name = names.next(view, at, length);
    at = names.end;
    // Nearly always a name and its string stand together without a space, and so do one member and the next.
    if (at + 4 <= length && (view.getInt32(at, true) & THREE_BYTES) === NAME_TO_STRING) {
      const from = at + 3;
      at = specialAt(view, from, length);
      if (at + 4 <= length && (view.getInt32(at, true) & THREE_BYTES) === STRING_TO_NAME) {
        if (name !== UNUSED) input.bytes(name, from, at, bytes);
        at += 3;
        continue;
      }
      at = names.end;
    }
    at = anyValue(bytes, view, at, name, input);
    if (at === SLOW) return false;
    at = afterSpace(bytes, at);
    if (at < length && bytes[at] === CLOSE) return isEnd(bytes, at + 1);
    at = after(bytes, at, COMMA);
    if (at === SLOW || bytes[at] !== QUOTE) return false;
    at += 1;
  }
}

/** Reads a value of any kind behind a name, from the name's closing quote on. @returns Where the value ends. */
function anyValue(bytes: Buffer, view: DataView, nameEnd: number, name: number, input: EventInput): number {
  if (nameEnd >= bytes.length || bytes[nameEnd] !== QUOTE) return SLOW;
  const at = after(bytes, nameEnd + 1, COLON);
  if (at === SLOW) return SLOW;
  return bytes[at] === QUOTE ? string(bytes, view, at, name, input) : scalar(bytes, at, name, input);
}

/** Where something begins behind a sign that must stand here, spaces passed over. */
function after(bytes: Buffer, from: number, sign: number): number {
  const at = afterSpace(bytes, from);
  if (at >= bytes.length || bytes[at] !== sign) return SLOW;
  const next = afterSpace(bytes, at + 1);
  return next < bytes.length ? next : SLOW;
}

function isEnd(bytes: Buffer, at: number): boolean {
  return afterSpace(bytes, at) === bytes.length;
}

function afterSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length) {
    const code = bytes[at] as number;
    if (code > SPACE || (code !== SPACE && code !== 0x0a && code !== 0x0d && code !== 0x09)) break;
    at += 1;
  }
  return at;
}

/** @returns Where the value ends. */
function string(bytes: Buffer, view: DataView, opening: number, name: number, input: EventInput): number {
  const from = opening + 1;
  const at = specialAt(view, from, bytes.length);
  if (at < bytes.length && bytes[at] === QUOTE) {
    if (name !== UNUSED) input.bytes(name, from, at, bytes);
    return at + 1;
  }
  const end = afterEscapes(bytes, view, at);
  if (end !== SLOW && name !== UNUSED) input.text(name, JSON.parse(bytes.toString("utf8", opening, end)) as string);
  return end;
}

/** Where a string ends that has something special in it, which must be an escape. */
function afterEscapes(bytes: Buffer, view: DataView, from: number): number {
  for (let at = from; at < bytes.length;) {
    if (bytes[at] === QUOTE) return at + 1;
    const length = bytes[at] === BACKSLASH ? escapeLength(bytes, at) : 0;
    if (length === 0) return SLOW;
    at = specialAt(view, at + length, bytes.length);
  }
  return SLOW;
}

function scalar(bytes: Buffer, from: number, name: number, input: EventInput): number {
  let to = from;
  while (to < bytes.length && isOfScalar(bytes[to] as number)) to += 1;
  const text = bytes.toString("latin1", from, to);
  if (text === "null") {
    if (name !== UNUSED) input.nothing(name);
  } else {
    if (text !== "true" && text !== "false" && !JSON_NUMBER.test(text)) return SLOW;
    if (name !== UNUSED) input.text(name, text);
  }
  return to;
}

/** Letters, digits and what else numbers and the three words consist of. */
function isOfScalar(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x2b || code === 0x2e || code === 0x45
  );
}

/** Bytes of an escape; 0 when it is none. */
function escapeLength(bytes: Buffer, at: number): number {
  if (at + 1 >= bytes.length) return 0;
  switch (bytes[at + 1]) {
    case 0x75:
      return /^[0-9a-fA-F]{4}$/.test(bytes.toString("latin1", at + 2, at + 6)) ? 6 : 0;
    case QUOTE:
    case BACKSLASH:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return 2;
    default:
      return 0;
  }
}

function readDocument(document: JsonDocument, input: EventInput): void {
  const end = numberAt(document, NEXT);
  for (let node = NODE; node < end; node = numberAt(document, node + NEXT)) {
    const name = input.nameOf(nameOf(document, node) ?? "");
    if (name === UNUSED) continue;
    if (!isArray(document, node)) tell(document, node, name, input);
    else {
      const last = numberAt(document, node + NEXT);
      for (let element = node + NODE; element < last; element = numberAt(document, element + NEXT)) tell(document, element, name, input);
    }
  }
}

function tell(document: JsonDocument, node: number, name: number, input: EventInput): void {
  const text = valueOf(document, node);
  if (text === "null" && document.text.charCodeAt(numberAt(document, node)) !== QUOTE) input.nothing(name);
  else input.text(name, text);
}

/**
 * Scans JSON text (RFC 8259) into an index of its values, without making any of them.
 *
 * Promise: it says valid exactly where `JSON.parse` does, except that text nested deeper than 256 levels or with more
 * than a million values is refused. It never recurses. Numbers, escapes and duplicate keys stay as they were written;
 * only white space between tokens is reduced, so that the text is one line.
 */

export const JSON_DEPTH_MAX = 256;
/** Bounds the index to 24 MiB. */
export const JSON_VALUES_MAX = 1024 * 1024;

export type JsonFault = "malformed" | "too-deep" | "too-large";

/** Integers per value in the index, and the meaning of each. */
export const NODE = 6;
/** Where the value begins and ends (exclusive) in the text. */
export const START = 0;
export const END = 1;
/** Where the member's name begins and ends, quotes included; -1 for elements and the root. */
export const KEY_START = 2;
export const KEY_END = 3;
/** Offset in the index of the first value that is not inside this one. */
export const NEXT = 4;
/** {@link KEY_ESCAPED}, {@link VALUE_ESCAPED} and {@link VALUE_SIGNS}. */
export const FLAGS = 5;
export const KEY_ESCAPED = 1;
export const VALUE_ESCAPED = 2;
/** The string has one of `= : < %` in it, by which text inside it could be more than words. */
export const VALUE_SIGNS = 4;

/** Valid JSON text with the index of its values, in text order, parents before their content. */
export interface JsonDocument {
  /** One line. */
  readonly text: string;
  readonly index: Int32Array;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;
const ARRAY = 0x5b;
const ARRAY_END = 0x5d;
const COLON = 0x3a;
const LESS = 0x3c;
const EQUALS = 0x3d;
const PERCENT = 0x25;

const SCRATCH_NODES = 1024;

class Scanner {
  private text = "";
  private position = 0;
  private index = new Int32Array(SCRATCH_NODES * NODE);
  private used = 0;
  private depth = 0;
  private readonly open = new Int32Array(JSON_DEPTH_MAX);
  private readonly kinds = new Uint8Array(JSON_DEPTH_MAX);
  private keyStart = -1;
  private keyEnd = -1;
  private keyFlags = 0;
  /** Text before `copied` is in `kept`, without `removed` characters of white space. */
  private kept = "";
  private copied = 0;
  private removed = 0;
  private fault: JsonFault = "malformed";

  scan(text: string): JsonDocument | JsonFault {
    this.text = text;
    this.position = this.used = this.depth = this.copied = this.removed = this.keyFlags = 0;
    this.keyStart = this.keyEnd = -1;
    this.kept = "";
    this.fault = "malformed";
    const valid = this.run();
    const result = valid ? { text: this.kept + text.slice(this.copied), index: this.index.slice(0, this.used) } : this.fault;
    this.text = this.kept = "";
    // A big document must not leave its big index behind.
    if (this.index.length > SCRATCH_NODES * NODE * 16) this.index = new Int32Array(SCRATCH_NODES * NODE);
    return result;
  }

  private run(): boolean {
    this.space();
    for (;;) {
      const opened = this.value();
      if (opened === null) return false;
      if (opened) continue;
      for (;;) {
        this.space();
        if (this.depth === 0) return this.position === this.text.length;
        const code = this.text.charCodeAt(this.position);
        const kind = this.kinds[this.depth - 1];
        if (code === COMMA) {
          this.position++;
          this.space();
          if (kind === OBJECT && !this.key()) return false;
          break;
        }
        if (code !== (kind === OBJECT ? OBJECT_END : ARRAY_END)) return false;
        this.position++;
        this.close();
      }
    }
  }

  /** Scans the value at the position. True: a container with content, up to its first value; false: done; null: fault. */
  private value(): boolean | null {
    const code = this.text.charCodeAt(this.position);
    if (!this.add()) return null;
    if (code === QUOTE) {
      const flags = this.string();
      if (flags < 0) return null;
      this.index[this.used - NODE + FLAGS] = this.keyFlags | (flags * VALUE_ESCAPED);
    } else if (code === OBJECT || code === ARRAY) {
      if (this.depth === JSON_DEPTH_MAX) {
        this.fault = "too-deep";
        return null;
      }
      this.open[this.depth] = this.used - NODE;
      this.kinds[this.depth++] = code;
      this.position++;
      this.space();
      this.keyStart = this.keyEnd = -1;
      this.keyFlags = 0;
      if (this.text.charCodeAt(this.position) === (code === OBJECT ? OBJECT_END : ARRAY_END)) {
        this.position++;
        this.close();
        return false;
      }
      return code === OBJECT && !this.key() ? null : true;
    } else if (
      !(code === 0x74 ? this.word("true") : code === 0x66 ? this.word("false") : code === 0x6e ? this.word("null") : this.number())
    ) {
      return null;
    }
    this.index[this.used - NODE + END] = this.position - this.removed;
    return false;
  }

  /** Adds a value that begins here; its end and flags follow. */
  private add(): boolean {
    if (this.used === this.index.length) {
      if (this.used >= JSON_VALUES_MAX * NODE) {
        this.fault = "too-large";
        return false;
      }
      const larger = new Int32Array(this.index.length * 2);
      larger.set(this.index);
      this.index = larger;
    }
    const { index, used } = this;
    index[used + START] = this.position - this.removed;
    index[used + KEY_START] = this.keyStart;
    index[used + KEY_END] = this.keyEnd;
    index[used + NEXT] = used + NODE;
    index[used + FLAGS] = this.keyFlags;
    this.used = used + NODE;
    return true;
  }

  private close(): void {
    const node = this.open[--this.depth] ?? 0;
    this.index[node + END] = this.position - this.removed;
    this.index[node + NEXT] = this.used;
    // What follows a comma in an array has no name, whatever was inside the last element.
    this.keyStart = this.keyEnd = -1;
    this.keyFlags = 0;
  }

  /** Scans a member's name, the colon and the space behind it. */
  private key(): boolean {
    if (this.text.charCodeAt(this.position) !== QUOTE) return false;
    this.keyStart = this.position - this.removed;
    const flags = this.string();
    if (flags < 0) return false;
    this.keyEnd = this.position - this.removed;
    this.keyFlags = flags & KEY_ESCAPED;
    this.space();
    if (this.text.charCodeAt(this.position) !== COLON) return false;
    this.position++;
    this.space();
    return true;
  }

  /** Scans a string. -1: fault; else the sum of 1: with escapes, 2: with signs. */
  private string(): number {
    const text = this.text;
    const length = text.length;
    let flags = 0;
    for (let at = this.position + 1; at < length; at++) {
      const code = text.charCodeAt(at);
      // Small letters, which most characters are, need one comparison.
      if (code > BACKSLASH) continue;
      if (code === QUOTE) {
        this.position = at + 1;
        return flags;
      }
      if (code === EQUALS || code === COLON || code === LESS || code === PERCENT) flags |= 2;
      else if (code === BACKSLASH) {
        flags |= 1;
        const size = escapeSize(text, at + 1);
        if (size === 0) return -1;
        at += size;
      } else if (code < 0x20) {
        return -1;
      }
    }
    return -1;
  }

  private word(word: string): boolean {
    if (!this.text.startsWith(word, this.position)) return false;
    this.position += word.length;
    return true;
  }

  private number(): boolean {
    const text = this.text;
    let at = this.position;
    if (text.charCodeAt(at) === 0x2d) at++;
    const whole = digitsEnd(text, at);
    if (whole === at || (text.charCodeAt(at) === 0x30 && whole > at + 1)) return false;
    at = whole;
    if (text.charCodeAt(at) === 0x2e) {
      const fraction = digitsEnd(text, at + 1);
      if (fraction === at + 1) return false;
      at = fraction;
    }
    if ((text.charCodeAt(at) | 0x20) === 0x65) {
      at++;
      const sign = text.charCodeAt(at);
      if (sign === 0x2b || sign === 0x2d) at++;
      const exponent = digitsEnd(text, at);
      if (exponent === at) return false;
      at = exponent;
    }
    this.position = at;
    return true;
  }

  /** Passes white space; a run of anything but one plain space is left out of the text. */
  private space(): void {
    const text = this.text;
    const start = this.position;
    let at = start;
    for (let code = text.charCodeAt(at); code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09; code = text.charCodeAt(at)) at++;
    if (at === start) return;
    this.position = at;
    if (at === start + 1 && text.charCodeAt(start) === 0x20) return;
    this.kept += text.slice(this.copied, start);
    this.copied = at;
    this.removed += at - start;
  }
}

/** Characters of an escape behind its backslash; 0 when it isn't one. */
function escapeSize(text: string, at: number): number {
  switch (text.charCodeAt(at)) {
    case 0x22:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return 1;
    case 0x75:
      for (let digit = at + 1; digit < at + 5; digit++) {
        const code = text.charCodeAt(digit);
        const letter = code | 0x20;
        if (!((code >= 0x30 && code <= 0x39) || (letter >= 0x61 && letter <= 0x66))) return 0;
      }
      return 5;
    default:
      return 0;
  }
}

function digitsEnd(text: string, at: number): number {
  let end = at;
  for (let code = text.charCodeAt(end); code >= 0x30 && code <= 0x39; code = text.charCodeAt(end)) end++;
  return end;
}

// One per thread: a scan runs to its end without giving way.
const scanner = new Scanner();

/** Scans text; anything that isn't one valid JSON value comes back as the reason. */
export function scanJson(text: string): JsonDocument | JsonFault {
  return scanner.scan(text);
}

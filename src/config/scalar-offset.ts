/**
 * From a character of a YAML text value back to its place in the file: quotes, escapes, folded lines and block
 * indentation stand between the two.
 */
import type { Scalar } from "yaml";

/**
 * Retraces how a scalar's text became its value.
 *
 * @returns For each UTF-16 unit of the value, and one past its end, the offset in the source. Null when the way can't
 * be retraced exactly; nothing is guessed.
 */
export function offsetsInSource(source: string, scalar: Scalar<string>): readonly number[] | null {
  if (scalar.range === undefined || scalar.range === null) return null;
  const [start, end] = scalar.range;
  if (scalar.type === "BLOCK_LITERAL" || scalar.type === "BLOCK_FOLDED") return blockOffsets(source, start, end, scalar.value);
  const quoted = scalar.type === "QUOTE_DOUBLE" || scalar.type === "QUOTE_SINGLE";
  return flowOffsets(source, quoted ? start + 1 : start, quoted ? end - 1 : end, scalar.value, scalar.type ?? "PLAIN");
}

/** A fold: line ends with the blanks around them. */
const FOLD = /[ \t]*\r?\n(?:[ \t]*\r?\n)*[ \t]*/y;
const ESCAPED_FOLD = /\\\r?\n[ \t]*/y;
const ESCAPE = /\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))/suy;

const SINGLE_ESCAPES: Readonly<Record<string, string>> = {
  "0": "\0",
  a: "\x07",
  b: "\b",
  t: "\t",
  "\t": "\t",
  n: "\n",
  v: "\v",
  f: "\f",
  r: "\r",
  e: "\x1b",
  " ": " ",
  '"': '"',
  "/": "/",
  "\\": "\\",
  N: "\x85",
  _: "\xa0",
  L: "\u2028",
  P: "\u2029",
};

function flowOffsets(source: string, start: number, end: number, value: string, type: string): readonly number[] | null {
  const offsets: number[] = [];
  let at = start;
  let made = 0;
  while (at < end) {
    const piece = flowPiece(source, at, type);
    if (!value.startsWith(piece.text, made)) return null;
    for (let unit = 0; unit < piece.text.length; unit += 1) offsets.push(at);
    made += piece.text.length;
    at += piece.length;
  }
  if (made !== value.length) return null;
  offsets.push(end);
  return offsets;
}

/** What the source at an offset stands for, and how long it is there. */
function flowPiece(source: string, at: number, type: string): { text: string; length: number } {
  if (type === "QUOTE_SINGLE" && source.startsWith("''", at)) return { text: "'", length: 2 };
  if (type === "QUOTE_DOUBLE") {
    const fold = matchAt(ESCAPED_FOLD, source, at);
    if (fold !== null) return { text: "", length: fold[0].length };
    const escape = matchAt(ESCAPE, source, at);
    if (escape !== null) {
      const digits = escape[1] ?? escape[2] ?? escape[3];
      const text = digits === undefined ? (SINGLE_ESCAPES[escape[4] ?? ""] ?? "") : codePoint(Number.parseInt(digits, 16));
      return { text, length: escape[0].length };
    }
  }
  const fold = matchAt(FOLD, source, at);
  if (fold === null) return { text: source[at] ?? "", length: 1 };
  const lineEnds = fold[0].split("\n").length - 1;
  return { text: lineEnds === 1 ? " " : "\n".repeat(lineEnds - 1), length: fold[0].length };
}

function codePoint(value: number): string {
  return value <= 0x10ffff ? String.fromCodePoint(value) : "";
}

function matchAt(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(source);
}

/** Blocks: each line without its indentation; line ends are kept, or folded to a blank. */
function blockOffsets(source: string, start: number, end: number, value: string): readonly number[] | null {
  const headerEnd = source.indexOf("\n", start);
  if (headerEnd === -1 || headerEnd >= end) return null;
  const explicit = /^[|>][-+]?([1-9])/.exec(source.slice(start, headerEnd));
  // With an indentation indicator the parent's indentation would be needed too: rare enough to give up.
  if (explicit !== null) return null;
  const first = /^(?:[ ]*\r?\n)*([ ]+)/.exec(source.slice(headerEnd + 1, end));
  const indent = first?.[1]?.length ?? 0;
  const offsets: number[] = [];
  let at = headerEnd + 1;
  let lineStart = true;
  for (let made = 0; made < value.length;) {
    if (lineStart) {
      for (let blanks = 0; blanks < indent && source[at] === " "; blanks += 1) at += 1;
      lineStart = false;
    }
    if (at >= end) return null;
    const unit = value[made];
    if (source[at] === "\r" && source[at + 1] === "\n") at += 1;
    if (source[at] === "\n") {
      if (unit !== "\n" && unit !== " ") return null;
      lineStart = true;
    } else if (source[at] !== unit) return null;
    offsets.push(at);
    at += 1;
    made += 1;
  }
  offsets.push(at);
  return offsets;
}

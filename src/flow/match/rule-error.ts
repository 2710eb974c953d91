/**
 * Where and why a rule's text is wrong: line and column, the problem in one line, the source line with a caret.
 */
import { SidestreamError } from "../../errors.ts";

/** A place in a rule's text. */
export interface Place {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units, as editors count. */
  readonly column: number;
  /** From 0, in UTF-16 code units. */
  readonly offset: number;
}

/** Something that parses, but probably does not mean what its writer thinks. */
export interface RuleWarning extends Place {
  readonly problem: string;
}

/** A longer line is clipped to this many characters, of which at most so many before the caret. */
const EXCERPT_CHARACTERS_MAX = 100;
const EXCERPT_CHARACTERS_BEFORE = 60;

/** Line and column of an offset. */
export function placeOf(text: string, offset: number): Place {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  let line = 1;
  for (let at = before.indexOf("\n"); at !== -1; at = before.indexOf("\n", at + 1)) line += 1;
  return { line, column: offset - lineStart + 1, offset };
}

/** Makes text safe to print on one line: every control or invisible character becomes one visible one. */
function printable(text: string): string {
  return text.replaceAll("\t", " ").replaceAll(/[\p{Cc}\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu, "\u00b7");
}

/** Columns that text takes in a terminal: none for combining marks, two for wide scripts. */
function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue;
    columns += /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60]/u.test(character)
      ? 2
      : 1;
  }
  return columns;
}

/** The line that holds an offset, clipped around it, and a second line with a caret under it. */
export function excerptOf(text: string, offset: number): string {
  const lineStart = offset === 0 ? 0 : text.lastIndexOf("\n", offset - 1) + 1;
  const lineBreak = text.indexOf("\n", offset);
  const lineEnd = lineBreak === -1 ? text.length : lineBreak;
  const clipped = lineEnd - lineStart > EXCERPT_CHARACTERS_MAX;
  const from = clipped ? Math.max(lineStart, offset - EXCERPT_CHARACTERS_BEFORE) : lineStart;
  const to = clipped ? Math.min(lineEnd, from + EXCERPT_CHARACTERS_MAX) : lineEnd;
  const before = `${from > lineStart ? "…" : ""}${printable(text.slice(from, offset))}`;
  const after = `${printable(text.slice(offset, to)).trimEnd()}${to < lineEnd ? "…" : ""}`;
  return `${before}${after}\n${" ".repeat(columnsOf(before))}^`;
}

/**
 * A rule, template or name that can't be read (`SST_RULE_INVALID`), or asks for what this release does not have
 * (`SST_NOT_AVAILABLE`). The message is `line:column: problem`, the source line, and a caret under the place.
 */
export class RuleSyntaxError extends SidestreamError implements Place {
  readonly line: number;
  readonly column: number;
  readonly offset: number;
  /** What is wrong, on one line, without the place. */
  readonly problem: string;
  /** Source line and caret line. */
  readonly excerpt: string;
  readonly #hint: string | undefined;

  constructor(code: "SST_RULE_INVALID" | "SST_NOT_AVAILABLE", text: string, offset: number, problem: string, hint?: string) {
    const place = placeOf(text, offset);
    const excerpt = excerptOf(text, offset);
    super(code, `${place.line}:${place.column}: ${problem}\n${excerpt}`);
    this.line = place.line;
    this.column = place.column;
    this.offset = offset;
    this.problem = problem;
    this.excerpt = excerpt;
    this.#hint = hint;
  }

  override get hint(): string {
    return this.#hint ?? super.hint;
  }
}

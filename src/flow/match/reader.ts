/**
 * Reads a rule's text from left to right. What a character means depends on where it stands (name, value, regular
 * expression, target), so there is no separate pass for tokens: each part of the grammar reads its own characters.
 */
import { RULE_CHARACTERS_MAX, WARNINGS_MAX } from "./bounds.ts";
import { RuleSyntaxError, placeOf } from "./rule-error.ts";
import type { RuleWarning } from "./rule-error.ts";

/** A run of characters that can stand without quotes. Typographic double quotes are left out: they are pasted by mistake. */
const BARE = /[^\s,()"'\u201c\u201d\u201e=!<>~*]+/uy;
/** Characters that nobody sees: control characters, zero-width ones, marks that turn the direction of the text. */
const INVISIBLE = /[\p{Cc}\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u;
/** What most words consist of. */
const VISIBLE_ASCII = /^[!-~]*$/;
/** Characters shown of what was found instead. */
const FOUND_CHARACTERS = 30;

export type Keyword = "AND" | "OR" | "NOT";
const KEYWORDS: ReadonlyMap<string, Keyword> = new Map([
  ["AND", "AND"],
  ["OR", "OR"],
  ["NOT", "NOT"],
]);

/** The keyword that a bare word is, if it is one. */
export function keywordOf(word: string): Keyword | undefined {
  return word.length < 2 || word.length > 3 ? undefined : KEYWORDS.get(word.toUpperCase());
}

export class RuleReader {
  readonly text: string;
  /** Where the next character is. */
  offset = 0;
  readonly warnings: RuleWarning[] = [];
  /** The bare word that was looked at last, and where: each is looked at several times. */
  #bare = "";
  #bareAt = -1;

  constructor(text: string) {
    this.text = text;
    if (text.length > RULE_CHARACTERS_MAX) {
      throw this.invalid(`the text is longer than ${RULE_CHARACTERS_MAX} characters`, "Split it into several rules.", RULE_CHARACTERS_MAX);
    }
  }

  get ended(): boolean {
    return this.offset >= this.text.length;
  }

  /** The next UTF-16 code unit; empty at the end. */
  get next(): string {
    return this.text.charAt(this.offset);
  }

  skipSpace(): void {
    const code = this.text.charCodeAt(this.offset);
    // Signs and letters of ASCII are no space: that is nearly always so.
    if (code > 0x20 && code < 0x80) return;
    this.match(/\s+/y);
  }

  /** Passes over `symbol` if it comes next. */
  take(symbol: string): boolean {
    if (!this.text.startsWith(symbol, this.offset)) return false;
    this.offset += symbol.length;
    return true;
  }

  /** Passes over what a sticky pattern matches here; empty when it doesn't. */
  match(pattern: RegExp): string {
    pattern.lastIndex = this.offset;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.offset += found.length;
    return found;
  }

  /** The bare word that comes next, without passing over it; empty when none does. */
  peekBare(): string {
    if (this.#bareAt !== this.offset) {
      BARE.lastIndex = this.offset;
      this.#bare = BARE.exec(this.text)?.[0] ?? "";
      this.#bareAt = this.offset;
    }
    return this.#bare;
  }

  /** Reads a bare word; empty when none comes next. */
  readBare(): string {
    const start = this.offset;
    const word = this.peekBare();
    this.offset += word.length;
    this.refuseInvisible(start, this.offset);
    return word;
  }

  /** Passes over AND, OR or NOT, in any case. */
  takeKeyword(keyword: Keyword): boolean {
    const word = this.peekBare();
    if (keywordOf(word) !== keyword) return false;
    this.offset += word.length;
    return true;
  }

  /** Nobody could see why a rule with such a character doesn't match, so it has to stand in quotes. */
  refuseInvisible(from: number, to: number): void {
    const text = this.text.slice(from, to);
    if (VISIBLE_ASCII.test(text)) return;
    const at = text.search(INVISIBLE);
    if (at === -1) return;
    const code = this.text
      .charCodeAt(from + at)
      .toString(16)
      .toUpperCase()
      .padStart(4, "0");
    throw this.invalid(`an invisible character, U+${code}`, "Delete it, or put the value in double quotes if it is meant.", from + at);
  }

  /** What comes next, in words, for "expected …, found …". */
  describeNext(): string {
    if (this.ended) return "the end";
    const word = this.peekBare();
    const shown = word === "" ? String.fromCodePoint(this.text.codePointAt(this.offset) ?? 0) : word;
    const clipped = shown.length > FOUND_CHARACTERS ? `${shown.slice(0, FOUND_CHARACTERS)}…` : shown;
    return `"${clipped.replaceAll(/[\p{Cc}\p{Cf}]/gu, "\u00b7")}"`;
  }

  invalid(problem: string, hint?: string, offset = this.offset): RuleSyntaxError {
    return new RuleSyntaxError("SST_RULE_INVALID", this.text, offset, problem, hint);
  }

  notAvailable(problem: string, hint: string, offset = this.offset): RuleSyntaxError {
    return new RuleSyntaxError("SST_NOT_AVAILABLE", this.text, offset, problem, hint);
  }

  warn(problem: string, offset: number): void {
    if (this.warnings.length < WARNINGS_MAX) this.warnings.push({ ...placeOf(this.text, offset), problem });
  }
}

/**
 * Regular expressions, in RE2 syntax, run by an engine whose time grows with the length of the value and never
 * faster, so that input from the internet can't stall a rule.
 */
import { RE2JS, RE2JSSyntaxException } from "re2js";
import { REGEX_CHARACTERS_MAX, REGEX_INPUT_CHARACTERS_MAX, REGEX_INSTRUCTIONS_MAX } from "./bounds.ts";
import type { RuleReader } from "./reader.ts";
import type { Criteria } from "./rule.ts";

export type RegexCriteria = Extract<Criteria, { readonly kind: "regex" }>;

/** Places at which a faulty fragment is looked for; beyond them the expression's beginning is named. */
const FRAGMENT_TRIES_MAX = 50;

function compile(pattern: string, ignoreCase: boolean): RE2JS {
  return RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
}

/** The engine's complaints, in words of our own where they would not help. */
function problemOf(error: RE2JSSyntaxException): readonly [problem: string, hint?: string] {
  const fragment = error.getPattern() ?? "";
  if (/^\(\?(?:[=!]|<[=!])/.test(fragment)) {
    return [
      "look-ahead and look-behind are not supported",
      "The engine is linear-time (RE2 syntax). Join two terms by AND, or AND NOT, instead.",
    ];
  }
  if (/^\\[1-9]/.test(fragment)) return ["back-references are not supported", "The engine is linear-time (RE2 syntax)."];
  if (error.getDescription() === "invalid repeat count")
    return [`${fragment} repeats too often, or backwards`, "A count is at most 1,000, also multiplied with counts inside it."];
  return [`regular expression: ${error.getDescription()}`, "The syntax is RE2's."];
}

/** Where in the pattern the engine stumbled: it reads from the left, so the first beginning that fails alike ends there. */
function placeOfFragment(pattern: string, ignoreCase: boolean, error: RE2JSSyntaxException): number {
  const fragment = error.getPattern();
  if (error.getDescription() === "trailing backslash at end of expression") return pattern.length - 1;
  if (error.getDescription() === "missing closing )") return unclosedGroup(pattern);
  if (error.getDescription() === "unexpected )") return unopenedGroup(pattern, ignoreCase);
  if (fragment === null) return 0;
  let at = pattern.indexOf(fragment);
  for (let tries = 0; at !== -1 && tries < FRAGMENT_TRIES_MAX; tries += 1) {
    const failure = failureOf(pattern.slice(0, at + fragment.length), ignoreCase);
    if (failure?.getDescription() === error.getDescription() && failure.getPattern() === fragment) return at;
    at = pattern.indexOf(fragment, at + 1);
  }
  return Math.max(0, pattern.indexOf(fragment));
}

function failureOf(pattern: string, ignoreCase: boolean): RE2JSSyntaxException | null {
  try {
    compile(pattern, ignoreCase);
    return null;
  } catch (error) {
    return error instanceof RE2JSSyntaxException ? error : null;
  }
}

/** The parentheses of a pattern, those in classes and behind backslashes left out. */
function parentheses(pattern: string): readonly { readonly at: number; readonly opens: boolean }[] {
  const found: { at: number; opens: boolean }[] = [];
  for (const token of pattern.matchAll(/\\Q[^]*?(?:\\E|$)|\\[^]|\[\^?\]?(?:\\[^]|\[:\^?\w+:\]|[^\]\\])*\]?|[()]/g)) {
    if (token[0] === "(" || token[0] === ")") found.push({ at: token.index, opens: token[0] === "(" });
  }
  return found;
}

function unclosedGroup(pattern: string): number {
  const open: number[] = [];
  for (const { at, opens } of parentheses(pattern)) {
    if (opens) open.push(at);
    else open.pop();
  }
  return open.at(-1) ?? 0;
}

function unopenedGroup(pattern: string, ignoreCase: boolean): number {
  const closing = parentheses(pattern).find(
    ({ at, opens }) => !opens && failureOf(pattern.slice(0, at + 1), ignoreCase)?.getDescription() === "unexpected )",
  );
  return closing?.at ?? 0;
}

/**
 * Reads `/…/` with its flag, the reader standing at the first slash, and compiles it once to see that it is sound.
 *
 * @returns The pattern as the engine takes it: `\/` of the rule is `/` there.
 */
export function readRegex(reader: RuleReader): { readonly pattern: string; readonly ignoreCase: boolean } {
  const opening = reader.offset;
  reader.offset += 1;
  let pattern = "";
  /** Offset in the rule's text of each character of the pattern. */
  const offsets: number[] = [];
  while (!reader.take("/")) {
    if (reader.ended || reader.next === "\n" || reader.next === "\r") {
      throw reader.invalid("this regular expression is never closed", "A slash inside it is written \\/; a line break \\n.", opening);
    }
    if (pattern.length >= REGEX_CHARACTERS_MAX)
      throw reader.invalid(`a regular expression has at most ${REGEX_CHARACTERS_MAX} characters`, undefined, opening);
    const escaped =
      reader.next === "\\" && reader.offset + 1 < reader.text.length && !"\r\n".includes(reader.text.charAt(reader.offset + 1));
    const taken = reader.text.slice(reader.offset, reader.offset + (escaped ? 2 : 1));
    const kept = taken === "\\/" ? "/" : taken;
    for (let index = 0; index < kept.length; index += 1) offsets.push(reader.offset + (kept === taken ? index : 0));
    pattern += kept;
    reader.offset += taken.length;
  }
  if (pattern === "") throw reader.invalid("this regular expression is empty", "For any value write the name alone.", opening);
  const flagsAt = reader.offset;
  const flags = reader.match(/[\p{L}\p{N}_]+/uy);
  if (flags !== "" && flags !== "i")
    throw reader.invalid(`unknown flag "${flags.slice(0, 30)}"`, "The only flag is i: ignore case.", flagsAt);
  validate(reader, pattern, flags === "i", (at) => offsets[at] ?? opening);
  return { pattern, ignoreCase: flags === "i" };
}

function validate(reader: RuleReader, pattern: string, ignoreCase: boolean, offsetOf: (at: number) => number): void {
  const name = `${ignoreCase ? "i" : "-"}${pattern}`;
  if (sound.has(name)) return;
  let instructions: number;
  try {
    instructions = compile(pattern, ignoreCase).programSize();
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) {
      const [problem, hint] = problemOf(error);
      throw reader.invalid(problem, hint, offsetOf(placeOfFragment(pattern, ignoreCase, error)));
    }
    throw reader.invalid("this regular expression can't be compiled", String(error), offsetOf(0));
  }
  if (instructions > REGEX_INSTRUCTIONS_MAX) {
    throw reader.invalid(
      `this regular expression is too large: ${instructions} steps, at most ${REGEX_INSTRUCTIONS_MAX}`,
      "Large repeat counts and many Unicode classes make it grow.",
      offsetOf(0),
    );
  }
  if (pattern.length > SOUND_CHARACTERS_MAX) return;
  if (sound.size >= SOUND_MAX) sound.clear();
  sound.add(name);
}

/** Patterns that were found sound: the rules of many tenants have the same ones, and compiling is the longest part of reading a rule. */
const sound = new Set<string>();
const SOUND_MAX = 1_024;
const SOUND_CHARACTERS_MAX = 256;

/** An expression as a rule has it. */
export type Expression = Pick<RegexCriteria, "pattern" | "ignoreCase">;

/** Compiled once, forgotten with whoever asks. */
const compiled = new WeakMap<Expression, RE2JS>();

export function compiledOf(expression: Expression): RE2JS {
  let regex = compiled.get(expression);
  if (regex === undefined) {
    regex = compile(expression.pattern, expression.ignoreCase);
    compiled.set(expression, regex);
  }
  return regex;
}

/**
 * Looks for the term's pattern anywhere in a value.
 *
 * @returns Null (unknown) for a value beyond the cap: what was not looked at can be neither a match nor none.
 */
export function testRegex(criteria: RegexCriteria, value: string): boolean | null {
  if (value.length > REGEX_INPUT_CHARACTERS_MAX) return null;
  return compiledOf(criteria).test(value);
}

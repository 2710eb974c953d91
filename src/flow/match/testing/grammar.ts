/** Reads an EBNF grammar (as far as docs/rules.md uses it) and makes random sentences of it. */
import { ok } from "node:assert/strict";

/** Repetitions made of `{ … }` at most. */
const REPEATS_MAX = 2;
/** Depth from which on the last alternative, the one without recursion, is taken and nothing is repeated. */
const DEPTH_MAX = 16;

interface Production {
  readonly body: readonly string[];
  /** What stands between the parts. */
  readonly glue: string;
}

export type Grammar = ReadonlyMap<string, Production>;

/** Reads productions. `glue` is what may stand between their parts: a space, or nothing. */
export function readGrammar(text: string, glue: string): Grammar {
  const grammar = new Map<string, Production>();
  const tokens: readonly string[] = text.match(/"[^"]*"|'[^']*'|\?[^?]*\?|[A-Za-z]+|[=|,;()[\]{}]/g) ?? [];
  let start = 0;
  for (let end = tokens.indexOf(";"); end !== -1; end = tokens.indexOf(";", start)) {
    const name = tokens[start];
    ok(name !== undefined && tokens[start + 1] === "=", `a production begins with its name and "=": ${tokens.slice(start, end).join(" ")}`);
    grammar.set(name, { body: tokens.slice(start + 2, end), glue });
    start = end + 1;
  }
  return grammar;
}

/** Splits tokens at a separator that is not inside brackets. */
function split(tokens: readonly string[], separator: string): readonly (readonly string[])[] {
  const parts: string[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if ("([{".includes(token)) depth += 1;
    if (")]}".includes(token)) depth -= 1;
    if (token === separator && depth === 0) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}

/**
 * Makes a sentence.
 *
 * @param random - Gives a whole number from 0 up to, not including, its argument.
 * @param special - Makes text for a special sequence (`? … ?`), given without its question marks.
 */
export function sentence(grammar: Grammar, start: string, random: (below: number) => number, special: (name: string) => string): string {
  const ofTokens = (tokens: readonly string[], glue: string, depth: number): string => {
    const alternatives = split(tokens, "|");
    const chosen = depth > DEPTH_MAX ? alternatives.at(-1) : alternatives[random(alternatives.length)];
    return split(chosen ?? [], ",")
      .map((part) => ofPart(part, glue, depth))
      .join(glue);
  };
  const ofPart = (part: readonly string[], glue: string, depth: number): string => {
    const first = part[0] ?? "";
    if (first === "[" || first === "{") {
      const times = depth > DEPTH_MAX ? 0 : random(first === "[" ? 2 : REPEATS_MAX + 1);
      return Array.from({ length: times }, () => ofTokens(part.slice(1, -1), glue, depth + 1)).join(glue);
    }
    if (first.startsWith("?")) return special(first.slice(1, -1).trim());
    if (first.startsWith('"') || first.startsWith("'")) return first.slice(1, -1);
    const production = grammar.get(first);
    ok(production !== undefined, `the grammar has no "${first}"`);
    return ofTokens(production.body, production.glue, depth + 1);
  };
  return ofPart([start], "", 0);
}

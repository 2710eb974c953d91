import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { RULE_MODES, type RuleMode } from "../settings.ts";
import * as bounds from "./bounds.ts";
import { evaluate } from "./evaluate.ts";
import { parseAction, parseCriteria, parseRule, parseTargets } from "./parse.ts";
import { RESERVED_WORDS } from "./rule.ts";
import type { EventAttributes } from "./rule-index/event-input.ts";
import { viewOf } from "./rule-index/event-view.ts";
import { RuleIndex } from "./rule-index/rule-index.ts";
import { TEMPLATE_NAMES } from "./template.ts";
import { readGrammar, sentence } from "./testing/grammar.ts";

const page = readFileSync(new URL("../../../docs/rules.md", import.meta.url), "utf8");

/** Fenced blocks of docs/rules.md with this tag; at least one, so that a renamed tag is noticed. */
function blocks(tag: string): readonly string[] {
  const found = [...page.matchAll(/^```([^\n]*)\n([^]*?)^```$/gm)].filter((block) => block[1] === tag).map((block) => block[2] ?? "");
  ok(found.length > 0, `docs/rules.md has a block tagged ${tag}`);
  return found;
}

const lines = (tag: string): readonly string[] => blocks(tag).flatMap((block) => block.split("\n").filter((line) => line !== ""));

/** Whole numbers below a bound, the same ones for the same seed (xorshift). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed + 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

test("every rule in docs/rules.md parses, without a warning", () => {
  for (const line of lines("rule")) equal(parseRule(line).warnings.length, 0, line);
  for (const line of lines("criteria")) equal(parseCriteria(line).warnings.length, 0, line);
});

/** As descriptors have it; the example's three keys and its mode. */
interface LongRule {
  readonly select: string;
  readonly action: string;
  readonly target?: string;
  readonly mode: RuleMode;
}

test("every rule in the YAML of docs/rules.md parses", async () => {
  const { parse } = await import("yaml");
  for (const block of blocks("yaml")) {
    const { rules } = parse(block) as { rules: readonly (string | LongRule)[] };
    equal(rules.length, 3);
    for (const rule of rules) {
      if (typeof rule === "string") equal(parseRule(rule).rule.action, "publish");
      else {
        const { select, action, target, mode } = rule;
        equal(parseCriteria(select).warnings.length, 0);
        equal(target === undefined ? 0 : parseTargets(target).length, parseAction(action) === "publish" ? 1 : 0);
        ok(RULE_MODES.includes(mode));
      }
    }
  }
});

/** By the plain way, and by the index, which acts on true alone. */
function answerOf(criteria: string, event: string): string {
  const attributes = JSON.parse(event) as EventAttributes;
  const parsed = parseCriteria(criteria);
  const truth = evaluate(parsed.criteria, viewOf(attributes));
  const index = new RuleIndex<string>();
  index.add(criteria, parsed);
  deepEqual(index.match(attributes), truth === true ? [criteria] : [], `${criteria} ${event}`);
  return truth === null ? "unknown" : String(truth);
}

test("every case in docs/rules.md has the answer it says", () => {
  for (const line of lines("rule-cases")) {
    const [criteria = "", event = "", answer = ""] = line.split(" | ");
    equal(answerOf(criteria, event), answer, line);
  }
});

test("the cookbook of docs/rules.md has at least twenty rules, each with an event that it takes and one that it doesn't", () => {
  const recipes = blocks("cookbook");
  ok(recipes.length >= 20);
  for (const recipe of recipes) {
    const [text = "", yes = "", no = "", ...rest] = recipe.trimEnd().split("\n");
    equal(rest.length, 0, recipe);
    const { rule, warnings } = parseRule(text);
    equal(warnings.length, 0, text);
    const index = new RuleIndex<string>();
    index.add("rule", rule);
    for (const [line, word, answer] of [
      [yes, "yes ", true],
      [no, "no  ", false],
    ] as const) {
      ok(line.startsWith(word), line);
      const event = JSON.parse(line.slice(word.length)) as EventAttributes;
      equal(evaluate(rule.criteria, viewOf(event)), answer, `${text}: ${line}`);
      equal(index.match(event).length, answer ? 1 : 0, `${text}: ${line}`);
    }
  }
});

test("every error in docs/rules.md is told as it says", () => {
  for (const block of blocks("rule-error")) {
    const [rule = "", ...message] = block.trimEnd().split("\n");
    throws(() => parseRule(rule), { message: message.join("\n") });
  }
});

test("docs/rules.md names every reserved word and every bound", () => {
  for (const word of RESERVED_WORDS) ok(page.includes(`\`${word}\``), word);
  for (const name of ["env", "module", "entity", "entityId"]) ok(page.includes(`\`{${name}}\``), name);
  const { HEADER_NAMES_MAX: _inside, ...told } = bounds;
  for (const [name, bound] of Object.entries(told)) ok(page.includes(bound.toLocaleString("en-US")), `${name} = ${bound}`);
});

test("every sentence of the grammar in docs/rules.md parses", () => {
  const grammar = new Map([...readGrammar(blocks("ebnf").join("\n"), " "), ...readGrammar(blocks("ebnf-lexical").join("\n"), "")]);
  const bare = ["a", "mod-users", "/x/y", "größe", "漢", "1", "a:b", "{x}", "L’A", "#$%&+-.^_`|@;?[]\\"];
  const special: Readonly<Record<string, readonly string[]>> = {
    "AND in any case": ["AND", "and", "And"],
    "OR in any case": ["OR", "or", "oR"],
    "NOT in any case": ["NOT", "not", "nOt"],
    "a reserved word": RESERVED_WORDS,
    "one or more of A-Z a-z 0-9 # $ % & + - . ^ _ ` | and the grave accent": ["x-a", "X-Thing", "a.b_c", "x#$%&+-.^_`|", "0"],
    "a character of a bare value but the slash": ["a", "é", "@", "漢", "🎈", "-", "\\"],
    "one or more characters of a bare value, not AND, OR, NOT": bare,
    'quoted, but not "**"': ['"a b"', '""', '"a/b"', '"\\""', '"*"'],
    "any character but the quote and the backslash": ["a", " ", "(", ",", "=", "*", "\n", "漢", "'"],
    "a JSON number": ["0", "-1", "1.5", "2e3", "1E-7"],
    "RE2, a slash in it written \\/": ["a", "^\\/x$", '[)"(,]', "(a|b){2,3}", "\\\\"],
    "a letter or digit, then letters, digits, dots, dashes, underscores": ["kafka1", "rabbit-eu", "0.a_b"],
    "a name for templates": TEMPLATE_NAMES,
    "characters of a topic": ["a", "x.y", "A_b", "0", "-"],
  };
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const random = randomFrom(seed);
      const text = sentence(grammar, "rule", random, (name) => {
        const choices = special[name];
        ok(choices !== undefined, `no examples of "${name}"`);
        return choices[random(choices.length)] ?? "";
      });
      const { rule } = parseRule(text);
      equal(rule.targets.length, rule.action === "ignore" ? 0 : 1);
    }),
    { numRuns: 2_000 },
  );
});

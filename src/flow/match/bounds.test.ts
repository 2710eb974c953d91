import { equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  LIST_OPERANDS_MAX,
  NESTING_MAX,
  POINTER_STEPS_MAX,
  REGEX_CHARACTERS_MAX,
  RULE_CHARACTERS_MAX,
  TEMPLATE_CHARACTERS_MAX,
  TERMS_MAX,
  WARNINGS_MAX,
} from "./bounds.ts";
import { evaluate } from "./evaluate.ts";
import { RuleSyntaxError, parseAttribute, parseCriteria, parseRule, parseTargets, parseTemplate } from "./parse.ts";
import { printCriteria } from "./print.ts";
import { attributesFromRecord } from "./testing/record-attributes.ts";

const times = (text: string, count: number, separator = ""): string => Array.from({ length: count }, () => text).join(separator);

test("a rule of 1 MB is refused where it becomes too long", () => {
  throws(() => parseRule(`a=${"x".repeat(1024 * 1024)}, ignore`), {
    code: "SST_RULE_INVALID",
    column: RULE_CHARACTERS_MAX + 1,
    problem: "the text is longer than 65536 characters",
  });
  equal(parseRule(`a="${"x".repeat(RULE_CHARACTERS_MAX - 13)}" , ignore`).rule.action, "ignore");
});

test("nesting of 10,000 is refused at the first level too many, without running out of stack", () => {
  const problem = "parentheses and NOT are nested deeper than 64";
  throws(() => parseCriteria(`${"(".repeat(10_000)}a${")".repeat(10_000)}`), { problem, column: NESTING_MAX + 2 });
  throws(() => parseCriteria(`${"NOT ".repeat(10_000)}a`), { problem, column: 4 * (NESTING_MAX + 1) + 1 });
  throws(() => parseCriteria("(".repeat(10_000)), { problem });
});

test("nesting up to the bound parses, evaluates and prints", () => {
  const { criteria } = parseCriteria(`${"NOT (".repeat(NESTING_MAX / 2)}a${")".repeat(NESTING_MAX / 2)}`);
  equal(evaluate(criteria, attributesFromRecord({ a: "1" })), true);
  equal(printCriteria(criteria), `${"NOT ".repeat(NESTING_MAX / 2)}a`);
});

test("a rule has at most 1,000 terms", () => {
  equal(evaluate(parseCriteria(times("a=b", TERMS_MAX, " OR ")).criteria, attributesFromRecord({ a: "c" })), false);
  throws(() => parseCriteria(times("a=b", TERMS_MAX + 1, " OR ")), { problem: "a rule has at most 1000 terms", column: TERMS_MAX * 7 + 1 });
});

test("a list has at most 1,000 values", () => {
  ok(parseCriteria(`a=(${times("b", LIST_OPERANDS_MAX, ",")})`));
  throws(() => parseCriteria(`a=(${times("b", LIST_OPERANDS_MAX + 1, ",")})`), {
    problem: "a list has at most 1000 values",
    column: 4 + LIST_OPERANDS_MAX * 2,
  });
});

test("a regular expression has at most 1,000 characters and steps", () => {
  ok(parseCriteria(`a~/${times("a", REGEX_CHARACTERS_MAX - 10)}/`));
  throws(() => parseCriteria(`b OR a~/${times("a", 10_000)}/`), { problem: "a regular expression has at most 1000 characters", column: 8 });
  throws(() => parseCriteria(`a~/${times("a{1000}", 140)}/`), {
    problem: "this regular expression is too large: 140002 steps, at most 1000",
  });
  throws(() => parseCriteria(`a~/${times("(", REGEX_CHARACTERS_MAX)}/`), { code: "SST_RULE_INVALID" });
});

test("a pointer has at most 32 steps", () => {
  ok(parseAttribute(`payload${times("/a", POINTER_STEPS_MAX)}`));
  throws(() => parseAttribute(`payload${times("/a", POINTER_STEPS_MAX + 1)}`), {
    problem: "a pointer has at most 32 steps",
    column: 7 + 2 * POINTER_STEPS_MAX + 1,
  });
});

test("a topic that would be too long whatever is filled in is refused", () => {
  equal(parseTargets(`k:${"t".repeat(249)}`).length, 1);
  throws(() => parseTargets(`k:${"t".repeat(250)}`), { problem: "a topic has at most 249 characters" });
  throws(() => parseTargets(`k:${"t".repeat(249)}{tenant}`), { problem: "a topic has at most 249 characters" });
});

test("templates and names of destinations are bounded", () => {
  ok(parseTemplate("x".repeat(TEMPLATE_CHARACTERS_MAX)));
  throws(() => parseTemplate("x".repeat(TEMPLATE_CHARACTERS_MAX + 1)), { problem: "a template has at most 1000 characters" });
  throws(() => parseTargets(`k:${"x".repeat(TEMPLATE_CHARACTERS_MAX + 1)}`), {
    problem: "a template has at most 1000 characters",
    column: 3,
  });
  throws(() => parseTargets(`${"k".repeat(65)}:t`), { problem: "a destination's name has at most 64 characters" });
});

test("warnings are bounded", () => {
  equal(parseCriteria(`a=(${times('"x*"', LIST_OPERANDS_MAX, ",")})`).warnings.length, WARNINGS_MAX);
});

test("patterns that stall a backtracking engine are answered", () => {
  for (const [pattern, value] of [
    ["^(a+)+$", `${"a".repeat(8_000)}!`],
    ["(a|a)*b", "a".repeat(8_000)],
    [".*.*.*=.*", "a".repeat(8_000)],
    ["^(\\w{1,9}\\s?){1,20}$", "a".repeat(8_000)],
    ["(x+x+)+y", "x".repeat(8_000)],
  ] as const) {
    equal(evaluate(parseCriteria(`a~/${pattern}/`).criteria, attributesFromRecord({ a: value })), false, pattern);
  }
});

test("any text at all is either read or refused with a place inside it", () => {
  const pieces = fc.constantFrom(
    "a",
    "STATUS",
    "=",
    "!=",
    "~",
    "/x/",
    "/",
    "(",
    ")",
    ",",
    '"',
    "\\",
    "*",
    " AND ",
    " not ",
    "<",
    ">=",
    "1",
    "payload/",
    "**",
    "{tenant}",
    "{",
    "}",
    "publish",
    "ignore",
    "k:t",
    "@",
    "+",
    "\n",
    "é",
    "\u0000",
    "\ud800",
  );
  const texts = fc.oneof(
    fc.array(pieces, { maxLength: 12 }).map((some) => some.join("")),
    fc.string({ unit: "binary" }),
    fc.string({ unit: "grapheme" }),
  );
  const parsers = [parseRule, parseCriteria, parseTargets, parseTemplate, parseAttribute];
  fc.assert(
    fc.property(texts, fc.constantFrom(...parsers), (text, parse) => {
      try {
        parse(text);
      } catch (error) {
        ok(error instanceof RuleSyntaxError, String(error));
        ok(error.offset >= 0 && error.offset <= text.length);
        const lines = text.split("\n");
        ok(error.line <= lines.length && error.column <= (lines[error.line - 1] ?? "").length + 1);
        equal(error.message.split("\n").length, 3);
      }
    }),
    { numRuns: 5_000 },
  );
});

import { equal } from "node:assert/strict";
import { test } from "node:test";
import { RE2JS } from "re2js";
import { REGEX_INPUT_CHARACTERS_MAX } from "./bounds.ts";
import { evaluate } from "./evaluate.ts";
import type { Truth } from "./evaluate.ts";
import { parseCriteria } from "./parse.ts";
import type { Attributes } from "./rule.ts";
import { attributesFromRecord } from "./testing/record-attributes.ts";
import type { AttributeRecord } from "./testing/record-attributes.ts";

const holds = (text: string, record: AttributeRecord): Truth => evaluate(parseCriteria(text).criteria, attributesFromRecord(record));

test("equality is exact, stemming looks at the beginning", () => {
  equal(holds("a=b", { a: "b" }), true);
  equal(holds("a=b", { a: "B" }), false);
  equal(holds("a=b", { a: "bc" }), false);
  equal(holds("a=b*", { a: "bc" }), true);
  equal(holds("a=b*", { a: "b" }), true);
  equal(holds("a=b*", { a: "ab" }), false);
  equal(holds('a=""', { a: "" }), true);
  equal(holds('a=""*', { a: "x" }), true);
  equal(holds("a=(b, c*)", { a: "cd" }), true);
  equal(holds("a=(b, c*)", { a: "bd" }), false);
});

test("a term on what is absent doesn't hold, its negation does", () => {
  for (const term of ["a=b", "a=b*", "a=(b, c)", "a", "a~/b/", "a>=0", "payload/x=1", "STATE=done"]) {
    equal(holds(term, {}), false, term);
    equal(holds(`NOT ${term}`, {}), true, term);
  }
  equal(holds("a!=b", {}), true);
  equal(holds("a AND a!=b", {}), false);
});

test("an empty value is there", () => {
  equal(holds("a", { a: "" }), true);
});

test("a repeated header holds if any of its values holds, and its negation if none does", () => {
  const record = { a: ["1", "2"] };
  equal(holds("a=2", record), true);
  equal(holds("a!=2", record), false);
  equal(holds("a!=3", record), true);
  equal(holds("a>1", record), true);
  equal(holds("a~/^2$/", record), true);
  equal(holds("NOT a~/3/", record), true);
});

test("comparisons hold for numbers as JSON writes them, and for nothing else", () => {
  for (const [value, truth] of [
    ["400", true],
    ["4e2", true],
    ["400.5", true],
    ["399", false],
    ["0400", false],
    [" 400", false],
    ["", false],
    ["0x400", false],
    ["Infinity", false],
    ["1e400", true],
    ["-1e400", false],
  ] as const) {
    equal(holds("STATUS>=400", { STATUS: value }), truth, value);
  }
  equal(holds("STATUS<=400", { STATUS: "400" }), true);
  equal(holds("STATUS<400", { STATUS: "400" }), false);
  equal(holds("STATUS>400", { STATUS: "400" }), false);
  equal(holds("NOT STATUS>=400", { STATUS: "none" }), true);
});

test("a regular expression looks anywhere in the value", () => {
  equal(holds("a~/b/", { a: "abc" }), true);
  equal(holds("a~/^b/", { a: "abc" }), false);
  equal(holds("a~/B/i", { a: "abc" }), true);
  equal(holds("a~/^größe$/i", { a: "GRÖSSE" }), false);
  equal(holds("a~/^.$/", { a: "🎈" }), true);
});

test("a regular expression on a value over its cap is unknown, also under NOT, unless another value holds", () => {
  const long = "b".repeat(REGEX_INPUT_CHARACTERS_MAX + 1);
  equal(holds("a~/b/", { a: long.slice(1) }), true);
  equal(holds("a~/b/", { a: long }), null);
  equal(holds("NOT a~/c/", { a: long }), null);
  equal(holds("a~/b/", { a: [long, "b"] }), true);
  equal(holds("a~/b/", { a: [long, "c"] }), null);
  equal(holds("a=b*", { a: long }), true);
});

test("unknown content leaves a rule undecided, also under NOT, unless the rest decides it", () => {
  const record = { "payload/x": null, STATE: null, a: "b" };
  for (const term of ["payload/x=1", "payload/x", "payload/x~/1/", "payload/x>=1", "STATE=done"]) {
    equal(holds(term, record), null, term);
    equal(holds(`NOT ${term}`, record), null, term);
    equal(holds(`a=b AND ${term}`, record), null, term);
    equal(holds(`a=c AND ${term}`, record), false, term);
    equal(holds(`a=b OR ${term}`, record), true, term);
    equal(holds(`a=c OR ${term}`, record), null, term);
  }
});

test("names of object prototypes are names like any other", () => {
  for (const name of ["__proto__", "constructor", "tostring", "hasownproperty", "payload/__proto__", "payload/constructor/prototype"]) {
    equal(holds(name, {}), false, name);
    equal(holds(`${name}=x`, JSON.parse(`{"${name}":"x"}`) as AttributeRecord), true, name);
  }
});

test("content is asked for only when the rest of the rule leaves the answer open, wherever it stands", () => {
  let asked = 0;
  const attributes: Attributes = {
    ...attributesFromRecord({ METHOD: "GET", a: "x" }),
    content: () => {
      asked += 1;
      return ["1"];
    },
  };
  const { criteria } = parseCriteria("payload/x=1 AND (payload/y=1 OR a~/y/) AND METHOD=POST");
  equal(evaluate(criteria, attributes), false);
  equal(asked, 0);
  equal(evaluate(parseCriteria("(payload/x=1 OR METHOD=GET) AND a~/x/").criteria, attributes), true);
  equal(asked, 0);
  equal(evaluate(parseCriteria("payload/x=1 AND METHOD=GET").criteria, attributes), true);
  equal(asked, 1);
});

test("a pattern is compiled when it is first needed, once", (context) => {
  const { criteria } = parseCriteria("a~/^(x|y)+$/ AND b~/z/");
  const compile = context.mock.method(RE2JS, "compile");
  equal(evaluate(criteria, attributesFromRecord({ b: "z" })), false);
  equal(compile.mock.callCount(), 0);
  for (let round = 0; round < 3; round += 1) equal(evaluate(criteria, attributesFromRecord({ a: "xyx", b: "z" })), true);
  equal(compile.mock.callCount(), 2);
});

test("a rule that was copied to another thread answers alike", () => {
  const { criteria } = parseCriteria("a~/^X$/i AND NOT b=(c, d*)");
  equal(evaluate(structuredClone(criteria), attributesFromRecord({ a: "x", b: "e" })), true);
});

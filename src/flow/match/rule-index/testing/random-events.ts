/** Random criteria and events as the index takes them; few names and values, so that rules often hold. */
import fc from "fast-check";
import type { Attribute, Criteria, Operand } from "../../rule.ts";
import type { EventAttributes } from "../event-input.ts";

const ATTRIBUTES: readonly Attribute[] = [
  { kind: "word", word: "TENANT" },
  { kind: "word", word: "METHOD" },
  { kind: "word", word: "STATUS" },
  { kind: "word", word: "STATE" },
  { kind: "header", name: "x-a" },
  { kind: "header", name: "x-okapi-tenant" },
  { kind: "header", name: "__proto__" },
  { kind: "responseHeader", name: "x-a" },
  { kind: "content", part: "request.body", pointer: ["a"] },
  { kind: "content", part: "payload", pointer: ["**", "b"] },
  { kind: "content", part: "payload", pointer: ["a", "0"] },
  { kind: "content", part: "payload", pointer: [] },
];
const VALUES = ["", "a", "ab", "abc", "b", "é", 'a"b', "200", "201", "4e2", "-0", "constructor", "\u{1f388}x"] as const;
const PATTERNS = ["a", "^a$", "^ab", "^ab?c", "b|2", "^a|b", "^20[01]$", "^a.c", "^(a|b)b", "^ab{0,2}", "\\.", "^", "^a[|]b"] as const;

const attribute = fc.constantFrom(...ATTRIBUTES);
const value = fc.constantFrom(...VALUES);
const operand: fc.Arbitrary<Operand> = fc.record({ text: value, stem: fc.boolean() });

const term: fc.Arbitrary<Criteria> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("present" as const), attribute }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("in" as const), attribute, operands: fc.array(operand, { minLength: 1, maxLength: 3 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("regex" as const),
      attribute,
      pattern: fc.constantFrom(...PATTERNS),
      ignoreCase: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("compare" as const),
      attribute,
      comparison: fc.constantFrom("<" as const, "<=" as const, ">" as const, ">=" as const),
      number: fc.constantFrom(-1, 0, 200, 201, 400),
    }),
  },
);

/** Criteria over the names and values of {@link events}; some that multiply when they are taken apart. */
export const eventCriteria: fc.Arbitrary<Criteria> = fc.letrec<{ criteria: Criteria }>((tie) => ({
  criteria: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    term,
    fc.record({ kind: fc.constantFrom("and" as const, "or" as const), of: fc.array(tie("criteria"), { minLength: 2, maxLength: 4 }) }),
    fc.record({ kind: fc.constant("not" as const), of: tie("criteria") }),
  ),
})).criteria;

const values = fc.oneof({ weight: 3, arbitrary: value }, fc.array(value, { maxLength: 3 }));
const json = fc.oneof(
  fc
    .record(
      { a: fc.oneof(value, fc.array(value, { maxLength: 2 })), b: value, c: fc.record({ b: fc.oneof(value, fc.constant(200)) }) },
      { requiredKeys: [] },
    )
    .map((document) => JSON.stringify(document)),
  fc.constantFrom("", "{", "201", '"a"', '{"a":"a","a":"b"}', `${"[".repeat(300)}${"]".repeat(300)}`),
);

/** Events: absent, single and repeated values in several spellings, content that is JSON, isn't, or can't be known. */
export const events: fc.Arbitrary<EventAttributes> = fc.record(
  {
    TENANT: value,
    "X-Okapi-Tenant": values,
    "x-okapi-tenant": value,
    METHOD: value,
    STATUS: values,
    STATE: value,
    "x-a": values,
    "X-A": values,
    "header.x-a": values,
    "response.X-a": values,
    unused: values,
    ["__proto__"]: value,
    "request.body": fc.option(json),
    payload: fc.option(json),
  },
  { requiredKeys: [] },
);

/** Random rules and attributes for properties. Few names and values, so that rules often hold. */
import fc from "fast-check";
import { RESERVED_WORDS } from "../rule.ts";
import type { Attribute, Attributes, Criteria, Operand, Rule } from "../rule.ts";

const ATTRIBUTES: readonly Attribute[] = [
  { kind: "word", word: "METHOD" },
  { kind: "word", word: "STATUS" },
  { kind: "word", word: "STATE" },
  { kind: "header", name: "x-a" },
  { kind: "header", name: "x-b" },
  { kind: "header", name: "__proto__" },
  { kind: "responseHeader", name: "x-a" },
  { kind: "content", part: "request.body", pointer: ["a"] },
  { kind: "content", part: "payload", pointer: ["**", "b"] },
];
const VALUES = ["", "a", "ab", "b", "200", "201", "4e2", "constructor"] as const;

const fewAttribute = fc.constantFrom(...ATTRIBUTES);
const fewOperand: fc.Arbitrary<Operand> = fc.record({ text: fc.constantFrom(...VALUES), stem: fc.boolean() });

/** Any attribute that the language can name. */
const anyAttribute: fc.Arbitrary<Attribute> = fc.oneof(
  fewAttribute,
  fc.constantFrom(...RESERVED_WORDS).map((word) => ({ kind: "word", word }) as const),
  headerNames().map((name) => ({ kind: "header", name }) as const),
  headerNames().map((name) => ({ kind: "responseHeader", name }) as const),
  fc.record({
    kind: fc.constant("content" as const),
    part: fc.constantFrom("request.body" as const, "response.body" as const, "payload" as const),
    pointer: fc.array(
      fc.string({ unit: "binary", maxLength: 6 }).filter((step) => step !== "**"),
      { maxLength: 4 },
    ),
  }),
);
const anyOperand: fc.Arbitrary<Operand> = fc.record({
  text: fc.oneof(fc.constantFrom(...VALUES, "and", "x*"), fc.string({ unit: "binary" })),
  stem: fc.boolean(),
});

function headerNames(): fc.Arbitrary<string> {
  const characters = "abcstux0159#$%&+.^_`|-".split("");
  return fc.oneof(
    fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 8 }),
    // "body" is left out: `response.body` is content, so a response header of that name can't be named.
    fc.constantFrom(
      "status",
      "tenant",
      "x-okapi-tenant",
      "and",
      "not",
      "response.x",
      "header.x",
      "request.body",
      "payload",
      "query.a",
      "constructor",
      "__proto__",
    ),
  );
}

function terms(attribute: fc.Arbitrary<Attribute>, operand: fc.Arbitrary<Operand>): readonly fc.Arbitrary<Criteria>[] {
  return [
    fc.record({ kind: fc.constant("present" as const), attribute }),
    fc.record({ kind: fc.constant("in" as const), attribute, operands: fc.array(operand, { minLength: 1, maxLength: 3 }) }),
    fc.record({
      kind: fc.constant("regex" as const),
      attribute,
      pattern: fc.constantFrom("a", "^a$", "b|2", "[/]", "\\\\", "a/b", "^$"),
      ignoreCase: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant("compare" as const),
      attribute,
      comparison: fc.constantFrom("<" as const, "<=" as const, ">" as const, ">=" as const),
      number: fc.oneof(
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
        fc.constantFrom(200, 201),
      ),
    }),
  ];
}

function criteriaOf(attribute: fc.Arbitrary<Attribute>, operand: fc.Arbitrary<Operand>): fc.Arbitrary<Criteria> {
  return fc.letrec<{ criteria: Criteria }>((tie) => ({
    criteria: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      ...terms(attribute, operand),
      fc.record({ kind: fc.constantFrom("and" as const, "or" as const), of: fc.array(tie("criteria"), { minLength: 2, maxLength: 3 }) }),
      fc.record({ kind: fc.constant("not" as const), of: tie("criteria") }),
    ),
  })).criteria;
}

/** Criteria over few names and values. */
export const randomCriteria = criteriaOf(fewAttribute, fewOperand);

/** Criteria over every name and value that the language can write. */
export const wildCriteria = criteriaOf(anyAttribute, anyOperand);

const topics = fc.constantFrom<Rule["targets"][number]["topic"]>(["t"], [{ name: "env" }, ".", { name: "tenant" }], ["a.b-c_d"]);
const targets = fc.record({ destination: fc.constantFrom("kafka1", "rabbit-eu", "a.b"), topic: topics });

/** Whole rules, as the short form can write them. */
export const wildRules: fc.Arbitrary<Rule> = fc.oneof(
  fc.record({ criteria: wildCriteria, action: fc.constant("publish" as const), targets: targets.map((target) => [target]) }),
  fc.record({ criteria: wildCriteria, action: fc.constant("ignore" as const), targets: fc.constant([]) }),
);

const someValues = fc.option(fc.array(fc.constantFrom(...VALUES), { minLength: 1, maxLength: 2 }), { nil: undefined, freq: 3 });
const someContent = fc.oneof(someValues, fc.constant(null));

/** An event's attributes: present, absent, repeated, and unknown where that is possible. */
export const randomAttributes: fc.Arbitrary<Attributes> = fc
  .tuple(
    fc.dictionary(fc.constantFrom("METHOD", "STATUS", "x-a", "x-b", "response x-a", "__proto__"), someValues),
    someContent,
    someContent,
    fc.oneof(fc.constantFrom(...VALUES), fc.constant(null), fc.constant(undefined)),
  )
  .map(([plain, body, payload, state]) => {
    const values = new Map(Object.entries(plain));
    return {
      word: (word) => (word === "STATE" ? state : values.get(word)?.[0]),
      header: (name) => values.get(name),
      responseHeader: (name) => values.get(`response ${name}`),
      content: (part) => (part === "payload" ? payload : body),
    };
  });

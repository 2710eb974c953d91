import { equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { evaluate } from "./evaluate.ts";
import { parseCriteria } from "./parse.ts";
import type { Attributes, Criteria } from "./rule.ts";
import { randomAttributes, randomCriteria } from "./testing/random-rules.ts";

const and = (...of: Criteria[]): Criteria => ({ kind: "and", of });
const or = (...of: Criteria[]): Criteria => ({ kind: "or", of });
const not = (of: Criteria): Criteria => ({ kind: "not", of });

/** METHOD is never unknown, so these are a sure yes and a sure no: in Kleene's logic "x OR NOT x" alone is not. */
const TRUE = parseCriteria("METHOD OR NOT METHOD").criteria;
const FALSE = parseCriteria("METHOD AND NOT METHOD").criteria;

function law(
  name: string,
  left: (x: Criteria, y: Criteria, z: Criteria) => Criteria,
  right: (x: Criteria, y: Criteria, z: Criteria) => Criteria,
): void {
  test(name, () => {
    fc.assert(
      fc.property(randomCriteria, randomCriteria, randomCriteria, randomAttributes, (x, y, z, attributes: Attributes) => {
        equal(evaluate(left(x, y, z), attributes), evaluate(right(x, y, z), attributes));
      }),
      { numRuns: 300 },
    );
  });
}

law(
  "AND is associative",
  (x, y, z) => and(and(x, y), z),
  (x, y, z) => and(x, and(y, z)),
);
law(
  "OR is associative",
  (x, y, z) => or(or(x, y), z),
  (x, y, z) => or(x, or(y, z)),
);
law(
  "nesting of the same operator means nothing",
  (x, y, z) => and(and(x, y), z),
  (x, y, z) => and(x, y, z),
);
law(
  "AND commutes",
  (x, y) => and(x, y),
  (x, y) => and(y, x),
);
law(
  "OR commutes",
  (x, y) => or(x, y),
  (x, y) => or(y, x),
);
law(
  "AND distributes over OR",
  (x, y, z) => and(x, or(y, z)),
  (x, y, z) => or(and(x, y), and(x, z)),
);
law(
  "OR distributes over AND",
  (x, y, z) => or(x, and(y, z)),
  (x, y, z) => and(or(x, y), or(x, z)),
);
law(
  "a sure yes is the identity of AND",
  (x) => and(x, TRUE),
  (x) => x,
);
law(
  "a sure no is the identity of OR",
  (x) => or(x, FALSE),
  (x) => x,
);
law(
  "a sure no annihilates AND, unknown or not",
  (x) => and(x, FALSE),
  () => FALSE,
);
law(
  "a sure yes annihilates OR, unknown or not",
  (x) => or(x, TRUE),
  () => TRUE,
);
law(
  "NOT of AND is OR of NOTs",
  (x, y) => not(and(x, y)),
  (x, y) => or(not(x), not(y)),
);
law(
  "NOT of OR is AND of NOTs",
  (x, y) => not(or(x, y)),
  (x, y) => and(not(x), not(y)),
);
law(
  "NOT NOT x is x",
  (x) => not(not(x)),
  (x) => x,
);
law(
  "x AND x is x",
  (x) => and(x, x),
  (x) => x,
);
law(
  "x OR x is x",
  (x) => or(x, x),
  (x) => x,
);
law(
  "x AND (x OR y) is x",
  (x, y) => and(x, or(x, y)),
  (x) => x,
);

test("an answer never changes when something unknown becomes known", () => {
  const known = (attributes: Attributes, value: readonly string[] | undefined): Attributes => ({
    word: (word) => {
      const found = attributes.word(word);
      return found === null ? value?.[0] : found;
    },
    header: (name) => attributes.header(name),
    responseHeader: (name) => attributes.responseHeader(name),
    content: (part, pointer) => {
      const found = attributes.content(part, pointer);
      return found === null ? value : found;
    },
  });
  fc.assert(
    fc.property(randomCriteria, randomAttributes, fc.constantFrom(undefined, ["a"], ["200", "b"]), (criteria, attributes, value) => {
      const before = evaluate(criteria, attributes);
      if (before !== null) equal(evaluate(criteria, known(attributes, value)), before);
    }),
    { numRuns: 1000 },
  );
});

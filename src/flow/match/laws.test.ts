import { equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { evaluate } from "./evaluate.ts";
import type { Attributes } from "./rule.ts";
import { RuleIndex } from "./rule-index/rule-index.ts";
import { eventCriteria, events } from "./rule-index/testing/random-events.ts";
import { LAWS, not } from "./testing/laws.ts";
import { randomAttributes, randomCriteria } from "./testing/random-rules.ts";
import { holds } from "./testing/seeded.ts";

for (const { name, left, right } of LAWS) {
  test(name, (context) => {
    const same = fc.property(randomCriteria, randomCriteria, randomCriteria, randomAttributes, (x, y, z, attributes) => {
      equal(evaluate(left(x, y, z), attributes), evaluate(right(x, y, z), attributes));
    });
    holds(context, same, 300);
  });

  test(`${name}, in the index`, (context) => {
    const same = fc.property(eventCriteria, eventCriteria, eventCriteria, events, (x, y, z, event) => {
      const index = new RuleIndex();
      index.add("left", { criteria: left(x, y, z) });
      index.add("right", { criteria: right(x, y, z) });
      // "true" is all that the index tells; the negations tell "false" from "unknown".
      index.add("not left", { criteria: not(left(x, y, z)) });
      index.add("not right", { criteria: not(right(x, y, z)) });
      const found = index.match(event);
      equal(found.includes("left"), found.includes("right"));
      equal(found.includes("not left"), found.includes("not right"));
    });
    holds(context, same, 200);
  });
}

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

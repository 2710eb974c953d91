import { deepStrictEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseCriteria, parseRule } from "./parse.ts";
import { printCriteria, printRule } from "./print.ts";
import { wildCriteria, wildRules } from "./testing/random-rules.ts";

// Random records have no prototype; a structured clone gives them the ordinary one, and shows that rules are plain data.
test("what is printed parses to the same criteria", () => {
  fc.assert(
    fc.property(wildCriteria, (criteria) => {
      deepStrictEqual(parseCriteria(printCriteria(criteria)).criteria, structuredClone(criteria));
    }),
    { numRuns: 1000 },
  );
});

test("what is printed parses to the same rule", () => {
  fc.assert(
    fc.property(wildRules, (rule) => {
      deepStrictEqual(parseRule(printRule(rule)).rule, structuredClone(rule));
    }),
    { numRuns: 300 },
  );
});

test("printing keeps to the shortest form that means the same", () => {
  for (const text of [
    "a=b AND (c=d OR NOT e) AND f!=(g, h*) , publish , kafka1:{env}.{tenant}.x",
    'header.status=2* OR TENANT="any value" , ignore',
    "a AND b OR c AND NOT (d AND e) , ignore",
    'PATH~/^\\/users\\/[a-z]+/i AND STATUS>=400 AND request.body/"due date"/**/x=1 , ignore',
  ]) {
    equal(printRule(parseRule(text).rule), text);
  }
});

import { equal, notEqual } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { alwaysOrNever } from "./always-never.ts";
import { evaluate } from "./evaluate.ts";
import { parseCriteria } from "./parse.ts";
import { randomAttributes, randomCriteria } from "./testing/random-rules.ts";

function verdict(text: string, tenants?: readonly string[]): string | null {
  return alwaysOrNever(parseCriteria(text).criteria, tenants === undefined ? {} : { TENANT: tenants });
}

test("criteria that no event can meet are told as never", () => {
  for (const text of [
    "METHOD=GET AND METHOD=POST",
    "METHOD=(GET, PUT) AND METHOD=(POST, DELETE)",
    "METHOD=G* AND METHOD=P*",
    "METHOD=GE* AND METHOD!=G*",
    'METHOD AND METHOD!=""*',
    "METHOD=GET AND NOT METHOD",
    "METHOD=GET AND METHOD~/^P/",
    "STATUS>500 AND STATUS<400",
    "STATUS>=500 AND NOT STATUS>400",
    "STATUS>400 AND STATUS<=400",
    "STATUS=404 AND STATUS>=500",
    "STATUS=(404, none) AND STATUS>=500",
    "x-a AND NOT x-a",
    "x-a=1 AND x-a!=1",
    "x-a=1 AND x-a!=(1, 2)",
    "x-a~/a/ AND NOT x-a~/a/",
    "response.x-a>1 AND NOT response.x-a>0",
    "request.body/a=1 AND NOT request.body/a",
    "(METHOD=GET OR METHOD=PUT) AND METHOD=POST",
    "NOT (METHOD OR NOT METHOD)",
    "EVENTTYPE=transcation",
    "EVENTTYPE!=(agent, transaction)",
    "NOT EVENTTYPE",
    "OUTCOME=completed",
  ])
    equal(verdict(text), "never", text);
});

test("criteria that some event meets are not", () => {
  for (const text of [
    "METHOD=GET",
    "METHOD=(GET, PUT) AND METHOD=(PUT, POST)",
    "METHOD=GE* AND METHOD=G*",
    "METHOD!=GET AND METHOD!=POST",
    "NOT METHOD AND METHOD!=GET",
    "STATUS>400 AND STATUS<500",
    "STATUS>=400 AND STATUS<=400",
    "NOT STATUS>400 AND NOT STATUS<500",
    "x-a=1 AND x-a=2",
    "x-a=1 AND NOT x-a=2",
    "x-a>5 AND x-a<3",
    "x-a~/a/ AND x-a~/b/",
    "request.body/a=1 AND request.body/a=2",
    "EVENTTYPE",
    "EVENTTYPE=agent",
    "NOT OUTCOME",
    "OUTCOME!=complete",
    "LABEL",
  ])
    equal(verdict(text), null, text);
});

test("criteria that every event meets are told as always, but not where content could be unknown", () => {
  for (const text of [
    "METHOD OR NOT METHOD",
    "METHOD!=a OR METHOD!=b",
    "x-a OR x-a!=1",
    "NOT (x-a=1 AND x-a!=1)",
    "STATUS<500 OR NOT STATUS<400",
  ])
    equal(verdict(text), "always", text);
  for (const text of [
    "x-a!=1 OR x-a!=2",
    "request.body/a OR NOT request.body/a",
    "STATE OR NOT STATE",
    "x-a~/a/ OR NOT x-a~/a/",
    "STATUS<500 OR STATUS>=400",
  ])
    equal(verdict(text), null, text);
  equal(verdict("METHOD OR NOT METHOD OR request.body/a"), "always");
});

test("a tenant that a stream isn't open to never comes", () => {
  equal(verdict("TENANT=a AND METHOD=GET", ["b", "c"]), "never");
  equal(verdict("TENANT!=(b, c)", ["b", "c"]), "never");
  equal(verdict("NOT TENANT", ["b"]), "never");
  equal(verdict("TENANT=b", ["b", "c"]), null);
  equal(verdict("TENANT=b", ["b"]), null, "that it is all of them is no slip");
});

test("what would take too long to find out is not told", () => {
  const parts = Array.from({ length: 300 }, (_, index) => `(x-${index}=1 OR x-${index}=2)`).join(" AND ");
  equal(verdict(`${parts} AND METHOD=GET AND METHOD=POST`), null);
  const values = Array.from({ length: 1_000 }, (_, index) => `v${index}`).join(",");
  equal(verdict(`METHOD=(${values}) AND METHOD=(a, ${values.slice(0, -5)})`), null);
});

test("no event contradicts what is told", () => {
  const told = { always: 0, never: 0 };
  fc.assert(
    fc.property(randomCriteria, fc.array(randomAttributes, { minLength: 20, maxLength: 20 }), (criteria, events) => {
      const found = alwaysOrNever(criteria);
      if (found === null) return;
      told[found] += 1;
      for (const attributes of events) {
        const truth = evaluate(criteria, attributes);
        if (found === "always") equal(truth, true);
        else notEqual(truth, true);
      }
    }),
    { numRuns: 3_000 },
  );
  // Else the property would say nothing.
  notEqual(told.always, 0);
  notEqual(told.never, 0);
});

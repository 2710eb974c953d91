import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { REGEX_INPUT_CHARACTERS_MAX } from "../bounds.ts";
import { evaluate } from "../evaluate.ts";
import { parseCriteria, parseRule as parse } from "../parse.ts";
import type { Criteria } from "../rule.ts";
import type { EventAttributes } from "./event-input.ts";
import { viewOf } from "./event-view.ts";
import { RuleIndex } from "./rule-index.ts";
import { holds } from "../testing/seeded.ts";
import { eventCriteria, events } from "./testing/random-events.ts";

const parseRule = (text: string): { readonly criteria: Criteria } => parse(text).rule;

/** Rules come and go, and after each change the index says what looking at each rule by itself says. */
test("the index says what looking at each rule by itself says, while rules come and go", (context) => {
  const steps = fc.array(
    fc.record({
      add: fc.array(eventCriteria, { maxLength: 30 }),
      remove: fc.array(fc.nat(), { maxLength: 12 }),
      events: fc.array(events, { minLength: 1, maxLength: 6 }),
    }),
    { minLength: 1, maxLength: 5 },
  );
  holds(
    context,
    fc.property(steps, (all) => {
      const index = new RuleIndex<number>();
      const live = new Map<number, Criteria>();
      let next = 0;
      for (const { add, remove, events } of all) {
        for (const criteria of add) {
          live.set(next, criteria);
          index.add(next, { criteria });
          next += 1;
        }
        for (const pick of remove) {
          const id = pick % Math.max(1, next);
          live.delete(id);
          index.remove(id);
        }
        for (const event of events) agree(index, live, event);
      }
    }),
    400,
  );
});

test("nothing of one event's content is left when the next begins", () => {
  const index = new RuleIndex();
  // For GET one pointer is asked for before the other, so that the other is found and not looked up; for PUT it comes first.
  index.add("get", parseCriteria("METHOD=GET AND payload/b=1 AND payload/a=ab"));
  index.add("put", parseCriteria("METHOD=PUT AND payload/a=ab"));
  index.add("put, not", parseCriteria("METHOD=PUT AND payload/a!=ab"));
  const held = (METHOD: string, payload: string | null | undefined): readonly (string | number)[] => index.match({ METHOD, payload });
  deepEqual(held("GET", '{"b":1,"a":"abc"}'), []);
  deepEqual(held("PUT", '{"a":"ab"}'), ["put"]);
  deepEqual(held("GET", '{"b":1,"a":"ab"}'), ["get"]);
  deepEqual(held("PUT", '{"a":"abc"}'), ["put, not"]);
  deepEqual(held("PUT", null), []);
  deepEqual(held("PUT", undefined), ["put, not"]);
});

test("nothing of a header that no rule asks for any more is left to content that a new rule asks for", () => {
  for (const payload of ["1", "2", null]) {
    const index = new RuleIndex();
    index.add("header", parseCriteria("METHOD!=PUT AND x-a!=b"));
    deepEqual(index.match({ METHOD: "GET", "x-a": "a" }), ["header"]);
    index.remove("header");
    index.add("is 1", parseCriteria("payload=1"));
    index.add("is not 1", parseCriteria("NOT payload=1"));
    index.add("GET is 1", parseCriteria("METHOD!=PUT AND payload=1"));
    index.add("GET is not 1", parseCriteria("METHOD!=PUT AND payload!=1"));
    const expected = { 1: ["GET is 1", "is 1"], 2: ["GET is not 1", "is not 1"], null: [] }[String(payload)];
    deepEqual(new Set(index.match({ METHOD: "GET", payload })), new Set(expected));
  }
});

test("criteria that would multiply are right all the same", (context) => {
  const alternatives = fc.array(eventCriteria, { minLength: 3, maxLength: 3 }).map((of): Criteria => ({ kind: "or", of }));
  const factors = fc.array(alternatives, { minLength: 4, maxLength: 6 }).map((of): Criteria => ({ kind: "and", of }));
  const negated = factors.map((of): Criteria => ({ kind: "not", of }));
  holds(
    context,
    fc.property(
      fc.array(fc.oneof(factors, negated), { minLength: 1, maxLength: 4 }),
      fc.array(events, { minLength: 1, maxLength: 5 }),
      (all, some) => {
        const index = new RuleIndex<number>();
        const live = new Map(all.entries());
        for (const [id, criteria] of live) index.add(id, { criteria });
        for (const event of some) agree(index, live, event);
        for (const id of live.keys()) index.remove(id);
        for (const event of some) deepEqual(index.match(event), []);
      },
    ),
    400,
  );
});

test("a value beyond what expressions are tried on makes a term unknown, unless another value matches", () => {
  const index = new RuleIndex();
  for (const text of ["x-a~/a/", "NOT x-a~/a/", "x-a~/a/ OR METHOD"]) index.add(text, parseCriteria(text));
  const long = "b".repeat(REGEX_INPUT_CHARACTERS_MAX + 1);
  deepEqual(index.match({ "x-a": long }), []);
  deepEqual(index.match({ "x-a": [long, "b"] }), []);
  deepEqual(
    index.match({ "x-a": [long, "a"] }).toSorted((left, right) => String(left).localeCompare(String(right))),
    ["x-a~/a/", "x-a~/a/ OR METHOD"],
  );
  deepEqual(index.match({ "x-a": long, METHOD: "GET" }), ["x-a~/a/ OR METHOD"]);
});

test("a rule that is added under an id again gives way, and one that isn't there can't be removed", () => {
  const index = new RuleIndex();
  index.add("a", parseCriteria("METHOD=GET"));
  index.add("a", parseCriteria("METHOD=PUT"));
  deepEqual([index.size, index.match({ METHOD: "GET" }), index.match({ METHOD: "PUT" })], [1, [], ["a"]]);
  equal(index.remove("a"), true);
  equal(index.remove("a"), false);
  deepEqual([index.size, index.match({ METHOD: "PUT" })], [0, []]);
});

test("each rule is explained term by term, with what was seen", () => {
  const index = new RuleIndex();
  index.add(1, parseRule("METHOD=POST AND (STATUS>=500 OR x-a) AND payload/state=done , publish , k:t"));
  index.add(2, parseRule("NOT METHOD=POST , ignore"));
  const event = { METHOD: "POST", STATUS: "200", "X-A": ["1", "2"], payload: null };
  const [first, second] = index.explain(event);
  equal(first?.truth, null);
  deepEqual(
    first?.explanation.of.map(({ text, truth, seen }) => ({ text, truth, seen })),
    [
      { text: "METHOD=POST", truth: true, seen: ["POST"] },
      { text: "OR", truth: true, seen: null },
      { text: "payload/state=done", truth: null, seen: null },
    ],
  );
  deepEqual([second?.id, second?.truth], [2, false]);
  deepEqual(
    index.explain(event, [2, 3]).map(({ id }) => id),
    [2],
  );
});

function agree(index: RuleIndex<number>, live: ReadonlyMap<number, Criteria>, event: EventAttributes): void {
  const view = viewOf(event);
  const expected = [...live].filter(([, criteria]) => evaluate(criteria, view) === true).map(([id]) => id);
  const sorted = (ids: readonly number[]): readonly number[] => ids.toSorted((left, right) => left - right);
  deepEqual(sorted(index.match(event)), expected);
  deepEqual(sorted(index.matchJson(JSON.stringify(event))), expected);
}

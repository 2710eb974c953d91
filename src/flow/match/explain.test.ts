import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { evaluate } from "./evaluate.ts";
import {
  decidingTerms,
  explainCriteria,
  HIDDEN_VALUE,
  SHOWN_CHARACTERS_MAX,
  SHOWN_VALUES_MAX,
  type ExplainedEvent,
  type Explanation,
} from "./explain.ts";
import { parseCriteria } from "./parse.ts";
import type { Criteria } from "./rule.ts";
import { randomAttributes, randomCriteria } from "./testing/random-rules.ts";
import { attributesFromRecord, type AttributeRecord } from "./testing/record-attributes.ts";

function eventOf(record: AttributeRecord, shown: AttributeRecord = record): ExplainedEvent {
  return { attributes: attributesFromRecord(record), shown: attributesFromRecord(shown), whyUnknown: () => "it was cut" };
}

function explain(text: string, record: AttributeRecord, shown: AttributeRecord = record): Explanation {
  return explainCriteria(parseCriteria(text).criteria, eventOf(record, shown));
}

/** `true (METHOD=POST [POST])` and so on, for a glance. */
function glance({ kind, text, truth, seen, of }: Explanation): string {
  const name = truth === null ? "unknown" : String(truth);
  return kind === "term" ? `${name} ${text} ${JSON.stringify(seen)}` : `${name} ${text}(${of.map(glance).join("; ")})`;
}

test("each term is told with its truth and what was seen", () => {
  equal(
    glance(explain("METHOD=POST AND (x-a=1 OR NOT payload/state)", { METHOD: "POST", "x-a": ["2", "3"], "payload/state": null })),
    'unknown AND(true METHOD=POST ["POST"]; unknown OR(false x-a=1 ["2","3"]; unknown NOT(unknown payload/state null)))',
  );
});

test("name!=value is one term, whose truth is its own", () => {
  equal(glance(explain("METHOD!=POST", { METHOD: "POST" })), 'false METHOD!=POST ["POST"]');
  equal(glance(explain("METHOD!=POST", {})), "true METHOD!=POST null");
});

test("the reason for unknown is told: why it can't be seen, or that it is too long for an expression", () => {
  equal(explain("payload/state=done", { "payload/state": null }).reason, "it was cut");
  equal(
    explain("x-a~/b/", { "x-a": "a".repeat(9_000) }).reason,
    "a value is longer than the 8192 characters that regular expressions are tried on",
  );
  equal(explain("x-a=1", { "x-a": "1" }).reason, null);
});

test("what is shown is bounded: values, characters of each, characters of a term", () => {
  const long = "😀".repeat(SHOWN_CHARACTERS_MAX);
  const { seen, more, text } = explain(`x-a="${long}"`, { "x-a": [long, "b", "c", "d", "e"] });
  equal(seen?.length, SHOWN_VALUES_MAX);
  equal(more, 2);
  equal(text.length, SHOWN_CHARACTERS_MAX + 1);
  equal(
    seen?.every((value) => value.length <= SHOWN_CHARACTERS_MAX + 1 && value.isWellFormed()),
    true,
  );
});

test("a value that the view hides is not shown, while it still decides", () => {
  equal(glance(explain("x-okapi-token=abc", { "x-okapi-token": "abc" }, {})), `true x-okapi-token=abc ["${HIDDEN_VALUE}"]`);
  equal(
    glance(explain("payload/a=1", { "payload/a": ["1", "2"] }, { "payload/a": ["2"] })),
    `true payload/a=1 ["${HIDDEN_VALUE}","${HIDDEN_VALUE}"]`,
  );
  equal(glance(explain("payload/a=1", { "payload/a": "1" }, { "payload/a": null })), `true payload/a=1 ["${HIDDEN_VALUE}"]`);
});

test("the terms that decided are told: one false term of an AND, each open one else", () => {
  const texts = (text: string, record: AttributeRecord): readonly string[] => decidingTerms(explain(text, record)).map((term) => term.text);
  deepEqual(texts("x-a=1 AND x-b=1 AND x-c=1", { "x-a": "1" }), ["x-b=1"]);
  deepEqual(texts("x-a=1 OR x-b=1", {}), ["x-a=1", "x-b=1"]);
  deepEqual(texts("x-a=1 OR x-b=1", { "x-b": "1" }), ["x-b=1"]);
  deepEqual(texts("x-a=1 AND payload/b", { "x-a": "1", "payload/b": null }), ["payload/b"]);
  deepEqual(texts("x-a=1 AND NOT (x-b=1 OR x-c=1)", { "x-a": "1", "x-c": "1" }), ["x-c=1"]);
});

test("every truth in an explanation is that of evaluate", () => {
  const agree = (criteria: Criteria, explanation: Explanation, event: ExplainedEvent): void => {
    equal(explanation.truth, evaluate(criteria, event.attributes));
    if (explanation.kind === "term") return;
    const parts = criteria.kind === "and" || criteria.kind === "or" ? criteria.of : criteria.kind === "not" ? [criteria.of] : [];
    equal(parts.length, explanation.of.length);
    for (const [index, part] of parts.entries()) agree(part, explanation.of[index] as Explanation, event);
  };
  fc.assert(
    fc.property(randomCriteria, randomAttributes, (criteria, attributes) => {
      const event: ExplainedEvent = { attributes, shown: attributes };
      agree(criteria, explainCriteria(criteria, event), event);
    }),
  );
});

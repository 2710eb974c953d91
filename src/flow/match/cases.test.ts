/** docs/rule-cases.json, which other implementations may use, too: each case by the plain way and by each way of the index. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { evaluate } from "./evaluate.ts";
import { parseCriteria } from "./parse.ts";
import type { EventAttributes } from "./rule-index/event-input.ts";
import { viewOf } from "./rule-index/event-view.ts";
import { RuleIndex } from "./rule-index/rule-index.ts";

interface RuleCase {
  readonly rule: string;
  readonly event: EventAttributes;
  readonly answer: "true" | "false" | "unknown";
  readonly why?: string;
}

const groups = JSON.parse(readFileSync(new URL("../../../docs/rule-cases.json", import.meta.url), "utf8")) as readonly {
  readonly about: string;
  readonly cases: readonly RuleCase[];
}[];
const all = groups.flatMap(({ cases }) => cases);

/** The rules of all cases together, each once. */
const together = new RuleIndex<string>();
for (const { rule } of all) together.add(rule, parseCriteria(rule));

/** Names and values one after another; null where that can't say it. */
function pairsOf(event: EventAttributes): readonly string[] | null {
  const entries = Object.entries(event).flatMap(([name, value]) =>
    Array.isArray(value) ? value.map((one: string) => [name, one] as const) : [[name, value] as const],
  );
  return entries.some(([, value]) => typeof value !== "string") ? null : entries.flatMap(([name, value]) => [name, value as string]);
}

for (const { about, cases } of groups) {
  test(`every case about ${about} in docs/rule-cases.json has its answer`, () => {
    for (const { rule, event, answer } of cases) {
      const shown = JSON.stringify({ rule, event });
      const truth = evaluate(parseCriteria(rule).criteria, viewOf(event));
      equal(truth === null ? "unknown" : String(truth), answer, shown);
      const alone = new RuleIndex<string>();
      alone.add(rule, parseCriteria(rule));
      const found = answer === "true" ? [rule] : [];
      const pairs = pairsOf(event);
      deepEqual(alone.match(event), found, shown);
      deepEqual(alone.matchJson(JSON.stringify(event)), found, shown);
      if (pairs !== null) deepEqual(alone.matchPairs(pairs), found, shown);
      equal(together.match(event).includes(rule), answer === "true", shown);
      equal(together.matchJson(JSON.stringify(event)).includes(rule), answer === "true", shown);
      if (pairs !== null) equal(together.matchPairs(pairs).includes(rule), answer === "true", shown);
    }
  });
}

test("no case of docs/rule-cases.json stands there twice", () => {
  ok(all.length > 100);
  equal(new Set(all.map(({ rule, event }) => JSON.stringify([rule, event]))).size, all.length);
});

import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { evaluate } from "../evaluate.ts";
import { parseCriteria } from "../parse.ts";
import { viewOf } from "./event-view.ts";
import { Regexes } from "./regexes.ts";
import { RuleIndex } from "./rule-index.ts";

const PATTERNS = ["a", "b$", "^a", "(?i)c", "a|b", "[0-9]{2}", "a.*b", "\\Qa.b", "é", "^$", "x*", "\\bab\\b"] as const;

/** Tests all patterns against a text, as an event that asks for each of them. */
function testAll(regexes: Regexes, text: string, event: number): readonly boolean[] {
  const answers = new Map<number, boolean>();
  for (const [predicate, matching] of MATCHINGS.entries()) {
    if (answers.has(predicate)) continue;
    const told = new Set<number>();
    answers.set(
      predicate,
      regexes.test(predicate, matching, text, event, (other, matches) => told.add(other) && answers.set(other, matches)),
    );
  }
  return MATCHINGS.map((_, predicate) => answers.get(predicate) === true);
}

const MATCHINGS = PATTERNS.flatMap((pattern) => [
  { pattern, ignoreCase: false },
  { pattern, ignoreCase: true },
]);

test("expressions that events ask for together are tested together, with the same answers", () => {
  const texts = fc.string({ unit: fc.constantFrom("a", "A", "b", "C", ".", "1", "é", " "), maxLength: 8 });
  const joined = new Regexes();
  for (let event = 0; event < 1_000; event += 1) testAll(joined, "warm", event);
  equal(joined.together, MATCHINGS.length);
  let event = 1_000;
  fc.assert(
    fc.property(texts, (text) => {
      event += 1;
      deepEqual(testAll(joined, text, event), testAll(new Regexes(), text, 0));
    }),
    { numRuns: 1_000 },
  );
});

test("expressions that events ask for one at a time stay by themselves", () => {
  const regexes = new Regexes();
  const [matching] = MATCHINGS;
  if (matching === undefined) throw new Error("no pattern");
  for (let event = 0; event < 10_000; event += 1) regexes.test(0, matching, "a", event, () => undefined);
  equal(regexes.together, 0);
});

test("an index with many expressions on one attribute stays right while some come and go", () => {
  const index = new RuleIndex<string>();
  const add = (text: string): void => index.add(text, parseCriteria(text));
  const all = Array.from({ length: 40 }, (_, number) => `PATH~/u.*${number}/`);
  for (const text of all) add(text);
  const holds = (path: string | readonly string[]): void => {
    const attributes = { PATH: path };
    const live = all.filter((text) => index.has(text));
    const expected = live.filter((text) => evaluate(parseCriteria(text).criteria, viewOf(attributes)) === true);
    deepEqual(index.match(attributes).toSorted(), expected.toSorted());
  };
  for (let round = 0; round < 300; round += 1) {
    holds(`/users/${round}`);
    if (round % 50 === 10) index.remove(all[round % 40] ?? "");
    if (round % 50 === 20) add(all[(round - 10) % 40] ?? "");
    if (round % 7 === 0) holds([`/x/${round}`, `/users/${round + 1}`]);
  }
});

/** Event-ruler, a rule index made by others, finds the same rules as ours wherever both languages can say the same. */
import { deepEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { after, test } from "node:test";
import { toldSeed } from "../../src/flow/match/testing/seeded.ts";
import { parseRule, RuleIndex } from "../../src/rules.ts";
import { judgeForTests } from "../../tools/event-ruler/for-tests.ts";
import type { Pattern } from "../../tools/event-ruler/judge.ts";
import { manyPlainRules, twofoldEvents, twofoldRules, type TwofoldEvent, type TwofoldRule } from "./random-twofold.ts";
import { asAttributes, asRulersEvent, inOurs, inRulers } from "./two-languages.ts";

/** Some seconds' worth, up to 40 rules and 30 events each. */
const RUNS = 60;
/** 2,000 rules and up to 30 events each. */
const RUNS_OF_MANY = 6;

const ruler = await judgeForTests();
const { skip } = ruler;
after(async () => await ruler[Symbol.asyncDispose]());

type Answers = readonly (readonly string[])[];

async function rulersAnswers(rules: ReadonlyMap<string, TwofoldRule>, events: readonly TwofoldEvent[]): Promise<Answers> {
  const answers = await ruler.judge.ask({
    rules: [...rules].flatMap(([id, rule]) => inRulers(rule).map((pattern, at) => [`${id}/${at}`, pattern] as const)),
    events: events.map(asRulersEvent),
  });
  return answers.map((ids) => [...new Set(ids.map((id) => id.replace(/\/.*$/u, "")))].toSorted());
}

/** The answers of our index, which must be the same by each of its three ways in. */
function ourAnswers(index: RuleIndex<string>, events: readonly TwofoldEvent[]): Answers {
  return events.map((event) => {
    const attributes = asAttributes(event);
    const found = [...index.match(attributes)].toSorted();
    const pairs = Object.entries(attributes).flatMap(([name, values]) => values.flatMap((value) => [name, value]));
    deepEqual([...index.matchPairs(pairs)].toSorted(), found, "matchPairs and match");
    const json = Buffer.from(JSON.stringify(attributes));
    deepEqual([...index.matchJson(json)].toSorted(), found, "matchJson and match");
    return found;
  });
}

interface Tally {
  asked: number;
  held: number;
}

/** Compares answers for all rules, without some of them, and with these again. */
async function compare(list: readonly TwofoldRule[], events: readonly TwofoldEvent[], oneIn: number, tally: Tally): Promise<void> {
  const rules = new Map(list.map((rule, at) => [`r${at}`, rule]));
  const index = new RuleIndex<string>();
  for (const [id, rule] of rules) index.add(id, parseRule(inOurs(rule)));
  const expected = await rulersAnswers(rules, events);
  deepEqual(ourAnswers(index, events), expected);
  const removed = new Map([...rules].filter((_, at) => at % oneIn === 0));
  for (const id of removed.keys()) ok(index.remove(id));
  deepEqual(
    ourAnswers(index, events),
    expected.map((ids) => ids.filter((id) => !removed.has(id))),
  );
  for (const [id, rule] of removed) index.add(id, parseRule(inOurs(rule)));
  deepEqual(ourAnswers(index, events), expected);
  tally.asked += list.length * events.length;
  tally.held += expected.flat().length;
}

const removedOneIn = fc.integer({ min: 1, max: 4 });

test("random rules hold for the same random events, also after some of them were removed and added again", { skip }, async (context) => {
  const tally = { asked: 0, held: 0 };
  const same = fc.asyncProperty(twofoldRules, twofoldEvents, removedOneIn, (list, events, oneIn) => compare(list, events, oneIn, tally));
  await fc.assert(same, { numRuns: RUNS, seed: toldSeed(context) });
  // Rules that never hold, or always do, would show nothing.
  ok(tally.held > tally.asked / 50 && tally.held < tally.asked / 2, `${tally.held} of ${tally.asked} held`);
});

test(
  "of many rules of equalities and prefixes the same ones hold, also after some were removed and added again",
  { skip },
  async (context) => {
    const tally = { asked: 0, held: 0 };
    const same = fc.asyncProperty(manyPlainRules, twofoldEvents, removedOneIn, (list, events, oneIn) =>
      compare(list, events, oneIn, tally),
    );
    // Shrinking so many rules would take longer than reading a case as it is.
    await fc.assert(same, { numRuns: RUNS_OF_MANY, endOnFailure: true, seed: toldSeed(context) });
    ok(tally.held > tally.asked / 1000 && tally.held < tally.asked / 2, `${tally.held} of ${tally.asked} held`);
  },
);

/** Both answers, where the languages differ: what random-twofold.ts leaves out. */
const DIFFERENCES: readonly {
  readonly title: string;
  readonly rule: string;
  readonly pattern: Pattern;
  readonly attributes: Readonly<Record<string, string | string[]>>;
  readonly event: string;
  readonly ours: boolean;
  readonly rulers: boolean;
}[] = [
  {
    title: "an attribute that is absent isn't equal to a value",
    rule: "x-a!=1",
    pattern: { "x-a": [{ "anything-but": ["1"] }] },
    attributes: {},
    event: "{}",
    ours: true,
    rulers: false,
  },
  {
    title: "of several values one is another",
    rule: "x-a AND x-a!=1",
    pattern: { "x-a": [{ "anything-but": ["1"] }] },
    attributes: { "x-a": ["1", "2"] },
    event: '{"x-a":["1","2"]}',
    ours: false,
    rulers: true,
  },
  {
    title: "a range is met by two values",
    rule: "x-a>0 AND x-a<5",
    pattern: { "x-a": [{ numeric: [">", 0, "<", 5] }] },
    attributes: { "x-a": ["-1", "9"] },
    event: '{"x-a":[-1,9]}',
    ours: true,
    rulers: false,
  },
  {
    title: "text that is a number is compared as one",
    rule: "x-a>0",
    pattern: { "x-a": [{ numeric: [">", 0] }] },
    attributes: { "x-a": "5" },
    event: '{"x-a":"5"}',
    ours: true,
    rulers: false,
  },
  {
    title: "a prefix that ends in a quote begins only what has it",
    rule: 'x-a="b\\""*',
    pattern: { "x-a": [{ prefix: 'b"' }] },
    attributes: { "x-a": "b" },
    event: '{"x-a":"b"}',
    ours: false,
    rulers: true,
  },
];

for (const { title, rule, pattern, attributes, event, ours, rulers } of DIFFERENCES) {
  test(`the languages differ: ${title}: ${ours ? "yes" : "no"} in ours, ${rulers ? "yes" : "no"} in event-ruler's`, { skip }, async () => {
    const index = new RuleIndex<string>();
    index.add("r", parseRule(`${rule} , publish , kafka1:topic`));
    deepEqual([...index.match(attributes)], ours ? ["r"] : []);
    deepEqual(await ruler.judge.ask({ rules: [["r", pattern]], events: [event] }), [rulers ? ["r"] : []]);
  });
}

/** Takes rules out of a loaded index and puts them back, one at a time, with a match after each. */
import { parseRule, RuleIndex } from "../../src/rules.ts";
import { givenToModule } from "../children.ts";
import { quantile } from "../figures.ts";
import { readLines } from "./our-rules.ts";

export interface ChangeGiven {
  readonly eventsFile: string;
  readonly rulesFile: string;
  readonly changes: number;
}

interface Times {
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface ChangeTold {
  readonly remove: Times;
  /** Work that was put off would show here. */
  readonly matchAfterRemove: Times;
  readonly add: Times;
  readonly matchAfterAdd: Times;
}

const US_PER_MS = 1_000;
/** Coprime to the number of rules, so that rules of all shapes and tenants have their turn. */
const STRIDE = 7_919;
/** Until the compilers have done their work; these aren't counted. */
const WARM_UP = 2_000;
const MATCHES_BEFORE = 20_000;

const { eventsFile, rulesFile, changes } = givenToModule() as ChangeGiven;
const rules = readLines(rulesFile).map(parseRule);
const events = readLines(eventsFile).map((text) => Object.entries(JSON.parse(text) as Record<string, string>).flat());
const index = new RuleIndex<number>();
for (const [id, rule] of rules.entries()) index.add(id, rule);
for (let at = 0; at < MATCHES_BEFORE; at++) index.matchPairs(events[at % events.length] as string[]);

const times: Record<keyof ChangeTold, number[]> = { remove: [], matchAfterRemove: [], add: [], matchAfterAdd: [] };

function timed(into: number[], isCounted: boolean, work: () => void): void {
  const start = performance.now();
  work();
  const passed = performance.now() - start;
  if (isCounted) into.push(passed * US_PER_MS);
}

for (let at = 0; at < WARM_UP + changes; at++) {
  const id = (at * STRIDE) % rules.length;
  const rule = rules[id];
  const event = events[at % events.length];
  if (rule === undefined || event === undefined) throw new Error(`there is no rule ${id}`);
  const isCounted = at >= WARM_UP;
  timed(times.remove, isCounted, () => void index.remove(id));
  timed(times.matchAfterRemove, isCounted, () => void index.matchPairs(event));
  timed(times.add, isCounted, () => index.add(id, rule));
  timed(times.matchAfterAdd, isCounted, () => void index.matchPairs(event));
}
const told = Object.fromEntries(
  Object.entries(times).map(([step, all]) => [step, { p50Us: quantile(all, 0.5), p99Us: quantile(all, 0.99) }]),
);
process.stdout.write(JSON.stringify(told));

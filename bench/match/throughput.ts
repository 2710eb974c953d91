/** How many events a second each contestant matches, how long one takes, and how many rules were found. */
import { markdownTable, median } from "../figures.ts";
import { contest, sharesOf, type Outcome, type Turn } from "./contest.ts";
import { eventRuler, ours, tree, type Entry, type Input } from "./peers.ts";
import type { RuleClass } from "./rules.ts";
import type { Site } from "./site.ts";
import { EVENTS, type SetName } from "./workload.ts";

const CLASSES: Readonly<Record<RuleClass, string>> = {
  C: "C: equality, lists, presence, prefixes",
  E: "E: equality, lists, presence",
  F: "F: with regular expressions and negated groups, which only Sidestream has",
};

export async function throughput(site: Site): Promise<string> {
  const parts: string[] = [];
  for (const ruleClass of ["C", "E", "F"] as const) {
    const outcomes: Outcome[] = [];
    for (const set of site.extent.sets) {
      outcomes.push(
        ...(await contest(
          site,
          ruleClass,
          entriesOf(site, ruleClass, set).map((entry) => ({ entry, set })),
        )),
      );
    }
    parts.push(`#### Class ${CLASSES[ruleClass]}\n\n${tables(site.extent.sets, outcomes)}\n${sharesOf(outcomes)}`);
  }
  return parts.join("\n");
}

/** Without tenants in its rules, nothing changes when the tenant's name does. In class E the better of the two cases is enough. */
function entriesOf({ built }: Site, ruleClass: RuleClass, set: SetName): readonly Entry[] {
  const own = [ours(built, "json"), ours(built, "pairs"), ours(built, "objects")];
  if (ruleClass === "F") return own;
  const cases = set === "g1000" ? [false] : ruleClass === "E" ? [true] : [false, true];
  const rulers = (["json", "node"] as const).flatMap((mode) => cases.map((tenantFirst) => eventRuler(built, mode, tenantFirst)));
  return [...own, ...rulers, ...(ruleClass === "E" ? [tree(built, "json"), tree(built, "pairs")] : [])];
}

function tables(sets: readonly SetName[], outcomes: readonly Outcome[]): string {
  const names = [...new Set(outcomes.map(({ entry }) => entry.name))];
  const find = (name: string, set: SetName): Outcome | undefined =>
    outcomes.find((outcome) => outcome.entry.name === name && outcome.set === set);
  const table = (head: string, cell: (outcome: Outcome) => string): string =>
    markdownTable([
      [head, ...sets],
      ...names.map((name) => [
        name,
        ...sets.map((set) => {
          const outcome = find(name, set);
          return outcome === undefined ? "" : cell(outcome);
        }),
      ]),
    ]);
  const of = (outcome: Outcome, figure: (turn: Turn) => number): number => median(outcome.turns.map(figure));
  const rates = table("thousands of matches/s", (outcome) => significant(of(outcome, ({ perSecond }) => perSecond) / 1_000));
  const times = table(
    "p50 / p99 of a match, µs",
    (outcome) => `${significant(of(outcome, ({ p50Us }) => p50Us))} / ${significant(of(outcome, ({ p99Us }) => p99Us))}`,
  );
  const matches = table(`rules that hold, of ${EVENTS} events`, ({ matches }) => (matches === null ? "too slow" : String(matches)));
  return [rates, ratios(sets, outcomes), times, matches].filter((text) => text !== "").join("\n");
}

/** Each of ours beside the fastest peer that gets the same kind of input, within each pass. */
function ratios(sets: readonly SetName[], outcomes: readonly Outcome[]): string {
  const own = [...new Map(outcomes.filter(({ entry }) => entry.peer === "Sidestream").map(({ entry }) => [entry.name, entry.input]))];
  if (own.length === new Set(outcomes.map(({ entry }) => entry.name)).size) return "";
  const row = ([name, input]: readonly [string, Input]): readonly string[] => [
    name,
    ...sets.map((set) => {
      const here = outcomes.filter((outcome) => outcome.set === set);
      const mine = here.find(({ entry }) => entry.name === name);
      const peers = here.filter(({ entry }) => entry.peer !== "Sidestream" && entry.input === input);
      const each = (mine?.turns ?? []).map(
        ({ perSecond }, pass) => perSecond / Math.max(...peers.map(({ turns }) => turns[pass]?.perSecond ?? NaN)),
      );
      return significant(median(each));
    }),
  ];
  return markdownTable([["times the best peer with such input", ...sets], ...own.map(row)]);
}

/** Three digits: 1580, 245, 7.78, 0.0340. */
export function significant(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

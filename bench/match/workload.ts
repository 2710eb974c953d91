/**
 * Rules and events on disk, as every contestant reads them.
 *
 * Promise: the same bytes each time. The sets have 10 to 100,000 rules, ten for each tenant and one in a hundred, but no
 * more than 1,000, for all; in `g1000` none of 1,000 rules names a tenant.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeEvent } from "./events.ts";
import { inOurs, inRulers, inTrees } from "./languages.ts";
import { Random } from "./random.ts";
import { makeRules, tenantsOf, type RuleClass } from "./rules.ts";

export const SETS = ["10", "1000", "10000", "100000", "g1000"] as const;
export type SetName = (typeof SETS)[number];

export const EVENTS = 20_000;
/** Of the set in which no rule names one. */
const TENANTS_WITHOUT_RULES = 10_000;
const RULES_SEED = 1_464_158_546;
const EVENTS_SEED = 0xe0e0e0;
const GLOBALS_MAX = 1_000;

export const FILES = {
  events: "events.jsonl",
  ours: (ruleClass: RuleClass): string => `${ruleClass}.rules.txt`,
  rulers: (ruleClass: RuleClass): string => `${ruleClass}.patterns.jsonl`,
  trees: (ruleClass: RuleClass): string => `${ruleClass}.a-tree.txt`,
} as const;

/** Writes a set into a folder of its name. */
export function writeSet(parent: string, set: SetName): void {
  const folder = join(parent, set);
  mkdirSync(folder, { recursive: true });
  const write = (file: string, lines: readonly string[]): void => writeFileSync(join(folder, file), `${lines.join("\n")}\n`);
  const global = set === "g1000";
  const count = global ? 1_000 : Number(set);
  const globals = global ? count : Math.min(GLOBALS_MAX, Math.ceil(count / 100));
  for (const ruleClass of ["E", "C", "F"] as const) {
    const rules = makeRules(new Random(RULES_SEED ^ count), count, globals, ruleClass);
    write(
      FILES.ours(ruleClass),
      rules.map((rule) => `${inOurs(rule)} , publish , kafka1:topic`),
    );
    if (ruleClass === "F") continue;
    write(
      FILES.rulers(ruleClass),
      rules.map((rule, at) => JSON.stringify([at, ...inRulers(rule)])),
    );
    if (ruleClass === "E") write(FILES.trees(ruleClass), rules.map(inTrees));
  }
  const random = new Random(EVENTS_SEED ^ count);
  const tenants = global ? TENANTS_WITHOUT_RULES : tenantsOf(count, globals);
  write(
    FILES.events,
    Array.from({ length: EVENTS }, () => JSON.stringify(makeEvent(random, tenants))),
  );
}

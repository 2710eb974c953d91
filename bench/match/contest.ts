/** A contest: all load the same rules, then take turns. What else the machine does meets all of them alike. */
import { median, whole } from "../figures.ts";
import { Contestant, type Loaded } from "./contestant.ts";
import type { Entry } from "./peers.ts";
import type { RuleClass } from "./rules.ts";
import type { Site } from "./site.ts";
import { EVENTS, type SetName } from "./workload.ts";

export interface Start {
  readonly entry: Entry;
  readonly set: SetName;
}

export interface Outcome extends Start {
  readonly loaded: Loaded;
  /** Of one pass over all events; null when it took too long. */
  readonly matches: number | null;
  /** One for each pass. */
  readonly turns: readonly Turn[];
}

export interface Turn {
  /** Per second of CPU, so that the machine's other work doesn't count. With a core to itself that is a second. */
  readonly perSecond: number;
  /** The share of the time in which it had its core. */
  readonly coreShare: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

interface Running extends Start {
  readonly contestant: Contestant;
  readonly loaded: Loaded;
  readonly matches: number | null;
  readonly turns: Turn[];
}

/** @throws Error when two that went through all events of a set found different numbers of matches. */
export async function contest(site: Site, ruleClass: RuleClass, starts: readonly Start[]): Promise<readonly Outcome[]> {
  await using stack = new AsyncDisposableStack();
  const all: Running[] = [];
  for (const start of starts) all.push(await begin(site, ruleClass, start, stack));
  compareMatches(ruleClass, all);
  const { passes, rewarmSeconds, rateSeconds, timesSeconds } = site.extent;
  for (let pass = 1; pass <= passes; pass++) {
    for (const { contestant, turns } of pass % 2 === 0 ? all.toReversed() : all) {
      await contestant.warm(rewarmSeconds);
      const before = contestant.cpuSeconds();
      const { events, seconds } = await contestant.do("rate", rateSeconds);
      const cpuSeconds = contestant.cpuSeconds() - before;
      const times = await contestant.do("times", timesSeconds);
      turns.push({ perSecond: events / cpuSeconds, coreShare: cpuSeconds / seconds, ...times });
    }
  }
  for (const { entry, set, turns } of all) {
    site.tell(`class ${ruleClass}, set ${set}: ${entry.name}: ${turns.map(({ perSecond }) => whole(perSecond)).join(", ")} matches/s`);
  }
  return all;
}

async function begin(site: Site, ruleClass: RuleClass, start: Start, stack: AsyncDisposableStack): Promise<Running> {
  const { contestant, loaded } = await Contestant.start(start.entry.launch(start.set, ruleClass), site.core);
  stack.use(contestant);
  const { events, matches } = await contestant.do("count", site.extent.countSecondsMax);
  await contestant.warm(site.extent.warmSeconds);
  return { ...start, contestant, loaded, matches: events === EVENTS ? matches : null, turns: [] };
}

/** For below the tables: how much of the core the contestants had. */
export function sharesOf(outcomes: readonly Outcome[]): string {
  const shares = outcomes.flatMap(({ turns }) => turns.map(({ coreShare }) => coreShare * 100));
  const [least, middle] = [Math.min(...shares), median(shares)].map((share) => share.toFixed(0));
  return `- per second of CPU; the contestants had their core for ${middle} % of the time, at the least for ${least} %\n`;
}

function compareMatches(ruleClass: RuleClass, all: readonly Running[]): void {
  for (const set of new Set(all.map((running) => running.set))) {
    const complete = all.filter((running) => running.set === set && running.matches !== null);
    if (new Set(complete.map(({ matches }) => matches)).size <= 1) continue;
    const found = complete.map(({ entry, matches }) => `\n  ${entry.name}: ${matches}`).join("");
    throw new Error(`class ${ruleClass}, set ${set}: not all found the same number of matches; their speed can't be compared:${found}`);
  }
}

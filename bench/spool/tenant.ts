/** One tenant that fills its share of a log: what the others notice of it, beside the same without it. */
import { join } from "node:path";
import { runModule } from "../children.ts";
import { markdownTable, median, whole } from "../figures.ts";
import { ENGINE_ARGUMENTS, fill } from "./backlog.ts";
import type { TenantGiven, TenantTold } from "./fill-tenant.ts";
import { atMost, goalList } from "./goals.ts";
import { TIME_TITLES, timeColumns, type PaceTimes } from "./pace.ts";
import { inTurn, withFolder, type Found, type Site } from "./site.ts";

/** The product's default. */
const SHARE = 0.25;
/** What the others hold beforehand: with the one's share the log is more than half full. */
const OTHERS_SHARE = 0.3;
const OTHERS = ["diku", "uni1", "uni2", "uni3"];
const PER_SECOND = 200;
const APPENDERS = 64;
const TIMES_MAX = 1.2;
const MORE_MS_MAX = 1;
const RUNS = { without: 0, with: APPENDERS } as const;
type Run = keyof typeof RUNS;
type Pass = Record<Run, TenantTold>;

export async function tenant(site: Site): Promise<Found> {
  const results: Pass[] = [];
  const { passes } = site.extent;
  for (let pass = 0; pass < passes; pass++) {
    const told: Partial<Pass> = {};
    for (const run of inTurn(Object.keys(RUNS) as Run[], pass)) {
      told[run] = await appendBeside(site, `tenant-${pass}-${run}`, RUNS[run]);
      const { filling, turnedAway, refused } = told[run];
      const after = turnedAway === null ? "" : `, then ${turnedAway.handed.p99Ms.toFixed(1)} ms; turned away: ${JSON.stringify(refused)}`;
      site.tell(`tenant, pass ${pass + 1} of ${passes}: ${run}: the others' p99 ${filling.handed.p99Ms.toFixed(1)} ms${after}`);
    }
    results.push(told as Pass);
  }
  const goals = (["handed", "appended"] as const).flatMap((from) => {
    const without = median(results.map((pass) => pass.without.filling[from].p99Ms));
    const bound = TIMES_MAX * without + MORE_MS_MAX;
    const goal = (what: string, times: (told: TenantTold) => PaceTimes | null) =>
      atMost(
        `the others' p99 in ms from the ${from === "handed" ? "hand-over" : "append"} while one ${what}`,
        median(results.map((pass) => times(pass.with)?.[from].p99Ms ?? NaN)),
        bound,
      );
    return [goal("fills its share", ({ filling }) => filling), goal("is turned away", ({ turnedAway }) => turnedAway)];
  });
  return { text: `${markdownTable(rows(results))}\n${details(results)}${goalList(goals)}`, figures: { passes: results, goals } };
}

function appendBeside(site: Site, name: string, appenders: number): Promise<TenantTold> {
  const { payloadFile, extent } = site;
  return withFolder(site, name, async (dataFolder) => {
    const bytesMax = extent.tenantBytesMax;
    await fill(site, { dataFolder, bytesMax }, bytesMax * OTHERS_SHARE, OTHERS);
    const pace = { perSecond: PER_SECOND, seconds: extent.pacedSeconds };
    const given: TenantGiven = { dataFolder, bytesMax, share: SHARE, payloadFile, tenants: OTHERS, ...pace, appenders };
    return runModule<TenantTold>(join(import.meta.dirname, "fill-tenant.ts"), given, ENGINE_ARGUMENTS);
  });
}

function rows(results: readonly Pass[]): string[][] {
  const row = (name: string, times: (pass: Pass) => PaceTimes | null): string[] => {
    const of = (figure: (times: PaceTimes) => number): number =>
      median(
        results.flatMap((pass) => {
          const found = times(pass);
          return found === null ? [] : [figure(found)];
        }),
      );
    return [name, ...timeColumns(of)];
  };
  return [
    ["the others, while", ...TIME_TITLES],
    row("they are alone", (pass) => pass.without.filling),
    row("one fills its share", (pass) => pass.with.filling),
    row("it is turned away", (pass) => pass.with.turnedAway),
  ];
}

function details(results: readonly Pass[]): string {
  const seconds = median(results.map((pass) => pass.with.fillSeconds));
  const perSecond = median(results.map((pass) => pass.with.fillMessages / pass.with.fillSeconds));
  const times = (pass: Pass): (PaceTimes | null)[] => [pass.without.filling, pass.with.filling, pass.with.turnedAway];
  const refused = results
    .flatMap(times)
    .reduce((sum, found) => sum + Object.values(found?.refused ?? {}).reduce((all, count) => all + count, 0), 0);
  return `- ${APPENDERS} appenders filled it in ${seconds.toFixed(1)} s with ${whole(perSecond)} messages/s; appends of the others that were refused, in all passes: ${refused}\n`;
}

/** What ten thousand times as many rules cost: the smallest and the largest set side by side. */
import { markdownTable, median } from "../figures.ts";
import { contest, sharesOf } from "./contest.ts";
import { eventRuler, ours } from "./peers.ts";
import type { Site } from "./site.ts";
import { significant } from "./throughput.ts";

export async function flatness(site: Site): Promise<string> {
  const { built, extent } = site;
  const { small, large } = extent;
  const entries = [
    ours(built, "json"),
    ours(built, "pairs"),
    ours(built, "objects"),
    eventRuler(built, "json", true),
    eventRuler(built, "node", true),
  ];
  const outcomes = await contest(
    site,
    "C",
    entries.flatMap((entry) => [
      { entry, set: small },
      { entry, set: large },
    ]),
  );
  const rows = entries.map(({ name }) => {
    const [few, many] = [small, large].map((set) => outcomes.find(({ entry, set: of }) => entry.name === name && of === set)?.turns ?? []);
    const thousands = (turns: typeof few): string => significant(median((turns ?? []).map(({ perSecond }) => perSecond / 1_000)));
    const slower = median((few ?? []).map(({ perSecond }, pass) => perSecond / (many?.[pass]?.perSecond ?? NaN)));
    return [name, thousands(few), thousands(many), slower.toFixed(2)];
  });
  const head = ["class C, thousands of matches/s", `${small} rules`, `${large} rules`, "times slower"];
  return `${markdownTable([head, ...rows])}\n${sharesOf(outcomes)}`;
}

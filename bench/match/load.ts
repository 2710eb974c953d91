/** How long the largest set takes to load, up to the first answer, and the memory it takes; and as many wrong rules. */
import { join } from "node:path";
import { runModule } from "../children.ts";
import { markdownTable, median, whole } from "../figures.ts";
import { Contestant, type Loaded } from "./contestant.ts";
import { eventRuler, ours, tree, type Entry } from "./peers.ts";
import type { RuleClass } from "./rules.ts";
import type { Site } from "./site.ts";
import { FILES } from "./workload.ts";
import type { WrongGiven, WrongTold } from "./wrong-rules.ts";

const MIB = 1024 * 1024;
/** Who takes longer than this isn't asked to load again. */
const AGAIN_MS_MAX = 10_000;

export async function load(site: Site): Promise<string> {
  const { built, extent } = site;
  const contestants: readonly (readonly [Entry, RuleClass])[] = [
    [ours(built, "pairs"), "C"],
    [ours(built, "json"), "C"],
    [eventRuler(built, "json", false), "C"],
    [eventRuler(built, "json", true), "C"],
    [ours(built, "pairs"), "E"],
    [tree(built, "pairs"), "E"],
    [ours(built, "pairs"), "F"],
  ];
  const results = contestants.map((): Loaded[] => []);
  const wrong: WrongTold[] = [];
  const passes = Math.min(extent.passes, extent.loadsMax);
  for (let pass = 1; pass <= passes; pass++) {
    for (const [at, [entry, ruleClass]] of contestants.entries()) {
      if (results[at]?.some(({ loadMs }) => loadMs > AGAIN_MS_MAX) === true) continue;
      await using stack = new AsyncDisposableStack();
      const { contestant, loaded } = await Contestant.start(entry.launch(extent.large, ruleClass), site.core);
      stack.use(contestant);
      results[at]?.push(loaded);
      site.tell(`loading, pass ${pass} of ${passes}: class ${ruleClass}: ${entry.name}: ${whole(loaded.loadMs)} ms`);
    }
    const given: WrongGiven = { rulesFile: join(built.data, extent.large, FILES.ours("F")) };
    wrong.push(await runModule<WrongTold>(join(import.meta.dirname, "wrong-rules.ts"), given));
  }
  const rows = contestants.map(([{ name }, ruleClass], at) => [
    `${name}, class ${ruleClass}`,
    whole(median((results[at] ?? []).map(({ loadMs }) => loadMs))),
    (median((results[at] ?? []).map(({ heapBytes }) => heapBytes)) / MIB).toFixed(1),
  ]);
  const table = markdownTable([[`${extent.large} rules, from their texts`, "ms", "MiB"], ...rows]);
  const wrongMs = median(wrong.map(({ milliseconds }) => milliseconds));
  return `${table}\n- ${wrong[0]?.caught} wrong texts, each refused with its place: ${whole(wrongMs)} ms\n- MiB: heap and array buffers after a collection (Sidestream), heap after a collection (Java), resident (a-tree)\n`;
}

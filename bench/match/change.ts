/** What it costs to take one rule out of the largest set, and to put one in. */
import { join } from "node:path";
import { runModule } from "../children.ts";
import { markdownTable, median } from "../figures.ts";
import type { ChangeGiven, ChangeTold } from "./change-rules.ts";
import type { Site } from "./site.ts";
import { significant } from "./throughput.ts";
import { FILES } from "./workload.ts";

const STEPS = {
  remove: "take one out",
  matchAfterRemove: "the next match",
  add: "put one in",
  matchAfterAdd: "the next match",
} as const satisfies Readonly<Record<keyof ChangeTold, string>>;

export async function change({ extent, built }: Site): Promise<string> {
  const given: ChangeGiven = {
    eventsFile: join(built.data, extent.large, FILES.events),
    rulesFile: join(built.data, extent.large, FILES.ours("F")),
    changes: extent.changes,
  };
  const passes: ChangeTold[] = [];
  for (let pass = 1; pass <= extent.passes; pass++)
    passes.push(await runModule<ChangeTold>(join(import.meta.dirname, "change-rules.ts"), given));
  const rows = Object.entries(STEPS).map(([step, name]) => {
    const all = passes.map((told) => told[step as keyof ChangeTold]);
    return [name, significant(median(all.map(({ p50Us }) => p50Us))), significant(median(all.map(({ p99Us }) => p99Us)))];
  });
  return markdownTable([[`µs, in ${extent.large} rules of class F, pairs`, "p50", "p99"], ...rows]);
}

/** Exactly-once beside at-least-once: what a message takes that must not arrive twice. In turn, within one run. */
import { markdownTable, median, whole } from "../figures.ts";
import { IN_FLIGHT_DEFAULT, sendSpool } from "./from-spool.ts";
import { pacedOnce } from "./paced.ts";
import type { Site } from "./site.ts";

const NAMES = ["at-least-once", "exactly-once"] as const;

interface Pass {
  readonly perSecond: number;
  readonly cpuSeconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export async function promises(site: Site): Promise<string> {
  const { passes } = site.extent;
  const results: Record<(typeof NAMES)[number], Pass[]> = { "at-least-once": [], "exactly-once": [] };
  for (let pass = 1; pass <= passes; pass++) {
    for (const name of pass % 2 === 0 ? NAMES.toReversed() : NAMES) {
      const exactlyOnce = name === "exactly-once";
      const { perSecond, cpuSeconds } = await sendSpool(site, `${name}-${pass}`, { inFlightMax: IN_FLIGHT_DEFAULT, exactlyOnce });
      const { acknowledged } = await pacedOnce(site, `${name}-paced-${pass}`, exactlyOnce);
      results[name].push({ perSecond, cpuSeconds, ...acknowledged });
      site.tell(`${name}, pass ${pass} of ${passes}: ${whole(perSecond)}/s, p99 ${acknowledged.p99Ms.toFixed(1)} ms`);
    }
  }
  const reference = results["at-least-once"];
  const ratio = (all: readonly Pass[], of: (one: Pass) => number): string =>
    median(all.map((one, pass) => of(one) / of(reference[pass] as Pass))).toFixed(2);
  const rows = NAMES.map((name) => {
    const all = results[name];
    return [
      name,
      whole(median(all.map(({ perSecond }) => perSecond))),
      ratio(all, ({ perSecond }) => perSecond),
      ratio(all, ({ cpuSeconds }) => cpuSeconds),
      median(all.map(({ p50Ms }) => p50Ms)).toFixed(1),
      median(all.map(({ p99Ms }) => p99Ms)).toFixed(1),
      ratio(all, ({ p99Ms }) => p99Ms),
    ];
  });
  const head = ["", "messages/s", "ratio", "CPU, ratio", "acknowledged at 1,000/s, p50 ms", "p99 ms", "p99, ratio"];
  return markdownTable([head, ...rows]);
}

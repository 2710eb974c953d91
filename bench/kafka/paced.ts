/** How long a message takes at a steady pace: from its append until Kafka acknowledged it, and until this is on disk. */
import { join } from "node:path";
import { runModule } from "../children.ts";
import { markdownTable, median } from "../figures.ts";
import { IN_FLIGHT_DEFAULT } from "./from-spool.ts";
import type { PaceGiven, PaceTold } from "./pace-spool.ts";
import { settleDisk, withFolder } from "../scratch.ts";
import { withTopic, type Site } from "./site.ts";

const PER_SECOND = 1_000;
const BYTES_MAX = 1024 * 1024 * 1024;
const STEPS = { onDisk: "on disk", acknowledged: "acknowledged by Kafka", confirmed: "confirmed on disk" } as const;

export async function paced(site: Site): Promise<string> {
  const { passes } = site.extent;
  const results: PaceTold[] = [];
  for (let pass = 1; pass <= passes; pass++) {
    const told = await pacedOnce(site, `paced-${pass}`);
    results.push(told);
    const { p50Ms, p99Ms } = told.acknowledged;
    site.tell(`1,000 messages/s, pass ${pass} of ${passes}: acknowledged after ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`);
  }
  const rows = Object.entries(STEPS).map(([step, name]) => {
    const times = results.map((told) => told[step as keyof typeof STEPS]);
    return [name, median(times.map(({ p50Ms }) => p50Ms)).toFixed(1), median(times.map(({ p99Ms }) => p99Ms)).toFixed(1)];
  });
  return markdownTable([["from the append until", "p50 ms", "p99 ms"], ...rows]);
}

/** Sends for some seconds at that pace, in a topic of its own. */
export async function pacedOnce(site: Site, topic: string, exactlyOnce = false): Promise<PaceTold> {
  const given: Omit<PaceGiven, "dataFolder"> = {
    bytesMax: BYTES_MAX,
    payloadFile: site.payloadFile,
    brokers: site.cluster.bootstrap,
    inFlightMax: IN_FLIGHT_DEFAULT,
    topic,
    perSecond: PER_SECOND,
    seconds: site.extent.pacedSeconds,
    exactlyOnce,
  };
  settleDisk(site);
  const run = (dataFolder: string) => runModule<PaceTold>(join(import.meta.dirname, "pace-spool.ts"), { ...given, dataFolder });
  return await withTopic(site, topic, () => withFolder(site, topic, run));
}

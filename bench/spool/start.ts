/** The start with a large backlog: time to the first send, and memory. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runModule } from "../children.ts";
import { markdownTable, median, whole } from "../figures.ts";
import { ENGINE_ARGUMENTS, fullBacklog } from "./backlog.ts";
import { atMost, goalList } from "./goals.ts";
import { settleDisk } from "../scratch.ts";
import { MIB, type Found, type Site } from "./site.ts";
import type { StartGiven, StartTold } from "./start-backlog.ts";

const SEND_SECONDS = 5;
const FIRST_SEND_SECONDS_MAX = 5;
const RESIDENT_MIB_MAX = 200;

export async function start(site: Site): Promise<Found> {
  const results: (StartTold & { readonly isCold: boolean })[] = [];
  const { passes } = site.extent;
  for (let pass = 1; pass <= passes; pass++) {
    const { dataFolder, bytesMax } = await fullBacklog(site);
    const isCold = dropCaches(site);
    const given: StartGiven = { dataFolder, bytesMax, seconds: SEND_SECONDS };
    const told = await runModule<StartTold>(join(import.meta.dirname, "start-backlog.ts"), given, ENGINE_ARGUMENTS);
    results.push({ ...told, isCold });
    const { firstSendMs, residentMostBytes } = told;
    site.tell(`start, pass ${pass} of ${passes}: first send after ${whole(firstSendMs)} ms, at most ${whole(residentMostBytes / MIB)} MiB`);
  }
  const of = (figure: (told: StartTold) => number): number => median(results.map(figure));
  const [firstSeconds, most] = [of(({ firstSendMs }) => firstSendMs) / 1000, of(({ residentMostBytes }) => residentMostBytes) / MIB];
  const rows = [
    ["MiB of log", "first send, s", "from opening the log, s", "MiB resident then", "MiB at most while it sends", "messages/s sent"],
    [
      whole(of(({ usedBytes }) => usedBytes) / MIB),
      firstSeconds.toFixed(2),
      (of(({ fromOpenMs }) => fromOpenMs) / 1000).toFixed(2),
      whole(of(({ residentAtFirstSendBytes }) => residentAtFirstSendBytes) / MIB),
      whole(most),
      whole(of(({ sentPerSecond }) => sentPerSecond)),
    ],
  ];
  const cold = results.every(({ isCold }) => isCold) ? "emptied before each start" : "**not** emptied (only root may)";
  const goals = [
    atMost("seconds until the first send", firstSeconds, FIRST_SEND_SECONDS_MAX),
    atMost("MiB resident, at its most", most, RESIDENT_MIB_MAX),
  ];
  return { text: `${markdownTable(rows)}\nThe page cache was ${cold}.\n\n${goalList(goals)}`, figures: { passes: results, goals } };
}

/** @returns False where that is not allowed; what was written last is then still in memory. */
function dropCaches(site: Site): boolean {
  settleDisk(site);
  try {
    writeFileSync("/proc/sys/vm/drop_caches", "3");
    return true;
  } catch {
    return false;
  }
}

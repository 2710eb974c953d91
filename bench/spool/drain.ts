/** One thread does all: durable appends while a large backlog is sent at full speed, beside the same while nothing is. */
import { join } from "node:path";
import { runModule } from "../children.ts";
import { markdownTable, median, whole } from "../figures.ts";
import { ENGINE_ARGUMENTS, fullBacklog } from "./backlog.ts";
import type { DrainGiven, DrainTold } from "./drain-backlog.ts";
import { atMost, goalList } from "./goals.ts";
import { TIME_TITLES, timeColumns, type PaceTimes } from "./pace.ts";
import type { Found, Site } from "./site.ts";

const PER_SECOND = 200;
const TIMES_IDLE_MAX = 2;
const KINDS = { idle: "nothing is sent", sending: "the backlog is sent" } as const;
type Kind = keyof typeof KINDS;

export async function drain(site: Site): Promise<Found> {
  const results: DrainTold[] = [];
  const { passes } = site.extent;
  for (let pass = 1; pass <= passes; pass++) {
    const told = await appendBeside(site, pass % 2 === 0);
    results.push(told);
    const p99 = (Object.keys(KINDS) as Kind[]).map((kind) => `${KINDS[kind]}: p99 ${told[kind].handed.p99Ms.toFixed(1)} ms`).join("; ");
    site.tell(`drain, pass ${pass} of ${passes}: ${p99}; ${whole(told.sentPerSecond)} messages/s sent`);
  }
  const ratio = (from: "handed" | "appended"): number => median(results.map(({ idle, sending }) => sending[from].p99Ms / idle[from].p99Ms));
  const goals = [
    atMost("p99 from the hand-over, times that while nothing is sent", ratio("handed"), TIMES_IDLE_MAX),
    atMost("p99 from the append, times that while nothing is sent", ratio("appended"), TIMES_IDLE_MAX),
  ];
  const speed = `- the backlog was sent with ${whole(median(results.map(({ sentPerSecond }) => sentPerSecond)))} messages/s\n`;
  return { text: `${markdownTable(rows(results))}\n${speed}${goalList(goals)}`, figures: { passes: results, goals } };
}

async function appendBeside(site: Site, isSendingFirst: boolean): Promise<DrainTold> {
  const { dataFolder, bytesMax } = await fullBacklog(site);
  const { payloadFile, extent } = site;
  const given: DrainGiven = { dataFolder, bytesMax, payloadFile, perSecond: PER_SECOND, seconds: extent.pacedSeconds, isSendingFirst };
  return runModule<DrainTold>(join(import.meta.dirname, "drain-backlog.ts"), given, ENGINE_ARGUMENTS);
}

function rows(results: readonly DrainTold[]): string[][] {
  const body = (Object.entries(KINDS) as [Kind, string][]).map(([kind, name]) => {
    const of = (figure: (times: PaceTimes) => number): number => median(results.map((told) => figure(told[kind])));
    return [name, ...timeColumns(of)];
  });
  return [["", ...TIME_TITLES], ...body];
}

/** Durable appends: the log beside embedded stores, and beside a plain loop of write and fdatasync on the same disk. */
import { join } from "node:path";
import { runModule } from "../children.ts";
import { markdownTable, median, whole } from "../figures.ts";
import type { AppendGiven, AppendTold } from "./append-store.ts";
import { atLeast, goalList, type Goal } from "./goals.ts";
import { installStores } from "./install-stores.ts";
import type { LoopGiven, LoopTold } from "./plain-loop.ts";
import { inTurn, MIB, withFolder, type Found, type Site } from "./site.ts";
import type { StoreName } from "./stores.ts";

const APPENDERS = [64, 1024] as const;
interface Contestant {
  readonly name: string;
  readonly store: StoreName;
  /** The fair contest is the one in which each message is encoded on its way; this one is harder for the log. */
  readonly isGivenBytes: boolean;
}

const LOG: Contestant = { name: "Sidestream's log", store: "log", isGivenBytes: false };
const OTHERS = {
  lmdbPut: "lmdb, `put`",
  lmdbSync: "lmdb, `transactionSync`, appending",
  classicLevel: "classic-level, `sync`",
  nodeSqlite: "node:sqlite, WAL, FULL",
  betterSqlite3: "better-sqlite3, WAL, FULL",
} as const;
/** Those that goals speak of run both ways. */
const GIVEN_BYTES: readonly (keyof typeof OTHERS)[] = ["lmdbPut", "lmdbSync", "classicLevel"];
const CONTESTANTS: readonly Contestant[] = [
  LOG,
  ...(Object.entries(OTHERS) as [keyof typeof OTHERS, string][]).map(([store, name]) => ({ name, store, isGivenBytes: false })),
  ...GIVEN_BYTES.map((store) => ({ name: `${OTHERS[store]}, encoded beforehand`, store, isGivenBytes: true })),
];
/** The log's messages a second over those of these, by appenders. */
const GOALS: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  lmdbPut: { 64: 1.5, 1024: 1.5 },
  lmdbSync: { 64: 1.5, 1024: 1.5 },
  classicLevel: { 64: 1.7, 1024: 2.5 },
};
const LOOP_GOAL = 0.6;
/** Of the runs of a pass, which begins elsewhere each time. No divisor of their number, so that no pass begins as another. */
const RUNS_BETWEEN_FIRSTS = 7;
const LOOPS = { fresh: "a file that grows", allocated: "a file that is there already" } as const;
type LoopName = keyof typeof LOOPS;

/** One pass. Ratios are taken within it: what else the machine does changes from one to the next. */
interface Pass {
  readonly stores: Map<string, AppendTold>;
  readonly loops: Map<LoopName, LoopTold>;
}

export async function append(site: Site): Promise<Found> {
  installStores(site.tell);
  const { passes } = site.extent;
  const contestants = [
    ...APPENDERS.flatMap((appenders) => CONTESTANTS.map((contestant) => (pass: Pass) => runStore(site, pass, contestant, appenders))),
    ...(Object.keys(LOOPS) as LoopName[]).map((loop) => (pass: Pass) => runLoop(site, pass, loop)),
  ];
  const results: Pass[] = [];
  for (let number = 0; number < passes; number++) {
    site.tell(`append, pass ${number + 1} of ${passes}`);
    const pass: Pass = { stores: new Map(), loops: new Map() };
    for (const run of inTurn(contestants, number * RUNS_BETWEEN_FIRSTS)) await run(pass);
    results.push(pass);
  }
  const tables = APPENDERS.map((appenders) => `${whole(appenders)} appenders:\n\n${markdownTable(storeRows(results, appenders))}\n`);
  const text = `${tables.join("")}256 KiB write + fdatasync, over and over:\n\n${markdownTable(loopRows(results))}\n${goalList(goals(results))}`;
  const figures = results.map(({ stores, loops }) => ({ stores: Object.fromEntries(stores), loops: Object.fromEntries(loops) }));
  return { text, figures: { passes: figures, goals: goals(results) } };
}

const keyOf = ({ store, isGivenBytes }: Contestant, appenders: number): string => `${store}-${appenders}${isGivenBytes ? "-given" : ""}`;

async function runStore(site: Site, pass: Pass, contestant: Contestant, appenders: number): Promise<void> {
  const { name, store, isGivenBytes } = contestant;
  const key = keyOf(contestant, appenders);
  const told = await withFolder(site, key, (folder) => appendTo(site, { store, isGivenBytes, appenders, folder }));
  pass.stores.set(key, told);
  const { perSecond, p99Ms, cpuPerMillion } = told;
  const figures = `${whole(perSecond)}/s, p99 ${p99Ms.toFixed(1)} ms, ${cpuPerMillion.toFixed(1)} CPU s/M`;
  site.tell(`  ${String(appenders).padStart(4)} appenders, ${name}: ${figures}`);
}

export function appendTo(
  site: Site,
  given: Pick<AppendGiven, "store" | "isGivenBytes" | "appenders" | "folder">,
  nodeArguments: readonly string[] = [],
): Promise<AppendTold> {
  const all: AppendGiven = { ...given, payloadFile: site.payloadFile, seconds: site.extent.appendSeconds };
  return runModule<AppendTold>(join(import.meta.dirname, "append-store.ts"), all, nodeArguments);
}

async function runLoop(site: Site, pass: Pass, loop: LoopName): Promise<void> {
  const file = join(site.folder, "loop");
  const given: LoopGiven = {
    file,
    payloadFile: site.payloadFile,
    seconds: site.extent.appendSeconds,
    allocated: loop === "allocated",
  };
  const told = await withFolder(site, "loop", () => runModule<LoopTold>(join(import.meta.dirname, "plain-loop.ts"), given));
  pass.loops.set(loop, told);
  site.tell(`  plain loop, ${LOOPS[loop]}: ${whole(told.bytesPerSecond / MIB)} MiB/s`);
}

const told = (pass: Pass, contestant: Contestant, appenders: number): AppendTold =>
  pass.stores.get(keyOf(contestant, appenders)) as AppendTold;
const loopTold = (pass: Pass, loop: LoopName): LoopTold => pass.loops.get(loop) as LoopTold;

/** The log's messages a second over those of another. */
function ratio(results: readonly Pass[], contestant: Contestant, appenders: number): number {
  return median(results.map((pass) => told(pass, LOG, appenders).perSecond / told(pass, contestant, appenders).perSecond));
}

function loopRatio(results: readonly Pass[], loop: LoopName, appenders: number): number {
  return median(results.map((pass) => told(pass, LOG, appenders).bytesPerSecond / loopTold(pass, loop).bytesPerSecond));
}

function storeRows(results: readonly Pass[], appenders: number): string[][] {
  const body = CONTESTANTS.map((contestant) => {
    const of = (figure: (told: AppendTold) => number): number => median(results.map((pass) => figure(told(pass, contestant, appenders))));
    return [
      contestant.name,
      whole(of(({ perSecond }) => perSecond)),
      contestant === LOG ? "" : ratio(results, contestant, appenders).toFixed(2),
      of(({ p50Ms }) => p50Ms).toFixed(2),
      of(({ p99Ms }) => p99Ms).toFixed(1),
      of(({ cpuPerMillion }) => cpuPerMillion).toFixed(1),
      whole(of(({ bytesPerSecond }) => bytesPerSecond) / MIB),
    ];
  });
  return [["", "messages/s", "the log is faster by", "p50 ms", "p99 ms", "CPU s per million", "MiB/s"], ...body];
}

function loopRows(results: readonly Pass[]): string[][] {
  const body = (Object.entries(LOOPS) as [LoopName, string][]).map(([loop, name]) => {
    const of = (figure: (told: LoopTold) => number): number => median(results.map((pass) => figure(loopTold(pass, loop))));
    return [
      name,
      whole(of(({ bytesPerSecond }) => bytesPerSecond) / MIB),
      of(({ p50Ms }) => p50Ms).toFixed(2),
      of(({ p99Ms }) => p99Ms).toFixed(1),
      ...APPENDERS.map((appenders) => `${(loopRatio(results, loop, appenders) * 100).toFixed(0)} %`),
    ];
  });
  return [["", "MiB/s", "p50 ms", "p99 ms", ...APPENDERS.map((appenders) => `the log with ${whole(appenders)}`)], ...body];
}

function goals(results: readonly Pass[]): Goal[] {
  const stores = APPENDERS.flatMap((appenders) =>
    CONTESTANTS.flatMap((contestant) => {
      const bound = GOALS[contestant.store]?.[appenders];
      const text = `${whole(appenders)} appenders, times ${contestant.name}`;
      return bound === undefined ? [] : [atLeast(text, ratio(results, contestant, appenders), bound)];
    }),
  );
  const loops = (Object.entries(LOOPS) as [LoopName, string][]).map(([loop, name]) =>
    atLeast(`1,024 appenders, of the plain loop's bytes/s on ${name}`, loopRatio(results, loop, 1024), LOOP_GOAL),
  );
  return [...stores, ...loops];
}

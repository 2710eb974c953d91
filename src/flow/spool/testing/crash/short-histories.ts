/**
 * The scripts, one after the other: first on a disk that doesn't fail, in every state that a crash can leave; then with
 * each operation of the disk failing in turn.
 */
import { Life, newLog, type LifePlan, type Recorded } from "./life.ts";
import { afterKill, afterPowerLoss } from "./long-histories.ts";
import type { Fault, FaultPlan } from "./recording-disk.ts";
import { faultAt } from "./random-steps.ts";
import { randomFor } from "./place.ts";
import { AFTERWARDS, SCRIPTS, type Script } from "./scripts.ts";
import type { HistorySearch, Search } from "./search.ts";

export const SHORT_FAMILY = "short";
export const FAULT_FAMILY = "fault";

/** More states than any operation of a script leaves, so that all are tried. */
const ALL_STATES = 20_000;
const FAULT_STATES_MAX = 24;
const AFTERWARDS_STATES_MAX = 6;
/** Of so many points one has a life afterwards. */
const AFTERWARDS_EVERY = 60;
const THOROUGH_EVERY = 5;

interface Failure {
  readonly fault: Fault;
  /** Every operation fails from there on, not the one alone. */
  readonly lasts: boolean;
}

const FAILURES: readonly Failure[] = [
  { fault: { code: "EIO", writtenPercent: 0, forgets: true }, lasts: false },
  { fault: { code: "ENOSPC", writtenPercent: 60, forgets: false }, lasts: false },
  { fault: { code: "EIO", writtenPercent: 95, forgets: false }, lasts: true },
  { fault: { code: "ENOSPC", writtenPercent: 30, forgets: true }, lasts: true },
];

/** A prime above all that there is: every place comes once. */
const STRIDE = 999_983;

/** How many scripts there are. */
export const SHORT_COUNT = SCRIPTS.length;

export async function searchShort(search: Search, number: number): Promise<void> {
  const script = SCRIPTS[number % SHORT_COUNT] as Script;
  const history = search.history(SHORT_FAMILY, number);
  const recorded = await history.live(
    "life",
    newLog(script.shape),
    script.shape,
    planOf(script, () => null),
  );
  await exploreAndGoOn(history, "life", recorded, script, script.statesMax ?? ALL_STATES);
}

/** @returns False when every operation of every script has failed. */
export async function searchFault(search: Search, number: number): Promise<boolean> {
  operations ??= Promise.all(SCRIPTS.map(operationsOf));
  const counts = await operations;
  const all = SHORT_COUNT * FAILURES.length * Math.max(...counts);
  if (number >= all) return false;
  // In an order of its own for each seed, so that the first few are of all kinds.
  const place = (number * STRIDE + randomFor(search.seed, FAULT_FAMILY)(all)) % all;
  const script = SCRIPTS[place % SHORT_COUNT] as Script;
  const { fault, lasts } = FAILURES[Math.floor(place / SHORT_COUNT) % FAILURES.length] as Failure;
  const at = Math.floor(place / SHORT_COUNT / FAILURES.length);
  if (at >= (counts[place % SHORT_COUNT] ?? 0)) return true;
  const history = search.history(FAULT_FAMILY, number);
  const part = `operation-${at}`;
  const recorded = await history.live(part, newLog(script.shape), script.shape, planOf(script, faultAt(at, lasts, fault)));
  // In another order there may be fewer operations: nothing failed then.
  if (recorded.failedAt < Infinity) await exploreAndGoOn(history, part, recorded, script, FAULT_STATES_MAX);
  return true;
}

function planOf({ steps, isBusy = false }: Script, fault: FaultPlan): LifePlan {
  return { steps, fault, closes: true, isBusy };
}

/** Of each script, on a disk that doesn't fail. */
let operations: Promise<readonly number[]> | null = null;

async function operationsOf(script: Script): Promise<number> {
  if (script.statesMax !== undefined) return 0;
  const life = new Life(newLog(script.shape), script.shape, randomFor(0, SHORT_FAMILY));
  return (await life.run(planOf(script, () => null))).operations;
}

async function exploreAndGoOn(history: HistorySearch, part: string, recorded: Recorded, script: Script, statesMax: number): Promise<void> {
  const random = history.random(part, "afterwards");
  const from = recorded.failedAt === Infinity ? 0 : recorded.failedAt;
  const beginnings: (readonly [name: string, ReturnType<typeof newLog>])[] = [];
  await history.explore(part, recorded, script.shape, { statesMax, from, thoroughEvery: THOROUGH_EVERY }, (point) => {
    if (random(AFTERWARDS_EVERY) > 0) return;
    const name = `${part}+${beginnings.length}`;
    beginnings.push([name, random(3) === 0 ? afterKill(recorded, point) : afterPowerLoss(point)]);
  });
  for (const [name, beginning] of beginnings) {
    if (history.search.isOver) return;
    const after = await history.live(name, beginning, script.shape, { steps: AFTERWARDS, fault: () => null, closes: random(2) === 0 });
    await history.explore(name, after, script.shape, { statesMax: AFTERWARDS_STATES_MAX, thoroughEvery: THOROUGH_EVERY });
  }
}

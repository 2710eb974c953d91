/** A thread of `npm run crash`: searches its part and tells how far it is. */
import { parentPort, workerData } from "node:worker_threads";
import { FAMILIES, searchFamilies } from "./families.ts";
import type { TellableViolation } from "./report.ts";
import { FoundViolation, Search, type Tally } from "./search.ts";

export interface WorkerTask {
  readonly seed: number;
  readonly part: number;
  readonly of: number;
  readonly endsMs: number;
  readonly pointsMax: number;
  readonly violationsMax: number;
  readonly families: readonly string[];
}

export type WorkerMessage =
  | { readonly kind: "progress"; readonly tallies: ReadonlyMap<string, Tally> }
  | { readonly kind: "violation"; readonly violation: TellableViolation };

const PROGRESS_MS = 500;

/** Searches a part of what there is; also without a thread of its own. */
export async function work(task: WorkerTask, tell: (message: WorkerMessage) => void): Promise<void> {
  let toldMs = 0;
  let violations = 0;
  const search: Search = new Search(task.seed, () => {
    const nowMs = Date.now();
    if (nowMs - toldMs > PROGRESS_MS) {
      toldMs = nowMs;
      tell({ kind: "progress", tallies: search.tallies });
    }
    return nowMs > task.endsMs || search.tally.points >= task.pointsMax;
  });
  const families = FAMILIES.filter(({ name }) => task.families.includes(name));
  const searching = searchFamilies(search, families, task, (violation) => {
    tell({ kind: "violation", violation: tellable(violation) });
    violations += 1;
    return violations < task.violationsMax;
  });
  // What nobody waits for ends here; the program's state can't be relied on after it.
  const fault = Promise.withResolvers<void>();
  const hear = (error: unknown): void => {
    const place = search.current;
    if (place !== null) tell({ kind: "violation", violation: tellable(new FoundViolation(place, error)) });
    fault.resolve();
  };
  process.once("uncaughtException", hear);
  await Promise.race([searching, fault.promise]);
  process.off("uncaughtException", hear);
  tell({ kind: "progress", tallies: search.tallies });
}

/** With the stack of what lies behind it. */
export function tellable({ place, cause }: FoundViolation): TellableViolation {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const stack = error.cause instanceof Error ? error.cause.stack : error.stack;
  return { place, text: error.message, stack: stack ?? "" };
}

if (parentPort !== null && isTask(workerData)) {
  const port = parentPort;
  await work(workerData, (message) => port.postMessage(message));
  // After a fault something may still be under way that would keep it.
  port.close();
}

function isTask(data: unknown): data is WorkerTask {
  return typeof data === "object" && data !== null && "violationsMax" in data;
}

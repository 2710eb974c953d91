/** CPU time of each thread of a process, from /proc: which thread pays for what. */
import { readdirSync, readFileSync } from "node:fs";

/** Microseconds of CPU by role: edge (the main thread), engine (the worker), and the helpers of Node and V8. */
export type ThreadTimes = Readonly<Record<string, number>>;

export function threadTimes(pid: number): ThreadTimes {
  const times: Record<string, number> = {};
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const name = readFileSync(`/proc/${pid}/task/${thread}/comm`, "utf8").trim();
    // Nanoseconds on a processor.
    const onProcessor = Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1000;
    const role = Number(thread) === pid ? "edge" : roleOf(name);
    times[role] = (times[role] ?? 0) + onProcessor;
  }
  return times;
}

function roleOf(name: string): string {
  if (/libuv/i.test(name)) return "disk";
  if (/V8|Delayed|Inspector|Signal/i.test(name)) return "v8";
  return "engine";
}

export function timesBetween(before: ThreadTimes, after: ThreadTimes): ThreadTimes {
  return Object.fromEntries(Object.entries(after).map(([role, time]) => [role, time - (before[role] ?? 0)]));
}

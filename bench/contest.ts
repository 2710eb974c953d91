/** Proxies under wrk, one after the other: requests per second, times, and what the kernel counts for their threads. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { median } from "./figures.ts";
import { threadTimes, timesBetween, type ThreadTimes } from "./thread-times.ts";
import { load, type Load } from "./wrk.ts";

const WARM_UP_SECONDS = 1;
export const CONNECTIONS = 64;
export const BODY_BYTES = 1024;
export const PORTS = { upstream: 19_581, proxy: 19_582, gateway: 19_583, plain: 19_584 };

export interface Result {
  readonly load: Load;
  /** Requests that were answered, those of the warm-up included. */
  readonly requestsWithWarmUp: number;
  /** Microseconds of CPU per request, by thread. */
  readonly cpu: ThreadTimes;
}

export interface Contestant {
  readonly name: string;
  readonly url: string;
  readonly processes: readonly number[];
  /** Settles once all that the requests caused is done: its CPU counts too. */
  readonly settled?: () => Promise<unknown>;
}

/** Has these commands installed where they are missing. */
export function need(...commands: readonly string[]): void {
  const installed = spawnSync(join(import.meta.dirname, "../tools/apt-need.sh"), commands, { stdio: "inherit" });
  if (installed.status !== 0) throw new Error(`${commands.join(" and ")} are needed`);
}

export async function measure({ name, url, processes, settled }: Contestant, seconds: number): Promise<Result> {
  const warmUp = await load(url, WARM_UP_SECONDS, CONNECTIONS);
  await settled?.();
  const before = processes.flatMap(withChildren).map((pid) => ({ pid, times: threadTimes(pid) }));
  const result = await load(url, seconds, CONNECTIONS);
  await settled?.();
  if (result.errors > 0) throw new Error(`${name}: ${result.errors} requests failed; the figures would mean nothing`);
  const cpu: Record<string, number> = {};
  for (const { pid, times } of before) {
    for (const [role, time] of Object.entries(timesBetween(times, threadTimes(pid)))) cpu[role] = (cpu[role] ?? 0) + time / result.requests;
  }
  return { load: result, requestsWithWarmUp: warmUp.requests + result.requests, cpu };
}

function withChildren(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter((text) => text !== "");
  return [pid, ...children.map(Number)];
}

export interface Medians {
  readonly requestsPerSecond: number;
  readonly medianMs: number;
  readonly percentile99Ms: number;
  readonly total: number;
  readonly cpu: ThreadTimes;
}

export function medians(all: readonly Result[]): Medians {
  const roles = [...new Set(all.flatMap(({ cpu }) => Object.keys(cpu)))];
  return {
    requestsPerSecond: median(all.map(({ load: { requestsPerSecond } }) => requestsPerSecond)),
    medianMs: median(all.map(({ load: { medianMs } }) => medianMs)),
    percentile99Ms: median(all.map(({ load: { percentile99Ms } }) => percentile99Ms)),
    total: median(all.map(({ cpu }) => Object.values(cpu).reduce((sum, time) => sum + time, 0))),
    cpu: Object.fromEntries(roles.map((role) => [role, median(all.map(({ cpu }) => cpu[role] ?? 0))])),
  };
}

/** One row per contestant, with a head; the share is that of nginx. */
export function requestRows(results: ReadonlyMap<string, readonly Result[]>): string[][] {
  const nginx = medians(results.get("nginx") ?? []);
  const rows = [["", "requests/s", "of nginx", "p50 ms", "p99 ms", "CPU µs/request", "of nginx", "by thread"]];
  for (const [name, all] of results) {
    const row = medians(all);
    const threads =
      row.cpu["engine"] === undefined
        ? ""
        : Object.entries(row.cpu)
            .map(([role, time]) => `${role} ${time.toFixed(0)}`)
            .join(", ");
    rows.push([
      name,
      row.requestsPerSecond.toFixed(0),
      (row.requestsPerSecond / nginx.requestsPerSecond).toFixed(2),
      row.medianMs.toFixed(2),
      row.percentile99Ms.toFixed(2),
      row.total.toFixed(0),
      (row.total / nginx.total).toFixed(2),
      threads,
    ]);
  }
  return rows;
}

/**
 * The whole way: wrk → gateway → nginx, every transaction spooled and written, beside wrk → nginx, wrk → nginx →
 * nginx and a bare proxy on node:http in the same run; and the engine's cost per event by itself.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { engineCost } from "./engine-cost.ts";
import { startGateway } from "./gateway.ts";
import { startProxy, startUpstream } from "./nginx.ts";
import { threadTimes, timesBetween, type ThreadTimes } from "./thread-times.ts";
import { load, type Load } from "./wrk.ts";

const PASSES = 5;
const SECONDS = 4;
const CONNECTIONS = 64;
const BODY_BYTES = 1024;
const PORTS = { upstream: 19_581, proxy: 19_582, gateway: 19_583, plain: 19_584 };

interface Result {
  readonly load: Load;
  /** Microseconds of CPU per request, by thread. */
  readonly cpu: ThreadTimes;
}

interface Contestant {
  readonly name: string;
  readonly url: string;
  readonly processes: readonly number[];
}

export async function run(args: readonly string[]): Promise<void> {
  const passes = Number(args[0] ?? PASSES);
  need("nginx", "wrk");
  const folder = mkdtempSync(join(tmpdir(), "sidestream-bench-"));
  const upstream = await startUpstream(join(folder, "upstream"), PORTS.upstream, BODY_BYTES);
  const proxy = await startProxy(join(folder, "proxy"), PORTS.proxy, PORTS.upstream);
  const plain = spawn(process.execPath, [join(import.meta.dirname, "plain-proxy.ts"), String(PORTS.plain), upstream.url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(plain.stdout, "data");
  const results = new Map<string, Result[]>();
  try {
    for (let pass = 1; pass <= passes; pass++) {
      process.stderr.write(`pass ${pass} of ${passes}\n`);
      await measure(results, { name: "direct", url: upstream.url, processes: upstream.processes });
      await measure(results, { name: "nginx", url: proxy.url, processes: proxy.processes });
      await measure(results, { name: "plain node:http", url: `http://127.0.0.1:${PORTS.plain}`, processes: [plain.pid as number] });
      for (const capture of ["best-effort", "durable"] as const) {
        const gateway = await startGateway(join(folder, `${capture}-${pass}`), PORTS.gateway, upstream.url, capture);
        await measure(results, { name: `gateway, ${capture}`, url: gateway.url, processes: [gateway.pid] });
        const { lost, delivered } = await gateway.stop();
        process.stderr.write(`  ${capture}: ${delivered} messages written, ${lost} events went by uncaptured\n`);
        rmSync(join(folder, `${capture}-${pass}`), { recursive: true });
      }
    }
    print(results);
    await engineCost(join(folder, "engine"));
  } finally {
    plain.kill();
    await proxy.stop();
    await upstream.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function need(...commands: readonly string[]): void {
  const installed = spawnSync(join(import.meta.dirname, "../tools/apt-need.sh"), commands, { stdio: "inherit" });
  if (installed.status !== 0) throw new Error(`${commands.join(" and ")} are needed`);
}

async function measure(results: Map<string, Result[]>, { name, url, processes }: Contestant): Promise<void> {
  await load(url, 1, CONNECTIONS);
  const before = processes.flatMap(withChildren).map((pid) => ({ pid, times: threadTimes(pid) }));
  const result = await load(url, SECONDS, CONNECTIONS);
  if (result.errors > 0) throw new Error(`${name}: ${result.errors} requests failed; the figures would mean nothing`);
  const cpu: Record<string, number> = {};
  for (const { pid, times } of before) {
    for (const [role, time] of Object.entries(timesBetween(times, threadTimes(pid)))) cpu[role] = (cpu[role] ?? 0) + time / result.requests;
  }
  results.set(name, [...(results.get(name) ?? []), { load: result, cpu }]);
}

function withChildren(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter((text) => text !== "");
  return [pid, ...children.map(Number)];
}

function print(results: ReadonlyMap<string, readonly Result[]>): void {
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
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length))) ?? [];
  for (const row of rows)
    process.stdout.write(
      `${row
        .map((cell, column) => (column === 0 || column === 7 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join("  ")
        .trimEnd()}\n`,
    );
}

function medians(all: readonly Result[]): {
  readonly requestsPerSecond: number;
  readonly medianMs: number;
  readonly percentile99Ms: number;
  readonly total: number;
  readonly cpu: ThreadTimes;
} {
  const median = (values: readonly number[]): number => values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
  const roles = [...new Set(all.flatMap(({ cpu }) => Object.keys(cpu)))];
  return {
    requestsPerSecond: median(all.map(({ load: { requestsPerSecond } }) => requestsPerSecond)),
    medianMs: median(all.map(({ load: { medianMs } }) => medianMs)),
    percentile99Ms: median(all.map(({ load: { percentile99Ms } }) => percentile99Ms)),
    total: median(all.map(({ cpu }) => Object.values(cpu).reduce((sum, time) => sum + time, 0))),
    cpu: Object.fromEntries(roles.map((role) => [role, median(all.map(({ cpu }) => cpu[role] ?? 0))])),
  };
}

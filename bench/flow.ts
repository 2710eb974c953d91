/**
 * The whole way: wrk → gateway → nginx, every transaction spooled and written, beside wrk → nginx, wrk → nginx →
 * nginx and a bare proxy on node:http in the same run; and the engine's cost per event by itself.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bound } from "./children.ts";
import { BODY_BYTES, measure, need, PORTS, requestRows, type Contestant, type Result } from "./contest.ts";
import { engineCost } from "./engine-cost.ts";
import { startGateway } from "./gateway.ts";
import { startProxy, startUpstream } from "./nginx.ts";

const PASSES = 5;
const SECONDS = 4;
const TEXT_COLUMNS = [0, 7];

export async function run(args: readonly string[]): Promise<void> {
  const passes = Number(args[0] ?? PASSES);
  need("nginx", "wrk");
  const folder = mkdtempSync(join(tmpdir(), "sidestream-bench-"));
  const upstream = await startUpstream(join(folder, "upstream"), PORTS.upstream, BODY_BYTES);
  const proxy = await startProxy(join(folder, "proxy"), PORTS.proxy, PORTS.upstream);
  const plain = spawn(...bound(process.execPath, [join(import.meta.dirname, "plain-proxy.ts"), String(PORTS.plain), upstream.url]), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(plain.stdout, "data");
  const results = new Map<string, Result[]>();
  const take = async (contestant: Contestant): Promise<void> => {
    results.set(contestant.name, [...(results.get(contestant.name) ?? []), await measure(contestant, SECONDS)]);
  };
  try {
    for (let pass = 1; pass <= passes; pass++) {
      process.stderr.write(`pass ${pass} of ${passes}\n`);
      await take({ name: "direct", url: upstream.url, processes: upstream.processes });
      await take({ name: "nginx", url: proxy.url, processes: proxy.processes });
      await take({ name: "plain node:http", url: `http://127.0.0.1:${PORTS.plain}`, processes: [plain.pid as number] });
      for (const capture of ["best-effort", "durable"] as const) {
        const gateway = await startGateway({
          folder: join(folder, `${capture}-${pass}`),
          port: PORTS.gateway,
          upstreamUrl: upstream.url,
          capture,
        });
        await take({ name: `gateway, ${capture}`, url: gateway.url, processes: [gateway.pid] });
        const { lost, delivered } = await gateway.stop();
        process.stderr.write(`  ${capture}: ${delivered} messages written, ${lost} events went by uncaptured\n`);
        rmSync(join(folder, `${capture}-${pass}`), { recursive: true });
      }
    }
    print(requestRows(results));
    await engineCost(join(folder, "engine"));
  } finally {
    plain.kill();
    await proxy.stop();
    await upstream.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length))) ?? [];
  for (const row of rows) {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return TEXT_COLUMNS.includes(column) ? cell.padEnd(width) : cell.padStart(width);
    });
    process.stdout.write(`${cells.join("  ").trimEnd()}\n`);
  }
}

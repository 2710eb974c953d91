/** What many tenants with rules of their own cost the running program: its start, and its memory. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PORTS } from "../contest.ts";
import { markdownTable, median, whole } from "../figures.ts";
import { DESTINATION, startGateway, type GatewaySettings } from "../gateway.ts";
import { withFolder } from "../scratch.ts";
import { rulesOf, TENANT_RULES, tenantOf } from "../tenant-rules.ts";
import type { Site } from "./site.ts";

const KIB = 1024;
/** The folder's descriptors beside the one that every gateway here has. */
const DESCRIPTORS = "tenants";

interface Started {
  readonly startMs: number;
  readonly residentMib: number;
  readonly mostMib: number;
}

export async function tenants(site: Site): Promise<string> {
  const { extent } = site;
  const counts = [0, extent.tenants];
  const results = counts.map((): Started[] => []);
  for (let pass = 1; pass <= Math.min(extent.passes, extent.loadsMax); pass++) {
    for (const [at, count] of counts.entries()) {
      const started = await withFolder(site, "program", (folder) => start(folder, count));
      results[at]?.push(started);
      site.tell(`${count} tenants, pass ${pass}: runs after ${whole(started.startMs)} ms, ${whole(started.residentMib)} MiB`);
    }
  }
  const rows = counts.map((count, at) => {
    const of = (figure: keyof Started): string => whole(median((results[at] ?? []).map((started) => started[figure])));
    return [
      count === 0 ? "1 rule for all tenants" : `${whole(count * TENANT_RULES)} more of ${whole(count)} tenants`,
      of("startMs"),
      of("residentMib"),
      of("mostMib"),
    ];
  });
  return markdownTable([["the program, one descriptor for each tenant", "ms until it runs", "MiB", "MiB at most"], ...rows]);
}

async function start(folder: string, count: number): Promise<Started> {
  mkdirSync(join(folder, DESCRIPTORS), { recursive: true });
  for (let at = 0; at < count; at++) writeFileSync(join(folder, DESCRIPTORS, `${tenantOf(at)}.yaml`), descriptorOf(tenantOf(at)));
  const settings: GatewaySettings = {
    folder,
    port: PORTS.gateway,
    upstreamUrl: `http://127.0.0.1:${PORTS.upstream}`,
    capture: "durable",
    ...(count === 0 ? {} : { streams: `./${DESCRIPTORS}/*.yaml` }),
  };
  const startedMs = performance.now();
  const gateway = await startGateway(settings);
  const startMs = performance.now() - startedMs;
  const memory = readFileSync(`/proc/${gateway.pid}/status`, "utf8");
  await gateway.end();
  return { startMs, residentMib: mib(memory, "VmRSS"), mostMib: mib(memory, "VmHWM") };
}

function mib(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, "mu").exec(status)?.[1]) / KIB;
}

function descriptorOf(tenant: string): string {
  const rules = rulesOf(tenant).map((criteria) => `  - ${JSON.stringify(`${criteria} , publish , ${DESTINATION}:changes`)}\n`);
  return `stream: of-${tenant}\ntenants: [ ${tenant} ]\nrules:\n${rules.join("")}`;
}

/** What the parts of this bench share: sizes, a folder, agents. */
import { join, resolve } from "node:path";
import { startAgent, type Agent, type AgentOptions } from "../../tools/acapy/agent.ts";

const MIB = 1024 * 1024;

/** How much is done in one pass. */
export interface Extent {
  readonly passes: number;
  /** Events that become webhooks. */
  readonly webhooks: number;
  /** Events that only the plugin, or nobody, takes. */
  readonly events: number;
  /** Events that are drained. */
  readonly drained: number;
  /** Disk that must be free. */
  readonly diskBytes: number;
}

export const FULL: Extent = { passes: 5, webhooks: 2_000, events: 20_000, drained: 300_000, diskBytes: 4096 * MIB };
/** For trying: its figures say little. */
export const SHORT: Extent = { passes: 1, webhooks: 500, events: 5_000, drained: 50_000, diskBytes: 1024 * MIB };

export interface Site {
  readonly extent: Extent;
  /** Removed with the bench, however that ends. */
  readonly folder: string;
  /** For people who wait. */
  readonly tell: (text: string) => void;
}

const PROBE = resolve(import.meta.dirname, "probe");
const PLUGIN = resolve(import.meta.dirname, "../../plugins/acapy/src");
const CALL_MS_MAX = 120_000;

/** Starts an agent that raises events when it is told. */
export function startProbed(name: string, options: Partial<AgentOptions> = {}): Promise<Agent> {
  const { plugins = [], pluginFolders = [], ...others } = options;
  return startAgent({
    name,
    multitenant: false,
    ...others,
    plugins: ["sidestream_probe", ...plugins],
    pluginFolders: [PROBE, ...pluginFolders],
  });
}

/** The same with our plugin, whose journal lies in a folder of journals. */
export function startJournaling(name: string, journals: string, more: Readonly<Record<string, unknown>> = {}): Promise<Agent> {
  return startProbed(name, {
    plugins: ["sidestream_acapy"],
    pluginFolders: [PLUGIN],
    pluginConfig: { sidestream: { journals, agent: name, ...more } },
  });
}

export interface Probed {
  readonly seconds: number;
  /** Of each event, until `notify` returned. */
  readonly microseconds: readonly number[];
}

/** Has an agent raise so many events. */
export async function probe(agent: Agent, count: number): Promise<Probed> {
  const response = await fetch(`${agent.admin.url}/probe`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ count }),
    signal: AbortSignal.timeout(CALL_MS_MAX),
  });
  if (!response.ok) throw new Error(`the probe in ${agent.name} answered ${response.status}: ${(await response.text()).slice(0, 500)}`);
  return (await response.json()) as Probed;
}

export function folderOf(site: Site, name: string): string {
  return join(site.folder, name);
}

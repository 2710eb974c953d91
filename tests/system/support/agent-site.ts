/** A folder with a configuration that takes an agent's events from one source and writes each to a file of its topic. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "./program.ts";
import type { TestHost } from "./test-host.ts";

export interface AgentSite {
  readonly configuration: string;
  readonly data: string;
  /** Where the messages are. */
  readonly events: string;
}

/** A site whose source drains journals. */
export interface JournalSite extends AgentSite {
  readonly journals: string;
}

/**
 * @param source - The source `agent` as YAML: `{ type: acapy-webhook, … }`.
 * @param topic - Of its messages; each event's own unless given.
 * @param disk - Where the data folder is; beside the configuration unless given.
 */
export function makeAgentSite(test: TestHost, source: string, topic = "agent.{topic}", disk?: string): AgentSite {
  const folder = temporaryFolder(test);
  const site = { configuration: join(folder, "sidestream.yaml"), data: join(disk ?? folder, "data"), events: join(folder, "events") };
  writeFileSync(
    site.configuration,
    `version: 1
enabled: true
instance: test-1
data: ${site.data}
sources:
  agent: ${source}
destinations:
  out: { type: file, path: ${site.events} }
streams: [ ./stream.yaml ]
health: false
`,
  );
  writeFileSync(join(folder, "stream.yaml"), `stream: agent\ntenants: all\nrules: [ "EVENTTYPE=agent , publish , out:${topic}" ]\n`);
  return site;
}

/** @param disk - Where journals and data folder are. */
export function makeJournalSite(test: TestHost, disk = temporaryFolder(test)): JournalSite {
  const journals = join(disk, "journals");
  return { journals, ...makeAgentSite(test, `{ type: acapy-journal, journals: ${journals}, tenant: base }`, "all", disk) };
}

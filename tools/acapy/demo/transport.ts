/** The two ways of events from an agent to Sidestream, as the demo uses them. */
import { join, resolve } from "node:path";
import type { AgentOptions } from "../agent.ts";

export interface Transport {
  /** How events go, in words. */
  readonly title: string;
  /** The source of Sidestream's configuration, in one line of YAML. */
  readonly source: (folder: string) => string;
  /** What an agent needs to use it. The address is that of the source. */
  readonly agent: (folder: string, address: string) => Omit<AgentOptions, "name">;
}

const WEBHOOK_KEY = "demo-key-1";
const PLUGIN = resolve(import.meta.dirname, "../../../plugins/acapy/src");

const webhook: Transport = {
  title: "the agent posts webhooks to Sidestream",
  source: () => `{ type: acapy-webhook, listen: "127.0.0.1:0", apiKey: ${WEBHOOK_KEY}, tenant: base }`,
  agent: (_folder, address) => ({ webhookUrls: [`${address}/hooks#${WEBHOOK_KEY}`] }),
};

const journal: Transport = {
  title: "a plugin in the agent appends events to a journal, which Sidestream drains",
  source: (folder) => `{ type: acapy-journal, journals: ${JSON.stringify(join(folder, "journals"))}, tenant: base }`,
  agent: (folder) => ({
    plugins: ["sidestream_acapy"],
    pluginFolders: [PLUGIN],
    pluginConfig: { sidestream: { journals: join(folder, "journals"), agent: "demo" } },
  }),
};

export const TRANSPORTS = { webhook, journal } as const;

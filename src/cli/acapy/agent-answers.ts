/** What an agent tells of itself and of its wallets. Only what is asked for here is looked at; agents tell more. */
import { z } from "zod";
import { SidestreamError } from "../../errors.ts";
import type { AgentApi } from "./agent-api.ts";

/** As the module is called in `--plugin`. */
export const PLUGIN = "sidestream_acapy";
const PAGE = 500;
const PAGES_MAX = 1_000;

const configAnswer = z.object({
  config: z.object({
    "admin.webhook_urls": z.array(z.string()).default([]),
    "multitenant.enabled": z.boolean().nullish(),
    default_label: z.string().nullish(),
  }),
});
const pluginsAnswer = z.object({ result: z.array(z.string()) });
const statusAnswer = z.object({ version: z.string() });
const walletsAnswer = z.object({
  results: z.array(
    z.object({
      wallet_id: z.string(),
      settings: z.object({
        "wallet.dispatch_type": z.string().nullish(),
        "wallet.webhook_urls": z.array(z.string()).nullish(),
        default_label: z.string().nullish(),
        "wallet.name": z.string().nullish(),
      }),
    }),
  ),
});

export interface AgentFacts {
  readonly label: string;
  readonly version: string;
  readonly isMultitenant: boolean;
  readonly hasPlugin: boolean;
  /** Of the base wallet, without keys. */
  readonly webhookUrls: readonly string[];
}

export interface Wallet {
  readonly id: string;
  readonly label: string;
  readonly dispatchType: string | null;
  /** Its own, without keys. */
  readonly webhookUrls: readonly string[];
}

/** @throws SidestreamError as `AgentApi.get`. */
export async function askAgent(api: AgentApi): Promise<AgentFacts> {
  const { config } = await api.get("/status/config", configAnswer);
  const { result: plugins } = await api.get("/plugins", pluginsAnswer);
  const { version } = await api.get("/status", statusAnswer);
  return {
    label: config.default_label ?? "",
    version,
    isMultitenant: config["multitenant.enabled"] === true,
    hasPlugin: plugins.some((name) => name === PLUGIN || name.startsWith(`${PLUGIN}.`)),
    webhookUrls: config["admin.webhook_urls"].map(withoutKey),
  };
}

/**
 * All wallets of a multitenant agent, in the order of their making.
 *
 * @throws SidestreamError as `AgentApi.get`; `SST_AGENT_REFUSED` when the agent doesn't let wallets be administered.
 */
export async function askWallets(api: AgentApi): Promise<readonly Wallet[]> {
  const wallets = new Map<string, Wallet>();
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await api.find(`/multitenancy/wallets?limit=${PAGE}&offset=${page * PAGE}`, walletsAnswer);
    if (answer === null) {
      throw new SidestreamError(
        "SST_AGENT_REFUSED",
        "the agent has tenants, but was started without --multitenant-admin: they can't be listed",
      );
    }
    const before = wallets.size;
    for (const { wallet_id: id, settings } of answer.results) {
      wallets.set(id, {
        id,
        label: settings.default_label ?? settings["wallet.name"] ?? "",
        dispatchType: settings["wallet.dispatch_type"] ?? null,
        webhookUrls: (settings["wallet.webhook_urls"] ?? []).map(withoutKey),
      });
    }
    // Agents before 1.0 know no pages, and answer each time with all.
    if (answer.results.length < PAGE || wallets.size === before) return [...wallets.values()];
  }
  throw new SidestreamError("SST_AGENT_ANSWER", `the agent lists more than ${PAGE * PAGES_MAX} wallets`);
}

/** Users, passwords and queries may hold keys, too. */
function withoutKey(text: string): string {
  if (!URL.canParse(text)) return "(no address)";
  const { origin, pathname } = new URL(text);
  return `${origin}${pathname}`;
}

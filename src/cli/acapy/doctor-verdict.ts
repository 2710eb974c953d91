/**
 * Whether the events of each wallet arrive, and what to do where they don't.
 *
 * The rules are the agent's: a wallet's dispatch type decides whether its events go to its own webhook URLs, to those of
 * the base wallet, or to both; a plugin on the bus sees all of them.
 */
import type { AgentFacts, Wallet } from "./agent-answers.ts";

/** Why events don't arrive. */
export type Fault = "no-webhook-url" | "own-urls-alone" | "no-urls";

export interface WalletVerdict {
  /** Null: the base wallet, or the only one. */
  readonly wallet: string | null;
  readonly label: string;
  readonly dispatchType: string | null;
  readonly webhookUrls: readonly string[];
  readonly by: "plugin" | "webhook" | null;
  /** Its own URLs and the base wallet's lead to Sidestream: each event comes twice. */
  readonly isDoubled: boolean;
  readonly fault: Fault | null;
}

/** @param webhooks - Addresses of Sidestream's webhook source; empty: wherever the agent's own webhook URLs lead. */
export function judge(agent: AgentFacts, wallets: readonly Wallet[], webhooks: readonly string[]): readonly WalletVerdict[] {
  const places = (webhooks.length > 0 ? webhooks : agent.webhookUrls.map(originOf)).map(placeOf);
  const leads = (url: string): boolean => places.some((place) => place !== null && isBelow(url, place));
  const baseLeads = agent.webhookUrls.some(leads);
  const base: WalletVerdict = {
    wallet: null,
    label: agent.isMultitenant ? "(base wallet)" : agent.label,
    dispatchType: null,
    webhookUrls: [],
    by: baseLeads ? "webhook" : null,
    isDoubled: false,
    fault: baseLeads ? null : "no-webhook-url",
  };
  const all = [base, ...wallets.map((wallet) => judgeWallet(wallet, baseLeads, leads))];
  return agent.hasPlugin ? all.map((verdict) => ({ ...verdict, by: "plugin", isDoubled: false, fault: null })) : all;
}

function judgeWallet({ id, ...wallet }: Wallet, baseLeads: boolean, leads: (url: string) => boolean): WalletVerdict {
  const ownLeads = wallet.webhookUrls.some(leads);
  const told = { wallet: id, ...wallet };
  switch (wallet.dispatchType) {
    case "default": {
      if (ownLeads) return { ...told, by: "webhook", isDoubled: false, fault: null };
      const fault = !baseLeads ? "no-webhook-url" : wallet.webhookUrls.length > 0 ? "own-urls-alone" : "no-urls";
      return { ...told, by: null, isDoubled: false, fault };
    }
    case "both": {
      const arrives = ownLeads || baseLeads;
      return { ...told, by: arrives ? "webhook" : null, isDoubled: ownLeads && baseLeads, fault: arrives ? null : "no-webhook-url" };
    }
    default:
      return { ...told, by: baseLeads ? "webhook" : null, isDoubled: false, fault: baseLeads ? null : "no-webhook-url" };
  }
}

interface Place {
  readonly origin: string;
  readonly path: string;
}

function placeOf(text: string): Place | null {
  if (!URL.canParse(text)) return null;
  const { origin, pathname } = new URL(text);
  return { origin, path: pathname.replace(/\/+$/u, "") };
}

function originOf(text: string): string {
  return URL.canParse(text) ? new URL(text).origin : text;
}

function isBelow(text: string, place: Place): boolean {
  const url = placeOf(text);
  return url !== null && url.origin === place.origin && `${url.path}/`.startsWith(`${place.path}/`);
}

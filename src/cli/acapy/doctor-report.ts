/** What `sidestream acapy doctor` tells a person. */
import { counted, harmless, table } from "../output.ts";
import type { AgentFacts } from "./agent-answers.ts";
import { PLUGIN } from "./agent-answers.ts";
import type { Fault, WalletVerdict } from "./doctor-verdict.ts";
import type { WebsocketAnswer } from "./websocket-check.ts";

/** With more wallets than this, those whose events arrive are only counted. */
const ROWS_MAX = 50;
/** Nobody reads more; `--json` has all. */
const FAULTY_ROWS_MAX = 500;

export interface Diagnosis {
  readonly agent: AgentFacts;
  readonly websocket: WebsocketAnswer;
  readonly wallets: readonly WalletVerdict[];
}

const CAUSES: Readonly<Record<Fault, string>> = {
  "no-webhook-url": "the agent has no --webhook-url that leads to Sidestream",
  "own-urls-alone": "its events go to its own webhook URLs alone",
  "no-urls": "its type is default, and it has no webhook URL",
};

export const REMEDIES: Readonly<Record<Fault, string>> = {
  "no-webhook-url":
    "Start the agent with --webhook-url 'http://SIDESTREAM:PORT#KEY', KEY being `apiKey` of a source of type acapy-webhook.",
  "own-urls-alone":
    'PUT /multitenancy/wallet/WALLET with {"wallet_dispatch_type": "both"}; or point one of its URLs at Sidestream, with a key of `walletKeys`.',
  "no-urls": 'PUT /multitenancy/wallet/WALLET with {"wallet_dispatch_type": "base"}.',
};

export function printDiagnosis({ agent, websocket, wallets }: Diagnosis): string {
  const faulty = wallets.filter(({ fault }) => fault !== null);
  const shown = (wallets.length > ROWS_MAX ? faulty : wallets).slice(0, FAULTY_ROWS_MAX);
  const parts = [
    [
      `agent      ${harmless(agent.label)}, version ${harmless(agent.version)}${agent.isMultitenant ? `, ${counted(wallets.length - 1, "tenant")}` : ", one wallet"}`,
      `plugin     ${PLUGIN} is ${agent.hasPlugin ? "loaded: it sees the events of every wallet" : "not loaded"}`,
      `webhooks   ${agent.webhookUrls.length === 0 ? "no --webhook-url" : agent.webhookUrls.map(harmless).join(", ")}`,
      `WebSocket  ${websocket.url}: ${websocket.fault === null ? "answers, with the events of every wallet, at most once" : harmless(websocket.fault)}`,
      "",
    ].join("\n"),
  ];
  if (shown.length > 0) parts.push(table(["wallet", "label", "type", "own webhook URLs", "events arrive"], shown.map(row)));
  if (faulty.length > shown.length) parts.push(`and ${faulty.length - shown.length} more whose events don't arrive; --json has all\n`);
  parts.push(conclusion(wallets, faulty));
  return parts.join("\n");
}

function row({ wallet, label, dispatchType, webhookUrls, by, isDoubled, fault }: WalletVerdict): readonly string[] {
  const arrives = fault !== null ? `no: ${CAUSES[fault]}` : `by ${by ?? ""}${isDoubled ? ", twice" : ""}`;
  return [harmless(wallet ?? "-"), harmless(label), harmless(dispatchType ?? "-"), webhookUrls.map(harmless).join(" ") || "-", arrives];
}

function conclusion(wallets: readonly WalletVerdict[], faulty: readonly WalletVerdict[]): string {
  const doubled = wallets.filter(({ isDoubled }) => isDoubled).length;
  const twice =
    doubled === 0
      ? ""
      : `The events of ${counted(doubled, "wallet")} come twice, under one id: both their own URL and the agent's lead to Sidestream.\n`;
  if (faulty.length === 0)
    return `The events of ${wallets.length === 1 ? "the wallet" : `all ${wallets.length} wallets`} arrive.\n${twice}`;
  const faults = [...new Set(faulty.map(({ fault }) => fault))].filter((fault) => fault !== null);
  return [
    `The events of ${faulty.length} of ${counted(wallets.length, "wallet")} don't arrive. What to do:\n`,
    ...faults.map((fault) => `- ${CAUSES[fault]}: ${REMEDIES[fault]}\n`),
    `- Or load the plugin, which sees the events of every wallet: docs/acapy.md.\n`,
    twice,
  ].join("");
}

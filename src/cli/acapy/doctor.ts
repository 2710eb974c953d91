/** `sidestream acapy doctor`: whether the events of every wallet of an agent arrive. */
import type { Output } from "../output.ts";
import { AgentApi, type AgentAccess } from "./agent-api.ts";
import { askAgent, askWallets } from "./agent-answers.ts";
import { printDiagnosis, REMEDIES } from "./doctor-report.ts";
import { judge } from "./doctor-verdict.ts";
import { checkWebsocket } from "./websocket-check.ts";

export interface DoctorOptions {
  readonly access: AgentAccess;
  /** Addresses of Sidestream's webhook source, as the agent knows it. Empty: wherever the agent's own webhook URLs lead. */
  readonly webhooks: readonly string[];
  readonly timeoutMs: number;
  readonly json: boolean;
}

/**
 * Asks the agent and prints what it found.
 *
 * @returns Exit status: 0, or 1 when events of a wallet don't arrive.
 * @throws SidestreamError as `AgentApi.get`, with exit status 2.
 */
export async function runDoctor({ access, webhooks, timeoutMs, json }: DoctorOptions, out: Output): Promise<number> {
  const api = new AgentApi(access, AbortSignal.timeout(timeoutMs));
  const agent = await askAgent(api);
  const wallets = judge(agent, agent.isMultitenant ? await askWallets(api) : [], webhooks);
  const websocket = await checkWebsocket(api);
  if (json) {
    const told = wallets.map((wallet) => ({ ...wallet, remedy: wallet.fault === null ? null : REMEDIES[wallet.fault] }));
    out.stdout(`${JSON.stringify({ agent, websocket, wallets: told }, null, 2)}\n`);
  } else out.stdout(printDiagnosis({ agent, websocket, wallets }));
  return wallets.some(({ fault }) => fault !== null) ? 1 : 0;
}

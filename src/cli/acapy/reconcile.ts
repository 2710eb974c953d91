/** `sidestream acapy reconcile`: finds changes of an agent's records that were never journaled. */
import { setTimeout as wait } from "node:timers/promises";
import { askControlSocket } from "../../admin/control-socket.ts";
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import type { Output } from "../output.ts";
import type { StatusReport } from "../status-report.ts";
import { AgentApi, type AgentAccess } from "./agent-api.ts";
import { askAgent, askWallets } from "./agent-answers.ts";
import { Comparison } from "./comparison.ts";
import { listRecords } from "./record-listings.ts";
import { printReconciliation, reconciliationJson, type NotAsked } from "./reconcile-report.ts";
import { openStates, type States } from "./states-place.ts";
import type { TokenOf } from "./wallet-tokens.ts";

/** What an agent told its bus just now is journaled, read and noted within a second or two. */
export const SETTLE_MS = 10_000;
const LOOK_MS = 500;

export interface ReconcileOptions {
  readonly access: AgentAccess;
  readonly timeoutMs: number;
  readonly states: States;
  readonly sinceMs: number;
  readonly categories: readonly string[];
  /** Null: none were named. */
  readonly tokenOf: TokenOf | null;
  /** Time that what is on its way gets to arrive. */
  readonly settleMs: number;
  readonly json: boolean;
}

/**
 * Compares and prints what it found.
 *
 * @returns Exit status: 0; 1 when changes were never journaled; 2 when there are none such but not every wallet could be asked.
 * @throws SidestreamError as `AgentApi.get`, with exit status 2.
 */
export async function runReconcile(options: ReconcileOptions, out: Output): Promise<number> {
  const { access, timeoutMs, states, sinceMs, categories, tokenOf, settleMs, json } = options;
  const api = new AgentApi(access, AbortSignal.timeout(timeoutMs));
  const agent = await askAgent(api);
  if (agent.isMultitenant && tokenOf === null) throw noTokens();
  using reader = openStates(states.path);
  const comparison = new Comparison(reader, { sinceMs, startedMs: Date.now() });
  const compare = async (as: AgentApi, wallet: string | null, label: string): Promise<void> => {
    for await (const record of listRecords(as, categories)) comparison.take(wallet, label, record);
  };
  const notAsked: NotAsked[] = [];
  if (agent.isMultitenant && tokenOf !== null) {
    for (const { id, label } of await askWallets(api)) {
      const reason = await askAs(api, id, tokenOf, (as) => compare(as, id, label));
      if (reason !== null) notAsked.push({ wallet: id, label, reason });
    }
  } else await compare(api, null, agent.label);
  const notes = await settle(comparison, states.dataFolder, settleMs);
  for (const category of new Set(comparison.missing.map(({ category }) => category))) {
    if (!reader.hasCategory(category)) notes.push(`no change of any ${category} is noted: does \`events\` of the plugin leave them out?`);
  }
  const result = { agent, sinceMs, completeSinceMs: reader.completeSinceMs, categories, comparison, notAsked, notes };
  out.stdout(json ? reconciliationJson(result) : printReconciliation(result));
  if (comparison.missing.length > 0) return 1;
  return notAsked.length > 0 ? 2 : 0;
}

/** Does something in the name of a wallet. @returns Why it could not be done; null when it was. */
async function askAs(api: AgentApi, wallet: string, tokenOf: TokenOf, act: (as: AgentApi) => Promise<void>): Promise<string | null> {
  try {
    const token = await tokenOf(api, wallet);
    if (token === null) return "no token is named for it";
    await act(api.as(token));
    return null;
  } catch (error) {
    // An agent that doesn't answer one wallet answers none.
    if (!isSidestreamError(error) || error.code === "SST_AGENT_UNREACHABLE") throw error;
    return error.code === "SST_AGENT_REFUSED"
      ? `${error.message}: its token is not, or no more, the one that the agent takes`
      : error.message;
  }
}

/** Waits for what is on its way into the table. @returns What stands in the way of a sure answer. */
async function settle(comparison: Comparison, dataFolder: string, settleMs: number): Promise<string[]> {
  const untilMs = Date.now() + settleMs;
  for (;;) {
    comparison.lookAgain();
    if (comparison.missing.length === 0) return [];
    const backlog = await backlogBytes(dataFolder);
    if (backlog === null)
      return ["Sidestream does not run on this data folder: what stands in the journals and wasn't read counts as not journaled"];
    if (Date.now() >= untilMs)
      return backlog === 0
        ? []
        : [`${backlog} bytes of the journals are not read yet, and count as not journaled: ask again once they are`];
    await wait(LOOK_MS);
  }
}

/** Null: no Sidestream runs there. */
async function backlogBytes(dataFolder: string): Promise<number | null> {
  try {
    const { sources } = (await askControlSocket(dataFolder, "status", null)) as StatusReport;
    const samples = sources.flatMap(({ samples }) => Object.entries(samples));
    const backlogs = samples.filter(([name]) => name.startsWith("sidestream_acapy_journal_backlog_bytes"));
    return backlogs.reduce((sum, [, bytes]) => sum + bytes, 0);
  } catch (error) {
    if (isSidestreamError(error)) return null;
    throw error;
  }
}

function noTokens(): SidestreamError {
  return new SidestreamError(
    "SST_COMMAND_INVALID",
    "the agent has tenants: name their tokens with --tokens-file, or have new ones made with --renew-tokens, which ends those in use",
  );
}

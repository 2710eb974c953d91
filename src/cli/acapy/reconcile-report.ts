/** What `sidestream acapy reconcile` tells, people and programs. */
import { counted, harmless, table } from "../output.ts";
import type { AgentFacts } from "./agent-answers.ts";
import type { Comparison, Finding } from "./comparison.ts";

/** Nobody reads more; `--json` has all that are kept. */
const ROWS_MAX = 200;

export interface NotAsked {
  readonly wallet: string;
  readonly label: string;
  readonly reason: string;
}

export interface Reconciliation {
  readonly agent: AgentFacts;
  readonly sinceMs: number;
  readonly completeSinceMs: number;
  readonly categories: readonly string[];
  readonly comparison: Comparison;
  readonly notAsked: readonly NotAsked[];
  readonly notes: readonly string[];
}

export function reconciliationJson({ agent, sinceMs, completeSinceMs, categories, comparison, notAsked, notes }: Reconciliation): string {
  const { comparedCount: compared, missing, unsure, omittedCount: omitted } = comparison;
  const told = {
    agent: { label: agent.label, version: agent.version, isMultitenant: agent.isMultitenant },
    since: isoOf(sinceMs),
    completeSince: isoOf(completeSinceMs),
    categories,
    compared,
    missing: missing.map(findingJson),
    unsure: unsure.map(findingJson),
    omitted,
    notAsked,
    notes,
  };
  return `${JSON.stringify(told, null, 2)}\n`;
}

function findingJson({ wallet, label, category, id, state, createdMs, updatedMs, journaled }: Finding): object {
  return {
    wallet,
    label,
    category,
    recordId: id,
    state,
    createdAt: isoOf(createdMs),
    updatedAt: isoOf(updatedMs),
    journaled:
      journaled === null ? null : { state: journaled.state, at: isoOf(journaled.timeMs), agent: journaled.agent, event: journaled.eventId },
  };
}

export function printReconciliation({ agent, sinceMs, comparison, notAsked, notes }: Reconciliation): string {
  const { comparedCount, missing, unsure, omittedCount } = comparison;
  const parts = [
    `agent      ${harmless(agent.label)}, version ${harmless(agent.version)}\n` +
      `compared   ${counted(comparedCount, "record")} that changed since ${isoOf(sinceMs)}\n`,
  ];
  if (missing.length > 0) {
    parts.push(
      table(
        ["wallet", "label", "category", "record", "the agent has", "since", "last journaled", "at"],
        missing.slice(0, ROWS_MAX).map(row),
      ),
    );
    const more = missing.length - ROWS_MAX + omittedCount;
    if (missing.length > ROWS_MAX || omittedCount > 0) parts.push(`and ${more} more\n`);
  }
  parts.push(conclusion(missing.length + omittedCount, comparedCount, notAsked.length));
  if (unsure.length > 0) {
    parts.push(
      `Of ${counted(unsure.length, "older record")} it can't be told: ${unsure.length === 1 ? "it was" : "they were"} written again, and no state of ${unsure.length === 1 ? "it" : "theirs"} is kept. --json lists them.\n`,
    );
  }
  for (const { wallet, label, reason } of notAsked.slice(0, ROWS_MAX))
    parts.push(`not asked: ${harmless(wallet)} ${harmless(label)}: ${harmless(reason)}\n`);
  if (notAsked.length > ROWS_MAX) parts.push(`and ${notAsked.length - ROWS_MAX} more wallets that were not asked\n`);
  parts.push(...notes.map((note) => `note: ${note}\n`));
  return parts.join("\n");
}

function row({ wallet, label, category, id, state, updatedMs, journaled }: Finding): readonly string[] {
  const last = journaled === null ? "nothing" : (journaled.state ?? "no state");
  const cells = [wallet ?? "-", label, category, id, state, isoOf(updatedMs), last];
  return [...cells.map(harmless), journaled === null ? "-" : isoOf(journaled.timeMs)];
}

function conclusion(count: number, comparedCount: number, notAskedCount: number): string {
  if (count === 0 && notAskedCount === 0) return "Every change that the agent has was journaled.\n";
  if (count === 0 && comparedCount === 0) return `Nothing was compared: ${counted(notAskedCount, "wallet")} could not be asked.\n`;
  if (count === 0) return `Every change that was compared was journaled, but ${counted(notAskedCount, "wallet")} could not be asked.\n`;
  return (
    `${counted(count, "record")} changed, and the change was never journaled: the agent's end came between its database and its bus,\n` +
    "or the journal was full, which a gap tells. No event of it will come: whoever follows these records must ask the agent for them.\n"
  );
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

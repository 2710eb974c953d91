/** Tells tests whether there can be agents here. */
import { AGENT_VERSION, agentPython } from "./agent-venv.ts";

/**
 * Installs agents of these versions, unless they are, and tells why their tests are skipped, if they are: for `skip`.
 *
 * @throws Error when one can't be installed and the environment says CI=true: there, no test is skipped unseen.
 */
export async function skipWithoutAgents(versions: readonly string[] = [AGENT_VERSION]): Promise<string | false> {
  const outcomes = await Promise.allSettled(versions.map(agentPython));
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed === undefined) return false;
  if (process.env["CI"] === "true") throw failed.reason;
  return `no agent: ${failed.reason instanceof Error ? failed.reason.message : String(failed.reason)}`;
}

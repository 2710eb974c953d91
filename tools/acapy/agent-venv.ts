/** Python environments with an ACA-Py agent of a version. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pythonEnvironment } from "../python-environment.ts";

/** What tests and the demo use unless they ask for another. */
export const AGENT_VERSION = "1.7.0";

/**
 * The oldest agent that has the plugin's Python, and one whose bus waits for each subscriber in turn; from 1.4.0 on it
 * doesn't. Before it, the agent had another name and needed a Python below 3.12.
 */
export const OLDEST_AGENT_VERSION = "1.1.0";

/** The packages of a version and all that they need, each in the version that was tried. */
export function constraintsFile(version: string): string {
  return join(import.meta.dirname, "constraints", `${version}.txt`);
}

/** The least minor version of Python 3 for an agent of this version. */
export function agentPythonMinor(version: string): number {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major === 1 && minor < 5 ? 12 : 13;
}

/** What pip is asked for. 1.1.0 has what wallets are stored with as an extra; later versions always have it. */
export function agentRequirement(version: string): string {
  return version === "1.1.0" ? `acapy-agent[askar]==${version}` : `acapy-agent==${version}`;
}

/**
 * The Python of an environment that has an agent of this version. Made when it is not there yet.
 *
 * A version without a file of constraints is installed with whatever versions of its packages are new today.
 *
 * @throws Error that says what this machine lacks, or tells what pip said.
 */
export async function agentPython(version: string = AGENT_VERSION): Promise<string> {
  const constraints = constraintsFile(version);
  return await pythonEnvironment({
    name: `acapy-agent-${version}`,
    minMinor: agentPythonMinor(version),
    requirements: [agentRequirement(version)],
    constraints: existsSync(constraints) ? constraints : null,
  });
}

/**
 * Makes virtual environments with an ACA-Py agent, once for all checkouts of a user.
 *
 * Promise: an environment is either complete or begun anew. It is filled under a lock that the kernel frees when its
 * holder ends, so that processes may ask at the same time and be killed at any time. Nothing is installed into one later.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { needCommands } from "../maven.ts";
import { findPython } from "../python.ts";

const run = promisify(execFile);

/** What tests and the demo use unless they ask for another. */
export const AGENT_VERSION = "1.7.0";

/**
 * The oldest agent that has the plugin's Python, and one whose bus waits for each subscriber in turn; from 1.4.0 on it
 * doesn't. Before it, the agent had another name and needed a Python below 3.12.
 */
export const OLDEST_AGENT_VERSION = "1.1.0";

/** An installation takes half a minute; a slow line takes longer. */
const INSTALL_SECONDS_MAX = 600;
/** Another process that holds the lock installs, too. */
const LOCK_SECONDS_MAX = 900;

/**
 * Arguments: the folder, the Python, its version, the requirement, more for pip. What a killed run left half done is begun
 * anew; so is an environment whose Python has been uninstalled or updated.
 */
const MAKE_FOLDER = `
set -eu
if [ -f "$1/complete" ] && [ "$("$1/bin/python" --version)" = "$(cat "$1/complete")" ]; then exit 0; fi
folder=$1 python=$2 requirement=$3
shift 3
rm -rf "$folder"
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --no-input --disable-pip-version-check "$@" "$requirement"
"$folder/bin/python" --version >"$folder/complete.new"
mv "$folder/complete.new" "$folder/complete"
`;

/** Where environments are kept: SIDESTREAM_AGENTS, else `sidestream/agents` in the user's folder for caches. */
export function agentsFolder(): string {
  const caches = process.env["XDG_CACHE_HOME"] ?? "";
  return resolve(process.env["SIDESTREAM_AGENTS"] ?? join(caches === "" ? join(homedir(), ".cache") : caches, "sidestream/agents"));
}

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
  const minor = agentPythonMinor(version);
  const python = await findPython(minor);
  if (python === null) {
    throw new Error(`this machine lacks Python 3.${minor} or newer, on PATH or of pyenv; SIDESTREAM_PYTHON may name it`);
  }
  await needCommands(["flock", "timeout"]);
  const constraints = constraintsFile(version);
  const isPinned = existsSync(constraints);
  // Another list of packages, or another Python, is another environment.
  const about = `${python}\n${isPinned ? readFileSync(constraints, "utf8") : ""}`;
  const folder = join(agentsFolder(), `acapy-agent-${version}-${createHash("sha256").update(about).digest("hex").slice(0, 8)}`);
  mkdirSync(agentsFolder(), { recursive: true });
  await makeEnvironment(folder, python, agentRequirement(version), isPinned ? ["--constraint", constraints] : []);
  return join(folder, "bin/python");
}

/** When this process is killed, an installation goes on to its end, within its bound: for the next who asks. */
async function makeEnvironment(folder: string, python: string, requirement: string, more: readonly string[]): Promise<void> {
  const make = ["timeout", String(INSTALL_SECONDS_MAX), "sh", "-c", MAKE_FOLDER, "sh", folder, python, requirement, ...more];
  try {
    await run("flock", ["-w", String(LOCK_SECONDS_MAX), `${folder}.lock`, ...make]);
  } catch (cause) {
    const said = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : "";
    throw new Error(`${requirement} could not be installed into ${folder}: ${said.slice(-1000)}`, { cause });
  }
}

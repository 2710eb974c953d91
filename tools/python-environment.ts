/**
 * Makes virtual environments of Python, once for all checkouts of a user.
 *
 * Promise: an environment is either complete or begun anew. It is filled under a lock that the kernel frees when its
 * holder ends, so that processes may ask at the same time and be killed at any time. Nothing is installed into one later.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { needCommands } from "./maven.ts";
import { findPython } from "./python.ts";

const run = promisify(execFile);

/** An installation takes half a minute; a slow line takes longer. */
const INSTALL_SECONDS_MAX = 600;
/** Another process that holds the lock installs, too. */
const LOCK_SECONDS_MAX = 900;

/**
 * Arguments: the folder, the Python, then what pip is asked for. What a killed run left half done is begun
 * anew; so is an environment whose Python has been uninstalled or updated.
 */
const MAKE_FOLDER = `
set -eu
if [ -f "$1/complete" ] && [ "$("$1/bin/python" --version)" = "$(cat "$1/complete")" ]; then exit 0; fi
folder=$1 python=$2
shift 2
rm -rf "$folder"
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --no-input --disable-pip-version-check "$@"
"$folder/bin/python" --version >"$folder/complete.new"
mv "$folder/complete.new" "$folder/complete"
`;

export interface Environment {
  /** What its folder is called, with a hash behind it. */
  readonly name: string;
  /** The least minor version of Python 3. */
  readonly minMinor: number;
  /** As pip takes them. */
  readonly requirements: readonly string[];
  /** A file with the version of each package, those that are needed by others included; null: whatever is new today. */
  readonly constraints: string | null;
}

/** Where environments are kept: SIDESTREAM_AGENTS, else `sidestream/agents` in the user's folder for caches. */
export function environmentsFolder(): string {
  const caches = process.env["XDG_CACHE_HOME"] ?? "";
  return resolve(process.env["SIDESTREAM_AGENTS"] ?? join(caches === "" ? join(homedir(), ".cache") : caches, "sidestream/agents"));
}

/**
 * The Python of an environment with these packages. Made when it is not there yet.
 *
 * @throws Error that says what this machine lacks, or tells what pip said.
 */
export async function pythonEnvironment({ name, minMinor, requirements, constraints }: Environment): Promise<string> {
  const python = await findPython(minMinor);
  if (python === null) {
    throw new Error(`this machine lacks Python 3.${minMinor} or newer, on PATH or of pyenv; SIDESTREAM_PYTHON may name it`);
  }
  await needCommands(["flock", "timeout"]);
  // Another list of packages, or another Python, is another environment.
  const about = [python, ...requirements, ...(constraints === null ? [] : [readFileSync(constraints, "utf8")])].join("\n");
  const folder = join(environmentsFolder(), `${name}-${createHash("sha256").update(about).digest("hex").slice(0, 8)}`);
  mkdirSync(environmentsFolder(), { recursive: true });
  await makeEnvironment(folder, python, [...(constraints === null ? [] : ["--constraint", constraints]), ...requirements]);
  return join(folder, "bin/python");
}

/** When this process is killed, an installation goes on to its end, within its bound: for the next who asks. */
async function makeEnvironment(folder: string, python: string, wanted: readonly string[]): Promise<void> {
  const make = ["timeout", String(INSTALL_SECONDS_MAX), "sh", "-c", MAKE_FOLDER, "sh", folder, python, ...wanted];
  try {
    await run("flock", ["-w", String(LOCK_SECONDS_MAX), `${folder}.lock`, ...make]);
  } catch (cause) {
    const said = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : "";
    throw new Error(`${wanted.at(-1)} could not be installed into ${folder}: ${said.slice(-1000)}`, { cause });
  }
}

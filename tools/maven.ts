/**
 * Gets jars from Maven Central, once for all runs of this checkout.
 *
 * Promise: the folder is either absent or complete. It is filled beside and renamed, under a lock that the kernel frees
 * when its holder ends, so that processes may ask at the same time and be killed at any time.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** One download takes half a minute; a slow line and another process that holds the lock take longer. */
const DOWNLOAD_MS_MAX = 900_000;

/** Arguments: the folder to make, pom.xml, more for Maven. What a killed run left half done is begun anew. */
const MAKE_FOLDER = `
set -eu
if [ -d "$1" ]; then exit 0; fi
rm -rf "$1.new"
folder=$1 pom=$2
shift 2
mvn -q -B -f "$pom" dependency:copy-dependencies "$@" -DoutputDirectory="$folder.new" -DincludeScope=runtime
mv "$folder.new" "$folder"
`;

export interface Jars {
  /** What they are, for the error. */
  readonly name: string;
  readonly folder: string;
  /** The file that lists them. */
  readonly pom: string;
  /** What the file leaves open. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Commands that whoever uses the jars needs. */
  readonly commands: readonly string[];
}

/**
 * Downloads the jars into their folder unless it is there.
 *
 * @throws Error that names the commands this machine lacks, or tells what Maven said.
 */
export async function jarsFromMaven({ name, folder, pom, properties = {}, commands }: Jars): Promise<void> {
  if (existsSync(folder)) return await needCommands(commands);
  await needCommands([...commands, "mvn", "flock"]);
  mkdirSync(dirname(folder), { recursive: true });
  const open = Object.entries(properties).map(([property, value]) => `-D${property}=${value}`);
  try {
    await run("flock", [`${folder}.lock`, "sh", "-c", MAKE_FOLDER, "sh", folder, pom, ...open], { timeout: DOWNLOAD_MS_MAX });
  } catch (cause) {
    const said = cause instanceof Error && "stdout" in cause ? String(cause.stdout).trim() : "";
    throw new Error(`the jars of ${name} could not be had from Maven Central: ${said.slice(0, 1000)}`, { cause });
  }
}

/** @throws Error that names those which this machine lacks. */
export async function needCommands(commands: readonly string[]): Promise<void> {
  const missing: string[] = [];
  for (const command of commands) {
    await run("sh", ["-c", 'command -v "$1"', "sh", command]).catch(() => missing.push(command));
  }
  if (missing.length > 0) throw new Error(`this machine lacks ${missing.join(", ")}`);
}

/** Finds a Python for tools and tests that need a newer one than Debian has. */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Versions above the least one that are looked for by name; who has only a newer one names it. */
const MINORS_LOOKED_FOR = 5;
/** A cold start from a slow disk takes seconds. */
const ANSWER_MS_MAX = 20_000;
/** Arguments: the least minor version. Debian splits off what a virtual environment needs. */
const IS_FIT = "import sys, venv, ensurepip; assert sys.version_info[:2] >= (3, int(sys.argv[1])); print(sys.executable)";

/**
 * A Python 3 of at least this minor version that really runs and can make virtual environments: SIDESTREAM_PYTHON, else
 * the oldest that is fit on PATH, else one of pyenv's.
 *
 * @returns Its absolute path; null when this machine has none.
 * @throws Error when SIDESTREAM_PYTHON names one that isn't fit: another one taken in silence would surprise.
 */
export async function findPython(minMinor: number): Promise<string | null> {
  const chosen = process.env["SIDESTREAM_PYTHON"] ?? "";
  if (chosen !== "") {
    const python = await fitPython(chosen, minMinor);
    if (python === null) throw new Error(`SIDESTREAM_PYTHON is ${chosen}: expected a Python 3.${minMinor} or newer, with venv`);
    return python;
  }
  const minors = Array.from({ length: MINORS_LOOKED_FOR }, (_, index) => `python3.${minMinor + index}`);
  for (const candidate of [...minors, "python3", ...pyenvPythons()]) {
    const python = await fitPython(candidate, minMinor);
    if (python !== null) return python;
  }
  return null;
}

/** Asks it: what stands on PATH may be a shim that runs nothing. */
async function fitPython(command: string, minMinor: number): Promise<string | null> {
  try {
    const { stdout } = await run(command, ["-c", IS_FIT, String(minMinor)], { timeout: ANSWER_MS_MAX });
    return stdout.trim();
  } catch {
    return null;
  }
}

/** Those that pyenv has installed, whether or not one of them is switched on; the oldest first. */
function pyenvPythons(): readonly string[] {
  const versions = join(process.env["PYENV_ROOT"] ?? join(homedir(), ".pyenv"), "versions");
  try {
    const byVersion = new Intl.Collator("en", { numeric: true });
    return readdirSync(versions)
      .toSorted(byVersion.compare)
      .map((version) => join(versions, version, "bin/python3"));
  } catch {
    // There is no pyenv.
    return [];
  }
}

/** A folder of configuration files for one test, and what loading them says. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { ConfigurationError, type Finding, formatFinding } from "../finding.ts";
import { type Loaded, loadConfiguration } from "../load.ts";
import type { Environment } from "../secrets.ts";

/** Writes the files into a new folder, which goes when the test ends. */
export function configFolder(context: TestContext, files: Readonly<Record<string, string | Buffer>>): string {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-config-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** Loads `sidestream.yaml` of such a folder. */
export function loadFolder(folder: string, environment: Environment = {}): Promise<Loaded> {
  return loadConfiguration(join(folder, "sidestream.yaml"), { environment });
}

/** The findings of a folder that can't be loaded. */
export async function findingsOf(folder: string, environment: Environment = {}): Promise<readonly Finding[]> {
  try {
    await loadFolder(folder, environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.findings;
    throw error;
  }
  throw new Error("the configuration was expected to be refused");
}

/** Each finding on one line, without the folder's name: `sidestream.yaml:2:3 path: problem`. */
export function linesOf(findings: readonly Finding[], folder: string): readonly string[] {
  return findings.map((finding) => (formatFinding(finding).split("\n")[0] ?? "").replaceAll(`${folder}/`, ""));
}

/** Compiles the C sources that tests need: once for each test file, into a folder that goes with its process. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

let folder: string | null = null;
const paths = new Map<string, string>();

/**
 * @param source - Name of a file beside this one.
 * @returns Path of what was made of it.
 */
export function compiled(source: string, options: readonly string[]): string {
  const known = paths.get(source);
  if (known !== undefined) return known;
  if (folder === null) {
    const made = (folder = mkdtempSync(join(tmpdir(), "sidestream-compiled-")));
    process.once("exit", () => rmSync(made, { recursive: true, force: true }));
  }
  const path = join(folder, basename(source, ".c"));
  // Libraries come last: what needs them stands before.
  const { status, stderr } = spawnSync("gcc", ["-O1", "-o", path, resolve(import.meta.dirname, source), ...options], { encoding: "utf8" });
  if (status !== 0) throw new Error(`could not compile ${source}: ${stderr}`);
  paths.set(source, path);
  return path;
}

/**
 * For `node --import plant.ts?NAME`: plants a bug in the program that is then loaded, and in its threads.
 *
 * Promise: the program doesn't start unless the texts that are replaced stand in their file exactly once, so that a bug
 * which the code has outgrown is told instead of passing for one that isn't found.
 */
import { registerHooks } from "node:module";
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { PLANTED_BUGS, type PlantedBug } from "./planted-bugs.ts";

const SOURCES = join(import.meta.dirname, "../../../..");

/** The file's text with the bug in it. @throws RangeError when what is replaced isn't there once. */
export function planted({ name, file, changes }: PlantedBug): string {
  let text = readFileSync(join(SOURCES, file), "utf8");
  for (const { find, replace } of changes) {
    const parts = text.split(find);
    if (parts.length !== 2) throw new RangeError(`${name}: in ${file} this stands ${parts.length - 1} times, not once: ${find}`);
    text = parts.join(replace);
  }
  return text;
}

const wanted = new URL(import.meta.url).search.slice(1);
if (wanted !== "") {
  const bug = PLANTED_BUGS.find(({ name }) => name === wanted);
  if (bug === undefined) throw new RangeError(`there is no bug ${wanted}`);
  const source = planted(bug);
  const url = pathToFileURL(join(SOURCES, bug.file)).href;
  registerHooks({
    load: (loaded, context, next) => (loaded === url ? { format: "module-typescript", shortCircuit: true, source } : next(loaded, context)),
  });
}

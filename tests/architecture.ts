/**
 * Checks ARCHITECTURE.md against the tree: every step of an event's way that it tells must lead to a folder that exists.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Heading of the section that tells the steps. */
const STEPS_HEADING = "## The way of an event";

/**
 * What is wrong with the text; empty when all is well.
 *
 * A step is a line `1. **capture** ...` of the section "The way of an event". It must link to a folder of `src` that
 * exists, and each folder of `src/flow` must be some step's.
 *
 * @param text - ARCHITECTURE.md, Markdown.
 * @param root - Folder that its links are relative to.
 */
export function architectureProblems(text: string, root: string): readonly string[] {
  const problems: string[] = [];
  const section = sectionOf(text, STEPS_HEADING);
  if (section === null) return [`there is no section "${STEPS_HEADING}"`];
  const linked = new Set<string>();
  let steps = 0;
  for (const line of section.split("\n")) {
    const step = /^\d+\. \*\*(.+?)\*\*/u.exec(line);
    if (step === null) continue;
    steps += 1;
    const folders = [...line.matchAll(/\]\((src\/[^)#]+)\)/gu)].map((link) => (link[1] ?? "").replace(/\/$/u, ""));
    if (folders.length === 0) problems.push(`step "${step[1]}" links to no folder of src`);
    for (const folder of folders) {
      linked.add(folder);
      if (!isFolder(join(root, folder))) problems.push(`step "${step[1]}" links to ${folder}, which is no folder`);
    }
  }
  if (steps === 0) problems.push("the section tells no steps");
  for (const stage of foldersIn(join(root, "src/flow"))) {
    if (!linked.has(`src/flow/${stage}`)) problems.push(`no step links to src/flow/${stage}`);
  }
  return problems;
}

function sectionOf(text: string, heading: string): string | null {
  const start = text.indexOf(`\n${heading}\n`);
  if (start === -1) return null;
  const end = text.indexOf("\n## ", start + heading.length);
  return text.slice(start, end === -1 ? undefined : end);
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

function foldersIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
}

/** Finds and reads the files of message stream descriptors that a configuration names. */
import { access, glob, readdir } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CheckContext } from "./check.ts";
import { type DescribedStream, readDescriptor } from "./descriptor.ts";
import { type Findings, formatPath } from "./finding.ts";
import { readYaml } from "./yaml.ts";
import type { YamlDocument } from "./yaml-document.ts";

/** Descriptors in one configuration: a bound on start-up, far above what was seen. */
export const DESCRIPTORS_MAX = 25_000;

/** Tests of a descriptor in a file of their own. */
const TESTS_FILE = /\.test\.ya?ml$/;

export function isTestsFile(file: string): boolean {
  return TESTS_FILE.test(file);
}

const MAGIC = /[*?[\]{}]/;

/** Descriptors that come with this package are named by it, not by where it is installed. */
const SHIPPED = "sidestream:";
const SHIPPED_FOLDER = fileURLToPath(new URL("../../descriptors/", import.meta.url));

/** The file of `sidestream:NAME`; null for the name of any other file. */
function shippedDescriptor(pattern: string): string | null {
  return pattern.startsWith(SHIPPED) ? join(SHIPPED_FOLDER, `${pattern.slice(SHIPPED.length).replaceAll(/[^a-z0-9-]/g, "_")}.yaml`) : null;
}

async function shippedNames(): Promise<readonly string[]> {
  const names = (await readdir(SHIPPED_FOLDER)).filter((name) => name.endsWith(".yaml"));
  return names.map((name) => `${SHIPPED}${name.slice(0, -".yaml".length)}`).toSorted();
}

/** A descriptor's file, and what it is called in findings: without secrets. */
export interface DescriptorFile {
  readonly file: string;
  readonly shown: string;
}

/**
 * Files that the patterns under `streams` name, each once.
 *
 * @param patterns - As in the configuration, secrets filled in.
 * @param folder - What they are relative to.
 */
export async function findDescriptors(
  patterns: readonly string[],
  folder: string,
  { document, findings, resolved }: CheckContext,
): Promise<readonly DescriptorFile[]> {
  const files = new Map<string, DescriptorFile>();
  for (const [index, pattern] of patterns.entries()) {
    const path = ["streams", index];
    const shipped = shippedDescriptor(pattern);
    const isPattern = shipped === null && MAGIC.test(pattern);
    const matches = isPattern ? await expand(pattern, folder) : [shipped ?? (isAbsolute(pattern) ? pattern : join(folder, pattern))];
    if (matches.length === 0) {
      findings.add({
        severity: "warning",
        code: "SST_CONFIG_UNREADABLE",
        file: document.file,
        ...document.place(path),
        path: formatPath(path),
        problem: "no file matches this pattern",
        hint: "It is relative to the folder of this file.",
      });
    }
    const isMissing = !isPattern && matches[0] !== undefined && !(await exists(matches[0]));
    if (isMissing) {
      findings.add({
        severity: "error",
        code: "SST_CONFIG_UNREADABLE",
        file: document.file,
        ...document.place(path),
        path: formatPath(path),
        problem: `no such file: ${resolved?.shown(matches[0] ?? "", path) ?? pattern}`,
        hint: await missingHint(pattern, shipped !== null),
      });
      continue;
    }
    for (const file of matches) if (!files.has(file)) files.set(file, { file, shown: resolved?.shown(file, path) ?? file });
    if (files.size > DESCRIPTORS_MAX) {
      findings.add({
        severity: "error",
        code: "SST_CONFIG_INVALID",
        file: document.file,
        ...document.place(path),
        path: formatPath(path),
        problem: `expected at most ${DESCRIPTORS_MAX} descriptors`,
      });
      return [];
    }
  }
  return [...files.values()];
}

/** What is said of a file that isn't there; a name without its `sidestream:` is told. */
async function missingHint(pattern: string, isShipped: boolean): Promise<string> {
  const names = await shippedNames();
  if (isShipped) return `This package has ${names.join(", ")}.`;
  const meant = names.find((name) => name === `sidestream:${pattern.replace(/\.ya?ml$/u, "")}`);
  return meant === undefined ? "It is relative to the folder of this file." : `The one of this package is called ${meant}.`;
}

/**
 * Names that begin with a dot are passed over where the pattern doesn't give them: editors' and Kubernetes' own files,
 * which repeat the real ones. So are tests that stand beside their descriptor.
 */
async function expand(pattern: string, folder: string): Promise<readonly string[]> {
  const files: string[] = [];
  const given = new Set([".", "..", ...pattern.split("/")]);
  for await (const match of glob(pattern, { cwd: folder })) {
    if (match.split("/").some((step) => step.startsWith(".") && !given.has(step))) continue;
    if (isTestsFile(match)) continue;
    files.push(isAbsolute(match) ? match : join(folder, match));
    if (files.length > DESCRIPTORS_MAX) break;
  }
  return files.toSorted();
}

/** False only when there is surely none: anything else is told when it is read. */
export async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (cause) {
    return !(cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR"));
  }
}

/** Reads every descriptor; the good ones are returned, all errors told. */
export async function readDescriptors(files: readonly DescriptorFile[], findings: Findings): Promise<readonly DescribedStream[]> {
  const streams = new Map<string, DescribedStream>();
  for (const { file, shown } of files) {
    const document = await readYaml(file, findings, shown);
    const stream = document === null ? null : readDescriptor(document, findings);
    if (stream === null) continue;
    const earlier = streams.get(stream.settings.id);
    if (earlier === undefined) streams.set(stream.settings.id, stream);
    else tellDuplicateStream(stream.settings.id, stream.document, earlier.document, findings);
  }
  return [...streams.values()];
}

/** Two descriptors with one id: told at the second, naming the first. */
export function tellDuplicateStream(id: string, document: YamlDocument, earlier: YamlDocument, findings: Findings): void {
  const first = earlier.place(["stream"]);
  findings.add({
    severity: "error",
    code: "SST_CONFIG_INVALID",
    file: document.file,
    ...document.place(["stream"]),
    path: "stream",
    problem: `the id "${id}" is also that of ${earlier.file}:${first.line}:${first.column}`,
    hint: "Give each stream an id of its own.",
  });
}

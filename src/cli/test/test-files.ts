/**
 * Finds descriptors and files of tests, and brings each test together with its stream.
 *
 * Promise: every fault of every file is told; how much is looked at is bounded.
 */
import { glob, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { valueAt } from "../../config/check.ts";
import { readDescriptor, type DescribedStream } from "../../config/descriptor.ts";
import { DESCRIPTORS_MAX, isTestsFile } from "../../config/descriptor-files.ts";
import type { Findings } from "../../config/finding.ts";
import { readTests, readTestsFile, type StreamTest } from "../../config/stream-tests.ts";
import { FILE_BYTES_MAX, readYaml } from "../../config/yaml.ts";
import { SidestreamError } from "../../errors.ts";
import { didYouMean } from "../../flow/match/suggest.ts";
import type { StreamSettings } from "../../flow/settings.ts";
import { openToAll } from "../descriptor-settings.ts";

/** Entries of folders that are looked at: a folder that was named by mistake ends soon. */
const ENTRIES_MAX = 100_000;
/** Tests in one run: each takes well under a millisecond, and more than that nobody wrote by hand. */
export const RUN_TESTS_MAX = 100_000;

/** The tests of one file with the stream that they are about. */
export interface TestSuite {
  readonly file: string;
  /** As its tests see it: one that is to be assigned is open to all tenants. */
  readonly stream: StreamSettings;
  readonly tests: readonly StreamTest[];
}

/**
 * @param paths - Folders, which are searched, and files.
 * @param more - Descriptors that tests may name by their id, beside those found.
 * @throws SidestreamError `SST_COMMAND_INVALID` when there is no such file or folder, or far too much in it.
 */
export async function findSuites(paths: readonly string[], more: readonly string[], findings: Findings): Promise<readonly TestSuite[]> {
  const files = await filesOf(paths);
  const reader = new SuiteReader(findings);
  for (const file of files) await reader.read(file);
  for (const file of more) if (!files.has(file)) await reader.readDescriptor(file);
  return reader.suites();
}

/** Each once, as they are shown; true: it was named itself. */
async function filesOf(paths: readonly string[]): Promise<ReadonlySet<string>> {
  const files = new Set<string>();
  for (const path of paths) {
    const entry = await stat(path).catch(() => null);
    if (entry === null) throw new SidestreamError("SST_COMMAND_INVALID", `there is no file or folder ${path}`);
    if (!entry.isDirectory()) {
      files.add(path);
      continue;
    }
    for (const file of await searched(path)) if (await looksLikeOurs(file)) files.add(file);
  }
  return files;
}

/** A folder may have YAML of all kinds, some of which nobody but its own program can read. */
async function looksLikeOurs(file: string): Promise<boolean> {
  if (isTestsFile(file)) return true;
  try {
    const { size } = await stat(file);
    return size <= FILE_BYTES_MAX && /^["']?stream["']?[ \t]*:/m.test(await readFile(file, "utf8"));
  } catch {
    // Whatever is wrong with it is told by whoever reads it.
    return true;
  }
}

async function searched(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  let entries = 0;
  const isPassedOver = (name: string): boolean => {
    entries += 1;
    const tooMany = entries > ENTRIES_MAX;
    if (tooMany)
      throw new SidestreamError("SST_COMMAND_INVALID", `${folder} has more than ${ENTRIES_MAX} entries: name a folder of descriptors`);
    return name === "node_modules" || (name.startsWith(".") && name.length > 1);
  };
  for await (const { parentPath, name } of glob("**/*.{yaml,yml}", {
    cwd: folder,
    withFileTypes: true,
    exclude: (entry) => isPassedOver(entry.name),
  })) {
    const file = join(folder, relative(resolve(folder), join(parentPath, name)));
    if (found.push(file) > DESCRIPTORS_MAX)
      throw new SidestreamError(
        "SST_COMMAND_INVALID",
        `${folder} has more than ${DESCRIPTORS_MAX} YAML files: name a folder of descriptors`,
      );
  }
  return found.toSorted();
}

class SuiteReader {
  readonly #findings: Findings;
  readonly #streams = new Map<string, DescribedStream>();
  readonly #byFile = new Map<string, DescribedStream>();
  readonly #apart: { readonly file: string; readonly stream: string; readonly tests: readonly StreamTest[] }[] = [];
  readonly #within: TestSuite[] = [];
  #tests = 0;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  async read(file: string): Promise<void> {
    if (!isTestsFile(basename(file))) return this.readDescriptor(file, true);
    const document = await readYaml(file, this.#findings);
    const read = document === null ? null : readTestsFile(document, this.#findings);
    if (read === null) return;
    this.#apart.push({ file, ...read });
    this.#count(read.tests);
  }

  /** Files of other kinds, configurations say, are passed over. */
  async readDescriptor(file: string, withTests = false): Promise<void> {
    const before = this.#findings.errorCount;
    const document = await readYaml(file, this.#findings);
    if (document === null || valueAt(document.value, ["stream"]) === undefined) return;
    const described = readDescriptor(document, this.#findings);
    const tests = withTests ? readTests(document, this.#findings) : [];
    this.#count(tests);
    if (described === null) return;
    this.#byFile.set(resolve(file), described);
    if (!this.#streams.has(described.settings.id)) this.#streams.set(described.settings.id, described);
    if (tests.length > 0 && this.#findings.errorCount === before) this.#within.push({ file, stream: openToAll(described), tests });
  }

  suites(): readonly TestSuite[] {
    const apart = this.#apart.flatMap(({ file, stream, tests }): TestSuite[] => {
      const isPath = /[/\\]|\.ya?ml$/.test(stream);
      const described = isPath ? this.#byFile.get(resolve(dirname(file), stream)) : this.#streams.get(stream);
      if (described !== undefined) return [{ file, stream: openToAll(described), tests }];
      const near = isPath ? "" : didYouMean(stream, [...this.#streams.keys()]);
      this.#findings.add({
        severity: "error",
        code: "SST_CONFIG_INVALID",
        file,
        line: 1,
        column: 1,
        path: "stream",
        problem: `there is no descriptor ${isPath ? "in the file" : "of the stream"} "${stream}" among the files that were read${near}`,
        hint: "Name its folder or file too, or the configuration that has it with --config.",
      });
      return [];
    });
    return [...this.#within, ...apart];
  }

  #count(tests: readonly StreamTest[]): void {
    this.#tests += tests.length;
    if (this.#tests > RUN_TESTS_MAX)
      throw new SidestreamError("SST_COMMAND_INVALID", `there are more than ${RUN_TESTS_MAX} tests: run a part of them`);
  }
}

/**
 * `sidestream test [PATH...]`: runs the tests of descriptors. Nothing is started, nothing is sent.
 *
 * Promise: a test asks the very code that selects events and makes messages; the answer tells which term decided.
 */
import { writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Findings, formatFinding } from "../../config/finding.ts";
import { loadConfiguration } from "../../config/load.ts";
import type { Environment } from "../../config/secrets.ts";
import { SidestreamError } from "../../errors.ts";
import type { DrySettings } from "../../flow/dry-run.ts";
import { bareSettings } from "../descriptor-settings.ts";
import { counted, harmless, type TextOutput } from "../output.ts";
import { junitXml } from "./junit.ts";
import { runTest, type SuiteOutcome } from "./run-test.ts";
import { findSuites } from "./test-files.ts";

export interface TestOptions {
  /** Folders and files; none: the working directory, or all that the configuration names. */
  readonly paths: readonly string[];
  readonly config: string | null;
  /** Null: that of the configuration, else the default. */
  readonly env: string | null;
  /** File for JUnit XML. */
  readonly junit: string | null;
  readonly json: boolean;
  readonly environment: Environment;
}

const EXIT_OK = 0;
const EXIT_FAILED = 1;

interface Place {
  readonly settings: DrySettings;
  readonly paths: readonly string[];
  /** Descriptors of the configuration. */
  readonly descriptors: readonly string[];
}

/**
 * @returns Exit status: 0 when all passed, 1 when one failed.
 * @throws ConfigurationError when files are wrong; SidestreamError `SST_COMMAND_INVALID` when there is nothing to run,
 * `SST_SPOOL_IO` when the JUnit file can't be written.
 */
export async function runTests(options: TestOptions, out: TextOutput): Promise<number> {
  const { settings, paths, descriptors } = await placeOf(options);
  const findings = new Findings();
  const suites = await findSuites(paths, descriptors, findings);
  findings.throwErrors();
  for (const finding of findings.warnings()) out.stderr(`${formatFinding(finding)}\n`);
  const outcomes = suites.map(({ file, stream, tests }): SuiteOutcome => {
    const ran = tests.map((test) => runTest(test, stream, settings));
    return { file, stream: stream.id, outcomes: ran, failed: ran.filter(({ diff }) => diff.length > 0).length };
  });
  const count = outcomes.reduce((sum, suite) => sum + suite.outcomes.length, 0);
  const failed = outcomes.reduce((sum, suite) => sum + suite.failed, 0);
  if (count === 0) throw noTests(paths);
  if (options.junit !== null) await writeJunit(options.junit, junitXml(outcomes));
  if (options.json) out.stdout(`${JSON.stringify(asObject(outcomes, count, failed), null, 2)}\n`);
  else for (const suite of outcomes) out.stdout(suiteText(suite));
  out.stderr(`${counted(count, "test")}, ${failed === 0 ? "all passed" : `${failed} failed`}\n`);
  return failed === 0 ? EXIT_OK : EXIT_FAILED;
}

async function placeOf({ paths, config, env, environment }: TestOptions): Promise<Place> {
  if (config === null) {
    return { settings: bareSettings(env, "test"), paths: paths.length === 0 ? ["."] : paths, descriptors: [] };
  }
  const { settings, files } = await loadConfiguration(config, { environment });
  const descriptors = files.slice(1);
  // Tests in files of their own stand in its folder, its descriptors may lie elsewhere.
  const all = [dirname(config), ...descriptors];
  return { settings: { ...settings, env: env ?? settings.env }, paths: paths.length === 0 ? all : paths, descriptors };
}

function noTests(paths: readonly string[]): SidestreamError {
  return new SidestreamError(
    "SST_COMMAND_INVALID",
    `no tests found in ${paths.slice(0, 10).join(", ")}: a descriptor has them under \`tests:\`, a file of its own is named *.test.yaml`,
  );
}

async function writeJunit(file: string, xml: string): Promise<void> {
  try {
    await writeFile(file, xml);
  } catch (cause) {
    throw new SidestreamError("SST_SPOOL_IO", `${file}: the results could not be written`, { cause });
  }
}

function suiteText({ file, outcomes, failed }: SuiteOutcome): string {
  const lines = [`${file}: ${counted(outcomes.length, "test")}, ${failed === 0 ? "all passed" : `${failed} failed`}`];
  for (const { test, diff, reasons } of outcomes) {
    if (diff.length === 0) continue;
    lines.push(`  failed: ${test.name} (${test.file}:${test.line})`, ...diff.map((line) => `    ${line}`));
    lines.push(...reasons.map((line) => `      ${line}`));
  }
  return lines.map((line) => `${harmless(line)}\n`).join("");
}

function asObject(suites: readonly SuiteOutcome[], count: number, failed: number): object {
  return {
    tests: count,
    failed,
    files: suites.map(({ file, stream, outcomes }) => ({
      file,
      stream,
      tests: outcomes.map(({ test, diff, reasons }) => ({ name: test.name, line: test.line, passed: diff.length === 0, diff, reasons })),
    })),
  };
}

/**
 * `sidestream check FILE...`: as `validate`, and with `--connect` each destination is opened and looked at too.
 *
 * Promise: nothing is sent and nothing in the spool changes, so it may be asked while the program runs. What is wrong
 * is told in one line each.
 */
import { askControlSocket } from "../admin/control-socket.ts";
import type { Loaded } from "../config/load.ts";
import { ERRORS } from "../errors.ts";
import type { DestinationSettings } from "../flow/settings.ts";
import { table, type TextOutput } from "./output.ts";
import { knownTopics, probe, type Probe, type ProbeProblem } from "./probe.ts";
import type { StatusReport } from "./status-report.ts";
import { EXIT_INVALID, EXIT_USAGE, runValidate, validateFiles, type ValidateOptions } from "./validate.ts";

export interface CheckOptions extends ValidateOptions {
  readonly connect: boolean;
}

interface CheckedDestination extends Probe {
  /** File of the configuration. */
  readonly configuration: string;
  readonly destination: string;
  readonly type: string;
  /** Why nothing was opened; null when it was. */
  readonly dormant: string | null;
}

const EXIT_OK = 0;
const EXIT_PROBLEMS = 1;

/**
 * @param files - As for `validate`; with `connect` at least one of them is a configuration.
 * @returns Exit status: 0 all well, 1 a destination can't be used as configured, 78 errors were found in the files and
 * nothing was opened, 2 wrong use.
 */
export async function runCheck(files: readonly string[], options: CheckOptions, out: TextOutput): Promise<number> {
  if (!options.connect) return runValidate(files, options, out);
  const validation = await validateFiles(files, options.environment);
  const { configurations, findings } = validation;
  if (!options.json) validation.print(out);
  if (findings.errorCount > 0) {
    if (options.json) out.stdout(`${JSON.stringify(validation.report(), null, 2)}\n`);
    return EXIT_INVALID;
  }
  if (configurations.length === 0) {
    out.stderr("check --connect: name a configuration: `sidestream check --connect sidestream.yaml`\n");
    return EXIT_USAGE;
  }
  const checked = (await Promise.all(configurations.map(({ file, loaded }) => checkDestinations(file, loaded)))).flat();
  if (options.json) out.stdout(`${JSON.stringify({ ...validation.report(), destinations: checked.map(withHints) }, null, 2)}\n`);
  else out.stdout(`\n${text(checked)}`);
  return checked.every(({ problems }) => problems.length === 0) ? EXIT_OK : EXIT_PROBLEMS;
}

/** All at once: one that doesn't answer holds the others up no longer than its deadline. */
function checkDestinations(configuration: string, loaded: Loaded): Promise<readonly CheckedDestination[]> {
  const { settings } = loaded;
  return Promise.all(
    settings.destinations.map(async (destination): Promise<CheckedDestination> => {
      const { name, type, dormant } = destination;
      const found =
        dormant === null
          ? await heldByUs(await probe(destination, knownTopics(settings, name)), destination, settings.dataFolder)
          : { problems: [], notices: [] };
      // What is said at the opening may be said by the check again.
      return { configuration, destination: name, type, dormant, ...found, notices: [...new Set(found.notices)] };
    }),
  );
}

/** A destination that takes one writer is no problem when that writer is the program that runs on this data folder. */
async function heldByUs(found: Probe, { name }: DestinationSettings, dataFolder: string): Promise<Probe> {
  if (!found.problems.some(({ code }) => code === "SST_DESTINATION_LOCKED")) return found;
  const running = (await askControlSocket(dataFolder, "status", null).catch(() => null)) as StatusReport | null;
  const state = running?.destinations.find(({ destination }) => destination === name)?.transmit?.state;
  if (state !== "up") return found;
  const problems = found.problems.filter(({ code }) => code !== "SST_DESTINATION_LOCKED");
  return { problems, notices: [...found.notices, "the running program has it open, and it is up there"] };
}

function withHints({ problems, ...rest }: CheckedDestination): unknown {
  return { ...rest, ok: problems.length === 0, problems: problems.map((problem) => ({ ...problem, hint: ERRORS[problem.code].hint })) };
}

function text(checked: readonly CheckedDestination[]): string {
  const rows = checked.flatMap(({ destination, type, dormant, problems, notices }) => {
    const told = problems.length > 0 ? problems.map(problemText) : [dormant === null ? "ok" : `dormant: ${dormant}`];
    return [...told, ...notices.map((notice) => `note: ${notice}`)].map((line) => [destination, type, line]);
  });
  // One hint a code: the same is often wrong with many topics.
  const codes = new Set(checked.flatMap(({ problems }) => problems.map(({ code }) => code)));
  const hints = [...codes].map((code) => `${code}: ${ERRORS[code].hint}\n`);
  return [
    checked.length === 0 ? "There are no destinations.\n" : table(["destination", "type", "answer"], rows),
    ...(hints.length === 0 ? [] : ["\n", ...hints]),
  ].join("");
}

function problemText({ code, message }: ProbeProblem): string {
  return `${code}: ${message}`;
}

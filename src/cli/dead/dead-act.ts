/**
 * `sidestream dead redrive` and `sidestream dead purge`: dead letters are sent once more, or let go.
 *
 * Promise: what is meant is counted first, and without `--yes` that is all. The running program carries it out; where
 * none runs it is done on the spool, under its lock. Letters that come meanwhile are left alone. Ended midway, it goes
 * on with what is left when it is given again.
 */
import { loadConfiguration, type Loaded } from "../../config/load.ts";
import type { Environment } from "../../config/secrets.ts";
import { SidestreamError } from "../../errors.ts";
import type { LettersCall } from "../../flow/dead-acts.ts";
import type { LetterFilter } from "../../flow/spool/letter-filter.ts";
import { purgeLetters, redriveLetters, type LettersActed, type LetterSpan } from "../../flow/spool/redrive.ts";
import type { Spool } from "../../flow/spool/spool.ts";
import type { Log } from "../../observe/log.ts";
import { tellLetters } from "../control/dead-command.ts";
import { endedMidway, onSpool } from "../operate-running.ts";
import { counted, type Output } from "../output.ts";
import { ProgressLine } from "../spool-progress.ts";
import { ACT_ANSWER_MS_MAX, askRunning, commandLog, configMissing, runningStatus, userName } from "../spool-running.ts";
import { countLetters, countsAsObject, countsText, sumOf, type LetterCounts } from "./letter-counts.ts";

export type LetterAction = "redrive" | "purge";

export interface LetterActOptions {
  readonly action: LetterAction;
  /** Null: of all destinations. */
  readonly destination: string | null;
  readonly filter: LetterFilter;
  /** Configuration file; null: only the data folder is known. */
  readonly config: string | null;
  /** The data folder; where a configuration is named, that one's counts. */
  readonly data: string;
  /** False: only count. */
  readonly yes: boolean;
  readonly json: boolean;
  readonly environment: Environment;
  /** As it was given, to be given again with `--yes`. */
  readonly given: string;
}

/** What became of one destination's letters. */
interface Outcome extends Pick<LettersActed, "done" | "skipped" | "state"> {
  readonly destination: string;
}

const EXIT_OK = 0;
const EXIT_NOT_DONE = 1;
const DOING = { redrive: "redriving dead letters", purge: "purging dead letters" } as const satisfies Record<LetterAction, string>;
const DONE = { redrive: "redriven", purge: "purged" } as const satisfies Record<LetterAction, string>;

/**
 * Counts, and acts when that is wanted.
 *
 * @returns Exit status: 0, or 1 when nothing was done for want of `--yes`.
 * @throws SidestreamError `SST_COMMAND_INVALID` for a destination that is none, or when the program doesn't run and no
 * configuration was named; `SST_SPOOL_FULL` when a destination's log has no room for all; `SST_SPOOL_LOCKED` when the
 * program runs and doesn't answer; what the logs say.
 */
export async function runDeadAct(options: LetterActOptions, out: Output, log: Pick<Log, "warn"> = commandLog()): Promise<number> {
  const { action, config, destination, environment, filter, json, yes } = options;
  const loaded = config === null ? null : await loadConfiguration(config, { environment });
  const data = loaded?.settings.dataFolder ?? options.data;
  const all = await countLetters({ data, destination, filter }, out);
  const { running, configured } = await configuredNames(loaded, data);
  if (yes && configured === null) throw await configMissing(data, "to know which destinations there are");
  const orphans = [...new Set(all.rows.map((row) => row.destination))].filter((name) => configured?.has(name) === false);
  if (destination !== null && configured?.has(destination) === false) throw orphanError(action, destination);
  const meant = withoutOrphans(all, orphans);
  const outcomes = yes ? await act({ options: { ...options, data }, loaded, running, log }, meant, out) : [];
  out.stdout(json ? asJson(options, meant, orphans, outcomes) : asText(options, meant, orphans, outcomes));
  for (const outcome of outcomes) if (outcome.state !== "done") throw fullError(action, outcome);
  return yes ? EXIT_OK : EXIT_NOT_DONE;
}

/** Null: nobody says which destinations there are. */
async function configuredNames(
  loaded: Loaded | null,
  data: string,
): Promise<{ readonly running: boolean; readonly configured: ReadonlySet<string> | null }> {
  const status = await runningStatus(data);
  if (status !== null) return { running: true, configured: new Set(status.destinations.map(({ destination }) => destination)) };
  return { running: false, configured: loaded === null ? null : new Set(loaded.settings.destinations.map(({ name }) => name)) };
}

function withoutOrphans(all: LetterCounts, orphans: readonly string[]): LetterCounts {
  const rows = all.rows.filter(({ destination }) => !orphans.includes(destination));
  return { ...all, rows, ...sumOf(rows) };
}

interface Acting {
  readonly options: LetterActOptions;
  readonly loaded: Loaded | null;
  readonly running: boolean;
  readonly log: Pick<Log, "warn">;
}

async function act(acting: Acting, meant: LetterCounts, out: Output): Promise<readonly Outcome[]> {
  const line = new ProgressLine(out);
  const names = [...new Set(meant.rows.map(({ destination }) => destination))];
  const outcomes: Outcome[] = [];
  try {
    for (const name of names) {
      const { letters } = sumOf(meant.rows.filter(({ destination }) => destination === name));
      const onDone = (done: number): void => line.at(`${DOING[acting.options.action]} of ${name}`, `${done} of ${letters}`);
      outcomes.push(acting.running ? await actRunning(acting, name, onDone) : await actOnDisk(acting, name, onDone));
    }
  } finally {
    line.end();
  }
  return outcomes;
}

/** Asks until all that were there at the first time are through, or nothing moves any more. */
async function actRunning({ options }: Acting, destination: string, onDone: (done: number) => void): Promise<Outcome> {
  const { action, data, filter, environment } = options;
  let span: LetterSpan = { from: 0, to: null };
  let done = 0;
  let skipped = 0;
  for (;;) {
    const call: LettersCall = { destination, filter, span };
    const payload = { ...call, action, user: userName(environment) };
    const answer = (await askRunning(data, "dead", payload, ACT_ANSWER_MS_MAX)) as LettersActed | null;
    if (answer === null) throw endedMidway(`after at least ${counted(done, "dead letter")} of ${destination} were ${DONE[action]}`);
    done += answer.done;
    skipped += answer.skipped;
    if (answer.state === "done" || (answer.state === "full" && answer.done === 0))
      return { destination, done, skipped, state: answer.state };
    span = answer.span;
    onDone(done);
  }
}

async function actOnDisk({ options, loaded, log }: Acting, destination: string, onDone: (done: number) => void): Promise<Outcome> {
  if (loaded === null) throw await configMissing(options.data, "to know which destinations there are");
  return await onSpool(loaded, [destination], log, async (spool) => {
    const acted = await actOn(spool, destination, options, onDone);
    tellLetters(log, { ...options, ...acted, destination, user: userName(options.environment) });
    const { done, skipped, state } = acted;
    return { destination, done, skipped, state };
  });
}

async function actOn(
  { logs, deadLetters }: Spool,
  destination: string,
  { action, filter }: LetterActOptions,
  onDone: (done: number) => void,
): Promise<LettersActed> {
  const log = logs.get(destination);
  const letters = deadLetters.get(destination);
  if (log === undefined || letters === undefined) throw new Error(`the logs of ${destination} were not opened`);
  return await letters.turns.run((signal) => {
    const settings = { letters, filter, span: { from: 0, to: null }, waitMsMax: Number.POSITIVE_INFINITY, signal, onDone };
    return action === "purge" ? purgeLetters(settings) : redriveLetters({ ...settings, log, waitsForRoom: false });
  });
}

function orphanError(action: LetterAction, name: string): SidestreamError {
  const why = `no destination is named "${name}"`;
  const next =
    action === "redrive"
      ? `so its dead letters can't be sent: name a destination so in the configuration, restart, and redrive then. \`sidestream spool purge ${name}\` removes them, with the rest of its log`
      : `so its log is an orphan: \`sidestream spool purge ${name}\` removes it with its dead letters`;
  return new SidestreamError("SST_COMMAND_INVALID", `${why}, ${next}`);
}

function fullError(action: LetterAction, { destination, done }: Outcome): SidestreamError {
  const why = `the log of ${destination} is half full, and the rest of it is left to its own messages`;
  const next = "give the command again once it is emptier, which it becomes while the program runs and the destination is up";
  return new SidestreamError("SST_SPOOL_FULL", `${why}: ${counted(done, "dead letter")} ${DONE[action]}, the others stay; ${next}`);
}

function asJson({ action, yes }: LetterActOptions, meant: LetterCounts, orphans: readonly string[], outcomes: readonly Outcome[]): string {
  return `${JSON.stringify({ action, carriedOut: yes, ...countsAsObject(meant), orphaned: orphans, outcomes }, null, 2)}\n`;
}

function asText(
  { action, yes, given }: LetterActOptions,
  meant: LetterCounts,
  orphans: readonly string[],
  outcomes: readonly Outcome[],
): string {
  const told = outcomes.map(({ destination, done, skipped }) => {
    const where = action === "redrive" ? `: they wait in the log of ${destination}, which delivers while the program runs` : "";
    const left = skipped === 0 ? "" : `; ${skipped} without a topic stay`;
    return `${counted(done, "dead letter")} of ${destination} ${DONE[action]}${done === 0 ? "" : where}${left}.\n`;
  });
  const next = yes || meant.letters === 0 ? "" : `Nothing was done. To ${action} them: sidestream dead ${action} ${given}--yes\n`;
  const aside = orphans.map(
    (name) => `${name} is left out: no destination is named so. Its dead letters go with \`sidestream spool purge ${name}\`.\n`,
  );
  return [countsText(meant, action === "purge"), ...aside, next, ...told].join("");
}

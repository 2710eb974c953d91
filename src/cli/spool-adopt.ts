/**
 * `sidestream spool adopt LOG DESTINATION`: has a destination deliver what waits in a log whose own destination is gone.
 *
 * Promise: the running program carries it out; where none runs it is done on the spool, under its lock. Ended midway, it
 * goes on where it was when it is given again.
 */
import { join } from "node:path";
import { loadConfiguration, type Loaded } from "../config/load.ts";
import { SidestreamError } from "../errors.ts";
import { configuredError, OrphanActs } from "../flow/orphan-acts.ts";
import type { Adopted } from "../flow/spool/adopt.ts";
import { disk } from "../flow/spool/disk.ts";
import { DEAD_FOLDER } from "../flow/spool/folders.ts";
import type { Log } from "../observe/log.ts";
import { tellAdopted } from "./control-commands.ts";
import { endedMidway, onSpool } from "./operate-running.ts";
import { counted, type Output } from "./output.ts";
import { ProgressLine } from "./spool-progress.ts";
import {
  ACT_ANSWER_MS_MAX,
  askRunning,
  commandLog,
  configMissing,
  destinationOf,
  userName,
  type OrphanActOptions,
} from "./spool-running.ts";

export interface AdoptOptions extends OrphanActOptions {
  readonly destination: string;
}

const EXIT_OK = 0;

/**
 * Adopts all that waits.
 *
 * @returns Exit status 0.
 * @throws SidestreamError `SST_COMMAND_INVALID` for a log that is no orphan, a destination that is none, or when the
 * program doesn't run and no configuration was named; `SST_SPOOL_FULL` when the destination's log has no room for all of
 * it; `SST_SPOOL_LOCKED` when the program runs and doesn't answer; what the logs say.
 */
export async function runSpoolAdopt(options: AdoptOptions, out: Output, log: Pick<Log, "warn"> = commandLog()): Promise<number> {
  const { config, environment, destination, json } = options;
  const loaded = config === null ? null : await loadConfiguration(config, { environment });
  if (loaded !== null) {
    destinationOf(loaded, destination);
    if (loaded.settings.destinations.some(({ name }) => name === options.log)) throw configuredError(options.log);
  }
  const data = loaded?.settings.dataFolder ?? options.data;
  const line = new ProgressLine(out);
  let adopted: Adopted;
  try {
    adopted = (await adoptRunning(data, options, line)) ?? (await adoptOnDisk(loaded, options, line, log));
  } finally {
    line.end();
  }
  if (adopted.state !== "done") throw fullError(options, adopted);
  const hasLetters = await disk.exists(join(data, DEAD_FOLDER, options.log));
  out.stdout(json ? `${JSON.stringify({ ...adopted, deadLetters: hasLetters }, null, 2)}\n` : text(options, adopted, hasLetters));
  return EXIT_OK;
}

/** Asks until all is moved, or nothing moves any more. @returns Null: no program runs on the data folder. */
async function adoptRunning(data: string, options: AdoptOptions, line: ProgressLine): Promise<Adopted | null> {
  const { log, destination, environment } = options;
  const payload = { log, destination, user: userName(environment) };
  let all = 0;
  for (;;) {
    const answer = (await askRunning(data, "adopt", payload, ACT_ANSWER_MS_MAX)) as Adopted | null;
    if (answer === null && all === 0) return null;
    if (answer === null) throw endedMidway(`after ${all} messages of ${log} were moved`);
    all += answer.moved;
    if (answer.state === "done" || (answer.state === "full" && answer.moved === 0)) return { ...answer, moved: all };
    showMoved(line, options, `${counted(all, "message")} moved, ${answer.left} left`);
  }
}

async function adoptOnDisk(loaded: Loaded | null, options: AdoptOptions, line: ProgressLine, log: Pick<Log, "warn">): Promise<Adopted> {
  if (loaded === null) throw await configMissing(options.data, "to know which logs are orphaned");
  const { dataFolder, destinations } = loaded.settings;
  return await onSpool(loaded, [options.destination], log, async (spool, onFinding) => {
    const configured = destinations.map(({ name }) => name);
    const acts = new OrphanActs({ disk, dataFolder, configured, found: spool.orphaned, logs: spool.logs, onFinding });
    const onMoved = (moved: number) => showMoved(line, options, `${counted(moved, "message")} moved`);
    const adopted = await acts.adopt(options, { waitMsMax: Number.POSITIVE_INFINITY, waitsForRoom: false, onMoved });
    tellAdopted(log, { log: options.log, destination: options.destination, user: userName(options.environment), ...adopted });
    return adopted;
  });
}

function showMoved(line: ProgressLine, { log, destination }: AdoptOptions, text: string): void {
  line.at(`adopting ${log} into ${destination}`, text);
}

function fullError({ log, destination }: AdoptOptions, { moved, left }: Adopted): SidestreamError {
  const why = `the log of ${destination} is half full, and the rest of it is left to its own messages`;
  const next = "give the command again once it is emptier, which it becomes while the program runs and the destination is up";
  return new SidestreamError("SST_SPOOL_FULL", `${why}: ${counted(moved, "message")} of ${log} moved, ${left} left; ${next}`);
}

function text({ log, destination }: AdoptOptions, { moved, left, damaged }: Adopted, hasLetters: boolean): string {
  const parts = [`${counted(moved, "message")} of ${log} moved to the log of ${destination}, which delivers while the program runs.\n`];
  if (damaged) parts.push(`Damage was found in ${log}: what can be read was moved. Its files stay for whoever wants to look at them.\n`);
  else parts.push(`Nothing waits in ${log} any more: it is removed.\n`);
  if (left > 0) parts.push(`${counted(left, "message")} of ${log} can't be read any more.\n`);
  if (hasLetters) parts.push(`Its dead letters stay: \`sidestream spool export ${log} --dead\` prints them.\n`);
  if (hasLetters || damaged) parts.push(`\`sidestream spool purge ${log}\` removes what is left.\n`);
  return parts.join("");
}

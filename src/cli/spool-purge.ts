/**
 * `sidestream spool purge LOG`: removes a log whose destination is gone, with its dead letters.
 *
 * Promise: what is in it is told first, and without `--yes` that is all. The running program carries it out; where none
 * runs it is done on the disk, under the lock. A log that a configuration names is refused.
 */
import { join } from "node:path";
import { loadConfiguration, type Loaded } from "../config/load.ts";
import { configuredError, OrphanActs, unknownOrphan } from "../flow/orphan-acts.ts";
import { disk } from "../flow/spool/disk.ts";
import { ARCHIVE_FOLDER } from "../flow/spool/folders.ts";
import { inspectArchive } from "../flow/spool/inspect-archive.ts";
import { lockDataFolder } from "../flow/spool/lock.ts";
import { orphanedLogs } from "../flow/spool/orphans.ts";
import { bytesText } from "../observe/bytes-text.ts";
import type { Log } from "../observe/log.ts";
import { tellPurged } from "./control-commands.ts";
import { orphanReport, type OrphanReport } from "./orphan-report.ts";
import { counted, type Output } from "./output.ts";
import { ProgressLine } from "./spool-progress.ts";
import {
  ACT_ANSWER_MS_MAX,
  askRunning,
  commandLog,
  configMissing,
  runningStatus,
  userName,
  type OrphanActOptions,
} from "./spool-running.ts";
import { showProgress } from "./spool.ts";

export interface PurgeOptions extends OrphanActOptions {
  /** False: only tell what is in it. */
  readonly yes: boolean;
}

const EXIT_OK = 0;
const EXIT_NOT_DONE = 1;

/**
 * Tells what is in an orphaned log, and removes it when that is wanted.
 *
 * @returns Exit status: 0, or 1 when nothing was removed for want of `--yes`.
 * @throws SidestreamError `SST_COMMAND_INVALID` for a log that is no orphan, or when the program doesn't run and no
 * configuration was named; `SST_SPOOL_LOCKED` when the program runs and doesn't answer; what the disk says.
 */
export async function runSpoolPurge(options: PurgeOptions, out: Output, log: Pick<Log, "warn"> = commandLog()): Promise<number> {
  const { config, environment, json, yes } = options;
  const loaded = config === null ? null : await loadConfiguration(config, { environment });
  const data = loaded?.settings.dataFolder ?? options.data;
  await assertOrphaned(loaded, data, options.log);
  const held = await heldBy(data, options.log, out);
  if (yes) await purge(loaded, data, options, log);
  const { log: name } = options;
  const { archived, deadLetters, bytes, problems } = held;
  out.stdout(
    json
      ? `${JSON.stringify({ log: name, purged: yes, messages: held.pending, deadLetters, archived, bytes, problems }, null, 2)}\n`
      : text(options, held),
  );
  return yes ? EXIT_OK : EXIT_NOT_DONE;
}

/** By the running program's configuration, and by the one that was named. */
async function assertOrphaned(loaded: Loaded | null, data: string, log: string): Promise<void> {
  const status = await runningStatus(data);
  if (status === null && loaded === null) throw await configMissing(data, "to know which logs are orphaned");
  const running = status?.destinations.map(({ destination }) => destination) ?? [];
  const configured = new Set([...running, ...(loaded?.settings.destinations.map(({ name }) => name) ?? [])]);
  if (configured.has(log)) throw configuredError(log);
  const names = await orphanedLogs({ disk, dataFolder: data }, (name) => configured.has(name));
  if (!names.includes(log)) throw unknownOrphan(log, names);
}

interface Held extends OrphanReport {
  /** Messages of its archive. */
  readonly archived: number;
}

async function heldBy(dataFolder: string, log: string, out: Output): Promise<Held> {
  const line = new ProgressLine(out);
  try {
    const report = await orphanReport(dataFolder, log, (progress) => showProgress(line, progress));
    if (!(await disk.exists(join(dataFolder, ARCHIVE_FOLDER, log)))) return { ...report, archived: 0 };
    line.at(`reading ${ARCHIVE_FOLDER}/${log}`, "");
    const { messages, bytes } = await inspectArchive(disk, dataFolder, log, false);
    return { ...report, archived: messages, bytes: report.bytes + bytes };
  } finally {
    line.end();
  }
}

async function purge(loaded: Loaded | null, data: string, { log: name, environment }: PurgeOptions, log: Pick<Log, "warn">): Promise<void> {
  const user = userName(environment);
  if ((await askRunning(data, "purge", { log: name, user }, ACT_ANSWER_MS_MAX)) !== null) return;
  if (loaded === null) throw await configMissing(data, "to know which logs are orphaned");
  const lock = await lockDataFolder(data);
  try {
    const configured = loaded.settings.destinations.map((destination) => destination.name);
    const acts = new OrphanActs({ disk, dataFolder: data, configured, found: [], logs: new Map(), onFinding: () => undefined });
    await acts.purge({ log: name });
    tellPurged(log, { log: name, user });
  } finally {
    lock.release();
  }
}

function text({ log, yes, data, config }: PurgeOptions, { pending, deadLetters, archived, bytes, problems }: Held): string {
  const waiting = pending === null ? "messages that can't be counted" : `${counted(pending, "message")} waiting`;
  const inArchive = archived === 0 ? "" : `, ${counted(archived, "archived message")} that could be replayed`;
  const held = `${waiting}, ${counted(deadLetters, "dead letter")}${inArchive}, ${bytesText(bytes)} in all`;
  const damage = problems === 0 ? "" : "It is damaged: `sidestream spool inspect` tells how.\n";
  if (yes) return `Removed for good: the log ${log} with ${held}.\n`;
  const place = config === null ? `--data ${data}` : `--config ${config}`;
  return `The orphaned log ${log} has ${held}.\n${damage}Nothing was removed. To remove it for good: sidestream spool purge ${log} ${place} --yes\n`;
}

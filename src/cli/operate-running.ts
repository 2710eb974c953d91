/** What the commands that operate on destinations and tenants share. */
import { loadConfiguration, type Loaded } from "../config/load.ts";
import type { Environment } from "../config/secrets.ts";
import { SidestreamError } from "../errors.ts";
import { disk } from "../flow/spool/disk.ts";
import type { SpoolFinding } from "../flow/spool/findings.ts";
import { lockDataFolder } from "../flow/spool/lock.ts";
import { Spool } from "../flow/spool/spool.ts";
import { spoolDestination } from "../flow/spool-destination.ts";
import { eventBytesMax } from "../flow/spool-room.ts";
import type { Log } from "../observe/log.ts";
import { unknownDestination } from "../flow/unknown-destination.ts";
import { configMissing, destinationOf, runningStatus } from "./spool-running.ts";
import type { StatusReport } from "./status-report.ts";

export interface OperateOptions {
  /** Configuration file; null: only the data folder is known. */
  readonly config: string | null;
  /** The data folder; where a configuration is named, that one's counts. */
  readonly data: string;
  readonly json: boolean;
  readonly environment: Environment;
}

/** Where a command works. */
export interface Place {
  /** Null: no configuration was named. */
  readonly loaded: Loaded | null;
  readonly data: string;
  /** Null: no program runs. */
  readonly status: StatusReport | null;
  /** Names of the destinations: the running program's, else the configuration's. */
  readonly destinations: readonly string[];
}

/**
 * Finds out whether a program runs, and which destinations there are.
 *
 * @param why - What a configuration is needed for where none runs.
 * @throws SidestreamError `SST_COMMAND_INVALID` where none runs and none was named.
 */
export async function placeToOperate({ config, data: named, environment }: OperateOptions, why: string): Promise<Place> {
  const loaded = config === null ? null : await loadConfiguration(config, { environment });
  const data = loaded?.settings.dataFolder ?? named;
  const status = await runningStatus(data);
  if (status === null && loaded === null) throw await configMissing(data, why);
  const destinations = status?.destinations.map(({ destination }) => destination) ?? loaded?.settings.destinations.map(({ name }) => name);
  return { loaded, data, status, destinations: destinations ?? [] };
}

/** @throws SidestreamError `SST_COMMAND_INVALID`, with the name that may be meant. */
export function assertDestination({ destinations }: Place, name: string): void {
  if (!destinations.includes(name)) throw unknownDestination(name, destinations);
}

/** Carries an act out on the spool where no program runs, under its lock. @param names - The logs that are opened. */
export async function onSpool<Result>(
  { settings }: Loaded,
  names: readonly string[],
  log: Pick<Log, "warn">,
  act: (spool: Spool, onFinding: (name: string, finding: SpoolFinding) => void) => Promise<Result>,
): Promise<Result> {
  const { dataFolder, limits } = settings;
  const lock = await lockDataFolder(dataFolder);
  try {
    const onFinding = (name: string, finding: SpoolFinding) => log.warn({ log: name, ...finding }, `${finding.path}: ${finding.text}`);
    const destinations = names.map((name) => spoolDestination(destinationOf({ settings } as Loaded, name), eventBytesMax(settings)));
    const spool = await Spool.open({ disk, dataFolder, destinations, topicsMax: limits.topicsMax, onFinding });
    try {
      return await act(spool, onFinding);
    } finally {
      await spool.close();
    }
  } finally {
    lock.release();
  }
}

/** The program that was asked before doesn't answer any more. */
export function endedMidway(what: string): SidestreamError {
  return new SidestreamError("SST_STATUS_UNREACHABLE", `the program ended, or doesn't answer any more, ${what}: give the command again`);
}

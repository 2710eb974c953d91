/** Commands that the running program carries out, and that are done on the spool where none runs. */
import { userInfo } from "node:os";
import { askControlSocket } from "../admin/control-socket.ts";
import type { Loaded } from "../config/load.ts";
import type { Environment } from "../config/secrets.ts";
import { isSidestreamError, SidestreamError } from "../errors.ts";
import type { DestinationSettings } from "../flow/settings.ts";
import { unknownDestination } from "../flow/unknown-destination.ts";
import { createLog, type Log } from "../observe/log.ts";
import { assertDataFolder } from "./data-folder.ts";
import type { StatusReport } from "./status-report.ts";

/** A little more than the engine has for one answer. */
export const ACT_ANSWER_MS_MAX = 110_000;
const STATUS_MS_MAX = 10_000;

/** What every act on an orphaned log is given. */
export interface OrphanActOptions {
  /** Name of the orphaned log. */
  readonly log: string;
  /** Configuration file; null: only the data folder is known. */
  readonly config: string | null;
  /** The data folder; where a configuration is named, that one's counts. */
  readonly data: string;
  readonly json: boolean;
  readonly environment: Environment;
}

/**
 * Asks the program that runs on a data folder.
 *
 * @param waitMsMax - Milliseconds for the answer.
 * @returns Null when no program runs on it.
 * @throws SidestreamError what the program answered.
 */
export async function askRunning(data: string, command: string, payload: unknown, waitMsMax: number): Promise<unknown> {
  try {
    return await askControlSocket(data, command, payload, waitMsMax);
  } catch (error) {
    // A path that is too long for a socket has none. If a program runs all the same, its lock says so.
    if (isSidestreamError(error) && (error.code === "SST_STATUS_UNREACHABLE" || error.code === "SST_LISTEN_FAILED")) return null;
    throw error;
  }
}

/** Asks how the program does that runs on a data folder. @returns Null when none runs. */
export async function runningStatus(data: string): Promise<StatusReport | null> {
  return (await askRunning(data, "status", null, STATUS_MS_MAX)) as StatusReport | null;
}

/**
 * Where no program runs, its configuration says what belongs to the spool.
 *
 * @throws SidestreamError `SST_DATA_MISSING` where the folder is what is wrong.
 */
export async function configMissing(data: string, why: string): Promise<SidestreamError> {
  await assertDataFolder(data);
  return new SidestreamError("SST_COMMAND_INVALID", `no sidestream runs in ${data}: name its configuration with --config, ${why}`);
}

/** @throws SidestreamError `SST_COMMAND_INVALID` when the configuration has no destination of that name. */
export function destinationOf({ settings: { destinations } }: Loaded, name: string): DestinationSettings {
  const found = destinations.find((destination) => destination.name === name);
  if (found !== undefined) return found;
  throw unknownDestination(
    name,
    destinations.map((destination) => destination.name),
  );
}

/** The log of a command itself: what it finds and changes, where no program does. */
export function commandLog(): Log {
  return createLog({ level: "warn", name: "sidestream" });
}

/** Who gives the command. Whoever became another user with sudo is told by both names. */
export function userName({ SUDO_USER: behind }: Environment): string {
  let name: string;
  try {
    name = userInfo().username;
  } catch {
    // In a container a user may have a number alone.
    name = `user ${process.getuid?.() ?? "unknown"}`;
  }
  return behind === undefined || behind === "" ? name : `${behind} as ${name}`;
}

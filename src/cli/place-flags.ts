/** Options of the commands that have to do with a data folder. */
import type { Command } from "commander";
import { resolve } from "node:path";
import { loadConfiguration } from "../config/load.ts";
import { QUICK_DATA_FOLDER } from "../config/quick.ts";
import type { Environment } from "../config/secrets.ts";
import { SidestreamError } from "../errors.ts";

export interface PlaceFlags {
  readonly config?: string;
  readonly data?: string;
  readonly json?: boolean;
}

const NAMES_FOLDER = "configuration that names the data folder, instead of --data";
/** For a command that the running program carries out, or that is done on the spool where none runs. */
export const NEEDED_WHERE_NONE_RUNS =
  "configuration that names the data folder and the destinations, instead of --data; needed where the program doesn't run";

export function withPlace(command: Command, configAbout = NAMES_FOLDER): Command {
  return command.option("--config <file>", configAbout).option("--data <dir>", `data folder (default: ${QUICK_DATA_FOLDER})`);
}

export function withPlaceAndJson(command: Command, configAbout = NAMES_FOLDER): Command {
  return withPlace(command, configAbout).option("--json", "print as JSON");
}

/** For a command that needs no more of a configuration than its data folder. */
export async function dataFolder(flags: PlaceFlags, environment: Environment): Promise<string> {
  const { config, data } = placeOf(flags);
  return config === null ? data : (await loadConfiguration(config, { environment })).settings.dataFolder;
}

/** Where a configuration is named, its data folder counts. @throws SidestreamError `SST_COMMAND_INVALID` for both. */
export function placeOf({ config, data }: PlaceFlags): { readonly config: string | null; readonly data: string } {
  if (config === undefined || data === undefined) return { config: config ?? null, data: resolve(data ?? QUICK_DATA_FOLDER) };
  throw new SidestreamError("SST_COMMAND_INVALID", "--config and --data can't be used together: a configuration names its data folder");
}

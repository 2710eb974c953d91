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

export function withPlace(command: Command): Command {
  return command
    .option("--config <file>", "configuration that names the data folder")
    .option("--data <dir>", `data folder (default: ${QUICK_DATA_FOLDER})`);
}

export function withPlaceAndJson(command: Command): Command {
  return withPlace(command).option("--json", "print as JSON");
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

/** Where the states of records are, and how far back they may be asked for. */
import { join } from "node:path";
import { loadConfiguration } from "../../config/load.ts";
import type { Environment } from "../../config/secrets.ts";
import { formatDuration } from "../../driver/quantity.ts";
import { SidestreamError } from "../../errors.ts";
import { RecordStatesReader } from "../../sources/acapy-journal/record-states-reader.ts";
import { STATES_FILE } from "../../sources/acapy-journal/record-states.ts";
import { assertDataFolder } from "../data-folder.ts";
import { placeOf, type PlaceFlags } from "../place-flags.ts";

const JOURNAL_TYPE = "acapy-journal";

export interface States {
  readonly dataFolder: string;
  readonly path: string;
}

/**
 * Finds the file, and refuses to ask it for what it doesn't keep.
 *
 * @throws SidestreamError `SST_COMMAND_INVALID`, `SST_DATA_MISSING`, and what loading a configuration says.
 */
export async function findStates(flags: PlaceFlags, since: string, sinceMs: number, environment: Environment): Promise<States> {
  const { config, data } = placeOf(flags);
  const { dataFolder, keepMs } = config === null ? { dataFolder: data, keepMs: null } : await fromConfiguration(config, environment);
  await assertDataFolder(dataFolder);
  const path = join(dataFolder, STATES_FILE);
  const refuse = (reason: string): never => {
    throw new SidestreamError("SST_COMMAND_INVALID", `--since ${since}: ${reason}`);
  };
  if (sinceMs > Date.now()) refuse("it is still to come");
  if (keepMs !== null && sinceMs < Date.now() - keepMs)
    refuse(`the states of records are kept for ${formatDuration(keepMs)}, as \`keepStates\` says; what is older can't be told`);
  const completeSinceMs = completeSince(path);
  if (sinceMs < completeSinceMs)
    refuse(
      `the states of records are whole since ${new Date(completeSinceMs).toISOString()} only: they were begun then, or older ones were removed. Ask with that time, or a later one`,
    );
  return { dataFolder, path };
}

async function fromConfiguration(file: string, environment: Environment) {
  const { settings } = await loadConfiguration(file, { environment });
  const journals = settings.sources.filter(({ type }) => type === JOURNAL_TYPE);
  if (journals.length === 0)
    throw new SidestreamError("SST_COMMAND_INVALID", `${file} has no source of type ${JOURNAL_TYPE}, so no states of records are noted`);
  // Whichever keeps the shortest: of the others' records more is there.
  const keepMs = Math.min(...journals.map(({ options }) => (options as { readonly keepStates: number }).keepStates));
  return { dataFolder: settings.dataFolder, keepMs };
}

function completeSince(path: string): number {
  try {
    using reader = new RecordStatesReader(path);
    return reader.completeSinceMs;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** @throws SidestreamError `SST_DATA_MISSING`. */
export function openStates(path: string): RecordStatesReader {
  try {
    return new RecordStatesReader(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): SidestreamError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SidestreamError(
    "SST_DATA_MISSING",
    `no states of records can be read from ${path}: ${reason}; a source of type ${JOURNAL_TYPE} makes that file`,
    { cause },
  );
}

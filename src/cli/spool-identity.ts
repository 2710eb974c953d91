/**
 * `sidestream spool identity show|accept|reset DESTINATION`: what a destination is known by, and what to do when it is
 * another one.
 *
 * Promise: the running program carries it out; where none runs it is done on the spool, under its lock. What was before
 * is told before it is gone, and who decided stands in the log.
 */
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { loadConfiguration, type Loaded } from "../config/load.ts";
import type { DestinationIdentity, DestinationMemory } from "../driver/destination.ts";
import { destinationDriver } from "../driver/registry.ts";
import { SidestreamError } from "../errors.ts";
import { actOnIdentity, type IdentityAction } from "../flow/identity-act.ts";
import type { DestinationSettings } from "../flow/settings.ts";
import { DestinationLog } from "../flow/spool/destination-log.ts";
import { disk } from "../flow/spool/disk.ts";
import { lockDataFolder } from "../flow/spool/lock.ts";
import { SPOOL_FOLDER } from "../flow/spool/folders.ts";
import type { Log } from "../observe/log.ts";
import { type IdentityAnswer, tellDecision } from "./control-commands.ts";
import { table, type TextOutput } from "./output.ts";
import { askRunning, commandLog, configMissing, destinationOf, userName } from "./spool-running.ts";
import { ThrowawayMemory } from "./throwaway-memory.ts";

export interface IdentityOptions {
  readonly action: IdentityAction;
  readonly destination: string;
  /** Configuration file; null: only the data folder is known. */
  readonly config: string | null;
  /** The data folder; where a configuration is named, that one's counts. */
  readonly data: string;
  readonly json: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const EXIT_OK = 0;
/** The running program ends sending first: twice the time that the engine has for one act. */
const ANSWER_MS_MAX = 80_000;

const MEANING: Readonly<Record<IdentityAction, string>> = {
  show: "",
  accept:
    "The cluster and topics that are there now are the ones that are meant: what is pending goes there. What was in doubt may arrive twice.",
  reset:
    "Who this log was at the destination is forgotten: it gets a new identity there, and its numbers begin anew. What was in doubt may arrive twice.",
};

/**
 * Shows or decides.
 *
 * @returns Exit status 0.
 * @throws SidestreamError `SST_COMMAND_INVALID` when there is no such destination, or it has no identity (as files), or
 * the program doesn't run and no configuration was named; `SST_SPOOL_LOCKED` when it runs and doesn't answer; what the
 * spool says.
 */
export async function runSpoolIdentity(options: IdentityOptions, out: TextOutput, log: Pick<Log, "warn"> = commandLog()): Promise<number> {
  const { action, destination, config, environment, json } = options;
  const loaded = config === null ? null : await loadConfiguration(config, { environment });
  if (loaded !== null) identityOf(loaded, destination);
  const user = userName(environment);
  const data = loaded?.settings.dataFolder ?? options.data;
  const asked = (await askRunning(data, "identity", { destination, action, user }, ANSWER_MS_MAX)) as IdentityAnswer | null;
  const answer = asked ?? (await actOnSpool(loaded, options, user, log));
  out.stdout(json ? `${JSON.stringify(forPrograms(options, answer), null, 2)}\n` : text(options, answer));
  return EXIT_OK;
}

async function actOnSpool(
  loaded: Loaded | null,
  { action, destination, data }: IdentityOptions,
  user: string,
  log: Pick<Log, "warn">,
): Promise<IdentityAnswer> {
  if (loaded === null) throw await configMissing(data, "to open its spool");
  const { settings, identity } = identityOf(loaded, destination);
  const { dataFolder } = loaded.settings;
  const folder = join(dataFolder, SPOOL_FOLDER, destination);
  if (!(await disk.exists(folder))) {
    if (action === "show") return act(identity, new ThrowawayMemory(), action, destination);
    throw new SidestreamError("SST_COMMAND_INVALID", `${dataFolder} has no log of ${destination} yet, so there is nothing to decide`);
  }
  const lock = await lockDataFolder(dataFolder);
  try {
    const answer = await withMemory(loaded, settings, folder, log, (memory) => act(identity, memory, action, destination));
    if (action !== "show") tellDecision(log, { destination, action, user, ...answer });
    return answer;
  } finally {
    lock.release();
  }
}

async function withMemory<Result>(
  { settings: { limits } }: Loaded,
  { name, spool }: DestinationSettings,
  folder: string,
  log: Pick<Log, "warn">,
  use: (memory: DestinationMemory) => Promise<Result>,
): Promise<Result> {
  const opened = await DestinationLog.open({
    disk,
    folder,
    destination: name,
    bytesMax: spool.bytesMax,
    topicsMax: limits.topicsMax,
    numbered: true,
    onFinding: (finding) => log.warn({ destination: name, ...finding }, `${finding.path}: ${finding.text}`),
  });
  try {
    return await use(opened.memory);
  } finally {
    await opened.close();
  }
}

async function act(
  identity: DestinationIdentity,
  memory: DestinationMemory,
  action: IdentityAction,
  destination: string,
): Promise<IdentityAnswer> {
  const before = identity.show(memory);
  return { before, after: await actOnIdentity(identity, memory, action, destination) };
}

/** @throws SidestreamError `SST_COMMAND_INVALID` for a name or a type that won't do. */
function identityOf(loaded: Loaded, name: string): { settings: DestinationSettings; identity: DestinationIdentity } {
  const found = destinationOf(loaded, name);
  const identity = destinationDriver(found.type)?.identity;
  if (identity === undefined)
    throw new SidestreamError(
      "SST_COMMAND_INVALID",
      `destination "${name}" is of type ${found.type}, which has no identity to decide about`,
    );
  return { settings: found, identity };
}

function forPrograms({ destination, action }: IdentityOptions, { before, after }: IdentityAnswer): unknown {
  const named = (rows: IdentityAnswer["before"]) => rows.map(([name, value]) => ({ name, value }));
  return action === "show"
    ? { destination, action, identity: named(after) }
    : { destination, action, before: named(before), after: named(after) };
}

function text({ action, destination }: IdentityOptions, { before, after }: IdentityAnswer): string {
  if (action === "show") return rowsText(after);
  if (isDeepStrictEqual(before, after)) return `${rowsText(after)}\nThere was nothing to decide: all is as it was.\n`;
  return `${destination} before:\n${rowsText(before)}\n${destination} after:\n${rowsText(after)}\n${MEANING[action]}\n`;
}

function rowsText(rows: IdentityAnswer["before"]): string {
  return rows.length === 0 ? "Nothing is known: nothing was sent yet.\n" : table(["what", "value"], rows);
}

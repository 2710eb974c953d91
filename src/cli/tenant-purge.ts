/**
 * `sidestream tenant purge TENANT`: everything that is still held of a tenant goes, in all logs and dead letters.
 *
 * Promise: what there is is counted first, and without `--yes` that is all. What may be left is named, file by file. The
 * running program carries it out, log by log and some seconds at a time; where none runs it is done under the lock.
 */
import { join } from "node:path";
import { didYouMean } from "../flow/match/suggest.ts";
import { foldersOf, purgeOrphan } from "../flow/purge-tenant-act.ts";
import { countMessages } from "../flow/spool/count-messages.ts";
import { disk } from "../flow/spool/disk.ts";
import { DEAD_FOLDER, isLogFolder, SPOOL_FOLDER } from "../flow/spool/folders.ts";
import { mayHold } from "../flow/spool/tenant-frames.ts";
import { OTHER_TENANTS } from "../flow/spool/log-state.ts";
import { purgeTenant, type TenantPurged } from "../flow/spool/tenant-purge.ts";
import type { Log } from "../observe/log.ts";
import { tellTenantPurged } from "./control/operate-answers.ts";
import { assertDataFolder } from "./data-folder.ts";
import { endedMidway, onSpool, placeToOperate, type OperateOptions, type Place } from "./operate-running.ts";
import { counted, table, type Output } from "./output.ts";
import { ProgressLine } from "./spool-progress.ts";
import { ACT_ANSWER_MS_MAX, askRunning, commandLog, configMissing, userName } from "./spool-running.ts";

export interface TenantPurgeOptions extends OperateOptions {
  readonly tenant: string;
  /** False: only count. */
  readonly yes: boolean;
  /** The flags as they were given, to be given again. */
  readonly given: string;
}

const EXIT_OK = 0;
const EXIT_NOT_DONE = 1;

/** What one log holds of the tenant. */
interface HeldRow {
  readonly log: string;
  readonly waiting: number;
  /** Done, and still on the disk. */
  readonly done: number;
  readonly letters: number;
}

interface Held {
  readonly rows: readonly HeldRow[];
  /** Tenants that some log ever took messages of. */
  readonly tenants: ReadonlySet<string>;
}

/**
 * Counts, and removes where that is wanted.
 *
 * @returns Exit status: 0, also for a tenant that nobody knows; 1 when nothing was removed for want of `--yes`, or files
 * are left that can't be rewritten.
 * @throws SidestreamError `SST_COMMAND_INVALID` when the program doesn't run and no configuration was named;
 * `SST_SPOOL_LOCKED` when it runs and doesn't answer; what the logs say.
 */
export async function runTenantPurge(options: TenantPurgeOptions, out: Output, log: Pick<Log, "warn"> = commandLog()): Promise<number> {
  const { tenant, yes, json } = options;
  const place = await placeToOperate(options, "to open its logs");
  await assertDataFolder(place.data);
  const line = new ProgressLine(out);
  let held: Held;
  const purged: TenantPurged[] = [];
  let isKnown: boolean;
  try {
    held = await heldOf(place.data, tenant, line);
    isKnown = held.rows.length > 0 || held.tenants.has(tenant) || held.tenants.has(OTHER_TENANTS);
    if (yes && isKnown) purged.push(...(await purge(place, options, line, log)));
  } finally {
    line.end();
  }
  const left = purged.flatMap((each) => each.left);
  const sums = { messages: sum(purged, "messages"), letters: sum(purged, "letters") };
  if (json) out.stdout(`${JSON.stringify({ tenant, known: isKnown, purged: yes && isKnown, logs: held.rows, ...sums, left }, null, 2)}\n`);
  else out.stdout(isKnown ? text(options, held.rows, sums, left) : unknownText(tenant, held.tenants));
  return !isKnown || (yes && left.length === 0) ? EXIT_OK : EXIT_NOT_DONE;
}

/** Reads the logs on disk. */
async function heldOf(data: string, tenant: string, line: ProgressLine): Promise<Held> {
  const tenants = new Set<string>();
  const rows: HeldRow[] = [];
  for (const log of await logNames(data)) {
    const [folder = "", deadFolder = ""] = foldersOf(data, log);
    const countIn = async (
      kind: "messages" | "deadLetters",
      path: string,
    ): Promise<{ readonly waiting: number; readonly done: number }> => {
      if (!(await disk.exists(path))) return { waiting: 0, done: 0 };
      const { rows: found, known } = await countMessages({
        disk,
        folder: path,
        kind,
        isChosen: (message) => message.tenant === tenant,
        mayHold: (segment) => mayHold(segment, tenant),
        onProgress: (progress) => line.at(`reading ${log}`, progress),
      });
      for (const each of known.tenants) tenants.add(each);
      return { waiting: sum(found, "messages"), done: sum(found, "done") };
    };
    const [messages, letters] = [await countIn("messages", folder), await countIn("deadLetters", deadFolder)];
    const row = { log, waiting: messages.waiting, done: messages.done + letters.done, letters: letters.waiting };
    if (row.waiting + row.done + row.letters > 0) rows.push(row);
  }
  return { rows, tenants };
}

async function logNames(data: string): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const parent of [SPOOL_FOLDER, DEAD_FOLDER]) {
    const folder = join(data, parent);
    if (!(await disk.exists(folder))) continue;
    for (const name of await disk.listFolders(folder)) if (isLogFolder(name)) names.add(name);
  }
  return [...names].toSorted();
}

async function purge(
  place: Place,
  options: TenantPurgeOptions,
  line: ProgressLine,
  log: Pick<Log, "warn">,
): Promise<readonly TenantPurged[]> {
  const { tenant, environment } = options;
  const user = userName(environment);
  if (place.status === null) return await purgeOnSpool(place, tenant, user, log);
  const all: TenantPurged[] = [];
  for (const name of [...place.destinations, ...place.status.orphaned]) {
    let purged: TenantPurged | null = null;
    do {
      const call = { log: name, tenant, place: purged?.place ?? null, user };
      purged = (await askRunning(place.data, "purgeTenant", call, ACT_ANSWER_MS_MAX)) as TenantPurged | null;
      if (purged === null) throw endedMidway(`after tenant ${tenant} was purged from ${counted(all.length, "log")}`);
      all.push(purged);
      line.at(`purging tenant ${tenant}`, `${counted(sum(all, "messages"), "message")} gone, now ${name}`);
    } while (!purged.isThrough);
  }
  return all;
}

async function purgeOnSpool(
  { loaded, data, destinations }: Place,
  tenant: string,
  user: string,
  log: Pick<Log, "warn">,
): Promise<readonly TenantPurged[]> {
  if (loaded === null) throw await configMissing(data, "to open its logs");
  return await onSpool(loaded, destinations, log, async (spool) => {
    const all: TenantPurged[] = [];
    const took = (name: string, purged: TenantPurged): void => {
      tellTenantPurged(log, { ...purged, log: name, tenant, user });
      all.push(purged);
    };
    for (const [name, messages] of spool.logs) {
      const deadLetters = spool.deadLetters.get(name);
      if (deadLetters === undefined) continue;
      const common = { disk, folders: foldersOf(data, name), tenant, place: null, endMs: Number.POSITIVE_INFINITY };
      took(name, await purgeTenant({ ...common, log: messages, deadLetters }));
    }
    const onFinding = ({ path, text: found }: { readonly path: string; readonly text: string }) => log.warn({ path }, `${path}: ${found}`);
    for (const name of spool.orphaned)
      took(
        name,
        await purgeOrphan({ disk, dataFolder: data, onFinding, endMs: Number.POSITIVE_INFINITY }, { log: name, tenant, place: null }),
      );
    return all;
  });
}

function sum<Name extends string>(rows: readonly Readonly<Record<Name, number>>[], name: Name): number {
  return rows.reduce((all, row) => all + row[name], 0);
}

function unknownText(tenant: string, known: ReadonlySet<string>): string {
  const hint = didYouMean(tenant, [...known]);
  return `No log ever had a message of tenant "${tenant}"${hint === "" ? "." : hint} Nothing was purged.\n`;
}

function text(
  { tenant, yes, given }: TenantPurgeOptions,
  rows: readonly HeldRow[],
  gone: { readonly messages: number; readonly letters: number },
  left: readonly string[],
): string {
  const head = ["log", "waiting", "done, on disk", "dead letters"];
  const list =
    rows.length === 0
      ? `No message of tenant ${tenant} is held; files that are used again may still have bytes of old ones.\n`
      : `Of tenant ${tenant} there ${rows.length === 1 ? "is" : "are"}:\n${table(
          head,
          rows.map((row) => [row.log, row.waiting, row.done, row.letters]),
        )}`;
  if (!yes)
    return `${list}Nothing was removed. What comes of the tenant later is taken in as before: unassign it first. To remove all of it for good: sidestream tenant purge ${given} --yes\n`;
  const done = `Removed for good: ${counted(gone.messages, "message")} that waited, counted as dropped, reason purged, ${counted(gone.letters, "dead letter")}, and every byte of what was delivered.\n`;
  const stays = `The tenant's name stays where counts and topics have it. What comes of it from now on is taken in as before.\n`;
  if (left.length === 0) return list + done + stays;
  return `${list}${done}${stays}These files can't be read whole, so they stay, and may hold messages of the tenant. Remove them by hand while the program is stopped, once nothing in them is needed:\n${left.map((path) => `  ${path}\n`).join("")}`;
}

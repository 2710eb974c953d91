/**
 * `sidestream tenant purge TENANT`: everything that is still held of a tenant goes, in all logs, dead letters and the event log.
 *
 * Promise: what there is is counted first, and without `--yes` that is all. What may be left is named, file by file. The
 * running program carries it out, log by log and some seconds at a time; where none runs it is done under the lock.
 */
import type { EventsErased } from "../flow/event-log/tenant-erasing.ts";
import { eraseEventsOnDisk } from "../flow/kept-events.ts";
import { didYouMean } from "../flow/match/suggest.ts";
import { foldersOf, purgeOrphan } from "../flow/purge-tenant-act.ts";
import { disk } from "../flow/spool/disk.ts";
import { lockDataFolder } from "../flow/spool/lock.ts";
import { OTHER_TENANTS } from "../flow/spool/log-state.ts";
import { purgeTenant, type TenantPurged } from "../flow/spool/tenant-purge.ts";
import type { Log } from "../observe/log.ts";
import { tellEventsPurged, tellTenantPurged } from "./control/operate-answers.ts";
import { assertDataFolder } from "./data-folder.ts";
import { endedMidway, onSpool, placeToOperate, type OperateOptions, type Place } from "./operate-running.ts";
import { counted, table, type Output } from "./output.ts";
import { ProgressLine } from "./spool-progress.ts";
import { ACT_ANSWER_MS_MAX, askRunning, commandLog, configMissing, userName } from "./spool-running.ts";
import { heldOf, sum, type TenantHeld } from "./tenant-held.ts";

export interface TenantPurgeOptions extends OperateOptions {
  readonly tenant: string;
  /** False: only count. */
  readonly yes: boolean;
  /** The flags as they were given, to be given again. */
  readonly given: string;
}

const EXIT_OK = 0;
const EXIT_NOT_DONE = 1;

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
  let held: TenantHeld;
  const purged: TenantPurged[] = [];
  const erased: EventsErased[] = [];
  let isKnown: boolean;
  try {
    held = await heldOf(place.data, tenant, line);
    isKnown = held.rows.length > 0 || held.unreadable > 0 || held.events > 0 || held.tenants.has(tenant) || held.tenants.has(OTHER_TENANTS);
    if (yes && isKnown) {
      purged.push(...(await purge(place, options, line, log)));
      erased.push(...(await purgeEvents(place, options, log)));
    }
  } finally {
    line.end();
  }
  const left = [...purged, ...erased].flatMap((each) => each.left);
  const sums = {
    messages: sum(purged, "messages"),
    archived: sum(purged, "archived"),
    letters: sum(purged, "letters"),
    events: sum(erased, "events"),
  };
  if (json) out.stdout(`${JSON.stringify({ tenant, known: isKnown, purged: yes && isKnown, logs: held.rows, ...sums, left }, null, 2)}\n`);
  else out.stdout(isKnown ? text(options, held, sums, left) : unknownText(tenant, held.tenants));
  return !isKnown || (yes && left.length === 0) ? EXIT_OK : EXIT_NOT_DONE;
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
      line.at(`purging tenant ${tenant}`, `${counted(sum(all, "messages") + sum(all, "archived"), "message")} gone, now ${name}`);
    } while (!purged.isThrough);
  }
  return all;
}

/** After the logs, which events can still come to meanwhile. */
async function purgeEvents(
  { data, status }: Place,
  { tenant, environment }: TenantPurgeOptions,
  log: Pick<Log, "warn">,
): Promise<readonly EventsErased[]> {
  const user = userName(environment);
  if (status === null) {
    const lock = await lockDataFolder(data);
    try {
      const erased = await eraseEventsOnDisk(data, { tenant, after: "" }, Number.POSITIVE_INFINITY);
      tellEventsPurged(log, { ...erased, tenant, user });
      return [erased];
    } finally {
      lock.release();
    }
  }
  const all: EventsErased[] = [];
  // A program of an earlier release keeps none.
  if (status.keptEvents === undefined) return all;
  let erased: EventsErased | null = null;
  do {
    erased = (await askRunning(
      data,
      "purgeEvents",
      { tenant, after: erased?.after ?? "", user },
      ACT_ANSWER_MS_MAX,
    )) as EventsErased | null;
    if (erased === null) throw endedMidway(`before tenant ${tenant} was purged from the event log`);
    all.push(erased);
  } while (!erased.isThrough);
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
      took(name, await purgeOrphan({ dataFolder: data, onFinding, endMs: Number.POSITIVE_INFINITY }, { log: name, tenant, place: null }));
    return all;
  });
}

function unknownText(tenant: string, known: ReadonlySet<string>): string {
  const hint = didYouMean(tenant, [...known]);
  return `No log ever had a message of tenant "${tenant}"${hint === "" ? "." : hint} Nothing was purged.\n`;
}

function text(
  { tenant, yes, given }: TenantPurgeOptions,
  { rows, events }: TenantHeld,
  gone: { readonly messages: number; readonly archived: number; readonly letters: number; readonly events: number },
  left: readonly string[],
): string {
  const head = ["log", "waiting", "done, in the log", "archived", "dead letters"];
  const kept = events === 0 ? "" : `In the event log: ${counted(events, "event")} of tenant ${tenant}.\n`;
  const messages =
    rows.length === 0
      ? `No message of tenant ${tenant} is held; files that are used again may still have bytes of old ones.\n`
      : `Held of tenant ${tenant}:\n${table(
          head,
          rows.map((row) => [row.log, row.waiting, row.done, row.archived, row.letters]),
        )}`;
  const list = messages + kept;
  if (!yes)
    return `${list}Nothing was removed. What comes of the tenant later is taken in as before: unassign it first. To remove all of it for good: sidestream tenant purge ${given} --yes\n`;
  const goneEvents = gone.events === 0 ? "" : `, ${counted(gone.events, "event")} of the event log`;
  const done = `Removed for good: ${counted(gone.messages, "message")} that waited, counted as dropped, reason purged, ${counted(gone.letters, "dead letter")}, ${counted(gone.archived, "archived message")}${goneEvents}, and every byte of what was done and was still in a log.\n`;
  const stays = `The tenant's name stays where counts and topics have it. What comes of it from now on is taken in as before.\n`;
  if (left.length === 0) return list + done + stays;
  return `${list}${done}${stays}These can't be read whole, so they stay, and may hold messages of the tenant. Give the command again, and remove by hand what is named then, too, while the program is stopped, once nothing in it is needed:\n${left.map((path) => `  ${path}\n`).join("")}`;
}

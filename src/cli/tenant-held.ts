/** What the logs, dead letters and archives of a data folder hold of a tenant. */
import { join } from "node:path";
import { EVENTS_FOLDER } from "../flow/event-log/event-files.ts";
import { countTenantEvents } from "../flow/event-log/tenant-erasing.ts";
import { eventNames } from "../flow/kept-events.ts";
import { foldersOf } from "../flow/purge-tenant-act.ts";
import { countArchived } from "../flow/spool/count-archived.ts";
import { countMessages } from "../flow/spool/count-messages.ts";
import { disk } from "../flow/spool/disk.ts";
import { ARCHIVE_FOLDER, isLogFolder, LOG_PARENTS } from "../flow/spool/folders.ts";
import { isDamagedFile } from "../flow/spool/segment.ts";
import { mayHold } from "../flow/spool/tenant-frames.ts";
import type { ProgressLine } from "./spool-progress.ts";

/** What one log holds of the tenant. */
export interface HeldRow {
  readonly log: string;
  readonly waiting: number;
  /** Done, and still in the log, dead letters among them. */
  readonly done: number;
  readonly archived: number;
  readonly letters: number;
}

export interface TenantHeld {
  readonly rows: readonly HeldRow[];
  /** Tenants that some log ever took messages of. */
  readonly tenants: ReadonlySet<string>;
  /** In the event log. */
  readonly events: number;
  /** Files of which nobody can tell whose messages are in them. */
  readonly unreadable: number;
}

/** Reads what is on disk. @throws SidestreamError as recovery does. */
export async function heldOf(data: string, tenant: string, line: ProgressLine): Promise<TenantHeld> {
  const tenants = new Set<string>();
  const rows: HeldRow[] = [];
  let unreadable = 0;
  for (const log of await logNames(data)) {
    const [folder = "", deadFolder = ""] = foldersOf(data, log);
    const countIn = async (kind: "messages" | "deadLetters", path: string) => {
      if (!(await disk.exists(path))) return { waiting: 0, done: 0 };
      unreadable += (await disk.list(path)).filter(isDamagedFile).length;
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
    const archive = join(data, ARCHIVE_FOLDER, log);
    const archived = await countInArchive(archive, tenant, (name) => line.at(`reading the archive of ${log}`, name));
    for (const each of archived.tenants) tenants.add(each);
    unreadable += archived.unreadable;
    const row = {
      log,
      waiting: messages.waiting,
      done: messages.done + letters.done,
      archived: archived.messages,
      letters: letters.waiting,
    };
    if (row.waiting + row.done + row.archived + row.letters > 0) rows.push(row);
  }
  const events = await countKept(data, tenant, (name) => line.at("reading the event log", name));
  return { rows, tenants, events, unreadable };
}

async function countInArchive(folder: string, tenant: string, onFile: (name: string) => void) {
  if (await disk.exists(folder)) return await countArchived(disk, folder, tenant, onFile);
  return { messages: 0, tenants: new Set<string>(), unreadable: 0 };
}

async function countKept(data: string, tenant: string, onFile: (name: string) => void): Promise<number> {
  let events = 0;
  for (const { name } of await eventNames(data)) {
    onFile(name);
    events += await countTenantEvents(join(data, EVENTS_FOLDER, name), tenant);
  }
  return events;
}

async function logNames(data: string): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const parent of LOG_PARENTS) {
    const folder = join(data, parent);
    if (!(await disk.exists(folder))) continue;
    for (const name of await disk.listFolders(folder)) if (isLogFolder(name)) names.add(name);
  }
  return [...names].toSorted();
}

export function sum<Name extends string>(rows: readonly Readonly<Record<Name, number>>[], name: Name): number {
  return rows.reduce((all, row) => all + row[name], 0);
}

/** An operator has everything removed that one log holds of a tenant. */
import { join } from "node:path";
import { ACT_PIECE_MS, type ActParts } from "./act-parts.ts";
import { eraseArchive } from "./spool/archive-erasing.ts";
import { DestinationLog } from "./spool/destination-log.ts";
import { DeadLetterLog } from "./spool/dead-letter-log.ts";
import { disk } from "./spool/disk.ts";
import type { SpoolFinding } from "./spool/findings.ts";
import { ARCHIVE_FOLDER, DEAD_FOLDER, SPOOL_FOLDER } from "./spool/folders.ts";
import { FLAG_CONTROL } from "./spool/format.ts";
import { lookAtLog } from "./spool/log-look.ts";
import { PURGE_BEGIN, purgeTenant, type PurgePlace, type TenantPurged } from "./spool/tenant-purge.ts";

/** As the engine is asked. */
export interface PurgeTenantCall {
  /** A destination's, or an orphaned one. */
  readonly log: string;
  readonly tenant: string;
  /** Where the answer before ended; null at first. */
  readonly place: PurgePlace | null;
}

/** @throws SidestreamError `SST_COMMAND_INVALID` when there is no such log; what it says. */
export async function purgeTenantAct(parts: ActParts, call: PurgeTenantCall): Promise<TenantPurged> {
  return await parts.purgeGate.purge(() => purgeApart(parts, call));
}

async function purgeApart({ outlets, orphans, settings }: ActParts, call: PurgeTenantCall): Promise<TenantPurged> {
  const { log: name, tenant, place } = call;
  const { dataFolder } = settings;
  const outlet = outlets.get(name);
  const endMs = performance.now() + ACT_PIECE_MS;
  if (outlet === undefined) return await orphans.apart(name, () => purgeOrphan({ dataFolder, onFinding: () => undefined, endMs }, call));
  const { log, deadLetters, sending } = outlet;
  return await sending.apart(() => purgeTenant({ disk, log, deadLetters, folders: foldersOf(dataFolder, name), tenant, place, endMs }));
}

export interface OrphanPurgeParts {
  readonly dataFolder: string;
  readonly onFinding: (finding: SpoolFinding) => void;
  /** By `performance.now()`, when no more is begun. */
  readonly endMs: number;
}

/** The same for a log that nobody has open. */
export async function purgeOrphan(
  { dataFolder, onFinding, endMs }: OrphanPurgeParts,
  { log: name, tenant, place }: PurgeTenantCall,
): Promise<TenantPurged> {
  const folders = foldersOf(dataFolder, name);
  const [folder = "", deadFolder = ""] = folders;
  const archiveFolder = join(dataFolder, ARCHIVE_FOLDER, name);
  // A log that isn't there isn't made for it.
  if (!(await disk.exists(folder)) && !(await disk.exists(deadFolder))) return await purgeArchive(archiveFolder, tenant, place, endMs);
  const unbounded = Number.MAX_SAFE_INTEGER;
  const common = { disk, destination: name, bytesMax: unbounded, onFinding };
  await disk.makeFolder(folder);
  await disk.makeFolder(deadFolder);
  // What is begun anew must say what is in it, as the log's own destination had it.
  const { found } = await lookAtLog({ disk, folder, kind: "messages" });
  const numbered = found.segments.some(({ header }) => (header.flags & FLAG_CONTROL) !== 0);
  const archive = { folder: archiveFolder, retain: null };
  const log = await DestinationLog.open({ ...common, folder, topicsMax: unbounded, numbered, archive });
  try {
    const deadLetters = await DeadLetterLog.open({ ...common, folder: deadFolder, messagesLogId: log.logId, keepMs: unbounded });
    try {
      return await purgeTenant({ disk, log, deadLetters, folders, tenant, place, endMs });
    } finally {
      await deadLetters.close();
    }
  } finally {
    await log.close();
  }
}

/** Of a log whose archive alone is left. */
async function purgeArchive(folder: string, tenant: string, place: PurgePlace | null, endMs: number): Promise<TenantPurged> {
  const { isThrough, left, messages: archived, after } = await eraseArchive({ disk, folder, tenant, after: place?.archived ?? "", endMs });
  await disk.syncFolder(folder);
  return { place: { ...PURGE_BEGIN, archived: after }, messages: 0, archived, letters: 0, isThrough, left };
}

export function foldersOf(dataFolder: string, name: string): readonly string[] {
  return [join(dataFolder, SPOOL_FOLDER, name), join(dataFolder, DEAD_FOLDER, name)];
}

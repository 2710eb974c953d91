/** An operator has everything removed that one log holds of a tenant. */
import { join } from "node:path";
import { ACT_PIECE_MS, type ActParts } from "./act-parts.ts";
import { DestinationLog } from "./spool/destination-log.ts";
import { DeadLetterLog } from "./spool/dead-letter-log.ts";
import type { Disk } from "./spool/disk.ts";
import { disk } from "./spool/disk.ts";
import type { SpoolFinding } from "./spool/findings.ts";
import { ARCHIVE_FOLDER, DEAD_FOLDER, SPOOL_FOLDER } from "./spool/folders.ts";
import { FLAG_CONTROL } from "./spool/format.ts";
import { lookAtLog } from "./spool/log-look.ts";
import { purgeTenant, type PurgePlace, type TenantPurged } from "./spool/tenant-purge.ts";

/** As the engine is asked. */
export interface PurgeTenantCall {
  /** A destination's, or an orphaned one. */
  readonly log: string;
  readonly tenant: string;
  /** Where the answer before ended; null at first. */
  readonly place: PurgePlace | null;
}

/** @throws SidestreamError `SST_COMMAND_INVALID` when there is no such log; what it says. */
export async function purgeTenantAct({ outlets, orphans, settings }: ActParts, call: PurgeTenantCall): Promise<TenantPurged> {
  const { log: name, tenant, place } = call;
  const { dataFolder } = settings;
  const outlet = outlets.get(name);
  if (outlet === undefined)
    return await orphans.apart(name, () =>
      purgeOrphan({ disk, dataFolder, onFinding: () => undefined, endMs: performance.now() + ACT_PIECE_MS }, call),
    );
  const { log, deadLetters, sending } = outlet;
  const endMs = performance.now() + ACT_PIECE_MS;
  return await sending.apart(() => purgeTenant({ disk, log, deadLetters, folders: foldersOf(dataFolder, name), tenant, place, endMs }));
}

export interface OrphanPurgeParts {
  readonly disk: Disk;
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
  const unbounded = Number.MAX_SAFE_INTEGER;
  const common = { disk, destination: name, bytesMax: unbounded, onFinding };
  await disk.makeFolder(folder);
  await disk.makeFolder(deadFolder);
  // What is begun anew must say what is in it, as the log's own destination had it.
  const { found } = await lookAtLog({ disk, folder, kind: "messages" });
  const numbered = found.segments.some(({ header }) => (header.flags & FLAG_CONTROL) !== 0);
  const archive = { folder: join(dataFolder, ARCHIVE_FOLDER, name), retain: null };
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

export function foldersOf(dataFolder: string, name: string): readonly string[] {
  return [join(dataFolder, SPOOL_FOLDER, name), join(dataFolder, DEAD_FOLDER, name)];
}

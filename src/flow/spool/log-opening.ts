/** What a destination's log is made of when it is opened: what its folder holds, its cursor, its archive. */
import { Archive } from "./archive.ts";
import { Cursor } from "./cursor.ts";
import { flagsOf, type DestinationLogSettings } from "./log-settings.ts";
import type { RecoveredLog } from "./recovered-log.ts";
import { LogRecovery } from "./recovery.ts";

export interface OpenedParts {
  readonly found: RecoveredLog;
  readonly cursor: Cursor;
  /** Null: the log has none. */
  readonly archive: Archive | null;
}

/** @throws SidestreamError as recovery does, `SST_SPOOL_VERSION` for a newer cursor; no file stays open. */
export async function openParts(settings: DestinationLogSettings): Promise<OpenedParts> {
  const { disk, folder, onProgress, removalStepBytes, archive = null } = settings;
  const found = await new LogRecovery({ disk, folder, kind: "messages", writes: true, flags: flagsOf(settings), onProgress }).run();
  for (const finding of found.findings) settings.onFinding(finding);
  try {
    const cursor = await Cursor.open(disk, folder);
    const opened = archive === null ? null : await Archive.open({ ...archive, disk, logFolder: folder, removalStepBytes }, found.segments);
    return { found, cursor, archive: opened };
  } catch (error) {
    await found.open?.close();
    throw error;
  }
}

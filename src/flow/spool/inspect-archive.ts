/**
 * Looks at the archives of a data folder without changing them.
 *
 * Promise: read only. A deep look reads every byte of every file. A running program may go on: files that it removes
 * meanwhile are left out.
 */
import { basename, join } from "node:path";
import { readArchivedFile } from "./archived-file.ts";
import { systemCode, type Disk } from "./disk.ts";
import { damageText, type SpoolFinding } from "./findings.ts";
import { ARCHIVE_FOLDER, isLogFolder } from "./folders.ts";
import { finding } from "./log-look.ts";
import { isSegmentFile, type Segment } from "./segment.ts";
import { readSegment } from "./segment-content.ts";

export interface ArchiveReport {
  /** The destination's. */
  readonly name: string;
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
  readonly messages: number;
  /** When the oldest and the newest message was accepted, milliseconds since 1970; null where there is none. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly findings: readonly SpoolFinding[];
}

/** @throws SidestreamError `SST_SPOOL_IO` */
export async function inspectArchives(
  disk: Disk,
  dataFolder: string,
  deep: boolean,
  onProgress: (archive: string) => void,
): Promise<readonly ArchiveReport[]> {
  const parent = join(dataFolder, ARCHIVE_FOLDER);
  if (!(await disk.exists(parent))) return [];
  const reports: ArchiveReport[] = [];
  for (const name of (await disk.listFolders(parent)).filter(isLogFolder).toSorted()) {
    onProgress(join(ARCHIVE_FOLDER, name));
    reports.push(await inspectArchive(disk, dataFolder, name, deep));
  }
  return reports;
}

/** As `inspectArchives`, of one that is there. */
export async function inspectArchive(disk: Disk, dataFolder: string, name: string, deep: boolean): Promise<ArchiveReport> {
  const folder = join(dataFolder, ARCHIVE_FOLDER, name);
  const findings: SpoolFinding[] = [];
  const report = { files: 0, bytes: 0, messages: 0, fromMs: Infinity, toMs: 0 };
  for (const file of (await disk.list(folder)).filter(isSegmentFile).toSorted()) {
    const path = join(folder, file);
    const segment = await readArchivedFile(disk, path);
    if (segment === null) {
      if (await disk.exists(path)) findings.push(unreadable(path));
      continue;
    }
    report.files += 1;
    report.bytes += segment.bytes;
    report.messages += segment.counts.total();
    if (segment.oldestMs > 0) report.fromMs = Math.min(report.fromMs, segment.oldestMs);
    report.toMs = Math.max(report.toMs, segment.newestMs);
    if (deep) findings.push(...(await damage(disk, segment)));
  }
  const { fromMs, toMs } = report;
  return { name, folder, ...report, fromMs: fromMs === Infinity ? null : fromMs, toMs: toMs === 0 ? null : toMs, findings };
}

function unreadable(path: string): SpoolFinding {
  const text = `${basename(path)} of the archive can't be read: both copies of its header are damaged, so nothing of it can be replayed`;
  return finding("unreadable-segment", path, 0, 0, 0, text);
}

async function damage(disk: Disk, segment: Segment): Promise<readonly SpoolFinding[]> {
  try {
    const missing = await readSegment(disk, segment, { visit: () => undefined });
    return missing.map(({ from, to, offset, bytes }) =>
      finding(
        "damage",
        segment.path,
        offset,
        bytes,
        to - from,
        `${damageText(bytes, from, to)}; it is in the archive, so only a replay lacks it`,
      ),
    );
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

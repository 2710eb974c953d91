/**
 * `sidestream spool export LOG`: every message of a log that can be read, one JSON object a line.
 *
 * Promise: it changes nothing and needs no lock, so it works while the program runs, too. It keeps a bounded part of the
 * log in memory, goes as slow as whoever reads it, and ends quietly when nobody does any more.
 */
import { basename, dirname, join, resolve } from "node:path";
import { SidestreamError } from "../errors.ts";
import { didYouMean } from "../flow/match/suggest.ts";
import { disk } from "../flow/spool/disk.ts";
import { exportLog } from "../flow/spool/export.ts";
import { isProblem, type SpoolFinding } from "../flow/spool/findings.ts";
import { DEAD_FOLDER, isLogFolder, SPOOL_FOLDER } from "../flow/spool/folders.ts";
import { CURSOR_FILES } from "../flow/spool/cursor-slot.ts";
import { isDamagedFile, isSegmentFile } from "../flow/spool/segment.ts";
import { assertDataFolder } from "./data-folder.ts";
import type { LineOutput } from "./output.ts";
import { ProgressLine } from "./spool-progress.ts";
import { findingText } from "./spool.ts";

export interface ExportOptions {
  /** Name of a log; with a slash in it, the path of a log's folder, wherever that lies. */
  readonly log: string;
  /** The data folder. */
  readonly data: string;
  /** The dead letters instead. */
  readonly dead: boolean;
  /** Only messages that are not done. */
  readonly pending: boolean;
}

const EXIT_OK = 0;
const EXIT_PROBLEMS = 1;

/**
 * Prints the messages to standard output, and on standard error what can't be read.
 *
 * @returns Exit status: 0, or 1 when something could not be read.
 * @throws SidestreamError `SST_COMMAND_INVALID` when there is no such log, or `pending` is asked of dead letters;
 * `SST_DATA_MISSING`, `SST_SPOOL_VERSION`, `SST_SPOOL_DAMAGED`, `SST_SPOOL_IO`.
 */
export async function runSpoolExport(options: ExportOptions, out: LineOutput): Promise<number> {
  const { dead, pending, log } = options;
  if (dead && pending) throw new SidestreamError("SST_COMMAND_INVALID", "--pending is for messages: dead letters are done, all of them");
  const folder = await folderOf(options);
  const line = new ProgressLine(out);
  let problems = 0;
  const onFinding = (found: SpoolFinding): void => {
    if (isProblem(found)) problems += 1;
    line.end();
    out.stderr(findingText(found));
  };
  try {
    const onProgress = (progress: Parameters<ProgressLine["at"]>[1]) => line.at(`exporting ${log}`, progress);
    await exportLog({
      disk,
      folder,
      kind: dead ? "deadLetters" : "messages",
      pendingOnly: pending,
      write: out.lines,
      onFinding,
      onProgress,
    });
  } finally {
    line.end();
  }
  return problems === 0 ? EXIT_OK : EXIT_PROBLEMS;
}

async function folderOf({ log, data, dead }: ExportOptions): Promise<string> {
  const isPath = log.includes("/");
  if (!isPath) await assertDataFolder(data);
  const parent = isPath ? dirname(resolve(log)) : join(data, dead ? DEAD_FOLDER : SPOOL_FOLDER);
  const name = basename(log);
  const names = (await disk.exists(parent)) ? await disk.listFolders(parent) : [];
  const folder = join(parent, name);
  // A folder above it, or beside it, would be told as a log in which nothing waits.
  if (names.includes(name) && (!isPath || (await isLog(folder)))) return folder;
  const near = didYouMean(name, names.filter(isLogFolder));
  throw new SidestreamError("SST_COMMAND_INVALID", `there is no log "${name}" in ${parent}${near}`);
}

async function isLog(folder: string): Promise<boolean> {
  const names = await disk.list(folder);
  return names.some((name) => isSegmentFile(name) || isDamagedFile(name) || CURSOR_FILES.some((each) => each === name));
}

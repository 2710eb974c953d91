/**
 * Logs that no destination of the configuration has: which there are, and how one is removed.
 *
 * Promise: a log is there whole or not at all, whenever a removal is cut short: its folder gets another name first, for
 * good, and what is left under that name goes with the next start. Of the dead letters and the messages of one name,
 * one may be there without the other.
 *
 * @see docs/spool-format.md, section 1
 */
import { join } from "node:path";
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import { CURSOR_FILES } from "./cursor-slot.ts";
import type { Disk } from "./disk.ts";
import { ARCHIVE_FOLDER, DEAD_FOLDER, isLogFolder, LOG_PARENTS, PURGED_PREFIX, SPOOL_FOLDER } from "./folders.ts";
import { INTENT_ASIDE_FILE, INTENT_FILE } from "./redrive-intent.ts";

/** Where the data folder is, and what it is read with. */
export interface DataFolder {
  readonly disk: Disk;
  readonly dataFolder: string;
}

/** Names of the logs that are not among the configured ones, sorted. Dead letters, or an archive, alone make an orphan, too. */
export async function orphanedLogs({ disk, dataFolder }: DataFolder, isConfigured: (name: string) => boolean): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const parent of LOG_PARENTS) {
    const folder = join(dataFolder, parent);
    if (!(await disk.exists(folder))) continue;
    for (const name of await logFolders(disk, folder, parent)) {
      if (!isLogFolder(name) || isConfigured(name)) continue;
      // The dead letters' folder is made with the log's, and mostly stays empty.
      if (parent === SPOOL_FOLDER || (await hasLetters(disk, join(folder, name)))) names.add(name);
    }
  }
  return [...names].toSorted();
}

/**
 * Removes a log with its dead letters and its archive. The data folder must be locked by this process, the log not be open.
 *
 * @throws SidestreamError `SST_COMMAND_INVALID` when there are folders in it, which are none of the spool's: nothing is
 * removed then; `SST_SPOOL_IO`, `SST_SPOOL_READ_ONLY`.
 */
export async function purgeLog(data: DataFolder, name: string): Promise<void> {
  await removeFolders(data, name, LOG_PARENTS);
}

/** Removes the messages of a log, and the folder of its dead letters where it is empty; its archive stays. As `purgeLog`. */
export async function removeMessages(data: DataFolder, name: string): Promise<void> {
  const { disk, dataFolder } = data;
  const dead = join(dataFolder, DEAD_FOLDER, name);
  const keepsLetters = (await disk.exists(dead)) && (await hasLetters(disk, dead));
  await removeFolders(data, name, keepsLetters ? [SPOOL_FOLDER] : [SPOOL_FOLDER, DEAD_FOLDER]);
}

/**
 * Removes what is left of removals that were cut short.
 *
 * @returns Why some of it is still there; it is tried again with the next call.
 */
export async function finishRemovals({ disk, dataFolder }: DataFolder): Promise<readonly SidestreamError[]> {
  const failures: SidestreamError[] = [];
  for (const parent of LOG_PARENTS) {
    const folder = join(dataFolder, parent);
    if (!(await disk.exists(folder))) continue;
    for (const name of (await logFolders(disk, folder, parent)).filter((each) => !isLogFolder(each))) {
      try {
        await removeFolder(disk, join(folder, name));
      } catch (error) {
        if (!isSidestreamError(error)) throw error;
        failures.push(error);
      }
    }
  }
  return failures;
}

async function removeFolders({ disk, dataFolder }: DataFolder, name: string, parents: readonly string[]): Promise<void> {
  const present: string[] = [];
  for (const parent of parents) {
    const folder = join(dataFolder, parent, name);
    if (!(await disk.exists(folder))) continue;
    const [inner] = await disk.listFolders(folder);
    if (inner !== undefined)
      throw new SidestreamError(
        "SST_COMMAND_INVALID",
        `${join(folder, inner)} is none of the spool's: move it away first; nothing was removed`,
      );
    present.push(join(dataFolder, parent));
  }
  for (const parent of present) {
    const aside = join(parent, PURGED_PREFIX + name);
    // Left by a removal of an earlier log of that name, it would be in the way.
    if (await disk.exists(aside)) await removeFolder(disk, aside);
    await disk.rename(join(parent, name), aside);
    await disk.syncFolder(parent);
    await removeFolder(disk, aside);
  }
}

/** What has the archives' name, and can't be listed, holds up nothing that delivers. */
async function logFolders(disk: Disk, folder: string, parent: string): Promise<readonly string[]> {
  const listing = disk.listFolders(folder);
  return await (parent === ARCHIVE_FOLDER ? listing.catch(() => []) : listing);
}

/** What is left in a folder of dead letters once the last one left. */
const WITHOUT_LETTERS: ReadonlySet<string> = new Set([...CURSOR_FILES, INTENT_FILE, INTENT_ASIDE_FILE]);

/** A folder that can't be looked into may hold some. */
function hasLetters(disk: Disk, folder: string): Promise<boolean> {
  return disk.list(folder).then(
    (names) => names.some((name) => !WITHOUT_LETTERS.has(name)),
    () => true,
  );
}

async function removeFolder(disk: Disk, folder: string): Promise<void> {
  for (const name of await disk.list(folder)) await disk.remove(join(folder, name));
  await disk.remove(folder);
}

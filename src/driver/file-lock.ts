/**
 * A lock on a file, over threads and processes.
 *
 * Promise: held by one at a time; the kernel frees it when the process ends, however it ends. No process id is written
 * down that could be another's tomorrow.
 */
import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** SQLite's code for a lock that someone else holds. */
const SQLITE_BUSY = 5;
const FILE_MODE = 0o600;

export interface FileLock {
  /** Again is harmless. */
  release(): void;
}

/**
 * Takes the lock, making the file where there is none.
 *
 * @returns Null when someone else holds it.
 * @throws What the disk or SQLite says else.
 */
export function lockFile(path: string): FileLock | null {
  createOnce(path);
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // No journal file beside the lock: nothing in it is worth one.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    if (cause instanceof Error && "errcode" in cause && cause.errcode === SQLITE_BUSY) return null;
    throw cause;
  }
  return { release: () => database.isOpen && database.close() };
}

/** Only where there is none: opening and closing a lock file that this process holds would free the lock (POSIX). */
function createOnce(path: string): void {
  try {
    closeSync(openSync(path, "ax", FILE_MODE));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

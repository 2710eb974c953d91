/**
 * A lock on the folder: two writers would cut each other's lines when they mend them.
 *
 * Promise: held by one connection at a time, over threads and processes; the kernel frees it when the process dies.
 */
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SidestreamError } from "../../errors.ts";
import { FILE_MODE, systemCode } from "./file-operations.ts";

const LOCK_NAME = ".sidestream-lock";
/** SQLite's code for a lock that someone else holds. */
const SQLITE_BUSY = 5;

/** @throws SidestreamError `SST_DESTINATION_LOCKED` when another connection holds it; others as the disk has them. */
export function lockFolder(folder: string): { readonly release: () => void } {
  let database: DatabaseSync | undefined;
  try {
    const path = join(folder, LOCK_NAME);
    createOnce(path);
    database = new DatabaseSync(path, { timeout: 0 });
    // No journal file beside the lock: nothing in it is worth one.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    const locked = database;
    return { release: () => locked.close() };
  } catch (cause) {
    database?.close();
    if (!(cause instanceof Error && "errcode" in cause && cause.errcode === SQLITE_BUSY)) throw cause;
    throw new SidestreamError(
      "SST_DESTINATION_LOCKED",
      `${folder} is being written by another destination or program, or by a write that still hangs`,
      { cause },
    );
  }
}

/** Only where there is none: opening and closing a lock file that this process holds would free the lock (POSIX). */
function createOnce(path: string): void {
  try {
    closeSync(openSync(path, "ax", FILE_MODE));
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
}

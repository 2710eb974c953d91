/**
 * The lock on a data folder for who only reads it: no program starts there meanwhile, and others may read, too.
 *
 * Promise: nothing is written and nothing is made, so that it works where nothing can be written. Where there is no lock
 * to take, the reason is told and it is for the caller to go on.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SidestreamError } from "../../errors.ts";
import { LOCK_FILE, type DataFolderLock } from "./lock.ts";

const SQLITE_BUSY = 5;

export interface ReadLock extends DataFolderLock {
  /** Why it is not locked; null: it is. */
  readonly problem: string | null;
}

/** @throws SidestreamError `SST_SPOOL_LOCKED` when a program runs on the folder. */
export function lockForReading(folder: string): ReadLock {
  const path = join(folder, LOCK_FILE);
  const none = (problem: string): ReadLock => ({ problem, release: () => undefined });
  if (!existsSync(path)) return none("it has none");
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: 0 });
    // A read within a transaction holds the file for reading until the end of it: whoever wants it alone is refused.
    database.exec("BEGIN; SELECT count(*) FROM sqlite_schema");
  } catch (cause) {
    database?.close();
    const { errcode = 0, message } = cause as { readonly errcode?: number; readonly message: string };
    if ((errcode & 0xff) === SQLITE_BUSY)
      throw new SidestreamError("SST_SPOOL_LOCKED", `another process uses the data folder ${folder}`, { cause });
    return none(message);
  }
  const held = database;
  return { problem: null, release: () => held.isOpen && held.close() };
}

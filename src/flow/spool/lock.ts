/**
 * The lock on a data folder: one process at a time.
 *
 * Promise: an exclusive SQLite transaction on a file in the folder. The kernel frees it when the process ends, however
 * it ends; no process id is written down that could be another's tomorrow.
 */
import { access, chmod, constants, statfs } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SidestreamError } from "../../errors.ts";
import { disk } from "./disk.ts";

export const LOCK_FILE = "lock";
const LOCK_MODE = 0o600;
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_CANTOPEN = 14;

/** Types of file systems that live on another machine (statfs), where fdatasync and locks promise less. */
const NETWORK_DISKS: Readonly<Record<number, string>> = {
  0x6969: "NFS",
  0x517b: "SMB",
  0xfe534d42: "SMB2",
  0xff534d42: "CIFS",
  0x5346414f: "AFS",
  0x73757245: "Coda",
  0x01021997: "9P",
  0x00c36400: "Ceph",
  0x0bd00bd0: "Lustre",
};

export interface DataFolderLock {
  /** Again is harmless. */
  release(): void;
}

/** The name of the network file system by its statfs type; null for any other. */
export function networkDisk(type: number): string | null {
  return NETWORK_DISKS[type >>> 0] ?? null;
}

/**
 * Makes the data folder if need be and locks it.
 *
 * @throws SidestreamError `SST_SPOOL_LOCKED`, `SST_SPOOL_NETWORK_DISK`, `SST_SPOOL_READ_ONLY` or `SST_SPOOL_IO`.
 */
export async function lockDataFolder(folder: string): Promise<DataFolderLock> {
  await disk.makeFolder(folder);
  const network = networkDisk((await statfs(folder)).type);
  if (network !== null) throw new SidestreamError("SST_SPOOL_NETWORK_DISK", `${folder} is on a network file system (${network})`);
  const path = join(folder, LOCK_FILE);
  // Only SQLite opens the file: closing another handle on it would free the lock of this process, by the rules of POSIX.
  const isNew = !(await disk.exists(path));
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (since TEXT)");
    if (isNew) await chmod(path, LOCK_MODE);
  } catch (cause) {
    database?.close();
    throw await lockError(folder, cause);
  }
  const held = database;
  return { release: () => held.isOpen && held.close() };
}

/** What a refusal of SQLite means. */
async function lockError(folder: string, cause: unknown): Promise<SidestreamError> {
  const code = ((cause as { readonly errcode?: number }).errcode ?? 0) & 0xff;
  if (code === SQLITE_BUSY) return new SidestreamError("SST_SPOOL_LOCKED", `another process uses the data folder ${folder}`, { cause });
  const isWritable = await access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (code === SQLITE_READONLY || (code === SQLITE_CANTOPEN && !isWritable)) {
    return new SidestreamError("SST_SPOOL_READ_ONLY", `${folder} can't be written to`, { cause });
  }
  return new SidestreamError("SST_SPOOL_IO", `could not lock ${folder}: ${(cause as Error).message}`, { cause });
}

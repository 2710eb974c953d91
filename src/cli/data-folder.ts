/**
 * Whether a folder is one that Sidestream keeps its data in. All commands ask alike, so that a folder that was mistyped
 * gets one answer, and never that all is well there.
 */
import { readdir } from "node:fs/promises";
import { SOCKET_FILE } from "../admin/control-socket.ts";
import { SidestreamError } from "../errors.ts";
import { DEAD_FOLDER, SPOOL_FOLDER } from "../flow/spool/folders.ts";
import { LOCK_FILE } from "../flow/spool/lock.ts";

/** A start makes at least one of them. */
const MADE_BY_A_START: ReadonlySet<string> = new Set([LOCK_FILE, SPOOL_FOLDER, DEAD_FOLDER, SOCKET_FILE]);

/** @throws SidestreamError `SST_DATA_MISSING`; `SST_SPOOL_IO` when the disk doesn't say. */
export async function assertDataFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    throw refusal(folder, cause);
  });
  if (!names.some((name) => MADE_BY_A_START.has(name)))
    throw new SidestreamError("SST_DATA_MISSING", `${folder} is no data folder: no sidestream ever ran on it`);
}

function refusal(folder: string, cause: NodeJS.ErrnoException): SidestreamError {
  if (cause.code === "ENOENT") return new SidestreamError("SST_DATA_MISSING", `there is no data folder ${folder}`, { cause });
  if (cause.code === "ENOTDIR") return new SidestreamError("SST_DATA_MISSING", `${folder} is a file, no data folder`, { cause });
  if (cause.code === "EACCES") return new SidestreamError("SST_DATA_MISSING", `this user may not look into ${folder}`, { cause });
  return new SidestreamError("SST_SPOOL_IO", `could not look into ${folder}: ${cause.code ?? cause.message}`, { cause });
}

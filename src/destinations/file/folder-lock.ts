/** A lock on the folder: two writers would cut each other's lines when they mend them. */
import { join } from "node:path";
import { lockFile, type FileLock } from "../../driver/file-lock.ts";
import { SidestreamError } from "../../errors.ts";

const LOCK_NAME = ".sidestream-lock";

/** @throws SidestreamError `SST_DESTINATION_LOCKED` when another connection holds it; others as the disk has them. */
export function lockFolder(folder: string): FileLock {
  const lock = lockFile(join(folder, LOCK_NAME));
  if (lock !== null) return lock;
  throw new SidestreamError(
    "SST_DESTINATION_LOCKED",
    `${folder} is being written by another destination or program, or by a write that still hangs`,
  );
}

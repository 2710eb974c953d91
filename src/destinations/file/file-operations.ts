/**
 * What the file destination asks of the file system, so that tests can make each call fail.
 *
 * Every path is inside the destination's folder.
 */
import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm, type FileHandle } from "node:fs/promises";

/** Messages are personal data: nobody but the program's own user reads them. */
export const FILE_MODE = 0o600;
export const FOLDER_MODE = 0o700;

export type TopicHandle = Pick<FileHandle, "appendFile" | "datasync" | "truncate" | "stat" | "read" | "close">;

export interface FileOperations {
  makeFolder(path: string): Promise<void>;
  /** Makes creations and renames in the folder survive power loss. */
  syncFolder(path: string): Promise<void>;
  list(path: string): Promise<readonly string[]>;
  stat(path: string): Promise<{ readonly ino: number; readonly size: number; readonly birthtimeMs: number; readonly mtimeMs: number }>;
  /** Opens for reading and appending, without following a link. `create`: it must not exist yet. */
  open(path: string, create: boolean): Promise<TopicHandle>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

export const diskOperations: FileOperations = {
  async makeFolder(path) {
    await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  },
  async syncFolder(path) {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  list: (path) => readdir(path),
  stat: (path) => lstat(path),
  open(path, create) {
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    return open(path, create ? flags | constants.O_CREAT | constants.O_EXCL : flags, FILE_MODE);
  },
  rename,
  remove: (path) => rm(path, { force: true }),
};

/** The system's code of a failed call, such as `ENOSPC`; empty when it has none. */
export function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

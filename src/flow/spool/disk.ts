/**
 * The spool's own small file interface: all that the spool asks of a disk goes through it, so that tests can put a
 * disk that fails in its place.
 *
 * Promise: errors of the system leave here as `SST_SPOOL_IO` or `SST_SPOOL_READ_ONLY` with path, operation and cause.
 */
import { constants } from "node:fs";
import { link, lstat, mkdir, open, readdir, rename, rm, rmdir, stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { SidestreamError } from "../../errors.ts";

export interface DiskFile {
  /** Writes all bytes at an offset. They are on disk for sure once they were synced, and may be before. */
  write(bytes: Buffer, offset: number): Promise<void>;
  /** Writes all bytes at an offset, and settles once they are on disk, with the file's length. Which of the two failed isn't told. */
  writeSynced(bytes: Buffer, offset: number): Promise<void>;
  /** Reads up to `target.length` bytes; returns how many there were. */
  read(target: Buffer, offset: number): Promise<number>;
  /** fdatasync. */
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface Disk {
  makeFolder(path: string): Promise<void>;
  list(folder: string): Promise<readonly string[]>;
  /** Names of the folders in a folder. */
  listFolders(folder: string): Promise<readonly string[]>;
  /** Opens an existing file, or with `create` a new one (an existing one is an error). */
  open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile>;
  /** Removes a file, or an empty folder. */
  remove(path: string): Promise<void>;
  /** Renames a file, or a folder with all that is in it. */
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name; it is an error where the name is taken. */
  link(from: string, to: string): Promise<void>;
  /** Makes creations, renames and removals in a folder last. */
  syncFolder(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
}

/** Messages are personal data: nobody else may read them. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
const OPENING = { read: "read", write: "open", create: "create" } as const;
/** A refusal of these is not for want of the right to write. */
const READING = new Set(["list", "look at", "read"]);
/** A write to such a file is its sync, too: nobody is needed between the two. Elsewhere the flag promises less than fdatasync, or nothing. */
const SYNCED = process.platform === "linux" ? constants.O_DSYNC : 0;
const WRITABLE = constants.O_RDWR | SYNCED;
const OPEN_FLAGS = { read: constants.O_RDONLY, write: WRITABLE, create: WRITABLE | constants.O_CREAT | constants.O_EXCL } as const;

export const disk: Disk = {
  makeFolder: (path) => guard("create the folder", path, () => makeFolders(path)),
  list: (folder) => guard("list", folder, () => readdir(folder)),
  listFolders: (folder) =>
    guard("list", folder, async () => {
      const entries = await readdir(folder, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    }),
  open: (path, mode) => guard(OPENING[mode], path, async () => new SystemFile(path, await open(path, OPEN_FLAGS[mode], FILE_MODE))),
  remove: (path) => guard("remove", path, async () => ((await lstat(path)).isDirectory() ? rmdir(path) : rm(path))),
  rename: (from, to) => guard("rename", from, () => rename(from, to)),
  link: (from, to) => guard("link", from, () => link(from, to)),
  syncFolder: (path) =>
    guard("sync the folder", path, async () => {
      await using handle = await open(path, "r");
      await handle.sync();
    }),
  exists: async (path) => {
    try {
      await stat(path);
      return true;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw diskError("look at", path, cause);
    }
  },
};

/** Step by step, since the recursive `mkdir` of Node says ENOENT where a mount is read-only. */
async function makeFolders(path: string): Promise<void> {
  if (await isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) await makeFolders(parent);
  try {
    await mkdir(path, { mode: FOLDER_MODE });
  } catch (cause) {
    if (!(await isFolder(path))) throw cause;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

class SystemFile implements DiskFile {
  readonly #path: string;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  write(bytes: Buffer, offset: number): Promise<void> {
    return guard("write to", this.#path, async () => {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, offset + done);
        done += bytesWritten;
      }
    });
  }

  async writeSynced(bytes: Buffer, offset: number): Promise<void> {
    await this.write(bytes, offset);
    if (SYNCED === 0) await this.sync();
  }

  read(target: Buffer, offset: number): Promise<number> {
    return guard("read", this.#path, async () => {
      let done = 0;
      while (done < target.length) {
        const { bytesRead } = await this.#handle.read(target, done, target.length - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    });
  }

  sync(): Promise<void> {
    return guard("sync", this.#path, () => this.#handle.datasync());
  }

  truncate(bytes: number): Promise<void> {
    return guard("cut", this.#path, () => this.#handle.truncate(bytes));
  }

  size(): Promise<number> {
    return guard("look at", this.#path, async () => (await this.#handle.stat()).size);
  }

  close(): Promise<void> {
    return guard("close", this.#path, () => this.#handle.close());
  }
}

async function guard<Result>(operation: string, path: string, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (cause) {
    throw diskError(operation, path, cause);
  }
}

/** What a refusal of the system is to Sidestream. */
export function diskError(operation: string, path: string, cause: unknown): SidestreamError {
  const system = cause as NodeJS.ErrnoException;
  const text = `could not ${operation} ${path}: ${system.code ?? system.message}`;
  const isRefused = system.code === "EROFS" || system.code === "EACCES" || system.code === "EPERM";
  if (!isRefused || READING.has(operation)) return new SidestreamError("SST_SPOOL_IO", text, { cause });
  const where = operation.startsWith("create") ? dirname(path) : path;
  return new SidestreamError("SST_SPOOL_READ_ONLY", `${text} (${where} can't be written to)`, { cause });
}

/** The disk, or the part of it that may be used, has no room. */
export function isFull(error: unknown): boolean {
  const code = systemCode(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

/** The system's code behind a disk error: `ENOSPC`, `EIO`. */
export function systemCode(error: unknown): string | undefined {
  const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  return cause?.code;
}

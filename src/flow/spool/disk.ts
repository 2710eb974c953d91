/**
 * The spool's own small file interface: all that the spool asks of a disk goes through it, so that tests can put a
 * disk that fails in its place.
 *
 * Promise: errors of the system leave here as `SST_SPOOL_IO` or `SST_SPOOL_READ_ONLY` with path, operation and cause.
 */
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { SidestreamError } from "../../errors.ts";

export interface DiskFile {
  /** Writes all bytes at an offset. */
  write(bytes: Buffer, offset: number): Promise<void>;
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
  /** Opens an existing file, or with `create` a new one (an existing one is an error). */
  open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile>;
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Makes creations, renames and removals in a folder last. */
  syncFolder(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
}

/** Messages are personal data: nobody else may read them. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
const OPEN_FLAGS = { read: "r", write: "r+", create: "wx+" } as const;

export const disk: Disk = {
  makeFolder: (path) => guard("create the folder", path, async () => void (await mkdir(path, { recursive: true, mode: FOLDER_MODE }))),
  list: (folder) => guard("list", folder, () => readdir(folder)),
  open: (path, mode) => guard("open", path, async () => new SystemFile(path, await open(path, OPEN_FLAGS[mode], FILE_MODE))),
  remove: (path) => guard("remove", path, () => rm(path)),
  rename: (from, to) => guard("rename", from, () => rename(from, to)),
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
      throw ioError("look at", path, cause);
    }
  },
};

class SystemFile implements DiskFile {
  readonly #path: string;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  write(bytes: Buffer, offset: number): Promise<void> {
    return guard("write to", this.#path, async () => {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, offset + done);
        done += bytesWritten;
      }
    });
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
    throw ioError(operation, path, cause);
  }
}

function ioError(operation: string, path: string, cause: unknown): SidestreamError {
  const system = cause as NodeJS.ErrnoException;
  const readOnly = system.code === "EROFS" || system.code === "EACCES" || system.code === "EPERM";
  const where = operation === "create the folder" ? dirname(path) : path;
  const text = `could not ${operation} ${path}: ${system.code ?? system.message}`;
  return new SidestreamError(readOnly ? "SST_SPOOL_READ_ONLY" : "SST_SPOOL_IO", readOnly ? `${text} (${where} can't be written to)` : text, { cause });
}

/** The system's code behind a disk error: `ENOSPC`, `EIO`. */
export function systemCode(error: unknown): string | undefined {
  const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  return cause?.code;
}

/**
 * The files of the event log: their names, and what is asked of the file system for them, so that tests can put a disk
 * that fails in its place.
 *
 * Nothing here is synced: the log is a help, and no promise hangs on it.
 */
import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm, statfs, utimes, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

/** In the data folder. */
export const EVENTS_FOLDER = "events";
const SUFFIX = ".jsonl";
/** A file that is being written anew without a tenant's events. */
export const REWRITING_SUFFIX = ".rewriting";
const NAME_DIGITS = 16;
const NAME = new RegExp(`^\\d{${NAME_DIGITS}}\\${SUFFIX}$`);

/** Events are personal data: nobody else may read them. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

export interface EventFile {
  readonly name: string;
  readonly bytes: number;
  /** When something was last written to it, milliseconds since 1970. */
  readonly newestMs: number;
}

export type WritableEvents = Pick<FileHandle, "appendFile" | "close">;

export interface EventOperations {
  makeFolder(path: string): Promise<void>;
  list(path: string): Promise<readonly string[]>;
  stat(path: string): Promise<{ readonly size: number; readonly mtimeMs: number }>;
  /** Makes a file and opens it for appending. It must not exist yet. */
  create(path: string): Promise<WritableEvents>;
  /** Sets when a file was last written to. */
  date(path: string, timeMs: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Bytes that are free on the disk for who isn't root. */
  freeBytes(path: string): Promise<number>;
}

export const eventOperations: EventOperations = {
  async makeFolder(path) {
    await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  },
  list: (path) => readdir(path),
  stat: (path) => lstat(path),
  create: (path) => open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL, FILE_MODE),
  date: (path, timeMs) => utimes(path, timeMs / 1_000, timeMs / 1_000),
  rename,
  remove: (path) => rm(path, { force: true }),
  async freeBytes(path) {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
};

/** The name of a file that is begun now: names sort as the files were begun. */
export function eventFileName(beginMs: number): string {
  return `${String(Math.max(0, Math.floor(beginMs))).padStart(NAME_DIGITS, "0")}${SUFFIX}`;
}

/** When a file was begun, as its name says; 0 where there is none. */
export function beginOf(name: string | undefined): number {
  return name === undefined ? 0 : Number(name.slice(0, NAME_DIGITS));
}

/** The files of a log, the oldest first. One that goes meanwhile is left out. */
export async function eventFiles(operations: Pick<EventOperations, "list" | "stat">, folder: string): Promise<readonly EventFile[]> {
  const files: EventFile[] = [];
  for (const name of (await operations.list(folder)).toSorted()) {
    if (!NAME.test(name)) continue;
    const found = await orNullWhereMissing(operations.stat(join(folder, name)));
    if (found !== null) files.push({ name, bytes: found.size, newestMs: found.mtimeMs });
  }
  return files;
}

export async function orNullWhereMissing<Result>(asked: Promise<Result>): Promise<Result | null> {
  try {
    return await asked;
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return null;
    throw error;
  }
}

/** The system's code of a failed call, such as `ENOSPC`; empty when it has none. */
export function systemCodeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/**
 * The folder of journals: made where there is none, and locked.
 *
 * Promise: who has it is its one reader for as long as `isInPlace` says so; a folder that was removed and made again is
 * another one, which anybody may lock.
 */
import { constants, existsSync } from "node:fs";
import { access, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { lockFile, type FileLock } from "../../driver/file-lock.ts";
import { SidestreamError } from "../../errors.ts";
import { identityOf, isInPlace } from "./file-identity.ts";

const FOLDER_MODE = 0o700;
const LOCK_NAME = "reader.lock";

export class JournalsFolder {
  readonly #path: string;
  readonly #lock: FileLock;
  /** Of the file that is locked. */
  readonly #identity: string;

  private constructor(path: string, lock: FileLock, identity: string) {
    this.#path = path;
    this.#lock = lock;
    this.#identity = identity;
  }

  /** @throws SidestreamError `SST_JOURNAL_FOLDER`; `SST_JOURNAL_LOCKED` when another reader has it. */
  static async open(folder: string): Promise<JournalsFolder> {
    const path = join(folder, LOCK_NAME);
    const lock = await lockFolder(folder, path);
    if (lock === null) throw new SidestreamError("SST_JOURNAL_LOCKED", `${folder} is read by another Sidestream, or by another source`);
    try {
      return new JournalsFolder(path, lock, identityOf(await stat(path)));
    } catch (cause) {
      lock.release();
      throw unusable(folder, cause);
    }
  }

  /** False: somebody removed it, or its lock, so that another reader could take what stands there now. */
  isInPlace(): Promise<boolean> {
    return isInPlace(this.#path, this.#identity);
  }

  /** Again is harmless. */
  release(): void {
    this.#lock.release();
  }
}

/** Null: another reader has it. */
async function lockFolder(folder: string, path: string): Promise<FileLock | null> {
  try {
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    // SQLite, which locks, doesn't say what is in its way.
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    if (existsSync(path)) await access(path, constants.R_OK | constants.W_OK);
    return lockFile(path);
  } catch (cause) {
    throw unusable(folder, cause);
  }
}

function unusable(folder: string, cause: unknown): SidestreamError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SidestreamError("SST_JOURNAL_FOLDER", `the folder of journals ${folder} can't be used: ${reason}`, { cause });
}

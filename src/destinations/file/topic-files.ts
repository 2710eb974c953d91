/**
 * The open files of a folder, one per topic, at most so many at a time: the one used longest ago is closed for a new one.
 *
 * Promise: a file that is handed out ends in a whole line and is the one that stands under its name now.
 */
import { openPath, rotatedPath } from "./file-names.ts";
import { systemCode, type FileOperations, type TopicHandle } from "./file-operations.ts";
import { wholeLinesBytes } from "./torn-line.ts";

/** Far below the usual limit of 1,024 open files per process. */
export const OPEN_FILES_MAX = 256;
/** Rotations of one topic within one second; more means that something else is wrong. */
const ROTATED_NUMBER_MAX = 10_000;

export interface TopicFile {
  readonly topic: string;
  readonly handle: TopicHandle;
  readonly ino: number;
  /** When it was begun, milliseconds since 1970. */
  readonly bornMs: number;
  sizeBytes: number;
}

export class TopicFiles {
  readonly #folder: string;
  readonly #operations: FileOperations;
  /** At least as many as are written at a time. */
  readonly openMax: number;
  readonly #notice: (text: string) => void;
  /** In order of use, the last one used at the end. */
  readonly #open = new Map<string, TopicFile>();
  /** Creations and renames so far, and how many of them a sync of the folder has covered. */
  #changeCount = 0;
  #syncedCount = 0;

  constructor(folder: string, operations: FileOperations, notice: (text: string) => void, openMax: number = OPEN_FILES_MAX) {
    this.#folder = folder;
    this.#operations = operations;
    this.#notice = notice;
    this.openMax = openMax;
  }

  /** The topic's file, ready to be appended to; made when there is none. */
  async use(topic: string): Promise<TopicFile> {
    const known = this.#open.get(topic);
    if (known !== undefined) {
      this.#open.delete(topic);
      const stands = await this.#stands(known).catch(async (error: unknown) => {
        await known.handle.close();
        throw error;
      });
      if (stands) {
        this.#open.set(topic, known);
        return known;
      }
      await known.handle.close();
    }
    const file = await this.#openFile(topic);
    this.#open.set(topic, file);
    for (const [oldestTopic, oldest] of this.#open) {
      if (this.#open.size <= this.openMax) break;
      this.#open.delete(oldestTopic);
      await oldest.handle.close();
    }
    return file;
  }

  /** Cuts a partial last line of a file that exists, without keeping the file open. */
  async mend(topic: string): Promise<void> {
    const file = await this.#openFile(topic);
    await file.handle.close();
  }

  /** Makes files made or renamed survive power loss; to be called before anything is acknowledged. */
  async syncFolder(): Promise<void> {
    const changeCount = this.#changeCount;
    if (this.#syncedCount >= changeCount) return;
    await this.#operations.syncFolder(this.#folder);
    this.#syncedCount = Math.max(this.#syncedCount, changeCount);
  }

  /** Renames the topic's file to its final name. */
  async rotate(topic: string): Promise<void> {
    await this.forget(topic);
    const to = await this.#freePath(topic);
    await this.#operations.rename(openPath(this.#folder, topic), to);
    this.#changeCount += 1;
  }

  /** Takes back what was written beyond a size, and closes the file. */
  async cutBack(topic: string, sizeBytes: number): Promise<void> {
    const file = this.#open.get(topic) ?? (await this.#openFile(topic));
    this.#open.delete(topic);
    try {
      // A larger size would fill the file with zeros, should another program have emptied it.
      if ((await file.handle.stat()).size > sizeBytes) await file.handle.truncate(sizeBytes);
      await file.handle.datasync();
    } finally {
      await file.handle.close();
    }
  }

  /** Closes the topic's file, if it is open. */
  async forget(topic: string): Promise<void> {
    const known = this.#open.get(topic);
    this.#open.delete(topic);
    await known?.handle.close();
  }

  async close(): Promise<void> {
    for (const topic of [...this.#open.keys()]) await this.forget(topic).catch(() => {});
  }

  /** False when another program moved, removed or replaced the file: lines written to it would go where nobody looks. */
  async #stands(file: TopicFile): Promise<boolean> {
    try {
      const { ino, size } = await this.#operations.stat(openPath(this.#folder, file.topic));
      return ino === file.ino && size === file.sizeBytes;
    } catch (error) {
      if (systemCode(error) === "ENOENT") return false;
      throw error;
    }
  }

  async #openFile(topic: string): Promise<TopicFile> {
    const path = openPath(this.#folder, topic);
    const handle = await this.#openOrCreate(path);
    try {
      const found = await handle.stat();
      if (!found.isFile()) throw new Error(`${path} is not a regular file`);
      const sizeBytes = found.size === 0 ? 0 : await wholeLinesBytes(handle, found.size);
      if (sizeBytes < found.size) {
        await handle.truncate(sizeBytes);
        await handle.datasync();
        this.#notice(`${path}: cut ${found.size - sizeBytes} bytes of a line that was never finished, nor acknowledged`);
      }
      return { topic, handle, ino: found.ino, bornMs: found.birthtimeMs > 0 ? found.birthtimeMs : found.mtimeMs, sizeBytes };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async #openOrCreate(path: string): Promise<TopicHandle> {
    try {
      return await this.#operations.open(path, false);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
    }
    const handle = await this.#operations.open(path, true);
    this.#changeCount += 1;
    return handle;
  }

  async #freePath(topic: string): Promise<string> {
    for (let number = 1; number <= ROTATED_NUMBER_MAX; number += 1) {
      const path = rotatedPath(this.#folder, topic, Date.now(), number);
      try {
        await this.#operations.stat(path);
      } catch (error) {
        if (systemCode(error) === "ENOENT") return path;
        throw error;
      }
    }
    throw new Error(`${topic} was rotated ${ROTATED_NUMBER_MAX} times within one second`);
  }
}

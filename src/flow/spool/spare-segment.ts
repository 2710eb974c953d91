/**
 * The file that the next segment will be: made ahead while the log is busy, or taken over from a segment that is done.
 *
 * Overwriting a file that has its blocks takes half to two thirds of the time of growing one, since no sync has to
 * write down where the blocks are (docs/performance.md).
 *
 * Promise: there is one at most, it never takes the log over its budget, and nothing depends on it: whatever fails here,
 * the next segment is made as an ordinary new file. A file that is taken over is known under its new name alone, for
 * good, before a byte of it is overwritten.
 *
 * @see docs/spool-format.md, sections 1 and 6
 */
import { join } from "node:path";
import { BATCH_BYTES_LARGE } from "./batch.ts";
import type { Disk, DiskFile } from "./disk.ts";

export const SPARE_FILE = "spare";
/** A log that appends less than this while the program runs gets no spare: most logs are small. */
const SPARE_AFTER_BYTES = 1024 * 1024;
/** Where segments are smaller than those of the smallest budget, so many of them are enough. */
const SPARE_AFTER_SEGMENTS = 4;
/** Made and synced at a time: no burst that would hold up a commit. */
const STEP_BYTES = 1024 * 1024;
/** A step for each so many bytes appended: the file is whole well before the segment is full. */
const APPENDED_PER_STEP_BYTES = (STEP_BYTES * 3) / 4;

export interface SpareSettings {
  readonly disk: Disk;
  readonly folder: string;
  /** Size that it is made with. */
  readonly bytes: number;
  /** Bytes of the budget that nothing takes yet. */
  readonly freeBytes: () => number;
}

export class SpareSegment {
  readonly #settings: SpareSettings;
  readonly #path: string;
  #isWhole = false;
  #making: DiskFile | null = null;
  #madeBytes = 0;
  /** Appended since the start, less what steps were made for. */
  #owedBytes = APPENDED_PER_STEP_BYTES - SPARE_AFTER_BYTES;
  #appendedBytes = 0;
  /** It failed: no other is made before the next segment. */
  #hasFailed = false;
  /** What is under way; never rejects. */
  #busy: Promise<void> = Promise.resolve();
  #isBusy = false;
  #isClosed = false;

  constructor(settings: SpareSettings) {
    this.#settings = settings;
    this.#path = join(settings.folder, SPARE_FILE);
  }

  /** It is there and may be taken. */
  get isReady(): boolean {
    return this.#isWhole && !this.#isBusy && this.#hasRoom();
  }

  /** So many bytes were appended: time to go on with the next segment's file. */
  appended(bytes: number): void {
    this.#appendedBytes += bytes;
    if (!this.#hasRoom()) return this.#discard();
    // A large batch loses little by growing its file; what is made ahead is written once more, and the disk is the limit.
    if (this.#isWhole || this.#hasFailed || bytes >= BATCH_BYTES_LARGE) return;
    this.#owedBytes += bytes;
    if (this.#owedBytes < APPENDED_PER_STEP_BYTES || this.#isBusy) return;
    this.#owedBytes = Math.min(this.#owedBytes - APPENDED_PER_STEP_BYTES, APPENDED_PER_STEP_BYTES);
    this.#run(() => this.#step());
  }

  /**
   * Gives the file out, under the name of the segment that it becomes, with these bytes at its start. The caller syncs
   * the folder.
   *
   * @returns Null when there is none; the segment is made anew then.
   */
  async take(path: string, start: Buffer): Promise<{ readonly file: DiskFile; readonly bytes: number } | null> {
    this.#hasFailed = false;
    if (!this.isReady) return null;
    this.#isWhole = false;
    // A segment that gets done meanwhile must not become the file under this one's name.
    this.#isBusy = true;
    const { disk, folder } = this.#settings;
    let file: DiskFile | null = null;
    try {
      // Under its old name, if that came back with a crash, the new header would be taken for damage.
      await disk.syncFolder(folder);
      file = await disk.open(this.#path, "write");
      await file.writeSynced(start, 0);
      const bytes = await file.size();
      await disk.rename(this.#path, path);
      return { file, bytes };
    } catch {
      await file?.close().catch(() => undefined);
      await disk.remove(this.#path).catch(() => undefined);
      return null;
    } finally {
      this.#isBusy = false;
    }
  }

  /**
   * Takes a segment's file over instead of its removal.
   *
   * @returns False when it has no use for it.
   */
  async recycle(path: string, bytes: number): Promise<boolean> {
    const { disk, bytes: usualBytes } = this.#settings;
    if (this.#isWhole || this.#isBusy || this.#isClosed || !this.#isUseful || !this.#hasRoom()) return false;
    if (bytes < usualBytes / 2 || bytes > usualBytes * 1.5) return false;
    // What is half made is of less use than this.
    const renaming = this.#giveUp().then(() => disk.rename(path, this.#path));
    this.#run(async () => {
      await renaming.then(
        () => (this.#isWhole = true),
        () => undefined,
      );
    });
    await renaming;
    await this.#busy;
    return true;
  }

  /** The disk is full: removes the file. False when there is none. */
  async release(): Promise<boolean> {
    await this.#busy;
    const isThere = this.#isWhole || this.#making !== null;
    this.#hasFailed = true;
    this.#discard();
    await this.#busy;
    return isThere;
  }

  /** Ends what is under way and removes the file. */
  async close(): Promise<void> {
    await this.#busy;
    this.#discard();
    this.#isClosed = true;
    await this.#busy;
  }

  /** For what the open segment's file reserves, and for this. */
  #hasRoom(): boolean {
    return this.#settings.freeBytes() >= 2 * this.#settings.bytes;
  }

  /** A log that only drains has no use for it. */
  get #isUseful(): boolean {
    return this.#appendedBytes >= Math.min(SPARE_AFTER_BYTES, SPARE_AFTER_SEGMENTS * this.#settings.bytes);
  }

  async #step(): Promise<void> {
    const { disk, bytes } = this.#settings;
    try {
      this.#making ??= await disk.open(this.#path, "create");
      const step = Math.min(STEP_BYTES, bytes - this.#madeBytes);
      await this.#making.writeSynced(Buffer.alloc(step), this.#madeBytes);
      this.#madeBytes += step;
      if (this.#madeBytes < bytes) return;
      await this.#making.close();
      this.#making = null;
      this.#madeBytes = 0;
      this.#isWhole = true;
    } catch {
      this.#hasFailed = true;
      await this.#giveUp();
    }
  }

  /** Removes what is half made. */
  async #giveUp(): Promise<void> {
    const file = this.#making;
    this.#making = null;
    this.#madeBytes = 0;
    if (file === null) return;
    await file.close().catch(() => undefined);
    await this.#settings.disk.remove(this.#path).catch(() => undefined);
  }

  /** The log needs the room. */
  #discard(): void {
    if (!this.#isWhole && this.#making === null) return;
    this.#run(async () => {
      await this.#giveUp();
      if (!this.#isWhole) return;
      this.#isWhole = false;
      await this.#settings.disk.remove(this.#path).catch(() => undefined);
    });
  }

  #run(act: () => Promise<void>): void {
    if (this.#isBusy || this.#isClosed) return;
    this.#isBusy = true;
    this.#busy = act().finally(() => (this.#isBusy = false));
  }
}

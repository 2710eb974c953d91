/**
 * Removes segments' files bit by bit: to free all blocks of a large file at once holds up each sync of the disk for as
 * long as that takes (docs/performance.md).
 *
 * Promise: before a byte is cut off the file has a name, for good, under which a start removes it. Nobody may be reading
 * it. What fails here leaves a file that the next start removes.
 *
 * @see docs/spool-format.md, section 6
 */
import type { Disk, DiskFile } from "./disk.ts";

export const REMOVING_SUFFIX = ".removing";
/** Cut off at a time: smaller steps are slower, larger ones are felt. */
const STEP_BYTES = 4 * 1024 * 1024;
/** Beyond, a file is removed at once: disk space that is free is worth more than an even pace. */
const WAITING_MAX = 8;

export class GradualRemoval {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #stepBytes: number;
  #waiting = 0;
  /** Never rejects. */
  #last: Promise<void> = Promise.resolve();

  constructor(disk: Disk, folder: string, stepBytes = STEP_BYTES) {
    this.#disk = disk;
    this.#folder = folder;
    this.#stepBytes = stepBytes;
  }

  /** Settles once the file has lost its name; its blocks are freed in the background. */
  async remove(path: string, bytes: number): Promise<void> {
    if (bytes <= this.#stepBytes || this.#waiting >= WAITING_MAX) return this.#disk.remove(path);
    const removing = path + REMOVING_SUFFIX;
    this.#waiting += 1;
    try {
      await this.#disk.rename(path, removing);
    } catch (error) {
      this.#waiting -= 1;
      throw error;
    }
    this.#last = this.#last
      .then(() => this.#cut(removing, bytes))
      .catch(() => undefined)
      .then(() => this.#disk.remove(removing))
      .catch(() => undefined)
      .finally(() => (this.#waiting -= 1));
  }

  /** Settles when nothing is under way. */
  settled(): Promise<void> {
    return this.#last;
  }

  async #cut(path: string, bytes: number): Promise<void> {
    // Under its old name, if that came back with a crash, what is cut would be taken for damage.
    await this.#disk.syncFolder(this.#folder);
    const file: DiskFile = await this.#disk.open(path, "write");
    try {
      for (let left = bytes - this.#stepBytes; left > 0; left -= this.#stepBytes) await file.truncate(left);
    } finally {
      await file.close();
    }
  }
}

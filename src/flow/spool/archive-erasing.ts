/**
 * Takes the messages of a tenant out of the files of an archive.
 *
 * Promise: what is of others stays; a file that can't be read whole is removed, since nobody could tell what is in it.
 */
import { join } from "node:path";
import { readArchivedFile } from "./archived-file.ts";
import { compact, COMPACTING_FILE } from "./compaction.ts";
import type { Disk } from "./disk.ts";
import { mayHold, numbersWithout } from "./tenant-frames.ts";
import { decodeMessage } from "./message-codec.ts";
import { readSegment } from "./segment-content.ts";
import type { Segment } from "./segment.ts";

export interface ArchiveErased {
  /** False: the time was over before all was looked at. */
  readonly isThrough: boolean;
}

export class ArchiveErasing {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #tenant: string;

  constructor(disk: Disk, folder: string, tenant: string) {
    this.#disk = disk;
    this.#folder = folder;
    this.#tenant = tenant;
  }

  /**
   * @param endMs - By `performance.now()`, when no more is begun.
   * @throws SidestreamError `SST_SPOOL_IO`
   */
  async run(files: readonly Segment[], endMs: number): Promise<ArchiveErased> {
    for (const { path } of files) {
      if (performance.now() >= endMs) return { isThrough: false };
      const segment = await readArchivedFile(this.#disk, path);
      if (segment !== null && mayHold(segment, this.#tenant)) await this.#erase(segment);
    }
    if (files.length > 0) await this.#disk.syncFolder(this.#folder);
    return { isThrough: true };
  }

  async #erase(segment: Segment): Promise<void> {
    const gone: number[] = [];
    const missing = await readSegment(this.#disk, segment, {
      visit: ({ sequence, payload }) => {
        if (decodeMessage(payload, sequence).tenant === this.#tenant) gone.push(sequence);
      },
    });
    if (gone.length === 0 && missing.length === 0) return;
    const file = join(this.#folder, COMPACTING_FILE);
    const rewritten = missing.length > 0 ? null : await compact(this.#disk, file, [segment], numbersWithout(segment, gone));
    if (rewritten === null || rewritten.segment === null) await this.#disk.remove(segment.path);
    else await this.#disk.rename(file, segment.path);
  }
}

/**
 * Where a destination's segments go once nothing of them waits: files that can be read again, within bounds of age and
 * bytes.
 *
 * Promise: the log never waits for the archive and never needs it. A segment comes here whole, as it was written, by a
 * rename or a second name, before the log lets go of it; what can't come is removed as if there were no archive. A name
 * that the log has too, after a crash, is the log's: the one here goes, and comes again with the segment.
 *
 * @see docs/spool-format.md, sections 1 and 6
 */
import { basename, join } from "node:path";
import { eraseArchive, type ArchiveErased } from "./archive-erasing.ts";
import { ArchiveFiles, type ArchiveStatus } from "./archive-files.ts";
import { readArchivedFile } from "./archived-file.ts";
import { systemCode, type Disk } from "./disk.ts";
import { FLAG_COMPACTED } from "./format.ts";
import { GradualRemoval, REMOVING_SUFFIX } from "./gradual-removal.ts";
import type { RetainSettings } from "./retain-settings.ts";
import { isSegmentFile, type Segment } from "./segment.ts";
import { Turns } from "./turns.ts";

/** Of one destination's archive, as its log is told. */
export interface ArchiveSettings {
  readonly folder: string;
  /** Null: nothing comes in; what is there stays and can be read. */
  readonly retain: RetainSettings | null;
  /** Told what somebody should know, once each. */
  readonly onNotice?: (text: string) => void;
  /** All archives of the spool: on a disk that is full one gives way to each log. */
  readonly others?: () => Iterable<Archive>;
  /** Asked for room on a full disk before any archive gives way; false: it has none. */
  readonly before?: () => Promise<boolean>;
}

export interface ArchiveParts extends ArchiveSettings {
  readonly disk: Disk;
  /** The log's own. */
  readonly logFolder: string;
  readonly removalStepBytes?: number | undefined;
}

export class Archive {
  readonly #parts: ArchiveParts;
  readonly #turns = new Turns();
  readonly #removal: GradualRemoval;
  readonly #files = new ArchiveFiles();
  #removed = 0;
  #loading: Promise<void> | null = null;
  /** Paths of files that the log may have under a name of its own: their bytes must stay as they are. */
  readonly #linked = new Set<string>();
  readonly #told = new Set<string>();
  /** False: what is in the folder is unknown, so it is left alone until the next start. */
  #isUsable = true;

  private constructor(parts: ArchiveParts) {
    this.#parts = parts;
    this.#removal = new GradualRemoval(parts.disk, parts.folder, parts.removalStepBytes);
  }

  /**
   * @param segments - Those of the log, as recovery found them.
   * @throws SidestreamError where a file that the log has, too, can't be taken out of the folder.
   */
  static async open(parts: ArchiveParts, segments: readonly Segment[]): Promise<Archive> {
    const archive = new Archive(parts);
    const names = new Set(await archive.#names());
    // A crash came before the log let go of it. One file under two names must not be cut or used again under either.
    for (const segment of segments) {
      const name = basename(segment.path);
      if (names.has(name) && !isCompacted(segment)) await parts.disk.remove(join(parts.folder, name));
    }
    void archive.trim();
    return archive;
  }

  /** What is in the folder, which is made where it is wanted. */
  async #names(): Promise<readonly string[]> {
    const { disk, folder, retain } = this.#parts;
    try {
      if (retain !== null) await disk.makeFolder(folder);
      return (await disk.exists(folder)) ? await disk.list(folder) : [];
    } catch (error) {
      this.#isUsable = false;
      const next = "so nothing is archived until the next start: what is done is removed, and can't be replayed";
      if (retain !== null) this.#tell("open", `can't be made or listed (${(error as Error).message}), ${next}`);
      return [];
    }
  }

  /** Nobody knows what is in it: a file of the log may have a second name there, and must not be cut or written over. */
  get isUnknown(): boolean {
    return !this.#isUsable;
  }

  /** False for what was rewritten: the file before it is here already. */
  wants(segment: Segment): boolean {
    return this.#parts.retain !== null && this.#isUsable && !isCompacted(segment);
  }

  /**
   * Takes a segment's file from the log. Only where nobody writes to it any more.
   *
   * @returns False when it can't be taken; the file is where it was then.
   */
  async take(segment: Segment): Promise<boolean> {
    if (!this.wants(segment)) return false;
    const { disk, folder } = this.#parts;
    const path = join(folder, basename(segment.path));
    try {
      await this.#turns.run(async () => {
        // A rename onto another name of the same file would do nothing.
        if (this.#linked.has(path) || this.#files.has(segment, path)) await disk.remove(segment.path);
        else await this.#inFolder(() => disk.rename(segment.path, path));
        this.#linked.delete(path);
        // Of copies the log counts nothing; here they may be all that there is.
        const known = segment.hasSummary ? segment : await readArchivedFile(disk, path).catch(() => null);
        this.#files.add(known ?? segment, path);
      });
    } catch (error) {
      this.#tell("take", `can't be moved to ${folder}, so they are removed and can't be replayed: ${(error as Error).message}`);
      return false;
    }
    void this.trim();
    return true;
  }

  /** Gives segments that are about to be rewritten a second name here. Never rejects: the log goes on without it. */
  async keep(segments: readonly Segment[]): Promise<void> {
    const { disk, folder } = this.#parts;
    const wanted = segments.filter((segment) => this.wants(segment));
    if (wanted.length === 0) return;
    try {
      await this.#turns.run(async () => {
        for (const segment of wanted) {
          const path = join(folder, basename(segment.path));
          if (this.#files.has(segment, path)) continue;
          await this.#inFolder(() => disk.link(segment.path, path)).catch(async (error: unknown) => {
            if (systemCode(error) !== "EEXIST") throw error;
            // Left by another log of that name.
            await disk.remove(path);
            await disk.link(segment.path, path);
          });
          this.#linked.add(path);
          this.#files.add(segment, path);
        }
        await disk.syncFolder(folder);
      });
    } catch (error) {
      this.#tell("keep", `can't get a second name in ${folder}, so what is done of them can't be replayed: ${(error as Error).message}`);
    }
    void this.trim();
  }

  /** The disk is full: removes the oldest file, of this archive or else of another. False when there is none. */
  async giveWay(): Promise<boolean> {
    if ((await this.#parts.before?.()) === true) return true;
    if (await this.#removeOldest()) return true;
    for (const other of this.#parts.others?.() ?? []) if (other !== this && (await other.#removeOldest())) return true;
    return false;
  }

  async #removeOldest(): Promise<boolean> {
    await this.#load();
    return this.#turns.run(async () => {
      const oldest = this.#files.list[0];
      if (oldest === undefined) return false;
      this.#tell("full", "give way, the oldest first: the disk is full. What was in them can't be replayed any more");
      // At once: whoever asks needs its blocks now.
      return await this.#remove(oldest, (path) => this.#parts.disk.remove(path));
    });
  }

  /** Removes what is too old or too much. Never rejects. */
  async trim(): Promise<void> {
    const { retain, disk, logFolder } = this.#parts;
    if (retain === null) return;
    await this.#load();
    await this.#turns.run(async () => {
      const endMs = Date.now() - retain.keepMs;
      let isFirst = true;
      for (const file of [...this.#files.list]) {
        if (this.#files.bytes <= retain.bytesMax && file.newestMs >= endMs) continue;
        // Under its name in the log, if that came back with a crash, what is cut would be taken for damage.
        if (isFirst) await disk.syncFolder(logFolder).catch(() => undefined);
        isFirst = false;
        await this.#remove(file);
      }
    });
  }

  /** The files by now, the oldest first. */
  async files(): Promise<readonly Segment[]> {
    await this.#load();
    return [...this.#files.list];
  }

  /** Rewrites the files without the messages of a tenant. As `eraseArchive`. */
  async erase(tenant: string, after: string, endMs: number): Promise<ArchiveErased> {
    await this.#load();
    const { disk, folder } = this.#parts;
    if (!this.#isUsable) return { isThrough: true, left: [folder], messages: 0, after };
    // What is being removed is gone, or stays until it is looked at.
    await this.#removal.settled();
    if (!(await disk.exists(folder))) return { isThrough: true, left: [], messages: 0, after };
    const erased = await this.#turns.run(async () => {
      const result = await eraseArchive({ disk, folder, tenant, after, endMs });
      await disk.syncFolder(folder);
      return result;
    });
    if (erased.messages > 0) await this.#loadAnew();
    return erased;
  }

  async #loadAnew(): Promise<void> {
    this.#loading = null;
    this.#files.clear();
    await this.#load();
  }

  /** Null: nothing comes in. */
  status(): ArchiveStatus | null {
    if (this.#parts.retain === null) return null;
    return { files: this.#files.list.length, bytes: this.#files.bytes, removed: this.#removed };
  }

  /** Settles when nothing is under way. */
  async close(): Promise<void> {
    await this.#loading;
    await this.#turns.run(() => Promise.resolve());
    await this.#removal.settled();
  }

  /** Never rejects. */
  #load(): Promise<void> {
    if (!this.#isUsable) return Promise.resolve();
    this.#loading ??= this.#read().catch((error: unknown) => {
      this.#loading = null;
      this.#tell("read", `can't be read: ${(error as Error).message}`);
    });
    return this.#loading;
  }

  async #read(): Promise<void> {
    const { disk, folder } = this.#parts;
    if (!(await disk.exists(folder))) return;
    for (const name of (await disk.list(folder)).toSorted()) {
      const path = join(folder, name);
      if (name.endsWith(REMOVING_SUFFIX)) await disk.remove(path).catch(() => undefined);
      if (!isSegmentFile(name) || this.#files.at(path) !== undefined) continue;
      const segment = await readArchivedFile(disk, path);
      if (segment === null && (await disk.exists(path)))
        this.#tell("unreadable", `can't be read, ${name} is the first: they stay, uncounted, until somebody removes them by hand`);
      // It came, or went, meanwhile.
      if (segment !== null && this.#files.at(path) === undefined) this.#files.add(segment, path);
    }
  }

  /** Somebody may have removed the folder: it is made anew then. */
  async #inFolder(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      const { disk, folder } = this.#parts;
      if (systemCode(error) !== "ENOENT" || (await disk.exists(folder))) throw error;
      await disk.makeFolder(folder);
      await act();
    }
  }

  /** @returns False when it is still there. */
  async #remove({ path, bytes }: Segment, remove = (file: string) => this.#removal.remove(file, bytes)): Promise<boolean> {
    try {
      if (this.#linked.has(path)) await this.#parts.disk.remove(path);
      else await remove(path);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") {
        this.#tell("remove", `can't be removed, so it may take more than it should: ${(error as Error).message}`);
        return false;
      }
    }
    this.#linked.delete(path);
    this.#files.forget(path);
    this.#removed += 1;
    return true;
  }

  #tell(kind: string, text: string): void {
    if (this.#told.has(kind)) return;
    this.#told.add(kind);
    this.#parts.onNotice?.(`files of the archive ${this.#parts.folder} ${text}`);
  }
}

function isCompacted({ header }: Segment): boolean {
  return (header.flags & FLAG_COMPACTED) !== 0;
}

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
import { ArchiveErasing, type ArchiveErased } from "./archive-erasing.ts";
import { readArchivedFile } from "./archived-file.ts";
import { systemCode, type Disk } from "./disk.ts";
import { FLAG_COMPACTED } from "./format.ts";
import { GradualRemoval, REMOVING_SUFFIX } from "./gradual-removal.ts";
import { isSegmentFile, segmentOf, type Segment } from "./segment.ts";
import { Turns } from "./turns.ts";

export interface RetainSettings {
  /** Age of a file's newest message at which it is removed, milliseconds. */
  readonly keepMs: number;
  /** Bytes of all files; the oldest go first. */
  readonly bytesMax: number;
}

/** Of one destination's archive, as its log is told. */
export interface ArchiveSettings {
  readonly folder: string;
  /** Null: nothing comes in; what is there stays and can be read. */
  readonly retain: RetainSettings | null;
  /** Told what somebody should know, once each. */
  readonly onNotice?: (text: string) => void;
  /** All archives of the spool: on a disk that is full one gives way to each log. */
  readonly others?: () => Iterable<Archive>;
}

export interface ArchiveParts extends ArchiveSettings {
  readonly disk: Disk;
  /** The log's own. */
  readonly logFolder: string;
  readonly removalStepBytes?: number | undefined;
}

export interface ArchiveStatus {
  readonly files: number;
  readonly bytes: number;
  /** Files removed since the start, for age or want of room. */
  readonly removed: number;
}

export class Archive {
  readonly #parts: ArchiveParts;
  readonly #turns = new Turns();
  readonly #removal: GradualRemoval;
  /** Oldest first. Without their counts, which only erasing needs. */
  #files: Segment[] = [];
  readonly #byPath = new Map<string, Segment>();
  #bytes = 0;
  #removed = 0;
  #loading: Promise<void> | null = null;
  /** Paths of files that the log may have under a name of its own: their bytes must stay as they are. */
  readonly #linked = new Set<string>();
  readonly #told = new Set<string>();

  private constructor(parts: ArchiveParts) {
    this.#parts = parts;
    this.#removal = new GradualRemoval(parts.disk, parts.folder, parts.removalStepBytes);
  }

  /**
   * @param segments - Those of the log, as recovery found them.
   * @throws SidestreamError what the disk says.
   */
  static async open(parts: ArchiveParts, segments: readonly Segment[]): Promise<Archive> {
    const archive = new Archive(parts);
    const { disk, folder, retain } = parts;
    if (retain !== null) await disk.makeFolder(folder);
    if (await disk.exists(folder)) {
      const names = new Set(await disk.list(folder));
      // A crash came before the log let go of it. One file under two names must not be cut or used again under either.
      for (const segment of segments) {
        const name = basename(segment.path);
        if (names.has(name) && !isCompacted(segment)) await disk.remove(join(folder, name));
      }
    }
    void archive.trim();
    return archive;
  }

  /** False for what was rewritten: the file before it is here already. */
  wants(segment: Segment): boolean {
    return this.#parts.retain !== null && !isCompacted(segment);
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
        if (this.#has(segment, path)) await disk.remove(segment.path);
        else await disk.rename(segment.path, path);
        this.#linked.delete(path);
        // Of copies the log counts nothing; here they may be all that there is.
        const known = segment.hasSummary ? segment : await readArchivedFile(disk, path).catch(() => null);
        this.#add(known ?? segment, path);
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
          if (this.#has(segment, path)) continue;
          await disk.link(segment.path, path).catch(async (error: unknown) => {
            if (systemCode(error) !== "EEXIST") throw error;
            // Left by another log of that name.
            await disk.remove(path);
            await disk.link(segment.path, path);
          });
          this.#linked.add(path);
          this.#add(segment, path);
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
    if (await this.#removeOldest()) return true;
    for (const other of this.#parts.others?.() ?? []) if (other !== this && (await other.#removeOldest())) return true;
    return false;
  }

  async #removeOldest(): Promise<boolean> {
    await this.#load();
    return this.#turns.run(async () => {
      const oldest = this.#files[0];
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
      for (const file of [...this.#files]) {
        if (this.#bytes <= retain.bytesMax && file.newestMs >= endMs) continue;
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
    return [...this.#files];
  }

  /** Rewrites the files without the messages of a tenant. @throws SidestreamError what the disk says. */
  async erase(tenant: string, endMs: number): Promise<ArchiveErased> {
    await this.#load();
    const { disk, folder } = this.#parts;
    const erasing = new ArchiveErasing(disk, folder, tenant);
    const erased = await this.#turns.run(() => erasing.run(this.#files, endMs));
    this.#loading = null;
    this.#files = [];
    this.#byPath.clear();
    this.#bytes = 0;
    await this.#load();
    return erased;
  }

  /** Null: nothing comes in. */
  status(): ArchiveStatus | null {
    if (this.#parts.retain === null) return null;
    return { files: this.#files.length, bytes: this.#bytes, removed: this.#removed };
  }

  /** Settles when nothing is under way. */
  async close(): Promise<void> {
    await this.#loading;
    await this.#turns.run(() => Promise.resolve());
    await this.#removal.settled();
  }

  /** Never rejects. */
  #load(): Promise<void> {
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
      if (!isSegmentFile(name) || this.#at(path) !== undefined) continue;
      const segment = await readArchivedFile(disk, path);
      // It came, or went, meanwhile.
      if (segment !== null && this.#at(path) === undefined) this.#add(segment, path);
    }
  }

  #at(path: string): Segment | undefined {
    return this.#byPath.get(path);
  }

  #has({ header }: Segment, path: string): boolean {
    return this.#at(path)?.header.salt === header.salt;
  }

  #add({ header, bytes, nextSequence, hasSummary, oldestMs, newestMs }: Segment, path: string): void {
    this.#forget(path);
    const file = Object.assign(segmentOf(header, path), { bytes, nextSequence, hasSummary, sealed: true, oldestMs, newestMs });
    const at = this.#files.findLastIndex((other) => other.header.number < header.number);
    this.#files.splice(at + 1, 0, file);
    this.#byPath.set(path, file);
    this.#bytes += bytes;
  }

  #forget(path: string): void {
    const file = this.#byPath.get(path);
    if (file === undefined) return;
    this.#byPath.delete(path);
    this.#bytes -= file.bytes;
    this.#files.splice(this.#files.indexOf(file), 1);
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
    this.#forget(path);
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

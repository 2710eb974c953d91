/**
 * Reads the names and headers in a log's folder: which segments there are, and whether they belong together.
 *
 * A file whose header can't be read is set aside, never deleted; one that was never finished being made is removed.
 */
import { join } from "node:path";
import { SidestreamError } from "../../errors.ts";
import { COMPACTING_FILE } from "./compaction.ts";
import { systemCode, type Disk, type DiskFile } from "./disk.ts";
import type { FindingKind, SpoolFinding } from "./findings.ts";
import { DATA_OFFSET, decodeSegmentHeader, newerFormat, type LogKind, type SegmentHeader } from "./format.ts";
import { REMOVING_SUFFIX } from "./gradual-removal.ts";
import { SPARE_FILE } from "./spare-segment.ts";
import { DAMAGED_SUFFIX, fileNumber, isDamagedFile, isSegmentFile, segmentOf, type Segment } from "./segment.ts";

/** Made for a segment to come: after a crash nothing depends on them, and one may be a segment's file under another name. */
const LEFTOVERS: ReadonlySet<string> = new Set([SPARE_FILE, COMPACTING_FILE]);

function isLeftover(name: string): boolean {
  return LEFTOVERS.has(name) || (name.endsWith(REMOVING_SUFFIX) && isSegmentFile(name.slice(0, -REMOVING_SUFFIX.length)));
}

/** @returns Null when the file went away while we only look: a running program frees segments. */
export async function openSegment(disk: Disk, path: string, mode: "read" | "write", writes: boolean): Promise<DiskFile | null> {
  try {
    return await disk.open(path, mode);
  } catch (error) {
    if (!writes && systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

export class LogFolder {
  readonly findings: SpoolFinding[] = [];
  /** Null when no segment can be read. */
  logId: string | null = null;
  /** Highest number that a file of the folder has, those set aside included. */
  lastNumber = 0;
  /** Bytes of unreadable files after the last readable segment. Their numbers were used, also once they are set aside. */
  unreadableBytes = 0;
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #kind: LogKind;
  readonly #writes: boolean;
  /** A file was removed or set aside, and that isn't on disk yet. */
  #hasCleared = false;

  /** @param writes - False to look only: nothing is removed or set aside. */
  constructor(disk: Disk, folder: string, kind: LogKind, writes: boolean) {
    this.#disk = disk;
    this.#folder = folder;
    this.#kind = kind;
    this.#writes = writes;
  }

  /** Readable segments, in order, as their headers tell. */
  async read(): Promise<Segment[]> {
    const names = (await this.#disk.list(this.#folder)).toSorted();
    const segments: Segment[] = [];
    for (const name of names) {
      const path = join(this.#folder, name);
      // One that can't be removed is in nobody's way: it is tried again when a new one is made.
      if (isLeftover(name) && this.#writes) await this.#disk.remove(path).catch(() => undefined);
      this.lastNumber = Math.max(this.lastNumber, fileNumber(name));
      if (!isSegmentFile(name) && !isDamagedFile(name)) continue;
      const file = await openSegment(this.#disk, path, "read", this.#writes);
      if (file === null) continue;
      const block = Buffer.alloc(DATA_OFFSET);
      let bytes = 0;
      try {
        bytes = await file.size();
        await file.read(block, 0);
      } finally {
        await file.close();
      }
      if (isDamagedFile(name)) {
        this.unreadableBytes += bytes;
        continue;
      }
      const header = decodeSegmentHeader(block);
      if (header === null) {
        await this.#setAside(path, bytes);
        continue;
      }
      this.#check(path, header);
      const segment = segmentOf(header, path);
      segment.bytes = bytes;
      segments.push(segment);
      this.unreadableBytes = 0;
    }
    // One that came back with a power loss would be taken for a part of what is begun now, or of another log.
    if (this.#hasCleared) await this.#disk.syncFolder(this.#folder);
    return segments;
  }

  #check(path: string, header: SegmentHeader): void {
    const newer = newerFormat(header);
    if (newer !== null) throw new SidestreamError("SST_SPOOL_VERSION", `${path} ${newer}`);
    if (header.kind !== this.#kind) {
      throw new SidestreamError("SST_SPOOL_DAMAGED", `${path} belongs to another kind of log (${header.kind ?? "unknown"})`);
    }
    this.logId ??= header.logId;
    if (header.logId === this.logId) return;
    const text = `${path} belongs to log ${header.logId}, its neighbours to ${this.logId}: a folder was mixed up`;
    throw new SidestreamError("SST_SPOOL_DAMAGED", text);
  }

  async #setAside(path: string, bytes: number): Promise<void> {
    this.#hasCleared = this.#writes;
    // The headers are synced before the first batch is written: a file that holds no more was never finished.
    if (bytes <= DATA_OFFSET) {
      this.#note("empty-segment-removed", path, bytes, "a segment file that was never finished being made; nothing was in it");
      if (this.#writes) await this.#disk.remove(path);
      return;
    }
    const kept = this.#writes ? "the file is kept as" : "at the next start the file is set aside as";
    this.#note("unreadable-segment", path, bytes, `both copies of the header are damaged; ${kept} ${path}${DAMAGED_SUFFIX}`);
    if (this.#writes) await this.#disk.rename(path, path + DAMAGED_SUFFIX);
    this.unreadableBytes += bytes;
  }

  #note(kind: FindingKind, path: string, bytes: number, text: string): void {
    this.findings.push({ kind, path, offset: 0, bytes, framesLost: 0, text });
  }
}

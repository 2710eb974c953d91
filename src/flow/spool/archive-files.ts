/** Which files an archive has, the oldest first, and how many bytes they are. */
import { segmentOf, type Segment } from "./segment.ts";

export interface ArchiveStatus {
  readonly files: number;
  readonly bytes: number;
  /** Files removed since the start, for age or want of room. */
  readonly removed: number;
}

export class ArchiveFiles {
  /** Without their counts, which only erasing needs. */
  #list: Segment[] = [];
  readonly #byPath = new Map<string, Segment>();
  #bytes = 0;

  get list(): readonly Segment[] {
    return this.#list;
  }

  get bytes(): number {
    return this.#bytes;
  }

  at(path: string): Segment | undefined {
    return this.#byPath.get(path);
  }

  /** Whether the file of that name is this very segment. */
  has({ header }: Segment, path: string): boolean {
    return this.at(path)?.header.salt === header.salt;
  }

  add({ header, bytes, nextSequence, hasSummary, oldestMs, newestMs }: Segment, path: string): void {
    this.forget(path);
    const file = Object.assign(segmentOf(header, path), { bytes, nextSequence, hasSummary, sealed: true, oldestMs, newestMs });
    const at = this.#list.findLastIndex((other) => other.header.number < header.number);
    this.#list.splice(at + 1, 0, file);
    this.#byPath.set(path, file);
    this.#bytes += bytes;
  }

  forget(path: string): void {
    const file = this.#byPath.get(path);
    if (file === undefined) return;
    this.#byPath.delete(path);
    this.#bytes -= file.bytes;
    this.#list.splice(this.#list.indexOf(file), 1);
  }

  clear(): void {
    this.#list = [];
    this.#byPath.clear();
    this.#bytes = 0;
  }
}

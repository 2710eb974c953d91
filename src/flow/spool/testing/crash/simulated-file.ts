/**
 * What is known of a file on a disk that may lose power: every content that each sector may have on the platter, and
 * every length that the file may have.
 *
 * Promise: a sync that ended well leaves one content for what was written before it began; nothing else does. What a
 * failed sync covered stays open for good, since the system forgets that it was to be written.
 */
export const SECTOR_BYTES = 512;
/** Lengths between the one before a write and the one after it that a crash may leave. */
const LENGTHS_BETWEEN_MAX = 8;

/** A content that a sector may have; told from others by identity, so that a sync knows which one it writes. */
interface SectorVersion {
  readonly bytes: Buffer;
}

interface Sector {
  /** Oldest first; the last one is what readers get. */
  readonly versions: SectorVersion[];
  /** The system has still to write the last one. */
  dirty: boolean;
}

interface Length {
  readonly bytes: number;
}

/** What a sync that runs makes last once it ends. */
export interface FileSync {
  readonly sectors: ReadonlyMap<number, SectorVersion>;
  readonly length: Length | null;
}

export interface FileChoices {
  /** Oldest first; the last one is what readers see. */
  readonly lengths: readonly number[];
  /** Sectors with more than one content, in order, and how many each has. */
  readonly sectors: readonly (readonly [index: number, versions: number])[];
}

export class SimulatedFile {
  readonly id: number;
  #live: Buffer;
  #size: number;
  /** Those whose content is open, or still to be written. */
  readonly #sectors = new Map<number, Sector>();
  readonly #lengths: Length[];
  #isLengthDirty = false;
  #choices: FileChoices | null = null;

  /** @param settled - What is on the platter for sure. */
  constructor(id: number, settled: Buffer) {
    this.id = id;
    this.#live = Buffer.from(settled);
    this.#size = settled.length;
    this.#lengths = [{ bytes: settled.length }];
  }

  /** As readers see it. */
  get size(): number {
    return this.#size;
  }

  /** As readers see it; returns how many bytes there were. */
  read(target: Buffer, offset: number): number {
    return offset >= this.#size ? 0 : this.#live.copy(target, 0, offset, Math.min(this.#size, offset + target.length));
  }

  write(bytes: Buffer, offset: number): void {
    const end = offset + bytes.length;
    const before = this.#size;
    if (bytes.length === 0) return;
    this.#change(offset, end, () => {
      bytes.copy(this.#live, offset);
      this.#size = Math.max(before, end);
    });
    // The system may have got as far as some sector when it wrote the length down.
    const step = Math.max(1, Math.ceil((end - before) / SECTOR_BYTES / LENGTHS_BETWEEN_MAX));
    for (let at = sectorEnd(before); at < this.#size; at += step * SECTOR_BYTES) this.#lengths.push({ bytes: at });
    // A sector that is written brings the length with it, also one that an earlier sync failed to bring.
    const reached = Math.min(this.#size, sectorEnd(end - 1));
    if (this.#lengths.some((length) => length.bytes < reached)) this.#newLength();
  }

  truncate(bytes: number): void {
    const before = this.#size;
    if (bytes === before) return;
    this.#change(bytes, before, () => {
      if (bytes < before) this.#live.fill(0, bytes, before);
      this.#size = bytes;
    });
    this.#newLength();
  }

  beginSync(): FileSync {
    const sectors = new Map<number, SectorVersion>();
    for (const [index, { versions, dirty }] of this.#sectors) if (dirty) sectors.set(index, versions.at(-1) as SectorVersion);
    return { sectors, length: this.#isLengthDirty ? (this.#lengths.at(-1) as Length) : null };
  }

  /** @param forgets - After a failure the system also drops what it held: readers get what was there before. */
  endSync({ sectors, length }: FileSync, succeeded: boolean, forgets: boolean): void {
    this.#choices = null;
    for (const [index, version] of sectors) {
      const sector = this.#sectors.get(index);
      const at = sector?.versions.indexOf(version) ?? -1;
      if (sector === undefined || at < 0) continue;
      const isLast = at === sector.versions.length - 1;
      if (isLast) sector.dirty = false;
      if (succeeded) sector.versions.splice(0, at);
      else if (isLast && forgets) this.#forget(index, sector);
      if (sector.versions.length === 1 && !sector.dirty) this.#sectors.delete(index);
    }
    if (length === null) return;
    const at = this.#lengths.indexOf(length);
    if (at === this.#lengths.length - 1) this.#isLengthDirty = false;
    if (succeeded) this.#lengths.splice(0, at);
  }

  get choices(): FileChoices {
    this.#choices ??= {
      lengths: [...new Set(this.#lengths.map(({ bytes }) => bytes).reverse())].reverse(),
      sectors: [...this.#sectors]
        .filter(([, { versions }]) => versions.length > 1)
        .map(([index, { versions }]) => [index, versions.length] as const)
        .toSorted(([a], [b]) => a - b),
    };
    return this.#choices;
  }

  /**
   * The file as a crash left it.
   *
   * @param picks - For each of the choices' sectors that begins below the length: which version.
   */
  survivor(length: number, picks: readonly number[]): Buffer {
    const bytes = Buffer.alloc(length);
    this.#live.copy(bytes, 0, 0, Math.min(length, this.#size));
    for (const [at, pick] of picks.entries()) {
      const index = this.choices.sectors[at]?.[0] ?? 0;
      this.#sectors.get(index)?.versions[pick]?.bytes.copy(bytes, index * SECTOR_BYTES);
    }
    return bytes;
  }

  /** Notes the contents of the sectors from one offset to another before and after a change. */
  #change(from: number, to: number, act: () => void): void {
    this.#choices = null;
    if (to > this.#live.length) {
      const grown = Buffer.alloc(Math.max(to, this.#live.length * 2));
      this.#live.copy(grown);
      this.#live = grown;
    }
    const touched: [number, Sector][] = [];
    for (let index = Math.floor(from / SECTOR_BYTES); index * SECTOR_BYTES < to; index++) touched.push([index, this.#sector(index)]);
    act();
    for (const [index, sector] of touched) {
      const bytes = this.#sectorBytes(index);
      sector.dirty = true;
      if (sector.versions.at(-1)?.bytes.equals(bytes) !== true) sector.versions.push({ bytes });
    }
  }

  #sector(index: number): Sector {
    const known = this.#sectors.get(index);
    if (known !== undefined) return known;
    const sector = { versions: [{ bytes: this.#sectorBytes(index) }], dirty: false };
    this.#sectors.set(index, sector);
    return sector;
  }

  #sectorBytes(index: number): Buffer {
    const bytes = Buffer.alloc(SECTOR_BYTES);
    const from = index * SECTOR_BYTES;
    if (from < this.#live.length) this.#live.copy(bytes, 0, from, Math.min(this.#live.length, from + SECTOR_BYTES));
    return bytes;
  }

  #forget(index: number, { versions }: Sector): void {
    versions.push(...versions.splice(0, 1));
    versions.at(-1)?.bytes.copy(this.#live, index * SECTOR_BYTES, 0, Math.min(SECTOR_BYTES, this.#live.length - index * SECTOR_BYTES));
  }

  #newLength(): void {
    this.#lengths.push({ bytes: this.#size });
    this.#isLengthDirty = true;
  }
}

/** The end of the sector that an offset lies in. */
function sectorEnd(offset: number): number {
  return (Math.floor(offset / SECTOR_BYTES) + 1) * SECTOR_BYTES;
}

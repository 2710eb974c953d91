/**
 * A disk in memory that can lose power: what was not synced survives in part, or not at all, as on a real one.
 *
 * After `sync` a file's bytes are safe, after `syncFolder` its name is. Of writes that were not synced any may be
 * missing, and the last sectors of one may be. Of names that were not synced, any may be there or not.
 */
import { dirname, basename } from "node:path";
import { SidestreamError } from "../../../errors.ts";
import type { Disk, DiskFile } from "../disk.ts";
import { withWriteSynced } from "./write-synced.ts";

const SECTOR_BYTES = 512;

/** Gives whole numbers from 0 up to a bound, exclusive. */
export type Random = (bound: number) => number;

/** The same numbers for the same seed. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

interface Change {
  readonly offset: number;
  /** Null: the file is cut at the offset. */
  readonly bytes: Buffer | null;
}

interface Content {
  live: Buffer;
  durable: Buffer;
  /** What happened since the last sync, in order. */
  changes: Change[];
}

interface NameChange {
  readonly path: string;
  readonly content: Content | null;
}

export class MemoryDisk implements Disk {
  /** Operations until the disk dies; what runs then is done in part. */
  operationsLeft = Infinity;
  operations = 0;
  readonly #random: Random;
  #names = new Map<string, Content>();
  #durableNames = new Map<string, Content>();
  #nameChanges: NameChange[] = [];
  readonly #folders = new Set<string>();
  #handles = 0;
  /** Handles of an earlier life are dead. */
  #life = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Files that were opened and not closed. */
  get openFiles(): number {
    return this.#handles;
  }

  /** The program dies, the machine goes on: every write that returned is there. */
  killProcess(): void {
    this.#handles = 0;
    this.#life += 1;
    this.operationsLeft = Infinity;
  }

  losePower(): void {
    this.killProcess();
    const names = new Map(this.#durableNames);
    for (const { path, content } of this.#nameChanges) {
      if (this.#random(2) === 0) continue;
      if (content === null) names.delete(path);
      else names.set(path, content);
    }
    this.#nameChanges = [];
    this.#names = names;
    this.#durableNames = new Map(names);
    for (const content of new Set(names.values())) this.#loseUnsynced(content);
  }

  /** Changes a file's bytes behind the program's back. */
  damage(path: string, change: (bytes: Buffer) => Buffer): void {
    const content = this.#existing(path);
    content.live = Buffer.from(change(Buffer.from(content.live)));
    content.durable = content.live;
    content.changes = [];
  }

  bytes(path: string): Buffer {
    return this.#existing(path).live;
  }

  /** Paths of the files in a folder. */
  files(folder: string): string[] {
    return [...this.#names.keys()].filter((path) => dirname(path) === folder).toSorted();
  }

  /** Removes a file for good, behind the program's back. */
  lose(path: string): void {
    this.#names.delete(path);
    this.#durableNames.delete(path);
  }

  async makeFolder(path: string): Promise<void> {
    this.#folders.add(path);
  }

  async list(folder: string): Promise<readonly string[]> {
    return this.files(folder).map((path) => basename(path));
  }

  async listFolders(folder: string): Promise<readonly string[]> {
    return [...this.#folders].filter((path) => dirname(path) === folder).map((path) => basename(path));
  }

  async exists(path: string): Promise<boolean> {
    return this.#names.has(path) || this.#folders.has(path);
  }

  async remove(path: string): Promise<void> {
    this.#operate("remove", path);
    this.#existing(path);
    this.#rename(path, null);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#operate("rename", from);
    const content = this.#existing(from);
    this.#rename(to, content);
    this.#rename(from, null);
  }

  async link(from: string, to: string): Promise<void> {
    this.#operate("link", from);
    if (this.#names.has(to)) throw failure("link", to, "EEXIST");
    this.#rename(to, this.#existing(from));
  }

  async syncFolder(path: string): Promise<void> {
    this.#operate("sync the folder", path);
    const isHere = (change: NameChange): boolean => dirname(change.path) === path;
    for (const change of this.#nameChanges.filter(isHere)) {
      if (change.content === null) this.#durableNames.delete(change.path);
      else this.#durableNames.set(change.path, change.content);
    }
    this.#nameChanges = this.#nameChanges.filter((change) => !isHere(change));
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    this.#operate("open", path);
    if (mode === "create") {
      if (this.#names.has(path)) throw failure("open", path, "EEXIST");
      this.#rename(path, { live: Buffer.alloc(0), durable: Buffer.alloc(0), changes: [] });
    }
    this.#handles += 1;
    return this.#file(path, this.#existing(path));
  }

  #file(path: string, content: Content): DiskFile {
    const life = this.#life;
    let isOpen = true;
    const check = (operation: string): void => {
      if (!isOpen) throw failure(operation, path, "EBADF");
      if (life !== this.#life) throw failure(operation, path, "EIO");
      this.#operate(operation, path);
    };
    return withWriteSynced({
      write: async (bytes, offset) => {
        if (this.operationsLeft === 0 && life === this.#life && isOpen)
          this.#change(content, { offset, bytes: Buffer.from(bytes.subarray(0, this.#random(bytes.length))) });
        check("write to");
        this.#change(content, { offset, bytes: Buffer.from(bytes) });
      },
      read: async (target, offset) => {
        check("read");
        // Another may have cut the file meanwhile.
        return offset < content.live.length ? content.live.copy(target, 0, offset, offset + target.length) : 0;
      },
      sync: async () => {
        check("sync");
        content.durable = content.live;
        content.changes = [];
      },
      truncate: async (bytes) => {
        check("cut");
        this.#change(content, { offset: bytes, bytes: null });
      },
      size: async () => content.live.length,
      close: async () => {
        if (isOpen && life === this.#life) this.#handles -= 1;
        isOpen = false;
      },
    });
  }

  #operate(operation: string, path: string): void {
    this.operations += 1;
    if (this.operationsLeft === 0) throw failure(operation, path, "EIO");
    this.operationsLeft -= 1;
  }

  #existing(path: string): Content {
    const content = this.#names.get(path);
    if (content === undefined) throw failure("open", path, "ENOENT");
    return content;
  }

  #rename(path: string, content: Content | null): void {
    if (content === null) this.#names.delete(path);
    else this.#names.set(path, content);
    this.#nameChanges.push({ path, content });
  }

  #change(content: Content, change: Change): void {
    content.live = applied(content.live, change);
    content.changes.push(change);
  }

  #loseUnsynced(content: Content): void {
    let bytes = content.durable;
    for (const change of content.changes) {
      const fate = this.#random(3);
      if (fate === 0) continue;
      if (fate === 1 || change.bytes === null) bytes = applied(bytes, change);
      else bytes = this.#applyTorn(bytes, change.offset, change.bytes);
    }
    content.live = content.durable = bytes;
    content.changes = [];
  }

  /** Some sectors of a write arrive, others don't. */
  #applyTorn(bytes: Buffer, offset: number, written: Buffer): Buffer {
    let torn = bytes;
    for (let at = 0; at < written.length;) {
      const end = Math.min(written.length, (Math.floor((offset + at) / SECTOR_BYTES) + 1) * SECTOR_BYTES - offset);
      if (this.#random(4) > 0) torn = applied(torn, { offset: offset + at, bytes: written.subarray(at, end) });
      at = end;
    }
    return torn;
  }
}

function applied(bytes: Buffer, { offset, bytes: written }: Change): Buffer {
  const length = written === null ? offset : Math.max(bytes.length, offset + written.length);
  const result = Buffer.alloc(length);
  bytes.copy(result, 0, 0, Math.min(length, bytes.length));
  written?.copy(result, offset);
  return result;
}

function failure(operation: string, path: string, code: string): SidestreamError {
  return new SidestreamError("SST_SPOOL_IO", `could not ${operation} ${path}: ${code}`, {
    cause: Object.assign(new Error(code), { code }),
  });
}

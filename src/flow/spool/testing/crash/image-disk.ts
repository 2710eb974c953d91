/**
 * A disk in memory that holds what a crash left: quick to make and quick to use, for one start of the program.
 *
 * Promise: the image isn't changed. It counts what is written, so that a reader can be shown to change nothing.
 */
import { basename, dirname } from "node:path";
import type { Disk, DiskFile } from "../../disk.ts";
import { systemError } from "./recording-disk.ts";
import type { DiskImage } from "./simulated-disk.ts";

interface Content {
  bytes: Buffer;
}

export class ImageDisk implements Disk {
  /** Operations that changed something, or would have. */
  changes = 0;
  openFiles = 0;
  readonly #files = new Map<string, Content>();
  readonly #folders: Set<string>;

  constructor({ files, folders }: DiskImage) {
    const known = new Map<Buffer, Content>();
    for (const [path, bytes] of files) {
      const content = known.get(bytes) ?? { bytes };
      known.set(bytes, content);
      this.#files.set(path, content);
    }
    this.#folders = new Set(folders);
  }

  /** What it holds now. */
  get image(): DiskImage {
    return { files: new Map([...this.#files].map(([path, { bytes }]) => [path, bytes])), folders: this.#folders };
  }

  async makeFolder(path: string): Promise<void> {
    this.#folders.add(path);
  }

  async list(folder: string): Promise<readonly string[]> {
    return [...this.#files.keys(), ...this.#folders].filter((path) => dirname(path) === folder).map((path) => basename(path));
  }

  async listFolders(folder: string): Promise<readonly string[]> {
    return [...this.#folders].filter((path) => dirname(path) === folder).map((path) => basename(path));
  }

  async exists(path: string): Promise<boolean> {
    return this.#files.has(path) || this.#folders.has(path);
  }

  async remove(path: string): Promise<void> {
    this.changes += 1;
    if (!this.#files.delete(path)) throw systemError("remove", path, "ENOENT");
  }

  async rename(from: string, to: string): Promise<void> {
    this.changes += 1;
    const content = this.#files.get(from);
    if (content === undefined) throw systemError("rename", from, "ENOENT");
    this.#files.set(to, content);
    this.#files.delete(from);
  }

  async link(from: string, to: string): Promise<void> {
    this.changes += 1;
    const content = this.#files.get(from);
    if (content === undefined || this.#files.has(to)) throw systemError("link", from, content === undefined ? "ENOENT" : "EEXIST");
    this.#files.set(to, content);
  }

  async syncFolder(): Promise<void> {}

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    if (mode === "create") {
      this.changes += 1;
      if (this.#files.has(path)) throw systemError("create", path, "EEXIST");
      this.#files.set(path, { bytes: Buffer.alloc(0) });
    }
    const content = this.#files.get(path);
    if (content === undefined) throw systemError("open", path, "ENOENT");
    this.openFiles += 1;
    return new ImageFile(this, content);
  }
}

class ImageFile implements DiskFile {
  readonly #disk: ImageDisk;
  readonly #content: Content;
  #isOpen = true;

  constructor(disk: ImageDisk, content: Content) {
    this.#disk = disk;
    this.#content = content;
  }

  async write(bytes: Buffer, offset: number): Promise<void> {
    this.#disk.changes += 1;
    const before = this.#content.bytes;
    const after = Buffer.alloc(Math.max(before.length, offset + bytes.length));
    before.copy(after);
    bytes.copy(after, offset);
    this.#content.bytes = after;
  }

  writeSynced(bytes: Buffer, offset: number): Promise<void> {
    return this.write(bytes, offset);
  }

  async read(target: Buffer, offset: number): Promise<number> {
    const { bytes } = this.#content;
    return offset >= bytes.length ? 0 : bytes.copy(target, 0, offset);
  }

  async sync(): Promise<void> {}

  async truncate(length: number): Promise<void> {
    this.#disk.changes += 1;
    const { bytes } = this.#content;
    this.#content.bytes = length <= bytes.length ? bytes.subarray(0, length) : Buffer.concat([bytes, Buffer.alloc(length - bytes.length)]);
  }

  async size(): Promise<number> {
    return this.#content.bytes.length;
  }

  async close(): Promise<void> {
    if (this.#isOpen) this.#disk.openFiles -= 1;
    this.#isOpen = false;
  }
}

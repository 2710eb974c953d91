/**
 * A disk in memory that notes everything that is done to it in a journal, and can be made to fail.
 *
 * Promise: operations that are under way at the same time end in an order that follows from the seed. A failed write
 * leaves part of its bytes; a failed sync leaves open what it covered.
 */
import { basename, dirname } from "node:path";
import { diskError, type Disk, type DiskFile } from "../../disk.ts";
import type { Random } from "../memory-disk.ts";
import { SimulatedDisk, type DiskImage, type JournalEntry } from "./simulated-disk.ts";
import type { SimulatedFile } from "./simulated-file.ts";
import { withWriteSynced } from "../write-synced.ts";

export type Operation =
  | "write"
  | "sync"
  | "truncate"
  | "create"
  | "open"
  | "read"
  | "size"
  | "close"
  | "remove"
  | "rename"
  | "link"
  | "syncFolder"
  | "makeFolder"
  | "list";

export interface Fault {
  readonly code: "EIO" | "ENOSPC";
  /** Of a write: how much of a hundred of its bytes get there. */
  readonly writtenPercent: number;
  /** Of a sync: the system drops what it held. */
  readonly forgets: boolean;
}

/** Asked before each operation; null lets it pass. Operations are counted from 0. */
export type FaultPlan = (operation: Operation, path: string, count: number) => Fault | null;

/** What a system says of each operation, for the texts of errors. */
const WORDS: Readonly<Record<Operation, string>> = {
  write: "write to",
  sync: "sync",
  truncate: "cut",
  create: "create",
  open: "open",
  read: "read",
  size: "look at",
  close: "close",
  remove: "remove",
  rename: "rename",
  link: "link",
  syncFolder: "sync the folder",
  makeFolder: "create the folder",
  list: "list",
};

/** Turns that an operation takes at most, so that others come in between. */
const TURNS_MAX = 4;

export class RecordingDisk implements Disk {
  readonly journal: JournalEntry[];
  fault: FaultPlan = () => null;
  /** Files that were opened and not closed. */
  openFiles = 0;
  /** Operations so far, those that fail included. */
  operations = 0;
  /** Entries of the journal when the first operation failed; Infinity when none did. */
  failedAt = Infinity;
  readonly #state: SimulatedDisk;
  readonly #random: Random;
  #isOver = false;

  /** @param journal - What was done to the disk since it was as in the image: by an earlier process. */
  constructor(image: DiskImage, journal: readonly JournalEntry[], random: Random) {
    this.#state = new SimulatedDisk(image);
    for (const entry of journal) this.#state.apply(entry);
    this.journal = [...journal];
    this.#random = random;
  }

  /** The program is dead: nothing that it still does has an effect, or an end. */
  end(): void {
    this.#isOver = true;
  }

  async makeFolder(path: string): Promise<void> {
    await this.#begin("makeFolder", path);
    if (this.#state.names.target(path) !== "folder") this.#note({ kind: "makeFolder", path });
  }

  async list(folder: string): Promise<readonly string[]> {
    await this.#begin("list", folder);
    return this.#inFolder(folder).map((path) => basename(path));
  }

  async listFolders(folder: string): Promise<readonly string[]> {
    await this.#begin("list", folder);
    const folders = this.#inFolder(folder).filter((path) => this.#state.names.target(path) === "folder");
    return folders.map((path) => basename(path));
  }

  async exists(path: string): Promise<boolean> {
    return this.#state.names.target(path) !== null;
  }

  async remove(path: string): Promise<void> {
    await this.#begin("remove", path);
    this.#existing("remove", path);
    this.#note({ kind: "remove", path });
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#begin("rename", from);
    this.#existing("rename", from);
    this.#note({ kind: "rename", from, to });
  }

  async link(from: string, to: string): Promise<void> {
    await this.#begin("link", from);
    this.#existing("link", from);
    if (this.#state.names.target(to) !== null) throw systemError("link", to, "EEXIST");
    this.#note({ kind: "link", from, to });
  }

  async syncFolder(path: string): Promise<void> {
    const fault = await this.#turn("syncFolder", path);
    await this.#sync({ kind: "syncFolder", path, id: this.journal.length }, "syncFolder", path, fault);
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    await this.#begin(mode === "create" ? "create" : "open", path);
    if (mode === "create") {
      if (this.#state.names.target(path) !== null) throw systemError("create", path, "EEXIST");
      this.#note({ kind: "create", path, file: this.#state.nextFile });
    }
    const file = this.#existing("open", path);
    this.openFiles += 1;
    return this.#file(path, file);
  }

  #file(path: string, file: SimulatedFile): DiskFile {
    let isOpen = true;
    const begin = async (operation: Operation): Promise<void> => {
      if (!isOpen) throw systemError(operation, path, "EBADF");
      await this.#begin(operation, path);
    };
    return withWriteSynced({
      write: async (bytes, offset) => {
        if (!isOpen) throw systemError("write", path, "EBADF");
        const fault = await this.#turn("write", path);
        const written = fault === null ? bytes.length : Math.floor((bytes.length * fault.writtenPercent) / 100);
        if (written > 0) this.#note({ kind: "write", file: file.id, offset, bytes: Buffer.from(bytes.subarray(0, written)) });
        await this.#end("write", path, fault);
      },
      read: async (target, offset) => {
        await begin("read");
        return file.read(target, offset);
      },
      sync: async () => {
        if (!isOpen) throw systemError("sync", path, "EBADF");
        const fault = await this.#turn("sync", path);
        await this.#sync({ kind: "sync", file: file.id, id: this.journal.length }, "sync", path, fault);
      },
      truncate: async (bytes) => {
        await begin("truncate");
        this.#note({ kind: "truncate", file: file.id, bytes });
      },
      size: async () => {
        await begin("size");
        return file.size;
      },
      close: async () => {
        if (isOpen) this.openFiles -= 1;
        isOpen = false;
        await this.#begin("close", path);
      },
    });
  }

  /** An operation that does nothing where it fails. */
  async #begin(operation: Operation, path: string): Promise<void> {
    await this.#end(operation, path, await this.#turn(operation, path));
  }

  async #turn(operation: Operation, path: string): Promise<Fault | null> {
    const fault = this.fault(operation, path, this.operations++);
    if (fault !== null) this.failedAt = Math.min(this.failedAt, this.journal.length);
    for (let turns = this.#random(TURNS_MAX); turns > 0; turns--) await Promise.resolve();
    if (this.#isOver) await new Promise(() => undefined);
    return fault;
  }

  async #end(operation: Operation, path: string, fault: Fault | null): Promise<void> {
    if (fault !== null) throw systemError(operation, path, fault.code);
  }

  async #sync(begun: JournalEntry & { readonly id: number }, operation: Operation, path: string, fault: Fault | null): Promise<void> {
    this.#note(begun);
    for (let turns = this.#random(TURNS_MAX); turns > 0; turns--) await Promise.resolve();
    if (this.#isOver) await new Promise(() => undefined);
    this.#note({ kind: "synced", id: begun.id, succeeded: fault === null, forgets: fault?.forgets === true });
    await this.#end(operation, path, fault);
  }

  #note(entry: JournalEntry): void {
    this.journal.push(entry);
    this.#state.apply(entry);
  }

  #inFolder(folder: string): string[] {
    return this.#state.names
      .paths()
      .filter((path) => dirname(path) === folder)
      .toSorted();
  }

  #existing(operation: Operation, path: string): SimulatedFile {
    const target = this.#state.names.target(path);
    if (target === null) throw systemError(operation, path, "ENOENT");
    if (target === "folder") throw systemError(operation, path, "EISDIR");
    return this.#state.file(target);
  }
}

export function systemError(operation: Operation, path: string, code: string): Error {
  return diskError(WORDS[operation], path, Object.assign(new Error(code), { code }));
}

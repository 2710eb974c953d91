/**
 * The state of a simulated disk, changed by the entries of a journal: the same entries give the same state again, as
 * often as somebody wants to crash somewhere between them.
 */
import { SimulatedFile, type FileSync } from "./simulated-file.ts";
import { SimulatedNames, type FolderSync } from "./simulated-names.ts";

/** What is on a disk: files with their bytes, and folders. One with two names has the same buffer under both. */
export interface DiskImage {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly folders: ReadonlySet<string>;
}

export const EMPTY_IMAGE: DiskImage = { files: new Map(), folders: new Set() };

/** One thing that was done to the disk. A sync begins and ends: what else happens meanwhile isn't covered by it. */
export type JournalEntry =
  | { readonly kind: "write"; readonly file: number; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: "truncate"; readonly file: number; readonly bytes: number }
  | { readonly kind: "create"; readonly path: string; readonly file: number }
  | { readonly kind: "makeFolder"; readonly path: string }
  | { readonly kind: "remove"; readonly path: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  | { readonly kind: "link"; readonly from: string; readonly to: string }
  | { readonly kind: "sync"; readonly file: number; readonly id: number }
  | { readonly kind: "syncFolder"; readonly path: string; readonly id: number }
  | { readonly kind: "synced"; readonly id: number; readonly succeeded: boolean; readonly forgets: boolean };

export class SimulatedDisk {
  readonly names: SimulatedNames;
  readonly #files = new Map<number, SimulatedFile>();
  readonly #syncs = new Map<number, { readonly file: SimulatedFile; readonly sync: FileSync } | FolderSync>();

  constructor(image: DiskImage) {
    const names: [string, number | "folder"][] = [...image.folders].map((path) => [path, "folder"]);
    const known = new Map<Buffer, number>();
    for (const [path, bytes] of image.files) {
      const id = known.get(bytes) ?? this.#add(bytes);
      known.set(bytes, id);
      names.push([path, id]);
    }
    this.names = new SimulatedNames(names);
  }

  /** Number of the file that is made next. */
  get nextFile(): number {
    return this.#files.size;
  }

  file(id: number): SimulatedFile {
    const file = this.#files.get(id);
    if (file === undefined) throw new RangeError(`no file ${id}`);
    return file;
  }

  apply(entry: JournalEntry): void {
    switch (entry.kind) {
      case "write":
        return this.file(entry.file).write(entry.bytes, entry.offset);
      case "truncate":
        return this.file(entry.file).truncate(entry.bytes);
      case "create":
        return this.names.set(entry.path, this.#add(Buffer.alloc(0)));
      case "makeFolder":
        return this.names.set(entry.path, "folder");
      case "remove":
        return this.names.set(entry.path, null);
      case "rename":
        return this.names.rename(entry.from, entry.to);
      case "link":
        return this.names.set(entry.to, this.names.target(entry.from));
      case "sync": {
        const file = this.file(entry.file);
        return void this.#syncs.set(entry.id, { file, sync: file.beginSync() });
      }
      case "syncFolder":
        return void this.#syncs.set(entry.id, this.names.beginSync(entry.path));
      case "synced":
        return this.#synced(entry.id, entry.succeeded, entry.forgets);
    }
  }

  #synced(id: number, succeeded: boolean, forgets: boolean): void {
    const running = this.#syncs.get(id);
    this.#syncs.delete(id);
    if (running === undefined) return;
    if ("file" in running) running.file.endSync(running.sync, succeeded, forgets);
    else this.names.endSync(running, succeeded);
  }

  #add(bytes: Buffer): number {
    const id = this.#files.size;
    this.#files.set(id, new SimulatedFile(id, bytes));
    return id;
  }
}

/**
 * What is known of the names on a disk that may lose power: everything that each may stand for.
 *
 * Promise: a folder's sync that ended well settles what was done to its names before it began. A rename may be there in
 * half, as both names; the file is never without a name because of it.
 */
import { dirname } from "node:path";

/** What a name stands for: a file by its id, a folder, or nothing. */
export type Target = number | "folder" | null;

interface NameVersion {
  readonly target: Target;
  /** The name went because of a rename: only if this one is there, or a later one. */
  readonly needs: { readonly path: string; readonly version: NameVersion } | null;
}

interface Name {
  /** Oldest first; the last one is what programs see. */
  readonly versions: NameVersion[];
  dirty: boolean;
}

export type FolderSync = ReadonlyMap<string, NameVersion>;

/** All that names may be after a crash: for each path what it stands for. */
export type NameAssignment = ReadonlyMap<string, Target>;

/** More assignments than this are not listed, only drawn. */
const ASSIGNMENTS_MAX = 64;

export class SimulatedNames {
  readonly #names = new Map<string, Name>();
  #assignments: readonly NameAssignment[] | null = null;

  /** @param settled - Those that are on the platter for sure. */
  constructor(settled: Iterable<readonly [path: string, target: Target]>) {
    for (const [path, target] of settled) this.#names.set(path, { versions: [{ target, needs: null }], dirty: false });
  }

  /** As programs see it. */
  target(path: string): Target {
    return this.#names.get(path)?.versions.at(-1)?.target ?? null;
  }

  /** Paths that stand for something, as programs see them. */
  paths(): string[] {
    return [...this.#names.keys()].filter((path) => this.target(path) !== null);
  }

  set(path: string, target: Target): void {
    this.#push(path, { target, needs: null });
  }

  rename(from: string, to: string): void {
    const version: NameVersion = { target: this.target(from), needs: null };
    this.#push(to, version);
    this.#push(from, { target: null, needs: { path: to, version } });
  }

  beginSync(folder: string): FolderSync {
    const sync = new Map<string, NameVersion>();
    for (const [path, { versions, dirty }] of this.#names)
      if (dirty && dirname(path) === folder) sync.set(path, versions.at(-1) as NameVersion);
    return sync;
  }

  endSync(sync: FolderSync, succeeded: boolean): void {
    this.#assignments = null;
    for (const [path, version] of sync) {
      const name = this.#names.get(path);
      const at = name?.versions.indexOf(version) ?? -1;
      if (name === undefined || at < 0) continue;
      if (!succeeded) continue; // What a file system does to names is in its journal: a later sync covers it.
      if (at === name.versions.length - 1) name.dirty = false;
      name.versions.splice(0, at);
      if (name.versions.length === 1 && name.versions[0]?.target === null) this.#names.delete(path);
    }
  }

  /** Everything that the names may be; the first is what is settled, the last what programs see. */
  get assignments(): readonly NameAssignment[] {
    this.#assignments ??= this.#list();
    return this.#assignments;
  }

  #push(path: string, version: NameVersion): void {
    this.#assignments = null;
    let name = this.#names.get(path);
    if (name === undefined) this.#names.set(path, (name = { versions: [{ target: null, needs: null }], dirty: false }));
    name.versions.push(version);
    name.dirty = true;
  }

  #list(): readonly NameAssignment[] {
    const names = [...this.#names].toSorted(([a], [b]) => (a < b ? -1 : 1));
    let picked: (readonly [Name, number])[][] = [[]];
    for (const [, name] of names) {
      // Beyond the bound only the oldest and the newest: what else there is comes up elsewhere.
      const few = picked.length * name.versions.length > ASSIGNMENTS_MAX;
      const at = few ? [...new Set([0, name.versions.length - 1])] : name.versions.map((_, index) => index);
      if (picked.length * at.length > ASSIGNMENTS_MAX * 4) at.splice(0, at.length - 1);
      picked = picked.flatMap((before) => at.map((index) => [...before, [name, index] as const]));
    }
    const possible = picked.filter((pick) => this.#isPossible(new Map(pick)));
    return possible.map((pick) => {
      const targets = new Map(names.map(([path], at) => [path, pick[at]?.[0].versions[pick[at][1]]?.target ?? null]));
      return new Map([...targets].filter(([path, target]) => target !== null && isReachable(path, targets)));
    });
  }

  #isPossible(pick: ReadonlyMap<Name, number>): boolean {
    for (const [{ versions }, at] of pick) {
      const needs = versions[at]?.needs ?? null;
      if (needs === null) continue;
      const other = this.#names.get(needs.path);
      if (other !== undefined && (pick.get(other) ?? 0) < other.versions.indexOf(needs.version)) return false;
    }
    return true;
  }
}

/** A file is there when the folder is that it lies in. Folders that nobody made through the disk are there. */
function isReachable(path: string, targets: ReadonlyMap<string, Target>): boolean {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    if (targets.has(folder) && targets.get(folder) !== "folder") return false;
  }
  return true;
}

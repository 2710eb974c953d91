/**
 * The states that a crash can leave a disk in: which names, which length of each file, which content of each sector.
 *
 * Promise: where there are few, each is given once; where there are many, the extremes and a sample that follows from
 * the seed. The state of a killed process on a machine that goes on, all that was written, is always among them. A state
 * has a name by which it can be made again.
 */
import type { Random } from "../memory-disk.ts";
import type { DiskImage, SimulatedDisk } from "./simulated-disk.ts";
import { SECTOR_BYTES, type SimulatedFile } from "./simulated-file.ts";
import type { NameAssignment } from "./simulated-names.ts";

/** What survived: which assignment of names, then for each file its length and the version of each open sector in it. */
export type Survivors = readonly number[];

/** A file with its names: two where a rename is there in half. */
interface NamedFile {
  readonly paths: string[];
  readonly file: SimulatedFile;
}

/** How the surviving versions of a sample are chosen: share of a hundred that the newest one is. */
const NEWEST_PERCENT = [10, 50, 50, 90] as const;

export class CrashState {
  readonly #disk: SimulatedDisk;
  readonly #assignments: readonly NameAssignment[];

  constructor(disk: SimulatedDisk) {
    this.#disk = disk;
    this.#assignments = disk.names.assignments;
  }

  /** How many states there are. */
  get count(): number {
    return this.#assignments.reduce((sum, names) => sum + this.#files(names).reduce((all, { file }) => all * optionCount(file), 1), 0);
  }

  /** All of them, or `max` at most. Each once; the last one is that of a killed process. */
  *survivors(max: number, random: Random): Generator<Survivors> {
    if (this.count <= max) yield* this.#all();
    else yield* this.#sample(max, random);
  }

  /** Everything that was written and every name: the process was killed, the machine goes on. */
  get live(): Survivors {
    return this.#pick(this.#assignments.length - 1, (versions) => versions - 1);
  }

  image(survivors: Survivors): DiskImage {
    const names = this.#assignments[survivors[0] ?? 0] ?? new Map();
    const files = new Map<string, Buffer>();
    let at = 1;
    for (const { paths, file } of this.#files(names)) {
      const length = file.choices.lengths[survivors[at++] ?? 0] ?? 0;
      const open = openBelow(file, length);
      const bytes = file.survivor(length, survivors.slice(at, at + open));
      for (const path of paths) files.set(path, bytes);
      at += open;
    }
    return { files, folders: new Set([...names].filter(([, target]) => target === "folder").map(([path]) => path)) };
  }

  *#all(): Generator<Survivors> {
    for (const [index, names] of this.#assignments.entries()) yield* this.#combine([index], this.#files(names), 0);
  }

  *#combine(chosen: readonly number[], files: readonly NamedFile[], at: number): Generator<Survivors> {
    const next = files[at];
    if (next === undefined) {
      yield chosen;
      return;
    }
    const { lengths, sectors } = next.file.choices;
    for (const [index, length] of lengths.entries()) {
      let picks: readonly (readonly number[])[] = [[]];
      for (const [, versions] of sectors.slice(0, openBelow(next.file, length)))
        picks = picks.flatMap((pick) => Array.from({ length: versions }, (_, version) => [...pick, version]));
      for (const pick of picks) yield* this.#combine([...chosen, index, ...pick], files, at + 1);
    }
  }

  *#sample(max: number, random: Random): Generator<Survivors> {
    const given = new Set<string>();
    const isNew = (survivors: Survivors): boolean => given.size < given.add(survivors.join(".")).size;
    for (const survivors of this.#extremes(max, random)) if (isNew(survivors)) yield survivors;
    for (let tried = 0; tried < max * 4 && given.size < max; tried++) {
      const survivors = this.#draw(NEWEST_PERCENT[tried % NEWEST_PERCENT.length] ?? 50, random);
      if (isNew(survivors)) yield survivors;
    }
  }

  /** All and nothing; then all but one thing, and nothing but one thing, for up to half of `max`. */
  *#extremes(max: number, random: Random): Generator<Survivors> {
    yield this.live;
    yield this.#pick(0, () => 0);
    let things = 0;
    this.#pick(this.#assignments.length - 1, (versions) => (things++, versions - 1));
    const singles = Math.min(things, Math.floor(max / 4));
    const first = random(Math.max(1, things));
    for (let single = 0; single < singles; single++) {
      const chosen = (first + single) % things;
      yield this.#pick(this.#assignments.length - 1, (versions, thing) => (thing === chosen ? 0 : versions - 1));
      yield this.#pick(this.#assignments.length - 1, (versions, thing) => (thing === chosen ? versions - 1 : 0));
    }
  }

  #draw(newestPercent: number, random: Random): Survivors {
    const names = random(100) < newestPercent ? this.#assignments.length - 1 : random(this.#assignments.length);
    return this.#pick(names, (versions) => (random(100) < newestPercent ? versions - 1 : random(versions)));
  }

  /** @param choose - Told how many versions there are of a length or sector, and how many of those came before it. */
  #pick(names: number, choose: (versions: number, thing: number) => number): Survivors {
    const survivors = [names];
    let thing = 0;
    for (const { file } of this.#files(this.#assignments[names] ?? new Map())) {
      const { lengths, sectors } = file.choices;
      const length = choose(lengths.length, thing++);
      survivors.push(length);
      for (const [, versions] of sectors.slice(0, openBelow(file, lengths[length] ?? 0))) survivors.push(choose(versions, thing++));
    }
    return survivors;
  }

  /** The files that have a name, in the order of their first ones. */
  #files(names: NameAssignment): NamedFile[] {
    const files = new Map<number, NamedFile>();
    for (const [path, target] of names) {
      if (typeof target !== "number") continue;
      const known = files.get(target);
      if (known === undefined) files.set(target, { paths: [path], file: this.#disk.file(target) });
      else known.paths.push(path);
    }
    return [...files.values()];
  }
}

function optionCount(file: SimulatedFile): number {
  const { lengths, sectors } = file.choices;
  return lengths.reduce(
    (sum, length) => sum + sectors.slice(0, openBelow(file, length)).reduce((all, [, versions]) => all * versions, 1),
    0,
  );
}

/** How many of a file's open sectors begin below a length. */
function openBelow(file: SimulatedFile, length: number): number {
  const { sectors } = file.choices;
  const end = sectors.findIndex(([index]) => index * SECTOR_BYTES >= length);
  return end < 0 ? sectors.length : end;
}

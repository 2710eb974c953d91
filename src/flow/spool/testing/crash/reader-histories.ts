/**
 * Histories that another process looks at while they go on, as `spool inspect` does: between any two things that the
 * reader does, the program may do some.
 */
import { basename, dirname } from "node:path";
import { isSidestreamError } from "../../../../errors.ts";
import type { Disk, DiskFile } from "../../disk.ts";
import { isProblem } from "../../findings.ts";
import { inspectSpool } from "../../inspect.ts";
import type { Random } from "../memory-disk.ts";
import { newLog, type Recorded } from "./life.ts";
import { DATA_FOLDER } from "./observed.ts";
import { isBusy, randomShape, randomSteps } from "./random-steps.ts";
import { systemError } from "./recording-disk.ts";
import type { Search } from "./search.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import type { SimulatedFile } from "./simulated-file.ts";
import { must } from "./violation.ts";
import { withWriteSynced } from "../write-synced.ts";

export const READER_FAMILY = "reader";
const LOOKS = 60;
/** Entries of the journal that pass between two operations of the reader, at most. */
const PASSING_MAX = [1, 2, 4, 12] as const;

/**
 * What a look may tell of a log that goes on while it lasts: a slot of the cursor is read in two steps, and segments that
 * were listed are freed before they are opened. Whoever looks again is told otherwise.
 */
const PASSING_FINDINGS = new Set(["cursor-ahead", "cursor-behind", "cursor-lost", "state-lost"]);

export async function searchReader(search: Search, number: number): Promise<void> {
  const history = search.history(READER_FAMILY, number);
  const random = history.random("plan");
  const steps = randomSteps(6 + random(12), random);
  const shape = randomShape(random);
  const recorded = await history.live("life", newLog(shape), shape, {
    steps,
    fault: () => null,
    closes: random(2) === 0,
    isBusy: isBusy(shape, random),
  });
  for (let look = 0; look < LOOKS && !search.isOver; look++) {
    const operation = recorded.began + random(recorded.journal.length + 1 - recorded.began);
    const survivors = `look-${look}`;
    const disk = new PassingDisk(recorded, operation, PASSING_MAX[look % PASSING_MAX.length] ?? 1, history.random(survivors));
    if (!history.isWanted("life", operation, survivors)) continue;
    history.tally.points += 1;
    history.tally.starts += 1;
    try {
      await checkLook(disk, recorded);
    } catch (error) {
      throw history.found("life", operation, survivors, error);
    }
  }
}

async function checkLook(disk: PassingDisk, { heard }: Recorded): Promise<void> {
  const given = heard.filter(({ told }) => told.kind === "given").length;
  const reports = await inspectSpool(disk, DATA_FOLDER, false, () => undefined).catch((error: unknown) => {
    must(isSidestreamError(error), () => `a reader ended with a fault of the program: ${String(error)}`);
    throw error;
  });
  must(disk.openFiles === 0, () => `a reader left ${disk.openFiles} files open`);
  for (const { findings, messages } of reports) {
    const problem = findings.find((each) => isProblem(each) && !PASSING_FINDINGS.has(each.kind));
    must(problem === undefined, () => `a reader took a log that is being written for a damaged one: ${problem?.kind}: ${problem?.text}`);
    must(messages <= given, () => `a reader counts ${messages} messages, and ${given} were given`);
  }
}

/** A disk to read from, on which another process goes on. */
class PassingDisk implements Disk {
  openFiles = 0;
  readonly #state: SimulatedDisk;
  readonly #journal: Recorded["journal"];
  readonly #passingMax: number;
  readonly #random: Random;
  #at: number;

  constructor({ image, journal }: Recorded, from: number, passingMax: number, random: Random) {
    this.#state = new SimulatedDisk(image);
    for (const entry of journal.slice(0, from)) this.#state.apply(entry);
    this.#journal = journal;
    this.#at = from;
    this.#passingMax = passingMax;
    this.#random = random;
  }

  async list(folder: string): Promise<readonly string[]> {
    this.#pass();
    return this.#in(folder).map((path) => basename(path));
  }

  async listFolders(folder: string): Promise<readonly string[]> {
    this.#pass();
    return this.#in(folder)
      .filter((path) => this.#state.names.target(path) === "folder")
      .map((path) => basename(path));
  }

  async exists(path: string): Promise<boolean> {
    this.#pass();
    return this.#state.names.target(path) !== null;
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    must(mode === "read", () => `a reader opened ${path} to ${mode}`);
    this.#pass();
    const target = this.#state.names.target(path);
    if (typeof target !== "number") throw systemError("open", path, "ENOENT");
    this.openFiles += 1;
    return this.#file(this.#state.file(target));
  }

  makeFolder = (path: string): Promise<never> => this.#refuse(path);
  remove = (path: string): Promise<never> => this.#refuse(path);
  removeFolder = (path: string): Promise<never> => this.#refuse(path);
  rename = (path: string): Promise<never> => this.#refuse(path);
  link = (path: string): Promise<never> => this.#refuse(path);
  syncFolder = (path: string): Promise<never> => this.#refuse(path);

  #file(file: SimulatedFile): DiskFile {
    return withWriteSynced({
      write: () => this.#refuse("a file"),
      truncate: () => this.#refuse("a file"),
      sync: () => this.#refuse("a file"),
      read: async (target, offset) => {
        this.#pass();
        return file.read(target, offset);
      },
      size: async () => {
        this.#pass();
        return file.size;
      },
      close: async () => void (this.openFiles -= 1),
    });
  }

  async #refuse(what: string): Promise<never> {
    must(false, () => `a reader changed ${what}`);
    throw new Error("unreachable");
  }

  #in(folder: string): string[] {
    return this.#state.names.paths().filter((path) => dirname(path) === folder);
  }

  #pass(): void {
    for (let left = this.#random(this.#passingMax + 1); left > 0; left--) {
      const entry = this.#journal[this.#at];
      if (entry !== undefined) this.#state.apply(entry);
      this.#at += 1;
    }
  }
}

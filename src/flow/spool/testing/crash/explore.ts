/**
 * Crashes in a recorded life: after every entry of its journal, in every state that the disk may be left in, or in a
 * sample of them where there are too many.
 *
 * Promise: a point is counted once: by its history, its place in the journal and what survived. A disk that holds the
 * same bytes as at another point at which nobody had been told anything else yet is not started from again; such points
 * are counted, and how many starts there were is counted beside.
 */
import { crc32 } from "node:zlib";
import { isSidestreamError } from "../../../../errors.ts";
import { isProblem } from "../../findings.ts";
import { inspectSpool } from "../../inspect.ts";
import type { Random } from "../memory-disk.ts";
import { checkCrash } from "./crash-check.ts";
import { ImageDisk } from "./image-disk.ts";
import type { Heard, Recorded } from "./life.ts";
import type { Model } from "./model.ts";
import { DATA_FOLDER, observe, type LogShape } from "./observed.ts";
import { SimulatedDisk, type DiskImage } from "./simulated-disk.ts";
import { CrashState, type Survivors } from "./surviving.ts";
import { must } from "./violation.ts";

/** A moment in a life, and what of the disk survived it. */
export interface CrashPoint {
  /** Entries of the journal before it. */
  readonly operation: number;
  readonly survivors: Survivors;
  readonly image: DiskImage;
  /** What had been told by then. It changes when the walk goes on: to be cloned. */
  readonly model: Model;
  /** How many things that were. */
  readonly heard: number;
}

/**
 * Gives the points of a life in order.
 *
 * @param statesMax - States of the disk at each entry of the journal, at most.
 * @param from - First entry to crash behind: what comes before it was seen to in another history.
 */
export function* crashPoints(recorded: Recorded, statesMax: number, from: number, random: Random): Generator<CrashPoint> {
  const disk = new SimulatedDisk(recorded.image);
  const model = recorded.model.clone();
  const unheard = [...recorded.heard];
  // What an earlier process left was crashed in with it.
  const first = Math.max(from, recorded.began === 0 ? 0 : recorded.began + 1);
  for (let operation = 0; operation <= recorded.journal.length; operation++) {
    const entry = recorded.journal[operation - 1];
    if (entry !== undefined) disk.apply(entry);
    while ((unheard[0]?.at ?? Infinity) <= operation) model.apply((unheard.shift() as Heard).told);
    if (operation < first) continue;
    const state = new CrashState(disk);
    const heard = recorded.heard.length - unheard.length;
    for (const survivors of state.survivors(statesMax, random)) yield { operation, survivors, image: state.image(survivors), model, heard };
  }
}

/** Tells images apart that were started from, until something else was told. */
export class SeenImages {
  #heard = -1;
  readonly #keys = new Set<string>();

  isNew({ image, heard }: CrashPoint): boolean {
    if (heard !== this.#heard) this.#keys.clear();
    this.#heard = heard;
    let key = "";
    for (const [path, bytes] of image.files) key += `${path} ${bytes.length} ${crc32(bytes)} `;
    const before = this.#keys.size;
    return this.#keys.add(key).size > before;
  }
}

/** Starts from what a crash left, and holds it against what was promised. A start may follow on the disk as it is then. */
export async function checkPoint({ image, model }: CrashPoint, shape: LogShape, memory: boolean, thorough: boolean): Promise<void> {
  const disk = new ImageDisk(image);
  if (thorough) await checkReader(disk, model);
  const observed = await observe(disk, shape);
  if (isSidestreamError(observed)) throw observed;
  try {
    checkCrash(model, observed, memory);
  } finally {
    await observed.log.close();
  }
  must(disk.openFiles === 0, () => `${disk.openFiles} files are still open after the log was closed`);
  if (!thorough) return;
  const again = await observe(disk, shape);
  if (isSidestreamError(again)) throw again;
  checkCrash(model, again, memory, new Set(observed.messages.map(({ eventId }) => eventId.slice("event-".length))));
  const ids = ({ messages }: typeof again): string => messages.map(({ eventId }) => eventId).join();
  // A log that gives up its oldest messages may go on with that.
  const isSame = model.givesUp || ids(again) === ids(observed);
  must(isSame, () => `a second start found ${ids(again)}, the first ${ids(observed)}`);
  // A torn slot of the cursor stays until the next cursor is written over it.
  const found = again.findings.find(({ kind }) => kind !== "torn-cursor");
  must(found === undefined, () => `a second start found ${found?.kind}: ${found?.text}`);
  await again.log.close();
}

/** Another process that looks, as `spool fsck` does, changes nothing, invents nothing and takes no crash for damage. */
async function checkReader(disk: ImageDisk, model: Model): Promise<void> {
  const reports = await inspectSpool(disk, DATA_FOLDER, true, () => undefined);
  must(disk.changes === 0, () => `a reader changed the disk, ${disk.changes} times`);
  must(disk.openFiles === 0, () => `a reader left ${disk.openFiles} files open`);
  for (const { findings, pending, messages } of reports) {
    const problem = findings.find(isProblem);
    must(problem === undefined, () => `a reader took a crash for damage: ${problem?.kind}: ${problem?.text}`);
    must(messages <= model.count && (pending ?? 0) <= messages, () => `a reader counts ${messages} messages, ${pending} of them pending`);
  }
}

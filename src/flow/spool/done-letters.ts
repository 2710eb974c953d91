/**
 * Which dead letters left: redriven or purged, one by one. A cursor in the dead letters' folder keeps it, from the first
 * of them on.
 *
 * Promise: what `mark` settled for is on disk. What a log no longer has takes no room.
 *
 * @see docs/spool-format.md, section 4
 */
import { join } from "node:path";
import { SidestreamError } from "../../errors.ts";
import { ConfirmedRanges } from "./confirmed-ranges.ts";
import { Cursor } from "./cursor.ts";
import { CURSOR_FILES, isCursorLost, newestSlot, type SlotState } from "./cursor-slot.ts";
import type { Disk } from "./disk.ts";
import { cursorAhead, type SpoolFinding } from "./findings.ts";
import type { RecoveredLog } from "./recovered-log.ts";
import type { Segment } from "./segment.ts";

/** Each range stands in every cursor that is written: about a MiB by then. */
const RANGES_MAX = 65_536;

/** What is left of the letters in a segment. */
export function lettersIn(
  { header, nextSequence, counts, frames }: Pick<Segment, "header" | "nextSequence" | "counts" | "frames">,
  ranges: ConfirmedRanges,
): number {
  // The number of its state frame is no letter's.
  const numbers = frames ?? [[header.baseSequence + 1, nextSequence] as const];
  let done = 0;
  for (const [from, to] of numbers) done += Math.max(0, to - from) - ranges.countMissing(from, to);
  return Math.max(0, counts.total() - done);
}

/** @param end - The log's: the number of the next letter at the earliest. */
export function doneLettersFindings(folder: string, slots: readonly SlotState[], end: number): SpoolFinding[] {
  const findings: SpoolFinding[] = [];
  const about = (kind: SpoolFinding["kind"], text: string): void => {
    findings.push({ kind, path: folder, offset: 0, bytes: 0, framesLost: 0, text });
  };
  const { record } = newestSlot(slots);
  const known = new ConfirmedRanges(record.lowWater, record.ranges).end;
  if (slots.every((slot) => slot === "absent")) return [];
  if (isCursorLost(slots, false))
    about(
      "cursor-lost",
      "which dead letters were redriven or purged is not known any more: they are listed again, and would be sent again",
    );
  else if (slots.includes("damaged")) about("torn-cursor", "a write of the cursor was never finished; the one before it counts");
  if (known > end) findings.push(cursorAhead(folder, known, end));
  return findings;
}

export class DoneLetters {
  readonly #disk: Disk;
  readonly #folder: string;
  /** Null: nothing left yet. */
  #cursor: Cursor | null;
  readonly #nothing = new ConfirmedRanges(1, []);

  private constructor(disk: Disk, folder: string, cursor: Cursor | null) {
    this.#disk = disk;
    this.#folder = folder;
    this.#cursor = cursor;
  }

  /**
   * Opens the cursor where there is one.
   *
   * @param isNew - The log has no segments: its numbers begin anew, and a cursor of before would take new letters for done.
   */
  static async open(disk: Disk, folder: string, isNew: boolean): Promise<DoneLetters> {
    const names = await disk.list(folder);
    const present = CURSOR_FILES.filter((name) => names.includes(name));
    if (present.length === 0) return new DoneLetters(disk, folder, null);
    if (!isNew) return new DoneLetters(disk, folder, await Cursor.open(disk, folder));
    for (const name of present) await disk.remove(join(folder, name));
    await disk.syncFolder(folder);
    return new DoneLetters(disk, folder, null);
  }

  get ranges(): ConfirmedRanges {
    return this.#cursor?.ranges ?? this.#nothing;
  }

  /** The slots as they were found. */
  get found(): readonly SlotState[] {
    return this.#cursor?.found ?? [];
  }

  /** @throws SidestreamError `SST_COMMAND_INVALID` when these, in order, would be noted at too many places. */
  assertNotable(numbers: readonly number[]): void {
    const { ranges } = this;
    let places = 0;
    let before = 0;
    for (const number of numbers) {
      places += 1 - (before === number - 1 || ranges.has(number - 1) ? 1 : 0) - (ranges.has(number + 1) ? 1 : 0);
      before = number;
    }
    if (places > 0 && ranges.count + places > RANGES_MAX) throw scatteredError(this.#folder);
  }

  /** These left; settles once that is on disk. */
  async mark(numbers: readonly number[]): Promise<void> {
    if (numbers.length === 0) return;
    this.#cursor ??= await Cursor.open(this.#disk, this.#folder);
    for (const number of numbers) this.#cursor.ranges.add(number);
    await this.#cursor.save();
  }

  /** All numbers from one (inclusive) to another (exclusive) are done; settles once that is on disk. */
  async markAll(from: number, to: number): Promise<void> {
    this.#cursor?.ranges.addRange(from, to);
    await this.#cursor?.save();
  }

  /** The log has no number below this any more. The next cursor tells it. */
  forget(below: number): void {
    this.#cursor?.ranges.addRange(this.#cursor.ranges.lowWater, below);
  }

  async close(): Promise<void> {
    await this.#cursor?.close();
  }
}

function scatteredError(folder: string): SidestreamError {
  const why = `${RANGES_MAX} places in ${folder} are noted where single dead letters left, which is as many as can be`;
  return new SidestreamError("SST_COMMAND_INVALID", `${why}: purge or redrive whole times first, such as all with --until 7d`);
}

/** Numbers that are known as done are never given to new letters, which would be taken for done. */
export async function beyond(found: RecoveredLog, doneEnd: number): Promise<RecoveredLog> {
  if (doneEnd <= found.nextSequence) return found;
  await found.open?.close();
  const last = found.segments.at(-1);
  if (last !== undefined) last.sealed = true;
  return { ...found, open: null, nextSequence: doneEnd };
}

/**
 * A look at a log on disk that changes nothing: its segments, its cursor, and what is not as it should be.
 *
 * Promise: a running program may go on meanwhile. Segments that it frees are left out, and a problem is told only when
 * two looks in a row find it: a file that is used again, or rewritten, while it is read looks like a damaged one.
 */
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { takeCompacted } from "./compacted-numbers.ts";
import { ConfirmedRanges } from "./confirmed-ranges.ts";
import { newestSlot, readSlots, type SlotState } from "./cursor-slot.ts";
import type { Disk } from "./disk.ts";
import { doneLettersFindings } from "./done-letters.ts";
import { cursorAhead, cursorFinding, isProblem, missingNumbers, type FindingKind, type SpoolFinding } from "./findings.ts";
import type { LogKind } from "./format.ts";
import type { ReadProgress } from "./log-settings.ts";
import { LogRecovery } from "./recovery.ts";
import type { RecoveredLog } from "./recovered-log.ts";
import { intentFinding, readIntent } from "./redrive-intent.ts";
import { isDamagedFile } from "./segment.ts";

/** More looks than this, and the program is faster than we: what was found last is told. */
const LOOKS_MAX = 5;

export interface LookSettings {
  readonly disk: Disk;
  /** The log's own. */
  readonly folder: string;
  readonly kind: LogKind;
  readonly onProgress?: (progress: ReadProgress) => void;
}

export interface LogLook {
  readonly found: RecoveredLog;
  /** Null for dead letters, of which most never had a cursor. */
  readonly slots: readonly SlotState[] | null;
  /** What is done; of dead letters what was redriven or purged. */
  readonly ranges: ConfirmedRanges;
  readonly findings: readonly SpoolFinding[];
}

/** @throws SidestreamError as recovery does. */
export async function lookAtLog(settings: LookSettings): Promise<LogLook> {
  let before: readonly SpoolFinding[] | null = null;
  for (let looks = 1; ; looks++) {
    const look = await lookOnce(settings);
    const problems = look.findings.filter(isProblem);
    if (problems.length === 0 || looks === LOOKS_MAX || isDeepStrictEqual(problems, before)) return look;
    before = problems;
  }
}

async function lookOnce({ disk, folder, kind, onProgress }: LookSettings): Promise<LogLook> {
  // What a running program confirms meanwhile must not look like numbers that the log never had.
  const slotsBefore = kind === "messages" ? await readSlots(disk, folder) : null;
  const found = await new LogRecovery({ disk, folder, kind, writes: false, onProgress }).run();
  const slotsAfter = await readSlots(disk, folder);
  const slots = kind === "messages" ? slotsAfter : null;
  // Where the segments of dead letters are all gone, the next begin with number 1.
  const ranges = rangesOf(slots !== null || found.segments.length > 0 ? slotsAfter : null);
  const leftOut = takeCompacted(ranges, slots ?? [], found.segments);
  const ofCursor = cursorFindings(folder, found, slots, ranges, rangesOf(slotsBefore).end, leftOut > 0);
  // Which segments were freed from behind one that waits only the cursor knows.
  const isUnsure = ofCursor.some(({ kind }) => kind === "cursor-lost" || kind === "cursor-behind");
  const findings = [
    ...found.findings,
    ...foundAside(await disk.list(folder), folder),
    ...(isUnsure ? [] : gaps(found, ranges)),
    ...ofCursor,
    ...(slots === null && found.segments.length > 0 ? await lettersFindings(disk, folder, slotsAfter, found.nextSequence) : []),
  ];
  return { found, slots, ranges, findings };
}

async function lettersFindings(disk: Disk, folder: string, slots: readonly SlotState[], end: number): Promise<readonly SpoolFinding[]> {
  const intent = await readIntent(disk, folder);
  return [...doneLettersFindings(folder, slots, end), ...(intent === "damaged" ? [intentFinding(folder)] : [])];
}

function rangesOf(slots: readonly SlotState[] | null): ConfirmedRanges {
  const { lowWater, ranges } = newestSlot(slots ?? []).record;
  return new ConfirmedRanges(lowWater, ranges);
}

function gaps(found: RecoveredLog, ranges: ConfirmedRanges): SpoolFinding[] {
  const lost = found.lost.filter(({ from, to, reported }) => !reported && ranges.countMissing(from, to) > 0);
  return lost.map(({ from, to, path }) => missingNumbers(path, from, to));
}

function foundAside(names: readonly string[], folder: string): SpoolFinding[] {
  const text = "set aside after earlier damage; remove it once nobody wants to look at it";
  return names
    .filter(isDamagedFile)
    .toSorted()
    .map((name) => finding("set-aside", join(folder, name), 0, 0, 0, text));
}

function cursorFindings(
  folder: string,
  found: RecoveredLog,
  slots: readonly SlotState[] | null,
  ranges: ConfirmedRanges,
  confirmedEnd: number,
  isBehind: boolean,
): SpoolFinding[] {
  if (slots === null) return [];
  const findings: SpoolFinding[] = [];
  const first = found.segments[0]?.header.baseSequence ?? found.nextSequence;
  const about = cursorFinding(folder, slots, ranges.lowWater, first, found.segments.length === 0, isBehind);
  if (about !== null) findings.push(about);
  if (confirmedEnd > found.nextSequence) findings.push(cursorAhead(folder, confirmedEnd, found.nextSequence));
  if (!found.stateKnown)
    findings.push(finding("state-lost", folder, 0, 0, 0, "the state of the log is damaged: which numbers were used is not known"));
  return findings;
}

export function finding(kind: FindingKind, path: string, offset: number, bytes: number, framesLost: number, text: string): SpoolFinding {
  return { kind, path, offset, bytes, framesLost, text };
}

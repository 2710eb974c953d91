/** What a start-up, a read or a check found in a spool, in words for the person who has to act on it. */
import { isCursorLost, type SlotState } from "./cursor-slot.ts";

/**
 * What a finding is about. The first four are no problem: a crash leaves the first three, the fourth tells of an earlier
 * one. A log that runs tells `rewritten`.
 */
export type FindingKind =
  | "cut-tail"
  | "empty-segment-removed"
  | "torn-cursor"
  | "set-aside"
  | "rewritten"
  | "damage"
  | "unreadable-segment"
  | "missing-numbers"
  | "summary-mismatch"
  | "mixed-up-folder"
  | "cursor-lost"
  | "cursor-behind"
  | "cursor-ahead"
  | "state-lost";

export interface SpoolFinding {
  readonly kind: FindingKind;
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
  /** Frames known to be missing; some of them may be the log's own. */
  readonly framesLost: number;
  readonly text: string;
}

const HARMLESS: ReadonlySet<FindingKind> = new Set(["cut-tail", "empty-segment-removed", "torn-cursor", "set-aside"]);

/** True when somebody should do something about it. */
export function isProblem({ kind }: SpoolFinding): boolean {
  return !HARMLESS.has(kind);
}

/** @param from - First number lost. @param to - The number after the last. */
export function damageText(bytes: number, from: number, to: number): string {
  const what = bytes === 0 ? "the file ends early" : `${bytes} bytes that were on disk can't be read any more`;
  const lost = to - from;
  if (lost <= 0) return `${what}; no frame is lost by it`;
  return lost === 1 ? `${what}; frame ${from} is lost` : `${what}; frames ${from} to ${to - 1} are lost, ${lost} in all`;
}

/** A sync of a segment failed; nothing is lost by it. */
export function rewritten(error: Error, path: string): SpoolFinding {
  const text = `the disk failed to make a write last (${error.message}); what it held was written again to a new segment: check the disk`;
  return { kind: "rewritten", path, offset: 0, bytes: 0, framesLost: 0, text };
}

/** Whole segments are gone that stood before the one at a path. */
export function missingNumbers(path: string, from: number, to: number): SpoolFinding {
  return {
    kind: "missing-numbers",
    path,
    offset: 0,
    bytes: 0,
    framesLost: to - from,
    text: `numbers ${from} to ${to - 1} are missing before this segment`,
  };
}

/** @param known - Behind the last number that the cursor knows. @param end - Of the log. */
export function cursorAhead(folder: string, known: number, end: number): SpoolFinding {
  const text = `the cursor knows number ${known - 1}, the log ends before ${end}: numbers that were used are gone`;
  return { kind: "cursor-ahead", path: folder, offset: 0, bytes: 0, framesLost: known - end, text };
}

/**
 * What the state of the cursor's slots means for the log beside it; null when all is well.
 *
 * @param firstSequence - First number that the log still has.
 * @param isBehind - Segments leave out what the cursor doesn't know as done.
 */
export function cursorFinding(
  folder: string,
  slots: readonly SlotState[],
  lowWater: number,
  firstSequence: number,
  logIsNew: boolean,
  isBehind = false,
): SpoolFinding | null {
  const about = (kind: FindingKind, text: string): SpoolFinding => ({ kind, path: folder, offset: 0, bytes: 0, framesLost: 0, text });
  const again = `messages from ${firstSequence} on are sent, some of them again`;
  if (isCursorLost(slots, logIsNew)) return about("cursor-lost", `the cursor is gone; ${again}`);
  if (isBehind) {
    return about("cursor-behind", `segments leave out messages that the cursor doesn't know as done: it is older than the log; ${again}`);
  }
  if (lowWater < firstSequence) {
    return about(
      "cursor-behind",
      `the log begins at ${firstSequence}, the cursor stands at ${lowWater}: it is older than the log, or segments are gone; ${again}`,
    );
  }
  return slots.includes("damaged") ? about("torn-cursor", "a write of the cursor was never finished; the one before it counts") : null;
}

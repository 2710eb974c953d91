/** What a recovery found out about a log. */
import type { DiskFile } from "./disk.ts";
import type { SpoolFinding } from "./findings.ts";
import type { LogStateRecord } from "./log-state.ts";
import type { Segment } from "./segment.ts";

/** Numbers that were on disk and that nothing holds any more: from inclusive, to exclusive. */
export interface LostNumbers {
  readonly from: number;
  readonly to: number;
  /** The segment that comes after them or had them. */
  readonly path: string;
  /** False: whole segments are missing between two others. Whether anything is lost with them, the cursor tells. */
  readonly reported: boolean;
}

export interface RecoveredLog {
  readonly logId: string;
  readonly segments: Segment[];
  /** Handle of the last segment, when it may be written on. */
  readonly open: DiskFile | null;
  /** Number after the last frame that could be read. */
  readonly readableEnd: number;
  /** Number that the next frame gets: beyond what a last file that can't be read may have held. */
  readonly nextSequence: number;
  /** Highest number of a segment's file; new ones go on from it. */
  readonly lastNumber: number;
  /** The state after all of it. */
  readonly state: LogStateRecord;
  /** False: the state was lost, so that nobody knows which numbers were used. */
  readonly stateKnown: boolean;
  /** False: control records may be among what is missing. */
  readonly recordsKnown: boolean;
  readonly lost: readonly LostNumbers[];
  readonly findings: readonly SpoolFinding[];
}

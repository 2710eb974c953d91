/** What a destination's log is opened with. */
import type { ArchiveSettings } from "./archive.ts";
import type { Disk } from "./disk.ts";
import type { SpoolFinding } from "./findings.ts";
import { FLAG_CONTROL } from "./format.ts";

/** `refuse` differs from `drop-newest` for sources that can be told; the flow sees to that. */
export type WhenFull = "drop-newest" | "drop-oldest" | "refuse";

/** How far a recovery or a check has read. */
export interface ReadProgress {
  readonly bytesRead: number;
  readonly bytesTotal: number;
}

export interface DestinationLogSettings {
  readonly disk: Disk;
  readonly folder: string;
  readonly destination: string;
  readonly bytesMax: number;
  readonly topicsMax: number;
  /** Size at which a new segment is begun; absent, it follows the budget. */
  readonly segmentBytesMax?: number;
  /** Files of segments that are larger are removed in steps of so many bytes; absent: as is best for a disk. */
  readonly removalStepBytes?: number;
  /** Its destination numbers its lanes: segments may hold control records, which releases before them don't know. */
  readonly numbered?: boolean;
  /** What gives way when there is no room; absent: new messages. */
  readonly whenFull?: WhenFull;
  /** Share of the budget that one tenant may hold once the log is half full, from 0 to 1; absent: 1, all of it. */
  readonly tenantShare?: number;
  /** Once others are this many bytes ahead of a message that is not done, what they leave behind is rewritten without it; absent: never. */
  readonly parkBytes?: number;
  /** Where the oldest messages give way, at least so much is kept free; absent: a part of the budget. */
  readonly reserveBytesMin?: number;
  /** Where its segments go once they are done; absent: they are removed, or used again. */
  readonly archive?: ArchiveSettings;
  /** Told now and then how far a recovery has read, where it takes long. */
  readonly onProgress?: (progress: ReadProgress) => void;
  /** Told of what start-up or reading found. */
  readonly onFinding: (finding: SpoolFinding) => void;
}

/** Flags of the segments that this log begins. */
export function flagsOf({ numbered }: DestinationLogSettings): number {
  return numbered === true ? FLAG_CONTROL : 0;
}

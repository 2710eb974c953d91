/** What a destination's log is opened with. */
import type { Disk } from "./disk.ts";
import type { SpoolFinding } from "./findings.ts";
import { FLAG_CONTROL } from "./format.ts";

export interface DestinationLogSettings {
  readonly disk: Disk;
  readonly folder: string;
  readonly destination: string;
  readonly bytesMax: number;
  readonly topicsMax: number;
  /** Size at which a new segment is begun; absent, it follows the budget. */
  readonly segmentBytesMax?: number;
  /** Its destination numbers its lanes: segments may hold control records, which releases before them don't know. */
  readonly numbered?: boolean;
  /** Told of what start-up or reading found. */
  readonly onFinding: (finding: SpoolFinding) => void;
}

/** Flags of the segments that this log begins. */
export function flagsOf({ numbered }: DestinationLogSettings): number {
  return numbered === true ? FLAG_CONTROL : 0;
}

/** What a log of segments asks of the log whose frames they are, and what it tells it of them. */
import type { SidestreamError } from "../../errors.ts";
import type { FrameTag } from "./batch.ts";
import type { LogStateRecord } from "./log-state.ts";
import type { LogIdentity } from "./segment.ts";
import type { FoundSegments, SegmentWriterSettings } from "./segment-writer.ts";

export interface SegmentLogOwner {
  /** The state to open the next segment with: everything appended so far, on disk or not. */
  state(): LogStateRecord;
  /** The same without what is not on disk: these frames, and control records. */
  durableState(waiting: readonly FrameTag[]): LogStateRecord;
  /** A batch begins to be written; what is appended from now on belongs to the next. */
  batchSealed(): void;
  /** These frames are on disk. */
  batchDurable(tags: readonly FrameTag[]): void;
  /** These frames were taken back. */
  batchesFailed(tags: readonly FrameTag[]): void;
}

export interface SegmentLogSettings extends SegmentWriterSettings {
  readonly log: LogIdentity;
  /** A sync failed, and what was not on disk by then went to another segment. */
  readonly onRewritten: (error: SidestreamError, path: string) => void;
}

/** What recovery found, as far as the log goes on from it. */
export interface FoundLog extends FoundSegments {
  readonly lastNumber: number;
}

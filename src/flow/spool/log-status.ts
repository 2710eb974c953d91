/** How a destination's log stands, for status and metrics. */
import type { SidestreamError } from "../../errors.ts";
import type { Cursor } from "./cursor.ts";
import type { LogBooks } from "./log-books.ts";
import type { LogRoom } from "./log-room.ts";
import type { StreamTable } from "./log-state.ts";
import type { LostMessages } from "./lost-messages.ts";
import type { OutcomeTable } from "./outcome-counts.ts";
import type { SegmentLog } from "./segment-log.ts";

/** How the log stands, in messages and bytes. */
export interface DestinationLogStatus {
  readonly logId: string;
  readonly accepted: StreamTable;
  /** Given up before they reached the log; not part of `accepted` and `outcomes` here. */
  readonly turnedAway: OutcomeTable;
  readonly outcomes: OutcomeTable;
  readonly pending: StreamTable;
  /** All of them. */
  readonly pendingCount: number;
  /** Messages found lost to damage since the start; they count as dropped. */
  readonly damagedMessages: number;
  readonly usedBytes: number;
  readonly bytesMax: number;
  readonly segments: number;
  /** Number that the next frame will have. */
  readonly nextSequence: number;
  readonly durableSequence: number;
  readonly confirmedSequence: number;
  readonly stopped: string | null;
}

export interface LogStatusParts {
  readonly logId: string;
  readonly stopped: SidestreamError | null;
  readonly books: LogBooks;
  readonly cursor: Cursor;
  readonly lost: LostMessages;
  readonly segments: SegmentLog;
  readonly room: LogRoom;
}

export function logStatus({ logId, stopped, books, cursor, lost, segments, room }: LogStatusParts): DestinationLogStatus {
  return {
    logId,
    accepted: books.accepted.table(),
    turnedAway: cursor.turnedAway.table(),
    outcomes: cursor.outcomes.table(),
    pending: books.pending.table(),
    pendingCount: books.pending.total,
    damagedMessages: lost.messages,
    usedBytes: segments.usedBytes,
    bytesMax: room.bytesMax,
    segments: segments.segments.length,
    nextSequence: segments.nextSequence,
    durableSequence: segments.durableSequence,
    confirmedSequence: cursor.ranges.lowWater,
    stopped: stopped?.message ?? null,
  };
}

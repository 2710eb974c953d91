/** How a destination's log stands, for status and metrics. */
import type { StreamTable } from "./log-state.ts";
import type { OutcomeTable } from "./outcome-counts.ts";

/** How the log stands, in messages and bytes. */
export interface DestinationLogStatus {
  readonly logId: string;
  readonly accepted: StreamTable;
  /** Given up before they reached the log; not part of `accepted` and `outcomes` here. */
  readonly turnedAway: OutcomeTable;
  readonly outcomes: OutcomeTable;
  readonly pending: StreamTable;
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

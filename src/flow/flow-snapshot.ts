/** What the engine tells of itself when it is asked. */
import type { MessageCounts } from "../observe/conservation.ts";
import type { DestinationState, OrphanedMessages } from "../observe/snapshot.ts";
import type { EventLogState } from "./event-log/event-log.ts";
import type { DestinationDetail } from "./outlet-detail.ts";
import type { ShadowState } from "./shadow-book.ts";

export interface FlowSnapshot {
  readonly messages: readonly MessageCounts[];
  readonly destinations: readonly (DestinationState & DestinationDetail)[];
  /** Events whose owner could not be told. */
  readonly unidentified: number;
  /** What rules in shadow would have done since the flow was opened. */
  readonly shadows: readonly ShadowState[];
  /** Logs on disk whose destination the configuration doesn't name. */
  readonly orphaned: readonly string[];
  /** What waits in them, as far as it was counted. */
  readonly orphanedPending: readonly OrphanedMessages[];
  /** Null: no event is kept. */
  readonly keptEvents: EventLogState | null;
}

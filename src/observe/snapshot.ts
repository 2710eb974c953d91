/**
 * What the program knows of itself at one moment, as plain data.
 *
 * The parts that count keep plain number fields on their hot path and copy them into a snapshot when asked; metrics
 * and status read it from there.
 */
import type { MessageCounts } from "./conservation.ts";
import type { SourceSamples } from "./source-samples.ts";

/** What the edge saw, since the program started. */
export interface EdgeCounts {
  /** Events handed to the engine. */
  readonly captured: readonly { readonly source: string; readonly count: number }[];
  /** Events that went by uncaptured; the route is its path in the configuration, or `default`. */
  readonly lost: readonly { readonly source: string; readonly route: string; readonly reason: string; readonly count: number }[];
  /** Records that reached the engine damaged. */
  readonly unreadable: number;
}

/** Somebody stopped sending to a destination. */
export interface DestinationHold {
  /** Who did. */
  readonly user: string;
  /** Milliseconds since 1970; 0: not known. */
  readonly sinceMs: number;
  readonly reason: string | null;
}

export interface DestinationState {
  readonly destination: string;
  /** Bytes of its log on disk. */
  readonly spoolBytes: number;
  /** Its budget. */
  readonly spoolBytesMax: number;
  /** Age of the oldest message that is still to be delivered; 0 when none is. */
  readonly oldestUnsentMs: number;
  /** The last attempt to reach it succeeded. */
  readonly up: boolean;
  /** Why its log takes nothing more in and what to do about it, in words; null while it goes on. */
  readonly stopped: string | null;
  /** Null: nobody holds it. */
  readonly held: DestinationHold | null;
  /** What is kept of what left the log; null: nothing is. */
  readonly archive: ArchiveState | null;
}

export interface ArchiveState {
  readonly files: number;
  readonly bytes: number;
  /** Files removed since the start, for age or want of room. */
  readonly removed: number;
}

/** What waits in a log whose destination the configuration doesn't name. */
export interface OrphanedMessages {
  readonly log: string;
  readonly messages: number;
}

/** What a rule in shadow, which does nothing, would have done since the engine started. */
export interface ShadowCounts {
  readonly stream: string;
  /** Place in its descriptor, from 1. */
  readonly rule: number;
  readonly action: "publish" | "ignore";
  /** Events for which its criteria held. */
  readonly matched: number;
  /** Of these, those for which it would have made a message in addition, or silenced what its stream made. */
  readonly wouldAct: number;
}

/** How late the edge's event loop ran, milliseconds. */
export interface LoopDelay {
  readonly medianMs: number;
  readonly percentile99Ms: number;
  readonly maxMs: number;
}

/** Events that are kept so that rules can be tried on them. */
export interface KeptEventsState {
  readonly bytes: number;
  readonly bytesMax: number;
  readonly files: number;
  /** Events that were written since the engine started. */
  readonly written: number;
  /** Events that were left out since then. */
  readonly dropped: {
    /** The disk is slower than they come. */
    readonly behind: number;
    readonly noRoom: number;
    /** The disk refused to write. */
    readonly failed: number;
    /** They could not be encoded. */
    readonly unmade: number;
  };
}

export interface Snapshot {
  readonly messages: readonly MessageCounts[];
  readonly edge: EdgeCounts;
  readonly sources: readonly SourceSamples[];
  /** Events whose owner could not be told; they made no message. */
  readonly unidentified: number;
  readonly shadows: readonly ShadowCounts[];
  readonly destinations: readonly DestinationState[];
  /** Names of logs that no destination has. */
  readonly orphaned: readonly string[];
  /** What waits in them, as far as it was counted. */
  readonly orphanedPending: readonly OrphanedMessages[];
  /** Null: none is kept. */
  readonly keptEvents: KeptEventsState | null;
  /** Times the engine was started anew after it died. */
  readonly engineRestarts: number;
  readonly edgeLoopDelay: LoopDelay;
}

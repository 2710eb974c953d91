/**
 * What the host of the engine tells its caller: events as they happen, counters when asked.
 */
import type { SidestreamError } from "../../errors.ts";
import type { Loss } from "./losses.ts";

/** The record that an engine worked on when it died. */
export interface FatalRecord {
  readonly recordNumber: number;
  readonly eventId: string;
}

export type EngineEvent =
  | { readonly kind: "engine-ready"; readonly restartCount: number }
  /** A running engine died; the next one starts in `restartMs`. */
  | {
      readonly kind: "engine-exit";
      readonly exitCode: number;
      readonly error: Error | null;
      readonly lifeMs: number;
      readonly lostDurableCount: number;
      readonly lostBestEffortCount: number;
      readonly fatalRecord: FatalRecord | null;
      readonly restartMs: number;
    }
  /** A restarted engine did not become ready; the next try is in `restartMs`. */
  | { readonly kind: "engine-start-failed"; readonly exitCode: number; readonly error: SidestreamError; readonly restartMs: number }
  /** The engine met an error while it stopped cleanly. */
  | { readonly kind: "engine-stop-failed"; readonly error: Error };

export interface EngineCounters {
  /** By source: best-effort records taken, and durable ones that were spooled. */
  readonly captured: readonly { readonly source: string; readonly count: number }[];
  readonly lost: readonly Loss[];
  /** Records whose inside the engine could not read; the durable ones among them were refused. */
  readonly unreadable: number;
  readonly engineRestarts: number;
  readonly engineUp: boolean;
  readonly handoverBytes: number;
  readonly handoverBytesMax: number;
  readonly spoolRoomBytes: number;
  readonly waiters: number;
  readonly unsettled: number;
  readonly batchesInFlight: number;
}

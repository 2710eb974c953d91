/**
 * How far the destinations are with what was accepted up to a moment. It changes nothing.
 */
import type { DestinationHold } from "../observe/snapshot.ts";
import { outletOf, type ActParts } from "./act-parts.ts";
import type { Outlet } from "./outlet.ts";
import type { BlockedLane, DispatcherState, LastError } from "./transmit/dispatcher-status.ts";

/** As the engine is asked. */
export interface DrainCall {
  /** Null: all of them. */
  readonly destination: string | null;
  /** Up to where each is waited for, as the first answer told it; null: the first call. */
  readonly marks: Readonly<Record<string, number>> | null;
}

export interface Draining {
  readonly destination: string;
  /** What has a number below it was accepted before the first call. */
  readonly mark: number;
  /** Messages below the mark that wait. */
  readonly left: number;
  /** Null: nothing is sent. */
  readonly state: DispatcherState | null;
  readonly dormant: boolean;
  readonly held: DestinationHold | null;
  /** Why its log takes nothing in; null while it does. */
  readonly stopped: string | null;
  readonly lastError: LastError | null;
  readonly lanesBlocked: number;
  readonly blocked: readonly BlockedLane[];
}

/** @throws SidestreamError `SST_COMMAND_INVALID` when there is no such destination. */
export async function lookAtDraining(parts: ActParts, { destination, marks }: DrainCall): Promise<readonly Draining[]> {
  const outlets = destination === null ? [...parts.outlets.values()] : [outletOf(parts, destination)];
  const draining = outlets.map((outlet) => drainingOf(outlet, marks?.[outlet.name] ?? outlet.log.status().nextSequence));
  return await Promise.resolve(draining);
}

function drainingOf({ name, log, dormant, sending, stopped }: Outlet, mark: number): Draining {
  const { status, held } = sending;
  return {
    destination: name,
    mark,
    // Frames of the log's own are among the numbers that nobody has read yet; messages that came since among those that wait.
    left: Math.min(log.countWaiting(mark), log.status().pendingCount),
    state: status?.state ?? null,
    dormant,
    held,
    stopped,
    lastError: status?.lastError ?? null,
    lanesBlocked: status?.lanesBlocked ?? 0,
    blocked: status?.blocked ?? [],
  };
}

/** What acts work on. */
import type { KeptEvents } from "./kept-events.ts";
import type { OrphanActs } from "./orphan-acts.ts";
import type { Outlet } from "./outlet.ts";
import type { PurgeGate } from "./purge-gate.ts";
import type { FlowSettings } from "./settings.ts";
import { unknownDestination } from "./unknown-destination.ts";

/** An act goes on for so long at a time, milliseconds; whoever wants all of it asks again. */
export const ACT_PIECE_MS = 5_000;

export interface ActParts {
  /** By the destination's name. */
  readonly outlets: ReadonlyMap<string, Outlet>;
  readonly orphans: Pick<OrphanActs, "apart">;
  readonly settings: FlowSettings;
  readonly purgeGate: PurgeGate;
  /** Null: no event is kept. */
  readonly kept: Pick<KeptEvents, "erase"> | null;
}

/** @throws SidestreamError `SST_COMMAND_INVALID` when there is no destination of that name. */
export function outletOf({ outlets }: ActParts, destination: string): Outlet {
  const outlet = outlets.get(destination);
  if (outlet !== undefined) return outlet;
  throw unknownDestination(destination, [...outlets.keys()]);
}

/** An operator holds a destination, or lets it go on. Taking in goes on all the same. */
import type { DestinationHold } from "../observe/snapshot.ts";
import { outletOf, type ActParts } from "./act-parts.ts";

/** As the engine is asked. */
export interface HoldCall {
  readonly destination: string;
  /** Null: it goes on. */
  readonly hold: DestinationHold | null;
}

export interface HoldAnswer {
  /** Who held it before the act; null: nobody. */
  readonly before: DestinationHold | null;
  /** Messages that wait. */
  readonly pending: number;
}

/** Settles once it is on disk, and where it is held once nothing is sent any more. A hold that there is stays as it is. */
export async function holdDestination(parts: ActParts, { destination, hold }: HoldCall): Promise<HoldAnswer> {
  const { sending, log } = outletOf(parts, destination);
  const before = await sending.hold(hold);
  return { before, pending: log.status().pendingCount };
}

/** What the spool is told of a destination, from what the configuration says of it. */
import { destinationDriver } from "../driver/registry.ts";
import type { DestinationSettings } from "./settings.ts";
import { logBudget } from "./spool-room.ts";
import type { SpoolDestination } from "./spool/spool.ts";

/** @param eventBytes - What the largest event may take in one log. */
export function spoolDestination({ name, type, spool, deadLetters }: DestinationSettings, eventBytes: number): SpoolDestination {
  return { name, ...logBudget(spool, eventBytes), numbered: destinationDriver(type)?.promises.deduplicates === true, deadLetters };
}

/** What the spool is told of a destination, from what the configuration says of it. */
import { destinationDriver } from "../driver/registry.ts";
import type { DestinationSettings } from "./settings.ts";
import { logBudget } from "./spool-room.ts";
import type { SpoolDestination } from "./spool/spool.ts";

/** @param eventBytes - What the largest event may take in one log. */
export function spoolDestination(settings: DestinationSettings, eventBytes: number): SpoolDestination {
  const { name, type, spool, deadLetters, retain = null } = settings;
  const numbered = destinationDriver(type)?.promises.deduplicates === true;
  return { name, ...logBudget(spool, eventBytes), numbered, deadLetters, retain };
}

/** What the spool is told of a destination, from what the configuration says of it. */
import { destinationDriver } from "../driver/registry.ts";
import type { DestinationSettings } from "./settings.ts";
import { logBudget } from "./spool-room.ts";
import type { SpoolDestination } from "./spool/spool.ts";

export function spoolDestination({ name, type, spool, deadLetters }: DestinationSettings): SpoolDestination {
  return { name, ...logBudget(spool), numbered: destinationDriver(type)?.promises.deduplicates === true, deadLetters };
}

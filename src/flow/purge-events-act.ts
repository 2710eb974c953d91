/** An operator has everything removed that the event log holds of a tenant. */
import { ACT_PIECE_MS, type ActParts } from "./act-parts.ts";
import type { EventsErased } from "./event-log/tenant-erasing.ts";
import { eraseEventsOnDisk, type EraseCall } from "./kept-events.ts";

/** @throws What the system says of a folder that it doesn't list. */
export async function purgeEventsAct({ kept, settings }: ActParts, call: EraseCall): Promise<EventsErased> {
  const endMs = performance.now() + ACT_PIECE_MS;
  return kept === null ? await eraseEventsOnDisk(settings.dataFolder, call, endMs) : await kept.erase(call, endMs);
}

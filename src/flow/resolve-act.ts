/** What an operator decides over lanes that stopped: show which messages, send them again, or leave them out. */
import { outletOf, type ActParts } from "./act-parts.ts";
import type { LaneResolved, ResolveCall } from "./transmit/lane-decision.ts";

/** What was in doubt before the act, lane by lane. */
export async function resolveLanes(parts: ActParts, call: ResolveCall): Promise<readonly LaneResolved[]> {
  return await outletOf(parts, call.destination).sending.resolve(call);
}

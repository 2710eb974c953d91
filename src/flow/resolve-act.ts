/**
 * What an operator decides over a lane that stopped since it can't be told whether messages of it arrived: show which,
 * send them again, or give them up.
 */
import { outletOf, type ActParts } from "./act-parts.ts";
import type { ResolveCall } from "./lane-decision.ts";
import type { InDoubt } from "./transmit/in-doubt.ts";

/** What was in doubt before the act. */
export async function resolveLane(parts: ActParts, call: ResolveCall): Promise<InDoubt> {
  return await outletOf(parts, call.destination).sending.resolve(call);
}

/**
 * What an operator decides over a lane that stopped since it can't be told whether messages of it arrived: show which,
 * send them again, or give them up.
 */
import { outletOf, type ActParts } from "./act-parts.ts";
import type { InDoubt } from "./transmit/in-doubt.ts";

export const RESOLVE_ACTIONS = ["show", "resend", "skip"] as const;
export type ResolveAction = (typeof RESOLVE_ACTIONS)[number];

/** As the engine is asked. */
export interface ResolveCall {
  readonly destination: string;
  readonly lane: string;
  readonly action: ResolveAction;
  /** Only what stands in the log up to this number is given up; null: all that is in doubt. */
  readonly through: number | null;
}

/** What was in doubt before the act. */
export async function resolveLane(parts: ActParts, call: ResolveCall): Promise<InDoubt> {
  return await outletOf(parts, call.destination).sending.resolve(call);
}

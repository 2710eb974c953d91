/** An operator gives up messages that wait: those of a stream, of a tenant, before a time, or all. */
import { ACT_PIECE_MS, outletOf, type ActParts } from "./act-parts.ts";
import { giveUp, type Choice, type GivenUp } from "./spool/give-up.ts";

export const REASON_DISCARDED = "discarded";

/** As the engine is asked. */
export interface DiscardCall extends Choice {
  readonly destination: string;
  /** Where the answer before ended; 0 and null at first. */
  readonly from: number;
  readonly to: number | null;
}

/** @throws SidestreamError `SST_COMMAND_INVALID` when there is no such destination; what the log says. */
export async function discardMessages(parts: ActParts, { destination, ...call }: DiscardCall): Promise<GivenUp> {
  const { sending, log } = outletOf(parts, destination);
  return await sending.apart(() => giveUp(log, { ...call, reason: REASON_DISCARDED }, performance.now() + ACT_PIECE_MS));
}

/**
 * Gives up messages that an operator chose among those that wait.
 *
 * Promise: each counts as dropped once, with the reason, in the same cursor that says that it is done. Where one of them
 * may have been sent under a number of its lane, the lane is in doubt from then on, and is numbered anew before anything
 * is sent that would get that number.
 */
import { streamOfLabel } from "../message/stream-label.ts";
import type { DestinationLog } from "./destination-log.ts";
import type { Confirmation, SpooledMessage } from "./spooled.ts";

/** Read and given up at a time. */
const CHUNK_BYTES = 4 * 1024 * 1024;
/** More numbers that are done apart from each other than this are not left in the cursor, which would be written with each send. */
const SCATTERED_MAX = 8_192;

/** Null: whatever it is. */
export interface Choice {
  readonly stream: string | null;
  readonly tenant: string | null;
  /** Accepted before, milliseconds since 1970. */
  readonly beforeMs: number | null;
}

export interface GiveUpCall extends Choice {
  readonly reason: string;
  /** Messages below it are left. */
  readonly from: number;
  /** Messages at or above it are left; null: all that is on disk by now. */
  readonly to: number | null;
}

export interface GivenUp {
  readonly messages: number;
  readonly bytes: number;
  /** Where to go on, and where it ends. All is looked at once the one has reached the other. */
  readonly next: number;
  readonly to: number;
}

export function isChosen({ stream, tenant, beforeMs }: Choice, message: Pick<SpooledMessage, "stream" | "tenant" | "acceptedMs">): boolean {
  return (
    (stream === null || streamOfLabel(message.stream) === stream) &&
    (tenant === null || message.tenant === tenant) &&
    (beforeMs === null || message.acceptedMs < beforeMs)
  );
}

/**
 * Gives up what waits and was chosen, as far as time allows, and one chunk in any case. Nobody may be sending from the log.
 *
 * @param endMs - By `performance.now()`, when no more is begun.
 * @throws SidestreamError what the disk says; what was given up before stays so.
 */
export async function giveUp(log: DestinationLog, { reason, from, to: end, ...choice }: GiveUpCall, endMs: number): Promise<GivenUp> {
  const to = end ?? log.durableSequence;
  let next = Math.max(from, log.confirmedSequence);
  let given = 0;
  let bytes = 0;
  let gathered = 0;
  for (let isOver = false; next < to && !isOver; isOver = performance.now() >= endMs) {
    const { messages, nextSequence } = await log.read(next, CHUNK_BYTES, "aside");
    const chosen = messages.filter(
      (message) => message.logSequence < to && !log.isConfirmed(message.logSequence) && isChosen(choice, message),
    );
    // Those that were set aside before are among the dead letters.
    const dropped = chosen.filter(({ logSequence }) => log.skipCode(logSequence) === null);
    if (chosen.length > 0) await log.confirm(chosen.map((message) => outcome(message, log.skipCode(message.logSequence), reason)));
    given += dropped.length;
    bytes += dropped.reduce((sum, { frameBytes }) => sum + frameBytes, 0);
    next = nextSequence;
    if (log.scattered <= gathered + SCATTERED_MAX) continue;
    await log.erasing.gather();
    gathered = log.scattered;
  }
  return { messages: given, bytes, next: Math.min(next, to), to };
}

function outcome({ logSequence, stream, tenant, frameBytes }: SpooledMessage, skipCode: string | null, reason: string): Confirmation {
  const left = { logSequence, stream, tenant, frameBytes, lane: null };
  return skipCode === null ? { ...left, outcome: "dropped", reason } : { ...left, outcome: "dead", reason: skipCode };
}

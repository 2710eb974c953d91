/**
 * What an operator can have the running program do with dead letters: have them sent once more, or let them go.
 *
 * Promise: an act takes some seconds; whoever wants all of it asks again, from where it ended. Of one destination's
 * letters one act runs at a time.
 */
import { ACT_PIECE_MS, outletOf, type ActParts } from "./act-parts.ts";
import type { LetterFilter } from "./spool/letter-filter.ts";
import { purgeLetters, redriveLetters, type LettersActed, type LetterSpan } from "./spool/redrive.ts";

/** As the engine is asked. */
export interface LettersCall {
  readonly destination: string;
  readonly filter: LetterFilter;
  readonly span: LetterSpan;
}

/** @throws SidestreamError `SST_COMMAND_INVALID` when there is no such destination; what the logs say. */
export async function redriveAct(parts: ActParts, { destination, filter, span }: LettersCall): Promise<LettersActed> {
  const { log, deadLetters: letters } = outletOf(parts, destination);
  const redrive = (signal: AbortSignal) =>
    redriveLetters({ log, letters, filter, span, signal, waitMsMax: ACT_PIECE_MS, waitsForRoom: true });
  return await parts.purgeGate.move(() => letters.turns.run(redrive));
}

/** As `redriveAct`. */
export async function purgeLettersAct(parts: ActParts, { destination, filter, span }: LettersCall): Promise<LettersActed> {
  const { deadLetters: letters } = outletOf(parts, destination);
  return await letters.turns.run((signal) => purgeLetters({ letters, filter, span, signal, waitMsMax: ACT_PIECE_MS }));
}

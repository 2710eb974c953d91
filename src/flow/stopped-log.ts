/**
 * What an operator is told of a log that has stopped, in the program's log, its status and its readiness.
 *
 * Promise: it says what happened, what that means and what to do, the same everywhere.
 */
import type { ErrorCode, SidestreamError } from "../errors.ts";

const RESTART = "then restart Sidestream: the log doesn't go on before, and `/ready` answers 503 until then";

/** What mends a log that stopped. A restart is a part of it, since what the disk did with the last write is not known. */
const MENDED_BY: Partial<Record<ErrorCode, string>> = {
  SST_SPOOL_IO: `Mend the disk (its space, its mount, \`dmesg\`), ${RESTART}`,
  SST_SPOOL_READ_ONLY: `Make the data folder writable again (its mount, its owner, \`dmesg\`), ${RESTART}`,
  SST_SPOOL_CUT:
    "A restart alone doesn't help: put the right folder back if a copy is in its place, else begin a new log, as section 8 of docs/spool-format.md says; `/ready` answers 503 until then",
};

/**
 * One sentence after the other, without a full stop at the end.
 *
 * @param isSent - What the log holds is still sent: it stopped in the midst, not at the start.
 */
export function stoppedText({ code, message, hint }: SidestreamError, isSent: boolean): string {
  const held = isSent ? "What it holds is still sent, nothing new is taken in" : "Nothing is taken in, and what it holds waits";
  const so = "webhooks are answered 503, durable requests are refused or pass uncaptured, the rest is lost and counted";
  return `${code}: ${message}. The log has stopped. ${held}: ${so}. ${MENDED_BY[code] ?? `${hint} Then restart Sidestream`}`;
}

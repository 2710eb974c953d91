/** Moments as people give them: a time, or how long ago. */
import { parseDuration } from "../driver/quantity.ts";
import { SidestreamError } from "../errors.ts";

/** A day, or a time of it to the second or less, with its zone. */
const ISO = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

/**
 * Milliseconds since 1970. A day alone begins at midnight, UTC.
 *
 * @param flag - For the error.
 * @throws SidestreamError `SST_COMMAND_INVALID`
 */
export function parseMoment(text: string, flag: string, nowMs: number): number {
  const agoMs = parseDuration(text);
  if (agoMs !== undefined) return nowMs - agoMs;
  const atMs = ISO.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(atMs)) return atMs;
  throw new SidestreamError(
    "SST_COMMAND_INVALID",
    `${flag} ${text}: expected a time such as 2026-01-31T08:00:00Z or 2026-01-31, or how long ago, such as 2h or 7d`,
  );
}

/**
 * Two moments, of which either may be left out.
 *
 * @param flags - The one that is inclusive, then the one that is not.
 * @throws SidestreamError `SST_COMMAND_INVALID`, also where nothing can be between them.
 */
export function parseSpan(
  from: string | undefined,
  to: string | undefined,
  flags: readonly [from: string, to: string],
): { readonly fromMs: number | null; readonly toMs: number | null } {
  const nowMs = Date.now();
  const fromMs = from === undefined ? null : parseMoment(from, flags[0], nowMs);
  const toMs = to === undefined ? null : parseMoment(to, flags[1], nowMs);
  if (fromMs === null || toMs === null || fromMs < toMs) return { fromMs, toMs };
  throw new SidestreamError("SST_COMMAND_INVALID", `${flags[0]} ${from} isn't before ${flags[1]} ${to}: nothing can be between them`);
}

/** The calendar has it: a 31st of February would be taken for a day of March. */
function isDay(day: string): boolean {
  const atMs = Date.parse(day);
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(day);
}

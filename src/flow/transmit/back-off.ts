/** How long to wait before the next attempt: doubling, bounded, spread by chance so that lanes don't knock in step. */

/** Short enough that a blip goes unnoticed. */
export const BACK_OFF_MS_MIN = 50;
/** Long enough to spare a destination that is down, short enough that its return is noticed soon. */
export const BACK_OFF_MS_MAX = 30_000;

/**
 * @param failureCount - Failures in a row, from 1.
 * @param random - A number from 0 up to 1.
 * @returns Milliseconds from half of the doubled wait up to the whole of it, never below the least wait.
 */
export function backOffMs(failureCount: number, random: number): number {
  const wholeMs = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS_MIN * 2 ** (failureCount - 1));
  return Math.max(BACK_OFF_MS_MIN, Math.round(wholeMs / 2 + (random * wholeMs) / 2));
}

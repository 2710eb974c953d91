/** How long the contract waits, as long as the flow does; a driver that takes longer fails its test. */
import assert from "node:assert/strict";

/** A send is aborted after this long. Far longer than a destination that works needs. */
export const SEND_MS_MAX = 30_000;
/** A driver settles this soon after it was told to stop, and ends a connection in this time. */
export const SETTLE_MS_MAX = 5_000;
/** A destination that was started or goes on takes messages after this long at the latest: elections, recovery of its logs. */
export const RECOVERY_MS_MAX = 90_000;
/** Between attempts at a destination that doesn't take messages yet. */
export const ATTEMPT_WAIT_MS = 100;

/**
 * Awaits a driver's work.
 *
 * @throws AssertionError when it doesn't settle within `SETTLE_MS_MAX` of the signal.
 */
export async function settles<T>(work: Promise<T>, signal: AbortSignal, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const aborted = (): void => {
    timer = setTimeout(() => {
      late.reject(new assert.AssertionError({ message: `${what} did not settle within ${SETTLE_MS_MAX} ms of being told to stop` }));
    }, SETTLE_MS_MAX);
  };
  if (signal.aborted) aborted();
  else signal.addEventListener("abort", aborted, { once: true });
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    signal.removeEventListener("abort", aborted);
    clearTimeout(timer);
  }
}

/**
 * Time as the dispatcher sees it: what time it is, and being called later.
 *
 * Promise: nothing in this folder reads the time or sets a timer in any other way, so a test can let hours pass at once.
 */
export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** Calls once after the delay; the returned function calls it off, and is harmless afterwards. */
  after(delayMs: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Settles after the delay, or at once when the signal is aborted. */
export function wait(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.after(delayMs, end);
    signal.addEventListener("abort", end, { once: true });
  });
}

/** Waits for work to end, but no longer than `waitMsMax`. True when it ended. A rejection counts as an end. */
export function endsWithin(clock: Clock, work: Promise<unknown>, waitMsMax: number): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = clock.after(waitMsMax, () => resolve(false));
    const ended = (): void => {
      cancel();
      resolve(true);
    };
    work.then(ended, ended);
  });
}

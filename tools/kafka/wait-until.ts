/** Waits for something of another process that tells nobody: a line in a log, a process gone, a port. */
import { setTimeout as sleep } from "node:timers/promises";

/** Short beside the seconds a broker takes, long enough to cost nothing. */
const LOOK_EACH_MS = 25;

/**
 * Settles once the condition holds.
 *
 * @param what - For the message: "node 1 to stop".
 * @throws Error when it doesn't hold within `waitMsMax`, or what the condition throws.
 */
export async function waitUntil(condition: () => boolean | Promise<boolean>, waitMsMax: number, what: string): Promise<void> {
  const endsAt = performance.now() + waitMsMax;
  while (!(await condition())) {
    if (performance.now() > endsAt) throw new Error(`waited ${waitMsMax} ms in vain for ${what}`);
    await sleep(LOOK_EACH_MS);
  }
}

/**
 * How signals end the program.
 *
 * Promise: the first SIGTERM or SIGINT asks for a clean end, which has a bound, and what is not done by then is logged.
 * After it the system's own way is in force: the next signal ends the process at once, whatever its threads do, also when
 * one of them hangs in the system and can't be ended from within.
 */
import type { Log } from "../observe/log.ts";

const ENDING_SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;
type EndingSignal = keyof typeof ENDING_SIGNALS;
const SIGNALS = Object.keys(ENDING_SIGNALS) as readonly EndingSignal[];

/** What a clean end may take: its own grace period of ten seconds, and some for what is beside it. */
const END_MS_MAX = 15_000;
const MILLISECONDS_PER_SECOND = 1000;
/** The kernel keeps signals without a handler from the first process of a container. */
const FIRST_PROCESS = 1;

export class Ending {
  /** Settles with the first signal that asks the program to end. */
  readonly asked: Promise<EndingSignal>;
  readonly #log: Pick<Log, "warn" | "error">;
  #waitsFor: () => string;
  #timer: NodeJS.Timeout | null = null;

  /** @param waitsFor - What is under way, for a person. */
  constructor(log: Pick<Log, "warn" | "error">, waitsFor: () => string) {
    this.#log = log;
    this.#waitsFor = waitsFor;
    const { promise, resolve } = Promise.withResolvers<EndingSignal>();
    this.asked = promise;
    const first = (signal: EndingSignal): void => {
      for (const name of SIGNALS) process.off(name, first);
      if (process.pid === FIRST_PROCESS) for (const name of SIGNALS) process.once(name, () => process.exit(ENDING_SIGNALS[name]));
      this.#timer = setTimeout(() => this.#cutShort(signal), END_MS_MAX);
      resolve(signal);
    };
    for (const name of SIGNALS) process.on(name, first);
    process.on("SIGHUP", () => log.warn("reloading is not available yet; restart to load a changed configuration"));
  }

  /** From now on something else is under way. */
  waitsFor(text: () => string): void {
    this.#waitsFor = text;
  }

  /** All is done: the process ends by itself. */
  done(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #cutShort(signal: EndingSignal): void {
    const unfinished = this.#waitsFor();
    this.#log.error(
      { unfinished },
      `not ended within ${END_MS_MAX / MILLISECONDS_PER_SECOND} s, so it is cut short: ${unfinished}. What is on disk is sent after the next start`,
    );
    // Leaving in order would wait for each thread, and one of them may be what hangs.
    if (process.pid === FIRST_PROCESS) process.exit(ENDING_SIGNALS[signal]);
    process.kill(process.pid, signal);
  }
}

/** Those who wait for a log to grow beyond a number. */
interface Waiter {
  readonly sequence: number;
  readonly wake: () => void;
}

export class SequenceWaiters {
  readonly #waiters = new Set<Waiter>();

  /** Settles when `reached` was told of a number above the one given, or the signal is aborted. */
  wait(sequence: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiter = {
        sequence,
        wake: () => {
          signal.removeEventListener("abort", waiter.wake);
          this.#waiters.delete(waiter);
          resolve();
        },
      };
      this.#waiters.add(waiter);
      signal.addEventListener("abort", waiter.wake, { once: true });
    });
  }

  /** The log ends at a number now. */
  reached(durableSequence: number): void {
    for (const waiter of this.#waiters) if (waiter.sequence < durableSequence) waiter.wake();
  }
}

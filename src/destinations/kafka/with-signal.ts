/** Waiting for shared work, or for work of the client that knows no signal. */

/**
 * The promise's outcome, or the signal's reason once it is aborted; the work itself goes on and its outcome is dropped.
 */
export function withSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const give = () => reject(signal.reason instanceof Error ? signal.reason : new DOMException("aborted", "AbortError"));
    if (signal.aborted) give();
    else signal.addEventListener("abort", give, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", give));
  });
}

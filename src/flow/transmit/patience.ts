/**
 * Waits for a driver, with bounds: a deadline, then an abort, then a last while, then it is given up.
 *
 * Promise: it settles by the clock whatever the driver does: throw, reject, hang, or settle after it was given up.
 */
import type { Clock } from "./clock.ts";

export type Ending<T> =
  | { readonly kind: "value"; readonly value: T }
  | { readonly kind: "error"; readonly error: unknown }
  | { readonly kind: "abandoned" };

export interface Patience {
  /** Milliseconds until the signal is aborted. */
  readonly deadlineMs: number;
  /** Milliseconds after the abort, for whatever reason it came, until the work is given up. */
  readonly settleMs: number;
}

/**
 * @param run - The driver's work. A synchronous throw counts as a rejection.
 * @param controller - Aborted at the deadline; whoever holds it may abort earlier.
 * @param late - Called with a value that came after the work was given up.
 */
export function endsPatiently<T>(
  run: (signal: AbortSignal) => Promise<T>,
  controller: AbortController,
  clock: Clock,
  patience: Patience,
  late?: (value: T) => void,
): Promise<Ending<T>> {
  return new Promise((resolve) => {
    let open = true;
    let cancelSettle = (): void => {};
    const end = (ending: Ending<T>): void => {
      if (!open) return;
      open = false;
      cancelDeadline();
      cancelSettle();
      controller.signal.removeEventListener("abort", aborted);
      resolve(ending);
    };
    const aborted = (): void => {
      cancelDeadline();
      cancelSettle = clock.after(patience.settleMs, () => end({ kind: "abandoned" }));
    };
    const cancelDeadline = clock.after(patience.deadlineMs, () => controller.abort());
    if (controller.signal.aborted) aborted();
    else controller.signal.addEventListener("abort", aborted, { once: true });
    const started = async (): Promise<T> => run(controller.signal);
    started().then(
      (value) => {
        if (!open) late?.(value);
        end({ kind: "value", value });
      },
      (error: unknown) => end({ kind: "error", error }),
    );
  });
}

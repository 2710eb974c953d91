/**
 * Tells of a destination what somebody should know: once when its state changes, and once for each reason that takes
 * somebody to mend.
 */
import { needsSomebody, type AnnouncedState, type DispatcherState, type LastError, type StateListener } from "./dispatcher-status.ts";

export class Announcer {
  /** What was told last. */
  announced: AnnouncedState;
  readonly #listeners: StateListener[] = [];
  /** Reasons that were told since the state changed. */
  readonly #told = new Set<string>();

  /** @param announced - What was told by whoever came before. */
  constructor(announced: AnnouncedState) {
    this.announced = announced;
  }

  onState(listener: StateListener): void {
    this.#listeners.push(listener);
  }

  look(state: DispatcherState, lastError: LastError | null, lanes: { readonly isTroubled: boolean; readonly isStuck: boolean }): void {
    // Connecting says neither that it is down nor that it is up again.
    if (state === "connecting") return;
    const code = lastError?.code ?? "";
    if (state !== "down" && state === this.announced) {
      if (!lanes.isTroubled) this.#told.clear();
      else if (!this.#told.has(code) && needsSomebody(lastError) && lanes.isStuck) this.#tell("blocked", lastError);
      return;
    }
    if (state === this.announced && (this.#told.has(code) || !needsSomebody(lastError))) return;
    if (state !== this.announced) this.#told.clear();
    this.announced = state;
    this.#tell(state, lastError);
  }

  #tell(state: AnnouncedState | "blocked", lastError: LastError | null): void {
    this.#told.add(lastError?.code ?? "");
    for (const listener of this.#listeners) listener(state, lastError);
  }
}

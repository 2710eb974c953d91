/**
 * A destination's memory that is gone with the process: for a look at the destination that must leave no trace in the
 * spool.
 */
import type { DestinationMemory } from "../driver/destination.ts";

export class ThrowawayMemory implements DestinationMemory {
  readonly nextSequence = 0;
  readonly #values = new Map<string, unknown>();

  get(name: string): unknown {
    return this.#values.get(name);
  }

  names(): readonly string[] {
    return [...this.#values.keys()];
  }

  set(name: string, value: unknown): Promise<void> {
    if (value === null) this.#values.delete(name);
    else this.#values.set(name, value);
    return Promise.resolve();
  }
}

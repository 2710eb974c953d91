/**
 * How many messages wait in the orphaned logs, for metrics: nobody sends them until an operator decides.
 *
 * Promise: it is counted on disk, without a change, one log after the other. What isn't counted yet, or can't be read,
 * is left out rather than told as none.
 */
import { isSidestreamError } from "../errors.ts";
import type { OrphanedMessages } from "../observe/snapshot.ts";
import { inspectNamed } from "./spool/inspect.ts";
import type { DataFolder } from "./spool/orphans.ts";

export class OrphanCounts {
  readonly #data: DataFolder;
  readonly #messages = new Map<string, number>();

  constructor({ disk, dataFolder }: DataFolder) {
    this.#data = { disk, dataFolder };
  }

  /** By log, in the order of their names. */
  list(): readonly OrphanedMessages[] {
    return [...this.#messages].map(([log, messages]) => ({ log, messages })).toSorted((left, right) => (left.log < right.log ? -1 : 1));
  }

  /** Counts what waits in these logs. Ends early, without an error, when the signal says so. */
  async count(names: readonly string[], signal: AbortSignal): Promise<void> {
    for (const name of names) {
      try {
        const reports = await inspectNamed({ ...this.#data, reads: "waiting", onProgress: () => signal.throwIfAborted() }, name);
        const pending = reports.find(({ kind }) => kind === "messages")?.pending;
        this.set(name, pending ?? 0);
      } catch (error) {
        if (signal.aborted) return;
        // `spool fsck` says what is wrong with it; the number of orphaned logs has it all the same.
        if (!isSidestreamError(error)) throw error;
      }
    }
  }

  /** What is known of one log after an act. */
  set(name: string, messages: number): void {
    this.#messages.set(name, messages);
  }

  /** Forgets logs that are none any more. */
  keep(names: readonly string[]): void {
    for (const name of this.#messages.keys()) if (!names.includes(name)) this.#messages.delete(name);
  }
}

/** Reads what is noted of records' states, also while another process notes more. It writes nothing and takes no lock for long. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { RecordState } from "./record-states.ts";

/** Longer than the writer needs for a transaction. */
const BUSY_MS = 5_000;

export class RecordStatesReader implements Disposable {
  readonly #database: DatabaseSync;
  readonly #state: StatementSync;

  /** @throws What SQLite says; a file that isn't there is `ERR_SQLITE_ERROR`, too. */
  constructor(path: string) {
    this.#database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
    try {
      this.#state = this.#database.prepare(
        "SELECT source, agent, state, time_ms, boot, sequence FROM states WHERE wallet = ? AND category = ? AND record_id = ? ORDER BY time_ms DESC, sequence DESC LIMIT 1",
      );
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** From here on, all that was journaled is noted. */
  get completeSinceMs(): number {
    return (this.#database.prepare("SELECT since_ms FROM complete").get() as { since_ms: number }).since_ms;
  }

  hasCategory(category: string): boolean {
    return this.#database.prepare("SELECT 1 FROM states WHERE category = ? LIMIT 1").get(category) !== undefined;
  }

  /** The last journaled state of a record; null: none is noted. */
  stateOf(wallet: string | null, category: string, recordId: string): RecordState | null {
    const row = this.#state.get(wallet ?? "", category, recordId) as
      | { source: string; agent: string; state: string | null; time_ms: number; boot: string; sequence: number }
      | undefined;
    if (row === undefined) return null;
    const { source, agent, state, time_ms: timeMs, boot, sequence } = row;
    return { source, agent, wallet, category, recordId, state, timeMs, eventId: `${boot}/${sequence}` };
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

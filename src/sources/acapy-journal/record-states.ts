/**
 * The last journaled state of each record of the agents, kept for a while in one file, for `sidestream acapy reconcile`.
 *
 * Promise: nothing that happens to the file is a failure of the source. What could not be noted, or was removed for its
 * age or its number, is known: `completeSinceMs` tells from when on nothing is missing. Another process can read meanwhile.
 */
import { closeSync, existsSync, openSync, renameSync, rmSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Notice } from "../../driver/source.ts";

export const STATES_FILE = "acapy-states.sqlite";
const FILE_MODE = 0o600;
const FORMAT = 1;
/** Rows that a call removes beside as many as it adds, so that each call's work is bounded and the table still shrinks. */
const PRUNED_BESIDE = 256;
/** A file that can't be opened is tried again after so long, not with each event. */
const REOPEN_MS = 60_000;
/** Nobody else writes; a reader that begins may hold it for a moment. */
const BUSY_MS = 200;
const WAL_BYTES_KEPT = 4 * 2 ** 20;
/** SQLite's codes for a file that is damaged, or none of its own. */
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

const SCHEMA = `
CREATE TABLE states (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL, wallet TEXT NOT NULL, category TEXT NOT NULL, record_id TEXT NOT NULL,
  agent TEXT NOT NULL, state TEXT, time_ms INTEGER NOT NULL, boot TEXT NOT NULL, sequence INTEGER NOT NULL,
  UNIQUE (wallet, category, record_id, source)
) STRICT;
CREATE INDEX states_by_time ON states (time_ms);
CREATE TABLE complete (only INTEGER PRIMARY KEY CHECK (only = 1), since_ms INTEGER NOT NULL) STRICT;
PRAGMA user_version = ${FORMAT};
`;

/** Of one boot the sequence decides, since clocks are set back; between boots the time, and at the same time the later call. */
const UPSERT = `
INSERT INTO states (source, wallet, category, record_id, agent, state, time_ms, boot, sequence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET agent = excluded.agent, state = excluded.state, time_ms = excluded.time_ms, boot = excluded.boot, sequence = excluded.sequence
WHERE CASE WHEN excluded.boot = boot THEN excluded.sequence > sequence ELSE excluded.time_ms >= time_ms END`;

export interface RecordState {
  readonly source: string;
  /** Name of the agent that journaled it. */
  readonly agent: string;
  /** Null: the base wallet, or the only one. */
  readonly wallet: string | null;
  readonly category: string;
  readonly recordId: string;
  /** Null: a record without one. */
  readonly state: string | null;
  readonly timeMs: number;
  /** `BOOT/SEQUENCE`. */
  readonly eventId: string;
}

export interface RecordStatesOptions {
  /** Age at which a row may be removed. */
  readonly keepMs: number;
  /** Rows that are kept; beyond, the oldest are removed. */
  readonly rowsMax: number;
}

interface Open {
  readonly database: DatabaseSync;
  readonly upsert: StatementSync;
  readonly removed: StatementSync;
  readonly complete: StatementSync;
  rows: number;
  lastNumber: number;
}

export class RecordStates {
  readonly #path: string;
  readonly #options: RecordStatesOptions;
  readonly #notice: Notice;
  #open: Open | null = null;
  #reopenAtMs = 0;
  /** Something was not noted: what is there is complete from the next success on. */
  #hasHole = false;
  #isClosed = false;

  private constructor(path: string, options: RecordStatesOptions, notice: Notice) {
    this.#path = path;
    this.#options = options;
    this.#notice = notice;
  }

  /** Opens the file, making it where there is none. Never throws: what can't be opened now is tried again later. */
  static open(path: string, options: RecordStatesOptions, notice: Notice): RecordStates {
    const states = new RecordStates(path, options, notice);
    states.#reopen(Date.now());
    return states;
  }

  /** Notes the rows in one transaction; of a record the newest counts. Never throws. */
  note(rows: readonly RecordState[], nowMs: number = Date.now()): void {
    if (rows.length === 0 || this.#isClosed) return;
    if (this.#open === null && nowMs >= this.#reopenAtMs) this.#reopen(nowMs);
    if (this.#open === null) {
      this.#hasHole = true;
      return;
    }
    try {
      this.#put(this.#open, rows, nowMs);
      this.#hasHole = false;
    } catch (error) {
      this.#hasHole = true;
      this.#fail(error, nowMs);
    }
  }

  /** Again is harmless. */
  close(): void {
    this.#isClosed = true;
    this.#end();
  }

  #put(open: Open, rows: readonly RecordState[], nowMs: number): void {
    const { database, upsert, complete } = open;
    const before = { rows: open.rows, lastNumber: open.lastNumber };
    database.exec("BEGIN IMMEDIATE");
    try {
      if (this.#hasHole) complete.run(nowMs);
      for (const { source, wallet, category, recordId, agent, state, timeMs, eventId } of rows) {
        const slash = eventId.lastIndexOf("/");
        const sequence = Number(eventId.slice(slash + 1));
        const place = [eventId.slice(0, slash), Number.isSafeInteger(sequence) ? sequence : 0] as const;
        const { lastInsertRowid } = upsert.run(source, wallet ?? "", category, recordId, agent, state, Math.trunc(timeMs), ...place);
        // Numbers only rise, and an update takes none.
        if (Number(lastInsertRowid) > open.lastNumber) {
          open.lastNumber = Number(lastInsertRowid);
          open.rows += 1;
        }
      }
      this.#prune(open, rows.length + PRUNED_BESIDE, nowMs);
      database.exec("COMMIT");
    } catch (error) {
      Object.assign(open, before);
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }

  #prune(open: Open, removedMax: number, nowMs: number): void {
    const { keepMs, rowsMax } = this.#options;
    const oldestMs = nowMs - keepMs;
    const tooMany = Math.min(removedMax, Math.max(0, open.rows - rowsMax));
    // First what is one too many, whatever its age, then what is too old.
    const removed = open.removed.all(Number.MAX_SAFE_INTEGER, tooMany) as { time_ms: number }[];
    removed.push(...(open.removed.all(oldestMs, removedMax - removed.length) as { time_ms: number }[]));
    open.rows -= removed.length;
    if (removed.length > 0) open.complete.run(removed.reduce((latest, { time_ms: timeMs }) => Math.max(latest, timeMs), 0) + 1);
  }

  #reopen(nowMs: number): void {
    this.#reopenAtMs = nowMs + REOPEN_MS;
    try {
      this.#open = openFile(this.#path, nowMs);
      if (this.#open !== null) return;
      this.#setAside("it was written by another release", nowMs);
    } catch (error) {
      this.#fail(error, nowMs);
    }
  }

  #fail(error: unknown, nowMs: number): void {
    const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : 0;
    const reason = error instanceof Error ? error.message : String(error);
    if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB) {
      this.#setAside(`it is damaged: ${reason}`, nowMs);
      return;
    }
    // Once for each time that it stays unusable, since it is tried again after a while only.
    this.#end();
    this.#reopenAtMs = nowMs + REOPEN_MS;
    this.#notice("warn", `states of records can't be noted, events go on: ${this.#path}: ${reason}`);
  }

  #setAside(reason: string, nowMs: number): void {
    this.#end();
    try {
      for (const end of ["", "-wal", "-shm"]) {
        rmSync(`${this.#path}.damaged${end}`, { force: true });
        if (existsSync(`${this.#path}${end}`)) renameSync(`${this.#path}${end}`, `${this.#path}.damaged${end}`);
      }
      this.#open = openFile(this.#path, nowMs);
      this.#notice("warn", `the states of records are begun anew, the file before is kept as ${this.#path}.damaged: ${reason}`);
    } catch (error) {
      this.#reopenAtMs = nowMs + REOPEN_MS;
      this.#notice("warn", `states of records can't be noted, events go on: ${(error as Error).message}`);
    }
  }

  #end(): void {
    if (this.#open?.database.isOpen === true) this.#open.database.close();
    this.#open = null;
  }
}

/** Null: it was written by another release. @throws What SQLite or the disk says. */
function openFile(path: string, nowMs: number): Open | null {
  createOnce(path);
  const database = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    // Readers don't hold the writer up; a power loss may take the last transactions, never the file.
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = ${WAL_BYTES_KEPT}`);
    const { user_version: format } = database.prepare("PRAGMA user_version").get() as { user_version: number };
    if (format === 0) {
      database.exec(`BEGIN IMMEDIATE; ${SCHEMA}`);
      database.prepare("INSERT INTO complete VALUES (1, ?)").run(nowMs);
      database.exec("COMMIT");
    } else if (format !== FORMAT) {
      database.close();
      return null;
    }
    const { rows, last } = database.prepare("SELECT count(*) AS rows, coalesce(max(number), 0) AS last FROM states").get() as {
      rows: number;
      last: number;
    };
    return {
      database,
      upsert: database.prepare(UPSERT),
      removed: database.prepare(
        "DELETE FROM states WHERE number IN (SELECT number FROM states WHERE time_ms < ? ORDER BY time_ms, number LIMIT ?) RETURNING time_ms",
      ),
      complete: database.prepare("UPDATE complete SET since_ms = max(since_ms, ?)"),
      rows,
      lastNumber: last,
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Only where there is none: to close a file that this process has open elsewhere would free SQLite's locks on it (POSIX). */
function createOnce(path: string): void {
  try {
    closeSync(openSync(path, "ax", FILE_MODE));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** Reads what is noted, also while another process notes more. */
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

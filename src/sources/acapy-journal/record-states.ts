/**
 * The last journaled state of each record of the agents, kept for a while in one file, for `sidestream acapy reconcile`.
 *
 * Promise: nothing that happens to the file is a failure of the source. What could not be noted, or was removed for its
 * age or its number, is known: `completeSinceMs` tells from when on nothing is missing. Another process can read meanwhile.
 */
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Notice } from "../../driver/source.ts";

export const STATES_FILE = "acapy-states.sqlite";
const FILE_MODE = 0o600;
const FORMAT = 1;
/** Rows that a call removes beside as many as it adds, so that each call's work is bounded and the table still shrinks. */
const PRUNED_BESIDE = 256;
/** Rows are counted anew after so much of their bound was added: other sources of this program add and remove them, too. */
const COUNTED_PER_BOUND = 100;
/** A file that can't be opened is tried again after so long, not with each event. */
const REOPEN_MS = 60_000;
/** Other sources of this program write by turns; a reader that begins may hold it for a moment. */
const BUSY_MS = 200;
const WAL_BYTES_KEPT = 4 * 2 ** 20;
const CACHE_KIB = 16 * 1024;
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
CREATE TABLE complete (only INTEGER PRIMARY KEY CHECK (only = 1), since_ms INTEGER NOT NULL, system_start TEXT NOT NULL) STRICT;
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
  readonly count: StatementSync;
  rows: number;
  /** Since `rows` was counted. */
  addedRows: number;
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
    const before = { rows: open.rows, addedRows: open.addedRows, lastNumber: open.lastNumber };
    database.exec("BEGIN IMMEDIATE");
    try {
      if (this.#hasHole) complete.run(nowMs);
      for (const { source, wallet, category, recordId, agent, state, timeMs, eventId } of rows) {
        const place = placeOf(eventId);
        const { lastInsertRowid } = upsert.run(source, wallet ?? "", category, recordId, agent, state, Math.trunc(timeMs), ...place);
        // Numbers only rise, and an update takes none.
        if (Number(lastInsertRowid) > open.lastNumber) {
          open.lastNumber = Number(lastInsertRowid);
          open.rows += 1;
          open.addedRows += 1;
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
    if (open.addedRows >= rowsMax / COUNTED_PER_BOUND) {
      open.rows = (open.count.get() as { rows: number }).rows;
      open.addedRows = 0;
    }
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

/** Boot and sequence. */
function placeOf(eventId: string): readonly [string, number] {
  const slash = eventId.lastIndexOf("/");
  const sequence = Number(eventId.slice(slash + 1));
  return [eventId.slice(0, slash), Number.isSafeInteger(sequence) ? sequence : 0];
}

/** Null: it was written by another release. @throws What SQLite or the disk says. */
function openFile(path: string, nowMs: number): Open | null {
  createOnce(path);
  const database = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    // Readers don't hold the writer up, and nothing waits for the disk on the thread that forwards. So a loss of power may
    // damage the file.
    database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA journal_size_limit = ${WAL_BYTES_KEPT}; PRAGMA cache_size = -${CACHE_KIB}`,
    );
    const { user_version: format } = database.prepare("PRAGMA user_version").get() as { user_version: number };
    if (format === 0) {
      database.exec(`BEGIN IMMEDIATE; ${SCHEMA}`);
      database.prepare("INSERT INTO complete VALUES (1, ?, '')").run(nowMs);
      database.exec("COMMIT");
    } else if (format !== FORMAT) {
      database.close();
      return null;
    }
    checkAfterSystemStart(database);
    const count = database.prepare("SELECT count(*) AS rows FROM states");
    const { rows } = count.get() as { rows: number };
    const { last } = database.prepare("SELECT coalesce(max(number), 0) AS last FROM states").get() as { last: number };
    return {
      database,
      upsert: database.prepare(UPSERT),
      removed: database.prepare(
        "DELETE FROM states WHERE number IN (SELECT number FROM states WHERE time_ms < ? ORDER BY time_ms, number LIMIT ?) RETURNING time_ms",
      ),
      complete: database.prepare("UPDATE complete SET since_ms = max(since_ms, ?)"),
      count,
      rows,
      addedRows: 0,
      lastNumber: last,
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Looks for damage once after each start of the system, which a loss of power may have ended; the end of a process alone
 * does none. That takes seconds for a million rows, and so isn't done at each start.
 *
 * @throws As SQLite does over damage that it comes upon.
 */
function checkAfterSystemStart(database: DatabaseSync): void {
  const { system_start: before } = database.prepare("SELECT system_start FROM complete").get() as { system_start: string };
  const now = systemStart();
  if (now !== "" && now === before) return;
  const { quick_check: found } = database.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
  if (found !== "ok") throw Object.assign(new Error(found), { errcode: SQLITE_CORRUPT });
  database.prepare("UPDATE complete SET system_start = ?").run(now);
}

/** Another one for each start of the system; empty where it can't be told. */
function systemStart(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return "";
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

/**
 * Drains the journals that plugins in ACA-Py agents write: one folder for each agent, all in one.
 *
 * Promise: what a plugin journaled is in the spool of each destination that wants it before the plugin may remove it,
 * each message once; a second reader is refused; a writer that falls silent is told.
 *
 * @see docs/journal-format.md, docs/acapy.md
 */
import { constants, existsSync } from "node:fs";
import { access, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { lockFile, type FileLock } from "../../driver/file-lock.ts";
import { defineSource, type SourceConnection, type SourceContext } from "../../driver/source.ts";
import { SidestreamError } from "../../errors.ts";
import { ACK_FILE } from "./ack-file.ts";
import type { Journal } from "./journal.ts";
import { JOURNAL_NAME, journalOptions, type JournalOptions } from "./options.ts";
import { RecordStates, STATES_FILE } from "./record-states.ts";
import { StateNotes } from "./state-notes.ts";
import { TOLD, WakeSocket } from "./wake-socket.ts";
import { WatchedJournal } from "./watched-journal.ts";

const FOLDER_MODE = 0o700;
const LOCK_NAME = "reader.lock";
const JOURNALS_MAX = 1_000;
/** Records whose last state is kept: some 300 MiB. */
const STATES_MAX = 1_000_000;
/** How often new journals are looked for, and those that are known are looked after. */
const LOOK_MS = 2_000;
/** An idle journal is read so often when its writer says nothing, and when it is connected. */
const POLL_MS = 500;
const POLL_CONNECTED_MS = 5_000;
/** Time that a journal that must be there has to appear. */
const EXPECTED_MS = 30_000;

class JournalSource implements SourceConnection {
  readonly address: string;
  readonly #options: JournalOptions;
  readonly #context: SourceContext;
  readonly #lock: FileLock;
  readonly #states: StateNotes;
  readonly #journals = new Map<string, WatchedJournal>();
  readonly #absent = new Set<string>();
  /** Journals that could not be opened, and why. */
  readonly #unopened = new Map<string, string>();
  readonly #sinceMs = Date.now();
  #socket: WakeSocket | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: JournalOptions, context: SourceContext, lock: FileLock) {
    this.address = options.journals;
    this.#options = options;
    this.#context = context;
    this.#lock = lock;
    const { name, dataFolder, notice } = context;
    const kept = { keepMs: options.keepStates, rowsMax: STATES_MAX };
    this.#states = new StateNotes(name, RecordStates.open(join(dataFolder, STATES_FILE), kept, notice));
  }

  async open(): Promise<void> {
    const socket = await WakeSocket.open(this.#options.journals, (name) => this.#wake(name));
    if (typeof socket === "string") this.#context.notice("warn", `journals are looked at every ${POLL_MS} ms, unasked: ${socket}`);
    else this.#socket = socket;
    await this.#look();
    this.#timer = setInterval(() => void this.#lookOnce(), LOOK_MS);
  }

  counters(): Readonly<Record<string, number>> {
    const own = [
      ["sidestream_acapy_journals", this.#journals.size],
      ["sidestream_acapy_journals_absent", this.#absent.size],
    ] as const;
    return Object.assign(Object.fromEntries(own), ...[...this.#journals.values()].map((watched) => watched.samples())) as Record<
      string,
      number
    >;
  }

  parts(): readonly string[] {
    return [...this.#journals.values()].map((watched) => watched.standing());
  }

  troubles(): readonly string[] {
    const absent = [...this.#absent].map((name) => `journal ${name}: it is not there: its agent doesn't run, or runs without the plugin`);
    const unopened = [...this.#unopened].map(([name, why]) => `journal ${name}: it can't be opened: ${why}`);
    return [...absent, ...unopened, ...[...this.#journals.values()].flatMap(({ troubles }) => troubles)];
  }

  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#looking;
    await Promise.all([...this.#journals.values()].map(({ journal }) => journal.close(graceMs)));
    await this.#socket?.close();
    this.#states.close();
    this.#lock.release();
  }

  #wake(name: string): void {
    const watched = this.#journals.get(name);
    if (watched === undefined) void this.#lookOnce();
    else watched.journal.wake();
  }

  /** One at a time. Never rejects. */
  #lookOnce(): Promise<void> {
    if (this.#closing !== null) return Promise.resolve();
    this.#looking ??= this.#look()
      .catch((error: Error) => this.#context.notice("warn", `the folder of journals can't be looked at: ${error.message}`))
      .finally(() => (this.#looking = null));
    return this.#looking;
  }

  async #look(): Promise<void> {
    const entries = await readdir(this.#options.journals, { withFileTypes: true });
    const found = new Set(entries.filter((entry) => entry.isDirectory() && JOURNAL_NAME.test(entry.name)).map(({ name }) => name));
    for (const [name, { journal }] of this.#journals)
      if (!found.has(name) || (await journal.isReplaced())) await this.#leave(name, journal);
    for (const name of found) if (!this.#journals.has(name) && this.#journals.size < JOURNALS_MAX) await this.#begin(name);
    for (const watched of this.#journals.values()) await watched.look();
    this.#lookForExpected();
  }

  /** Somebody removed it. One that was made again is begun anew: its segments are counted from 1 again. */
  async #leave(name: string, journal: Journal): Promise<void> {
    this.#journals.delete(name);
    await journal.close(0);
    this.#context.notice("info", `journal ${name}: its folder, or ${ACK_FILE} in it, was removed`);
  }

  async #begin(name: string): Promise<void> {
    try {
      this.#journals.set(name, await WatchedJournal.open(this.#settingsOf(name), this.#context.notice));
      if (this.#unopened.delete(name)) this.#context.notice("info", `journal ${name}: it can be opened now`);
    } catch (error) {
      const why = `${(error as Error).message}${isForbidden(error) ? "; run Sidestream as the user who runs the agent" : ""}`;
      if (!this.#unopened.has(name)) this.#context.notice("error", `journal ${name}: it can't be opened: ${why}`);
      this.#unopened.set(name, why);
    }
  }

  #settingsOf(name: string): Parameters<typeof WatchedJournal.open>[0] {
    const { journals, eventBytesMax } = this.#options;
    return {
      name,
      folder: join(journals, name),
      port: this.#context.port,
      eventBytesMax,
      states: this.#states,
      onFreed: () => this.#socket?.tell(name, TOLD.lookAtAck),
      onIdle: () => this.#socket?.tell(name, TOLD.wakeMe),
      pollMs: () => (this.#socket?.has(name) === true ? POLL_CONNECTED_MS : POLL_MS),
    };
  }

  #lookForExpected(): void {
    const isEarly = Date.now() - this.#sinceMs < EXPECTED_MS;
    for (const name of this.#options.expect) {
      if (this.#journals.has(name) || this.#unopened.has(name)) {
        if (this.#absent.delete(name)) this.#context.notice("info", `journal ${name}: it is there now`);
      } else if (!isEarly && !this.#absent.has(name)) {
        this.#absent.add(name);
        this.#context.notice("error", `journal ${name}: it is expected and not there: its agent doesn't run, or runs without the plugin`);
      }
    }
  }
}

function isForbidden(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EACCES" || code === "EPERM";
}

/** Null: another reader has it. */
async function lockFolder(folder: string): Promise<FileLock | null> {
  try {
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    // SQLite, which locks, doesn't say what is in its way.
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    const path = join(folder, LOCK_NAME);
    if (existsSync(path)) await access(path, constants.R_OK | constants.W_OK);
    return lockFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SidestreamError("SST_JOURNAL_FOLDER", `the folder of journals ${folder} can't be used: ${reason}`, { cause });
  }
}

export const acapyJournal = defineSource({
  type: "acapy-journal",
  summary: "Drains the journals that the plugin in ACA-Py agents writes",
  options: journalOptions,
  paths: ["journals"],
  soleOption: "journals",
  routes: () => ["default"],
  async open(options, context) {
    const lock = await lockFolder(options.journals);
    if (lock === null)
      throw new SidestreamError("SST_JOURNAL_LOCKED", `${options.journals} is read by another Sidestream, or by another source`);
    const source = new JournalSource(options, context, lock);
    try {
      await source.open();
    } catch (error) {
      await source.close(0);
      throw error;
    }
    context.signal.addEventListener("abort", () => void source.close(0), { once: true });
    if (context.signal.aborted) await source.close(0);
    return source;
  },
});

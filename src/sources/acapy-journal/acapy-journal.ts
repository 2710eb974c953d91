/**
 * Drains the journals that plugins in ACA-Py agents write: one folder for each agent, all in one.
 *
 * Promise: what a plugin journaled is in the spool of each destination that wants it before the plugin may remove it,
 * each message once; a second reader is refused; a writer that falls silent is told.
 *
 * @see docs/journal-format.md, docs/acapy.md
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { defineSource, type SourceConnection, type SourceContext } from "../../driver/source.ts";
import { ACK_FILE } from "./ack-file.ts";
import type { Journal } from "./journal.ts";
import { JournalsFolder } from "./journals-folder.ts";
import { JOURNAL_NAME, journalOptions, type JournalOptions } from "./options.ts";
import { RecordStates, STATES_FILE } from "./record-states.ts";
import { StateNotes } from "./state-notes.ts";
import { TOLD, WakeSocket } from "./wake-socket.ts";
import { WatchedJournal } from "./watched-journal.ts";

/** Those of agents that are gone stay until somebody removes them. */
const JOURNALS_MAX = 1_000;
/** Records whose last state is kept: some 300 MiB. */
const STATES_MAX = 1_000_000;
/** How often new journals are looked for, and those that are known are looked after. */
const LOOK_MS = 2_000;
/** Between two looks for which a writer asked: who asks for many gets no more. */
const ASKED_LOOK_MS = 500;
/** An idle journal is read so often when its writer says nothing. */
const POLL_MS = 500;
/** And so often when it is connected, or gone: there may be hundreds of agents that are gone. */
const POLL_SELDOM_MS = 5_000;
/** Time that a journal that must be there has to appear. */
const EXPECTED_MS = 30_000;

class JournalSource implements SourceConnection {
  readonly address: string;
  readonly #options: JournalOptions;
  readonly #context: SourceContext;
  readonly #states: StateNotes;
  readonly #journals = new Map<string, WatchedJournal>();
  readonly #absent = new Set<string>();
  /** Journals that could not be opened, and why. */
  readonly #unopened = new Map<string, string>();
  readonly #sinceMs = Date.now();
  /** Null: it was removed, and can't be had again. */
  #folder: JournalsFolder | null;
  /** Why the folder can't be looked at; null: it can. */
  #folderTrouble: string | null = null;
  /** Journals that are beyond the bound. */
  #unreadCount = 0;
  #lookedAtMs = 0;
  #socket: WakeSocket | null = null;
  #timer: NodeJS.Timeout | null = null;
  #askedLook: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: JournalOptions, context: SourceContext, folder: JournalsFolder) {
    this.address = options.journals;
    this.#options = options;
    this.#context = context;
    this.#folder = folder;
    const { name, dataFolder, notice } = context;
    const kept = { keepMs: options.keepStates, rowsMax: STATES_MAX };
    this.#states = new StateNotes(name, RecordStates.open(join(dataFolder, STATES_FILE), kept, notice));
  }

  async open(): Promise<void> {
    await this.#openSocket();
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
    const own = this.#folderTrouble === null ? [] : [this.#folderTrouble];
    if (this.#unreadCount > 0) own.push(unreadText(this.#unreadCount));
    return [...own, ...absent, ...unopened, ...[...this.#journals.values()].flatMap(({ troubles }) => troubles)];
  }

  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#askedLook !== null) clearTimeout(this.#askedLook);
    await this.#looking;
    await Promise.all([...this.#journals.values()].map(({ journal }) => journal.close(graceMs)));
    await this.#socket?.close();
    this.#states.close();
    this.#folder?.release();
  }

  async #openSocket(): Promise<void> {
    const socket = await WakeSocket.open(this.#options.journals, (name) => this.#wake(name));
    if (typeof socket === "string") this.#context.notice("warn", `journals are looked at every ${POLL_MS} ms, unasked: ${socket}`);
    else this.#socket = socket;
  }

  #wake(name: string): void {
    const watched = this.#journals.get(name);
    if (watched !== undefined) watched.journal.wake();
    else this.#askedLook ??= setTimeout(() => void this.#lookOnce(), Math.max(0, this.#lookedAtMs + ASKED_LOOK_MS - performance.now()));
  }

  /** One at a time. Never rejects. */
  #lookOnce(): Promise<void> {
    if (this.#closing !== null) return Promise.resolve();
    if (this.#askedLook !== null) clearTimeout(this.#askedLook);
    this.#askedLook = null;
    this.#looking ??= this.#look()
      .then(
        () => this.#tellFolder(null),
        (error: Error) => this.#tellFolder(`the folder of journals can't be looked at: ${error.message}`),
      )
      .finally(() => {
        this.#looking = null;
        this.#lookedAtMs = performance.now();
      });
    return this.#looking;
  }

  /** Once when it begins, or becomes another, and once when it is over. */
  #tellFolder(trouble: string | null): void {
    const before = this.#folderTrouble;
    this.#folderTrouble = trouble;
    if (trouble === before) return;
    if (trouble !== null) this.#context.notice("error", trouble);
    else this.#context.notice("info", `over: ${before}`);
  }

  async #look(): Promise<void> {
    await this.#followFolder();
    const entries = await readdir(this.#options.journals, { withFileTypes: true });
    const found = new Set(entries.filter((entry) => entry.isDirectory() && JOURNAL_NAME.test(entry.name)).map(({ name }) => name));
    for (const [name, { journal }] of this.#journals)
      if (!found.has(name) || (await journal.isReplaced())) await this.#leave(name, journal);
    for (const name of this.#unopened.keys()) if (!found.has(name)) this.#unopened.delete(name);
    await this.#beginNew(found);
    for (const watched of this.#journals.values()) await watched.look();
    this.#lookForExpected();
  }

  /**
   * Somebody removed the folder of all journals, or its lock: then another reader may have what stands there now, and no
   * writer finds the socket.
   *
   * @throws SidestreamError `SST_JOURNAL_FOLDER`, `SST_JOURNAL_LOCKED`: nothing is read until it can be had again.
   */
  async #followFolder(): Promise<void> {
    if (this.#folder !== null && (await this.#folder.isInPlace())) return;
    await Promise.all([...this.#journals].map(([name, { journal }]) => this.#leave(name, journal)));
    await this.#socket?.close();
    this.#socket = null;
    this.#folder?.release();
    this.#folder = null;
    this.#folder = await JournalsFolder.open(this.#options.journals);
    await this.#openSocket();
    const text = `the folder of journals ${this.#options.journals} was removed, and is made again: what stood there unread is lost`;
    this.#context.notice("warn", text);
  }

  async #beginNew(found: ReadonlySet<string>): Promise<void> {
    let unreadCount = 0;
    for (const name of found) {
      if (this.#journals.has(name)) continue;
      // One that can't be opened keeps its place, and is tried again.
      if (this.#unopened.has(name) || this.#journals.size + this.#unopened.size < JOURNALS_MAX) await this.#begin(name);
      else unreadCount += 1;
    }
    if (unreadCount > 0 && this.#unreadCount === 0) this.#context.notice("error", unreadText(unreadCount));
    if (unreadCount === 0 && this.#unreadCount > 0) this.#context.notice("info", "all journals are read now");
    this.#unreadCount = unreadCount;
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
      pollMs: () => (this.#socket?.has(name) === true || this.#journals.get(name)?.isLeft === true ? POLL_SELDOM_MS : POLL_MS),
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

function unreadText(count: number): string {
  return `${count} of the journals are not read, since a folder may hold ${JOURNALS_MAX}: remove those of agents that are gone and of which all is read, or give some agents a folder and a source of their own`;
}

export const acapyJournal = defineSource({
  type: "acapy-journal",
  summary: "Drains the journals that the plugin in ACA-Py agents writes",
  options: journalOptions,
  paths: ["journals"],
  soleOption: "journals",
  routes: () => ["default"],
  async open(options, context) {
    const source = new JournalSource(options, context, await JournalsFolder.open(options.journals));
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

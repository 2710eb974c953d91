/**
 * The event log: every event as it was identified, whether a rule wants it or not, redacted, for a while.
 *
 * Promise: it helps where it can and costs nothing that is promised. No event is refused, held up or synced for it. What
 * a slow or full disk doesn't take is left out and counted, and on a full disk it gives way before anything else.
 */
import { join } from "node:path";
import type { KeepEventsSettings } from "../settings.ts";
import { Turns } from "../spool/turns.ts";
import { eventOperations, EVENTS_FOLDER, type EventOperations } from "./event-files.ts";
import { EventWriter } from "./event-writer.ts";
import { eraseFiles, type EventsErased } from "./tenant-erasing.ts";

/** Bytes of events that wait for the disk: a few seconds of much traffic. */
export const WAITING_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes that are written at once. */
const BATCH_BYTES_MAX = 1024 * 1024;
/** After the disk refused something, nothing is tried for so long, milliseconds. */
const BLOCKED_MS = 10_000;
/** After the spool asked for room, milliseconds: it is to have it. */
const GAVE_WAY_MS = 60_000;
const TRIM_EVERY_MS_MAX = 60_000;
const TRIM_EVERY_MS_MIN = 1_000;
const LINE_END = Buffer.from("\n");

/** Why events are not in the log, and how many. */
export interface EventsDropped {
  /** The disk is slower than they come. */
  readonly behind: number;
  readonly noRoom: number;
  /** The disk refused to write. */
  readonly failed: number;
  /** They could not be encoded. */
  readonly unmade: number;
}

/** As the snapshot of the program has it. */
export interface EventLogState {
  readonly bytes: number;
  readonly bytesMax: number;
  readonly files: number;
  /** Events that were written since the start. */
  readonly written: number;
  readonly dropped: EventsDropped;
}

export interface EventLogParts {
  readonly dataFolder: string;
  readonly settings: KeepEventsSettings;
  /** Told what somebody should know, once of each kind. */
  readonly onNotice: (text: string, error?: unknown) => void;
  readonly operations?: EventOperations;
  /** Milliseconds since 1970. */
  readonly nowMs?: () => number;
  /** A clock that never goes back, milliseconds. */
  readonly steadyMs?: () => number;
}

export class EventLog {
  readonly #parts: EventLogParts;
  readonly #folder: string;
  readonly #operations: EventOperations;
  readonly #steadyMs: () => number;
  readonly #writer: EventWriter;
  readonly #turns = new Turns();
  readonly #trimming: NodeJS.Timeout;
  readonly #told = new Set<string>();
  #waiting: Buffer[] = [];
  /** Those in flight too. */
  #waitingBytes = 0;
  #isScheduled = false;
  #blocked: { readonly untilMs: number; readonly by: "noRoom" | "failed" } = { untilMs: -Infinity, by: "noRoom" };
  #written = 0;
  #behind = 0;
  #noRoom = 0;
  #failed = 0;
  #unmade = 0;

  constructor(parts: EventLogParts) {
    const { dataFolder, settings, operations = eventOperations, nowMs = () => Date.now(), steadyMs = () => performance.now() } = parts;
    this.#parts = parts;
    this.#folder = join(dataFolder, EVENTS_FOLDER);
    this.#operations = operations;
    this.#steadyMs = steadyMs;
    this.#writer = new EventWriter({ folder: this.#folder, settings, operations, nowMs });
    const everyMs = Math.min(TRIM_EVERY_MS_MAX, Math.max(TRIM_EVERY_MS_MIN, this.#writer.fileMs));
    this.#trimming = setInterval(() => void this.trim(), everyMs).unref();
  }

  /** False: one more event would not be taken, and counts as dropped; it needn't be encoded. */
  takesOne(): boolean {
    if (this.#isBlocked(1)) return false;
    if (this.#waitingBytes < WAITING_BYTES_MAX) return true;
    this.#behind += 1;
    this.#tell("behind", "the disk is slower than events come: some are left out of the event log, and counted");
    return false;
  }

  /** Takes an event in. It is on disk some time later, or never. @param line - Without a line's end. */
  keep(line: Buffer): void {
    this.#waiting.push(line, LINE_END);
    this.#waitingBytes += line.length + LINE_END.length;
    this.#schedule();
  }

  /** An event could not be encoded. */
  unmade(error: unknown): void {
    this.#unmade += 1;
    this.#tell("unmade", "an event could not be encoded for the event log, please report it; it is left out, as are others like it", error);
  }

  /** Settles when all that was kept is written, or dropped. */
  async settled(): Promise<void> {
    while (this.#waiting.length > 0) await this.#turns.run(() => this.#writeBatch());
    await this.#turns.run(() => Promise.resolve());
  }

  /** Removes what is too old. Never rejects. */
  async trim(): Promise<void> {
    await this.#turns.run(() => this.#writer.trim()).catch((error: unknown) => this.#tellOfDisk(error));
  }

  /** The disk is full, and a log of messages needs room: removes the oldest file. False when there is none. */
  async giveWay(): Promise<boolean> {
    this.#block(GAVE_WAY_MS, "noRoom");
    this.#tell("full", "the disk is full: events that were kept are removed, the oldest first, and for now none is");
    return await this.#turns.run(() => this.#writer.removeOldest()).catch(() => false);
  }

  /**
   * Takes the events of a tenant out of the files, those that wait for the disk included. What comes later is kept as
   * before.
   *
   * @param after - Where the call before ended; empty at first.
   * @param endMs - By `performance.now()`, when no more is begun.
   */
  async erase(tenant: string, after: string, endMs: number): Promise<EventsErased> {
    return await this.#turns.run(async () => {
      // The folder is looked at, and what the tenant left behind is in files that nobody writes to any more.
      try {
        await this.#writer.trim();
      } catch {
        return { events: 0, after, isThrough: true, left: [this.#folder] };
      }
      if (after === "") {
        while (this.#waiting.length > 0) await this.#writeBatch();
        await this.#writer.finish();
      }
      const names = this.#writer.closedNames;
      const onRewritten = (name: string, bytes: number | null): void => this.#writer.rewritten(name, bytes);
      return await eraseFiles({ operations: this.#operations, folder: this.#folder, names, onRewritten }, { tenant, after, endMs });
    });
  }

  state(): EventLogState {
    const { bytes, files } = this.#writer;
    const dropped = { behind: this.#behind, noRoom: this.#noRoom, failed: this.#failed, unmade: this.#unmade };
    return { bytes, bytesMax: this.#parts.settings.bytesMax, files, written: this.#written, dropped };
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    clearInterval(this.#trimming);
    await this.settled();
    await this.#turns.run(() => this.#writer.finish());
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // Later, so that what comes with it goes with it.
    setImmediate(() => {
      void this.#turns.run(async () => {
        await this.#writeBatch();
        this.#isScheduled = false;
        // Not in a loop: others have their turn in between.
        if (this.#waiting.length > 0) this.#schedule();
      });
    });
  }

  #block(forMs: number, by: "noRoom" | "failed"): void {
    this.#blocked = { untilMs: this.#steadyMs() + forMs, by };
  }

  /** @param events - Those that are left out where it is. */
  #isBlocked(events: number): boolean {
    if (this.#steadyMs() >= this.#blocked.untilMs) return false;
    if (this.#blocked.by === "failed") this.#failed += events;
    else this.#noRoom += events;
    return true;
  }

  /** Never rejects. */
  async #writeBatch(): Promise<void> {
    const lines = this.#takeBatch();
    if (lines.length === 0) return;
    const events = lines.length / 2;
    const bytes = lines.reduce((all, { length }) => all + length, 0);
    try {
      if (this.#isBlocked(events)) return;
      if ((await this.#writer.write(Buffer.concat(lines, bytes))) === "written") this.#written += events;
      else {
        this.#noRoom += events;
        this.#block(BLOCKED_MS, "noRoom");
        this.#tell("room", "the disk is nearly full: events are left out of the event log, and counted, until there is room again");
      }
    } catch (error) {
      this.#failed += events;
      this.#block(BLOCKED_MS, "failed");
      this.#tellOfDisk(error);
    } finally {
      this.#waitingBytes -= bytes;
    }
  }

  /** Whole events, each with its line's end. */
  #takeBatch(): Buffer[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && (count === 0 || bytes < BATCH_BYTES_MAX)) {
      bytes += (this.#waiting[count]?.length ?? 0) + LINE_END.length;
      count += 2;
    }
    return this.#waiting.splice(0, count);
  }

  #tellOfDisk(error: unknown): void {
    this.#tell("failed", `the event log in ${this.#folder} can't be written: events are left out of it, and counted`, error);
  }

  #tell(kind: string, text: string, error?: unknown): void {
    if (this.#told.has(kind)) return;
    this.#told.add(kind);
    this.#parts.onNotice(text, error);
  }
}

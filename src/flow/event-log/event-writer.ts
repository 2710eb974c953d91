/**
 * Writes the files of the event log, and removes them in their time.
 *
 * Promise: the files stay within their bytes, none is older than it may be by more than a twelfth, and the last of the
 * disk's room is left to the logs of messages. One call at a time: the caller sees to it.
 */
import { join } from "node:path";
import type { KeepEventsSettings } from "../settings.ts";
import {
  beginOf,
  eventFileName,
  eventFiles,
  REWRITING_SUFFIX,
  systemCodeOf,
  type EventFile,
  type EventOperations,
  type WritableEvents,
} from "./event-files.ts";

/** A file goes as a whole, so it is a small part of all. */
const FILES_BY_BYTES = 16;
const FILES_BY_TIME = 12;
/** What the disk is to have free for the logs of messages: below it events give way. */
export const FREE_BYTES_MIN = 256 * 1024 * 1024;

/** `no-room`: the disk or the log's own bytes leave none. */
export type Written = "written" | "no-room";

interface Current {
  readonly name: string;
  readonly beginMs: number;
  readonly file: WritableEvents;
  bytes: number;
  newestMs: number;
}

export interface EventWriterParts {
  readonly folder: string;
  readonly settings: KeepEventsSettings;
  readonly operations: EventOperations;
  /** Milliseconds since 1970, as the files are dated. */
  readonly nowMs: () => number;
}

export class EventWriter {
  readonly #parts: EventWriterParts;
  readonly #fileBytesMax: number;
  readonly #fileMs: number;
  /** Those that nobody writes to any more, the oldest first; null: not looked at yet. */
  #closed: EventFile[] | null = null;
  #current: Current | null = null;

  constructor(parts: EventWriterParts) {
    this.#parts = parts;
    this.#fileBytesMax = Math.floor(parts.settings.bytesMax / FILES_BY_BYTES);
    this.#fileMs = Math.ceil(parts.settings.keepMs / FILES_BY_TIME);
  }

  /** Milliseconds after which a file is finished. */
  get fileMs(): number {
    return this.#fileMs;
  }

  get files(): number {
    return (this.#closed?.length ?? 0) + (this.#current === null ? 0 : 1);
  }

  get bytes(): number {
    return (this.#closed ?? []).reduce((all, file) => all + file.bytes, this.#current?.bytes ?? 0);
  }

  /** Names of the files that nobody writes to any more. */
  get closedNames(): readonly string[] {
    return (this.#closed ?? []).map(({ name }) => name);
  }

  /** Appends lines. After an error the file that had them is finished: half a line can only be its last. */
  async write(lines: Buffer): Promise<Written> {
    const { settings, nowMs } = this.#parts;
    await this.#age();
    if (lines.length > settings.bytesMax) return "no-room";
    while (this.bytes + lines.length > settings.bytesMax) await this.removeOldest();
    if (!(await this.#leavesRoom(lines.length))) return "no-room";
    if (this.#current !== null && this.#current.bytes > 0 && this.#current.bytes + lines.length > this.#fileBytesMax) await this.finish();
    const current = (this.#current ??= await this.#begin());
    try {
      await current.file.appendFile(lines);
    } catch (error) {
      await this.finish();
      if (!isFull(error)) throw error;
      await this.removeOldest();
      return "no-room";
    }
    current.bytes += lines.length;
    current.newestMs = nowMs();
    return "written";
  }

  /** Removes what is too old, finishes what was begun long ago, and gives way where the disk is nearly full. */
  async trim(): Promise<void> {
    await this.#age();
    await this.#leavesRoom(0);
  }

  async #age(): Promise<void> {
    const { settings, nowMs } = this.#parts;
    const closed = await this.#load();
    if (this.#current !== null && Math.abs(nowMs() - this.#current.beginMs) >= this.#fileMs) await this.finish();
    // Also what is dated ahead, after the clock was set back: nobody knows how old it is.
    for (const file of [...closed]) if (Math.abs(nowMs() - file.newestMs) > settings.keepMs) await this.#remove(file.name);
  }

  /** False when there is none. */
  async removeOldest(): Promise<boolean> {
    if ((await this.#load()).length === 0) await this.finish();
    const oldest = this.#closed?.[0];
    if (oldest === undefined) return false;
    await this.#remove(oldest.name);
    return true;
  }

  /** What comes next begins a file. */
  async finish(): Promise<void> {
    if (this.#current === null) return;
    const { file, name, newestMs } = this.#current;
    let { bytes } = this.#current;
    this.#current = null;
    await file.close().catch(() => undefined);
    // After a write that failed there may be more in it.
    bytes = await this.#parts.operations.stat(join(this.#parts.folder, name)).then(
      ({ size }) => size,
      () => bytes,
    );
    this.#closed?.push({ name, bytes, newestMs });
  }

  /** A file was written anew, or is gone with all that was in it. */
  rewritten(name: string, bytes: number | null): void {
    this.#closed = (this.#closed ?? []).flatMap((file) => (file.name !== name ? [file] : bytes === null ? [] : [{ ...file, bytes }]));
  }

  async #load(): Promise<readonly EventFile[]> {
    const { operations, folder } = this.#parts;
    if (this.#closed !== null) return this.#closed;
    await operations.makeFolder(folder);
    for (const name of await operations.list(folder)) if (name.endsWith(REWRITING_SUFFIX)) await operations.remove(join(folder, name));
    return (this.#closed = [...(await eventFiles(operations, folder))]);
  }

  async #begin(): Promise<Current> {
    const { operations, folder, nowMs } = this.#parts;
    const beginMs = nowMs();
    // Behind the last one, also where the clock was set back.
    const name = eventFileName(Math.max(beginMs, beginOf(this.#closed?.at(-1)?.name) + 1));
    let file: WritableEvents;
    try {
      file = await operations.create(join(folder, name));
    } catch (error) {
      if (systemCodeOf(error) !== "ENOENT") throw error;
      // Somebody removed the folder.
      this.#closed = [];
      await operations.makeFolder(folder);
      file = await operations.create(join(folder, name));
    }
    return { name, beginMs, file, bytes: 0, newestMs: beginMs };
  }

  async #leavesRoom(bytes: number): Promise<boolean> {
    const { operations, folder } = this.#parts;
    while ((await operations.freeBytes(folder)) < FREE_BYTES_MIN + bytes) if (!(await this.removeOldest())) return false;
    return true;
  }

  async #remove(name: string): Promise<void> {
    await this.#parts.operations.remove(join(this.#parts.folder, name));
    this.rewritten(name, null);
  }
}

function isFull(error: unknown): boolean {
  const code = systemCodeOf(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

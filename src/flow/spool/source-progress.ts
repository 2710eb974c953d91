/**
 * Which events of sources that can be read again have their messages in a log.
 *
 * Promise: a source hands in its events in order, so the last one that a message was appended of tells of all before it:
 * they are through. Of that one itself each message is known, for a crash may have come between two of them. Like the
 * numbers of topics it is taken back where a batch could not be written.
 */
import { journalKey } from "../event.ts";
import { isRedriven, isReplayed } from "../message/stream-label.ts";
import type { LogStateRecord } from "./log-state.ts";

/**
 * Boots that one log remembers. Each start of an agent is one, and only those matter whose journal is still being read:
 * of one that so many others wrote after, events may come twice after a crash.
 */
const BOOTS_MAX = 4_096;

/** What of a message tells how far its source was read. */
export interface Placed {
  readonly stream: string;
  readonly topic: string;
  readonly source: string;
  readonly sourcePosition: number;
  readonly eventId: string;
}

/** The first `count` of `made` belong to the event at `position`; the list of a position only grows. */
interface Mark {
  readonly position: number;
  readonly made: string[];
  readonly count: number;
}

interface Entry {
  now: Mark;
  /** As of the batch that is being written. */
  sealed: Mark;
  /** As of the last batch on disk. */
  durable: Mark;
}

const NOTHING: Mark = { position: 0, made: [], count: 0 };

export class SourceProgress {
  /** By source and boot, the one that was taken from last at the end. */
  readonly #entries = new Map<string, Entry>();
  readonly #touched = new Set<Entry>();

  /** True: all messages of the event are here that it will ever make. */
  isThrough(key: string, position: number): boolean {
    return position < (this.#entries.get(key)?.now.position ?? 0);
  }

  /** True: the event's message of this stream and topic is here. */
  has(key: string, position: number, stream: string, topic: string): boolean {
    const now = this.#entries.get(key)?.now ?? NOTHING;
    return position < now.position || (position === now.position && now.made.slice(0, now.count).includes(nameOf(stream, topic)));
  }

  /** A message was appended. What was sent once more, or has no place in its source, tells nothing. */
  take(message: Placed): void {
    const entry = this.#follow(message);
    if (entry !== null) this.#touched.add(entry);
  }

  /** Takes a message into account that was found on disk. */
  found(message: Placed): void {
    const entry = this.#follow(message);
    if (entry !== null) entry.sealed = entry.durable = entry.now;
  }

  sealBatch(): void {
    for (const entry of this.#touched) entry.sealed = entry.now;
  }

  batchDurable(): void {
    for (const entry of this.#touched) {
      entry.durable = entry.sealed;
      if (entry.now === entry.durable) this.#touched.delete(entry);
    }
  }

  /** Takes back all that is not on disk. */
  rollBack(): void {
    for (const entry of this.#touched) {
      const { position, made, count } = entry.durable;
      entry.now = entry.sealed = entry.durable = { position, made: made.slice(0, count), count };
    }
    this.#touched.clear();
  }

  load({ progress, begun = {} }: Pick<LogStateRecord, "progress" | "begun">): void {
    for (const [key, position] of Object.entries(progress)) {
      const made = [...(begun[key] ?? [])];
      const mark = { position, made, count: made.length };
      this.#entries.set(key, { now: mark, sealed: mark, durable: mark });
    }
  }

  /** With what is not on disk yet. */
  record(): Pick<LogStateRecord, "progress" | "begun"> {
    return this.#record(({ now }) => now);
  }

  durableRecord(): Pick<LogStateRecord, "progress" | "begun"> {
    return this.#record(({ durable }) => durable);
  }

  #follow({ stream, topic, source, sourcePosition: position, eventId }: Placed): Entry | null {
    if (position === 0 || isRedriven(stream) || isReplayed(stream)) return null;
    const key = journalKey(source, eventId);
    let entry = this.#entries.get(key);
    if (entry === undefined) entry = { now: NOTHING, sealed: NOTHING, durable: NOTHING };
    else this.#entries.delete(key);
    this.#entries.set(key, entry);
    const { now } = entry;
    const name = nameOf(stream, topic);
    if (position > now.position) entry.now = { position, made: [name], count: 1 };
    else if (position === now.position) {
      now.made.push(name);
      entry.now = { position, made: now.made, count: now.made.length };
    }
    if (this.#entries.size > BOOTS_MAX) this.#forgetOldest();
    return entry;
  }

  #forgetOldest(): void {
    for (const [key, entry] of this.#entries) {
      this.#entries.delete(key);
      this.#touched.delete(entry);
      return;
    }
  }

  /** Names come from outside, `__proto__` among them: the tables have no prototype. */
  #record(mark: (entry: Entry) => Mark): Pick<LogStateRecord, "progress" | "begun"> {
    const progress = Object.create(null) as Record<string, number>;
    const begun = Object.create(null) as Record<string, readonly string[]>;
    for (const [key, entry] of this.#entries) {
      const { position, made, count } = mark(entry);
      if (position === 0) continue;
      progress[key] = position;
      begun[key] = made.slice(0, count);
    }
    return this.#entries.size === 0 ? { progress } : { progress, begun };
  }
}

/** A stream's id has no space. */
function nameOf(stream: string, topic: string): string {
  return `${stream} ${topic}`;
}

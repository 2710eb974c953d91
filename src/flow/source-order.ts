/**
 * Keeps events of journals in their order where one of them is turned back.
 *
 * Promise: once an event was refused, or what was made of it could not be written, all of its boot that come behind it
 * are refused, too, until the source has gone back to it. So a log that has a message of one event has those of all
 * before it, and can tell by the position of its last message what is new to it.
 */
import type { Event, JournalPlace } from "./event.ts";

/** Boots that are being read at once. One that is forgotten is refused, and begins anew where it stands. */
const BOOTS_MAX = 10_000;

export class SourceOrder {
  readonly #flowing = new Set<string>();
  /** By key: events up to here were passed on to be sent at most once. */
  readonly #passed = new Map<string, number>();

  /** False: an event before it was turned back, and comes again first. */
  admits({ key, resumes }: JournalPlace): boolean {
    if (resumes) bounded(this.#flowing).add(key);
    return this.#flowing.has(key);
  }

  /** What is sent at most once may have been made of it before. */
  isRepeated(event: Event): boolean {
    const journal = event.agent?.journal;
    return journal !== undefined && (journal.isRepeated || event.sourcePosition <= (this.#passed.get(journal.key) ?? 0));
  }

  accepted({ key }: JournalPlace, position: number): void {
    bounded(this.#passed).set(key, Math.max(position, this.#passed.get(key) ?? 0));
  }

  /** An event was turned back. */
  stop({ key }: JournalPlace): void {
    this.#flowing.delete(key);
  }

  /** Something could not be written: whose it was doesn't show, so every source goes back to what it heard of last. */
  stopAll(): void {
    this.#flowing.clear();
  }
}

/** With room for one more. */
function bounded<Keys extends Pick<Map<string, unknown>, "size" | "keys" | "delete">>(keys: Keys): Keys {
  const [oldest] = keys.size < BOOTS_MAX ? [] : keys.keys();
  if (oldest !== undefined) keys.delete(oldest);
  return keys;
}

/**
 * Whether messages of a key rise, over any number of keys.
 *
 * Promise: a bounded number of keys is remembered. A message that is behind one of its partition, and of a key that was
 * forgotten, is told as unsure; one that is ahead of all others of its partition is in order, whatever its key.
 */

/** A hundred bytes each: 50 MB. */
const KEYS_MAX = 500_000;

export type Order = "rises" | "falls" | "unsure";

export class KeyOrder {
  readonly #generationMax: number;
  /** The last number of each key. The keys that were met last are in the younger of two generations. */
  #young = new Map<string, number>();
  #old: ReadonlyMap<string, number> = new Map();
  /** The highest number of all keys together, by the place in which they are to rise. */
  readonly #highest = new Map<string, number>();
  #hasForgotten = false;

  constructor(keysMax: number = KEYS_MAX) {
    this.#generationMax = Math.ceil(keysMax / 2);
  }

  /**
   * Takes on a message whose number was not there before.
   *
   * @param place - What numbers it, and its partition: keys of different places are different ones.
   */
  next(place: string, key: string, number: number): Order {
    const name = `${place}\n${key}`;
    const last = this.#young.get(name) ?? this.#old.get(name);
    const highest = this.#highest.get(place) ?? 0;
    if (number > highest) this.#highest.set(place, number);
    this.#keep(name, Math.max(number, last ?? 0));
    if (number > highest || (last !== undefined && number > last)) return "rises";
    if (last !== undefined) return "falls";
    return this.#hasForgotten ? "unsure" : "rises";
  }

  #keep(name: string, number: number): void {
    if (this.#young.size >= this.#generationMax && !this.#young.has(name)) {
      this.#hasForgotten ||= this.#old.size > 0;
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, number);
  }
}

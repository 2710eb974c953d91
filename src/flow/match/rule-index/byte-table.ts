/**
 * Finds texts by their bytes in UTF-8 where they lie in a larger buffer, without making strings of them.
 *
 * Promise: what is found is the same byte for byte. The hash only says where to look: it comes from the internet, and a
 * collision must never pass for a match.
 */
import { hashOf, isSame, viewOf } from "./byte-words.ts";

/** Whole numbers per entry: hash, place in the pool, bytes, what it stands for (0: none, -1: removed). */
const ENTRY = 4;
const REMOVED = -1;
const SLOTS_MIN = 8;
const POOL_BYTES_MIN = 64;

export class ByteTable {
  #entries = new Int32Array(SLOTS_MIN * ENTRY);
  #mask = SLOTS_MIN - 1;
  /** Entries in use, those removed included. */
  #filled = 0;
  #live = 0;
  #pool = new Uint8Array(POOL_BYTES_MIN);
  #poolView = viewOf(this.#pool);
  #poolUsed = 0;

  /** @returns What the text stands for; 0 when the table doesn't hold it. */
  find(view: DataView, from: number, length: number): number {
    const hash = hashOf(view, from, length, 0);
    const entries = this.#entries;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = slot * ENTRY;
      const meaning = entries[at + 3] as number;
      if (meaning === 0) return 0;
      if (entries[at] !== hash || entries[at + 2] !== length || meaning === REMOVED) continue;
      if (isSame(this.#poolView, entries[at + 1] as number, view, from, length)) return meaning;
    }
  }

  /** @param meaning - Above 0. */
  add(text: string, meaning: number): void {
    this.addBytes(Buffer.from(text), meaning);
  }

  /** The same of a text that stands as bytes; they are copied. */
  addBytes(bytes: Uint8Array, meaning: number): void {
    if ((this.#filled + 1) * 2 > this.#mask) this.#rebuild();
    if (this.#poolUsed + bytes.length > this.#pool.length) this.#enlargePool(this.#poolUsed + bytes.length);
    this.#pool.set(bytes, this.#poolUsed);
    this.#put(hashOf(viewOf(bytes), 0, bytes.length, 0), this.#poolUsed, bytes.length, meaning);
    this.#poolUsed += bytes.length;
    this.#live += 1;
  }

  remove(text: string): void {
    const bytes = Buffer.from(text);
    const view = viewOf(bytes);
    const meaning = this.find(view, 0, bytes.length);
    if (meaning === 0) return;
    for (let slot = hashOf(view, 0, bytes.length, 0) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      if (this.#entries[slot * ENTRY + 3] !== meaning) continue;
      this.#entries[slot * ENTRY + 3] = REMOVED;
      this.#live -= 1;
      return;
    }
  }

  #put(hash: number, place: number, length: number, meaning: number): void {
    let slot = hash & this.#mask;
    while (this.#entries[slot * ENTRY + 3] !== 0) slot = (slot + 1) & this.#mask;
    this.#entries.set([hash, place, length, meaning], slot * ENTRY);
    this.#filled += 1;
  }

  #enlargePool(bytes: number): void {
    const larger = new Uint8Array(Math.max(bytes, this.#pool.length * 2));
    larger.set(this.#pool.subarray(0, this.#poolUsed));
    this.#pool = larger;
    this.#poolView = viewOf(larger);
  }

  /** Larger where it is full, and without what was removed. */
  #rebuild(): void {
    const entries = this.#entries;
    const pool = this.#pool;
    let slots = SLOTS_MIN;
    while (slots < (this.#live + 1) * 4) slots *= 2;
    this.#entries = new Int32Array(slots * ENTRY);
    this.#mask = slots - 1;
    this.#filled = 0;
    this.#pool = new Uint8Array(Math.max(POOL_BYTES_MIN, this.#poolUsed));
    this.#poolView = viewOf(this.#pool);
    this.#poolUsed = 0;
    for (let at = 0; at < entries.length; at += ENTRY) {
      const meaning = entries[at + 3] as number;
      if (meaning <= 0) continue;
      const place = entries[at + 1] as number;
      const length = entries[at + 2] as number;
      this.#pool.set(pool.subarray(place, place + length), this.#poolUsed);
      this.#put(entries[at] as number, this.#poolUsed, length, meaning);
      this.#poolUsed += length;
    }
  }
}

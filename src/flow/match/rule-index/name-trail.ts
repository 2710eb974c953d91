/**
 * Reads names that come in the order in which they came before.
 *
 * Events of one source have the same names one after another. So the name that followed the last one is compared first:
 * where it is the same, byte for byte up to its closing quote, neither its end nor its meaning has to be looked for.
 *
 * Promise: what is kept is bounded, whatever names come; a guess only saves time.
 */
import { ByteTable } from "./byte-table.ts";
import { isSame, specialAt, viewOf } from "./byte-words.ts";
import type { NameTable } from "./name-table.ts";

/** Spellings kept, and how long one may be. */
const NAMES_MAX = 1_024;
const NAME_BYTES_MAX = 128;
const QUOTE = 0x22;

/** Whole numbers per name: place in the pool, bytes, meaning, the name that followed it last. */
const ENTRY = 4;

export class NameTrail {
  readonly #meanings: NameTable;
  readonly #unused: number;
  readonly #known = new ByteTable();
  readonly #entries = new Int32Array((NAMES_MAX + 1) * ENTRY);
  #count = 1;
  #pool = new Uint8Array(4_096);
  #poolView = viewOf(this.#pool);
  #poolUsed = 0;
  /** The name before; 0 stands for the event's beginning, and after a name that isn't kept. */
  #before = 0;
  /** Where the closing quote of the last name stands. */
  end = 0;

  /** @param unused - Meaning of names that are not among `meanings`. */
  constructor(meanings: NameTable, unused: number) {
    this.#meanings = meanings;
    this.#unused = unused;
  }

  begin(): void {
    this.#before = 0;
  }

  /**
   * Meaning of the name that begins at `from`, behind its quote; `end` tells where it ends: at a quote, or where something
   * stands that the slow way has to read.
   */
  next(view: DataView, from: number, viewEnd: number): number {
    const entries = this.#entries;
    const guess = entries[this.#before * ENTRY + 3] as number;
    if (guess !== 0) {
      const at = guess * ENTRY;
      const length = entries[at + 1] as number;
      const end = from + length;
      if (end < viewEnd && view.getUint8(end) === QUOTE && isSame(this.#poolView, entries[at] as number, view, from, length)) {
        this.#before = guess;
        this.end = end;
        return entries[at + 2] as number;
      }
    }
    return this.#look(view, from, viewEnd);
  }

  #look(view: DataView, from: number, viewEnd: number): number {
    const end = specialAt(view, from, viewEnd);
    this.end = end;
    const length = end - from;
    const entry = this.#known.find(view, from, length) || this.#learn(view, from, length);
    this.#entries[this.#before * ENTRY + 3] = entry;
    this.#before = entry;
    return entry === 0 ? this.#meanings.find(view, from, length, this.#unused) : (this.#entries[entry * ENTRY + 2] as number);
  }

  /** @returns 0 when it isn't kept. */
  #learn(view: DataView, from: number, length: number): number {
    if (this.#count > NAMES_MAX || length > NAME_BYTES_MAX) return 0;
    const bytes = new Uint8Array(view.buffer, view.byteOffset + from, length);
    if (this.#poolUsed + length > this.#pool.length) {
      const larger = new Uint8Array(this.#pool.length * 2);
      larger.set(this.#pool);
      this.#pool = larger;
      this.#poolView = viewOf(larger);
    }
    this.#pool.set(bytes, this.#poolUsed);
    const entry = this.#count;
    this.#entries.set([this.#poolUsed, length, this.#meanings.find(view, from, length, this.#unused), 0], entry * ENTRY);
    this.#poolUsed += length;
    this.#count += 1;
    this.#known.addBytes(bytes, entry);
    return entry;
  }
}

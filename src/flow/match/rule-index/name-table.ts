/**
 * Says what a name means that stands as bytes.
 *
 * Names are hashed with their case folded. So a name that no rule uses is told apart without a look at its letters, in
 * whatever spelling and however many there are; one that may be meant is compared byte by byte.
 */
import { CASE_BITS, hashOf, isSame, viewOf } from "./byte-words.ts";

interface Entry {
  readonly view: DataView;
  readonly length: number;
  /** Case means something. */
  readonly exact: boolean;
  readonly meaning: number;
}

const SLOTS_MIN = 32;

/** Whether a name is the other, which is in lower case, in any case. */
function isFolded({ view: own, length }: Entry, view: DataView, from: number): boolean {
  for (let at = 0; at < length; at += 1) {
    const byte = view.getUint8(from + at);
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== own.getUint8(at)) return false;
  }
  return true;
}

export class NameTable {
  readonly #entries: Entry[] = [];
  /** Pairs: hash, place of the entry from 1; 0: nothing there. */
  #slots = new Int32Array(SLOTS_MIN * 2);
  #mask = SLOTS_MIN - 1;

  /**
   * Adds a name. Of several that fit, the one that was added first counts.
   *
   * @param exact - False: its letters stand for themselves in any case, and are given in lower case.
   */
  add(name: string, exact: boolean, meaning: number): void {
    const bytes = Buffer.from(name);
    this.#entries.push({ view: viewOf(bytes), length: bytes.length, exact, meaning });
    if (this.#entries.length * 2 <= this.#mask) this.#put(this.#entries.length);
    else {
      this.#mask = this.#mask * 4 + 3;
      this.#slots = new Int32Array((this.#mask + 1) * 2);
      for (let place = 1; place <= this.#entries.length; place += 1) this.#put(place);
    }
  }

  /** @returns `otherwise` for a name that isn't here. */
  find(view: DataView, from: number, length: number, otherwise: number): number {
    const hash = hashOf(view, from, length, CASE_BITS);
    const slots = this.#slots;
    const mask = this.#mask;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const place = slots[slot * 2 + 1] as number;
      if (place === 0) return otherwise;
      if (slots[slot * 2] !== hash) continue;
      const entry = this.#entries[place - 1] as Entry;
      if (entry.length !== length) continue;
      if (isSame(entry.view, 0, view, from, length) || (!entry.exact && isFolded(entry, view, from))) return entry.meaning;
    }
  }

  #put(place: number): void {
    const { view, length } = this.#entries[place - 1] as Entry;
    const hash = hashOf(view, 0, length, CASE_BITS);
    let slot = hash & this.#mask;
    while (this.#slots[slot * 2 + 1] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots[slot * 2] = hash;
    this.#slots[slot * 2 + 1] = place;
  }
}

/** Draws that are the same each time: mulberry32. */
const FRACTION = 2 ** 32;

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 up to, not including, 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    const state = this.#state;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / FRACTION;
  }

  /** A whole number from 0 up to, not including, the bound. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }

  pick(values: readonly string[]): string {
    return values[this.below(values.length)] as string;
  }

  hex(digits: number): string {
    let text = "";
    while (text.length < digits) text += this.below(16).toString(16);
    return text;
  }
}

/** The same identifier for the same number, in all rules and events. */
export function uuidOf(number: number): string {
  const random = new Random(0x9e3779b9 ^ Math.imul(number + 1, 2654435761));
  return `${random.hex(8)}-${random.hex(4)}-4${random.hex(3)}-a${random.hex(3)}-${random.hex(12)}`;
}

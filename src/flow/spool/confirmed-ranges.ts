/**
 * Which numbers of a log are done: all below a low-water mark, and ranges above it.
 *
 * The dispatcher's window bounds how many ranges there can be: each hole between them is a message still in flight.
 */
export class ConfirmedRanges {
  #lowWater: number;
  /** Sorted, disjoint, not touching; from inclusive, to exclusive. */
  readonly #ranges: [number, number][];

  constructor(lowWater: number, ranges: readonly (readonly [number, number])[]) {
    this.#lowWater = lowWater;
    this.#ranges = ranges.map(([from, to]) => [from, to]);
  }

  /** Every number below it is done. */
  get lowWater(): number {
    return this.#lowWater;
  }

  above(): readonly (readonly [number, number])[] {
    return this.#ranges;
  }

  /** Highest number known to be done, plus one. */
  get end(): number {
    return this.#ranges.at(-1)?.[1] ?? this.#lowWater;
  }

  has(sequence: number): boolean {
    if (sequence < this.#lowWater) return true;
    const range = this.#ranges[this.#firstEndingAfter(sequence)];
    return range !== undefined && range[0] <= sequence;
  }

  /** How many numbers from one (inclusive) to another (exclusive) are not done. */
  countMissing(from: number, to: number): number {
    let missing = Math.max(0, to - Math.max(from, this.#lowWater));
    for (let index = this.#firstEndingAfter(from); index < this.#ranges.length; index++) {
      const [start, end] = this.#ranges[index] ?? [to, to];
      if (start >= to) break;
      missing -= Math.max(0, Math.min(end, to) - Math.max(start, from));
    }
    return missing;
  }

  /** The lowest number from one (inclusive) to another (exclusive) that is not done; null when all are. */
  firstMissing(from: number, to: number): number | null {
    const start = Math.max(from, this.#lowWater);
    const range = this.#ranges[this.#firstEndingAfter(start)];
    const first = range !== undefined && range[0] <= start ? range[1] : start;
    return first < to ? first : null;
  }

  /** Marks one number; false when it was marked before. */
  add(sequence: number): boolean {
    if (this.has(sequence)) return false;
    this.addRange(sequence, sequence + 1);
    return true;
  }

  /** Marks a whole range, such as control records or damage, whatever of it was marked before. */
  addRange(from: number, to: number): void {
    if (to <= this.#lowWater || to <= from) return;
    const start = Math.max(from, this.#lowWater);
    const first = this.#firstEndingAfter(start - 1);
    let last = first;
    const merged: [number, number] = [start, to];
    for (let range = this.#ranges[last]; range !== undefined && range[0] <= to; range = this.#ranges[++last]) {
      merged[0] = Math.min(merged[0], range[0]);
      merged[1] = Math.max(merged[1], range[1]);
    }
    this.#ranges.splice(first, last - first, merged);
    const lowest = this.#ranges[0];
    if (lowest !== undefined && lowest[0] <= this.#lowWater) {
      this.#lowWater = lowest[1];
      this.#ranges.shift();
    }
  }

  /** Index of the first range whose end lies after a number (touching counts). */
  #firstEndingAfter(sequence: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.[1] ?? 0) > sequence) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

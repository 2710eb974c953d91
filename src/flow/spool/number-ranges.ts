/** A set of numbers: all below a low-water mark, and ranges above it. */
export class NumberRanges {
  #lowWater: number;
  /** Sorted, disjoint, not touching; from inclusive, to exclusive. */
  readonly #ranges: [number, number][];

  /** @param ranges - Sorted. */
  constructor(lowWater: number, ranges: readonly (readonly [number, number])[]) {
    this.#lowWater = lowWater;
    this.#ranges = [];
    for (const [from, to] of ranges) {
      const last = this.#ranges.at(-1);
      if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
      else this.#ranges.push([from, to]);
    }
  }

  /** Every number below it is in the set. */
  get lowWater(): number {
    return this.#lowWater;
  }

  above(): readonly (readonly [number, number])[] {
    return this.#ranges;
  }

  /** Highest number in the set, plus one. */
  get end(): number {
    return this.#ranges.at(-1)?.[1] ?? this.#lowWater;
  }

  has(sequence: number): boolean {
    if (sequence < this.#lowWater) return true;
    const range = this.#ranges[this.#firstEndingAfter(sequence)];
    return range !== undefined && range[0] <= sequence;
  }

  /** How many numbers from one (inclusive) to another (exclusive) are not in the set. */
  countMissing(from: number, to: number): number {
    let missing = Math.max(0, to - Math.max(from, this.#lowWater));
    for (let index = this.#firstEndingAfter(from); index < this.#ranges.length; index++) {
      const [start, end] = this.#ranges[index] ?? [to, to];
      if (start >= to) break;
      missing -= Math.max(0, Math.min(end, to) - Math.max(start, from));
    }
    return missing;
  }

  /** The lowest number from one (inclusive) to another (exclusive) that is not in the set; null when all are. */
  firstMissing(from: number, to: number): number | null {
    const start = Math.max(from, this.#lowWater);
    const range = this.#ranges[this.#firstEndingAfter(start)];
    const first = range !== undefined && range[0] <= start ? range[1] : start;
    return first < to ? first : null;
  }

  /** How many ranges there are above the low-water mark. */
  get count(): number {
    return this.#ranges.length;
  }

  /** The ranges above a number, without what lies below it. */
  from(sequence: number): (readonly [number, number])[] {
    const index = this.#firstEndingAfter(sequence);
    const ranges = this.#ranges.slice(index).map(([start, end]) => [Math.max(start, sequence), end] as const);
    return sequence < this.#lowWater ? [[sequence, this.#lowWater], ...ranges] : ranges;
  }

  /** How many ranges `from` gives. */
  countFrom(sequence: number): number {
    return this.#ranges.length - this.#firstEndingAfter(sequence) + (sequence < this.#lowWater ? 1 : 0);
  }

  /** The parts from one number (inclusive) to another (exclusive) that are not in the set. */
  missing(from: number, to: number): [number, number][] {
    const missing: [number, number][] = [];
    let at = Math.max(from, this.#lowWater);
    for (let index = this.#firstEndingAfter(at); at < to; index += 1) {
      const [start, end] = this.#ranges[index] ?? [to, to];
      if (start > at) missing.push([at, Math.min(start, to)]);
      at = end;
    }
    return missing;
  }

  /** Adds a range, whatever of it was in the set before. */
  addRange(from: number, to: number): void {
    if (to <= this.#lowWater || to <= from) return;
    const start = Math.max(from, this.#lowWater);
    const first = this.#firstEndingAfter(start - 1);
    let last = first;
    const merged: [number, number] = [start, to];
    for (let range = this.#ranges[last]; range !== undefined && range[0] <= merged[1]; range = this.#ranges[++last]) {
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

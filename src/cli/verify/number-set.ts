/**
 * A set of numbers from 1 that come about in order, with gaps and late ones: a bit each, and a run of 65,536 that is whole
 * takes nothing but its name.
 *
 * Promise: it never takes more than its share of a room that several sets have in common; what finds none is refused.
 */

/** From inclusive, to exclusive. */
export type NumberRange = readonly [from: number, to: number];

const RUN = 65_536;
const WORD = 32;
const FULL_WORD = 0xffff_ffff;

/** Runs that may be there in part at the same time, 8 KiB each: 128 MiB. */
const RUNS_MAX = 16_384;

/** What several sets may take together. */
export class NumberRoom {
  left: number;

  constructor(runs: number = RUNS_MAX) {
    this.left = runs;
  }
}

interface Run {
  /** Null: all of it is there. */
  words: Uint32Array | null;
  count: number;
}

export class NumberSet {
  readonly #room: NumberRoom;
  readonly #runs = new Map<number, Run>();
  #lowest = 0;
  #highest = 0;
  #count = 0;

  constructor(room: NumberRoom) {
    this.#room = room;
  }

  /** 0: there is none. */
  get lowest(): number {
    return this.#lowest;
  }

  /** 0: there is none. */
  get highest(): number {
    return this.#highest;
  }

  get count(): number {
    return this.#count;
  }

  has(number: number): boolean {
    const run = this.#runs.get(Math.floor(number / RUN));
    if (run === undefined) return false;
    const at = number % RUN;
    return run.words === null || ((run.words[at >>> 5] ?? 0) & (1 << (at & 31))) !== 0;
  }

  /** @returns `again`: it was there. `no-room`: it is not, and can't be put in. */
  add(number: number): "new" | "again" | "no-room" {
    const index = Math.floor(number / RUN);
    let run = this.#runs.get(index);
    if (run === undefined) {
      if (this.#room.left === 0) return "no-room";
      this.#room.left -= 1;
      this.#runs.set(index, (run = { words: new Uint32Array(RUN / WORD), count: 0 }));
    }
    if (run.words === null) return "again";
    const at = number % RUN;
    const word = run.words[at >>> 5] ?? 0;
    if ((word & (1 << (at & 31))) !== 0) return "again";
    run.words[at >>> 5] = word | (1 << (at & 31));
    run.count += 1;
    // There is no number 0.
    if (run.count === (index === 0 ? RUN - 1 : RUN)) {
      run.words = null;
      this.#room.left += 1;
    }
    this.#count += 1;
    if (this.#lowest === 0 || number < this.#lowest) this.#lowest = number;
    if (number > this.#highest) this.#highest = number;
    return "new";
  }

  /** The ranges from one number (inclusive) to another (exclusive) that are not in it, in order. */
  *missing(from: number, to: number): Generator<NumberRange> {
    let open: number | null = null;
    for (let at = from; at < to;) {
      const end = this.#alike(at, to);
      if (!this.has(at)) open ??= at;
      else if (open !== null) {
        yield [open, at];
        open = null;
      }
      at = end;
    }
    if (open !== null) yield [open, to];
  }

  /** Every number, in order. */
  *numbers(): Generator<number> {
    let at = this.#lowest;
    for (const [from, to] of this.missing(this.#lowest, this.#highest + 1)) {
      for (; at < from; at += 1) yield at;
      at = to;
    }
    for (; at !== 0 && at <= this.#highest; at += 1) yield at;
  }

  /** How many from one number (inclusive) to another (exclusive) are not in it. */
  countMissing(from: number, to: number): number {
    let count = 0;
    for (const [start, end] of this.missing(from, to)) count += end - start;
    return count;
  }

  /** A number above, up to which all are as this one is: there, or not. */
  #alike(number: number, to: number): number {
    const index = Math.floor(number / RUN);
    const run = this.#runs.get(index);
    if (run === undefined) return Math.min(to, this.#nextRun(index) * RUN);
    if (run.words === null) return Math.min(to, (index + 1) * RUN);
    const at = number % RUN;
    const word = run.words[at >>> 5] ?? 0;
    const isWhole = (at & 31) === 0 && (word === 0 || word === FULL_WORD);
    return Math.min(to, number + (isWhole ? WORD : 1));
  }

  /** The first run above that there is; there may be long stretches without any. */
  #nextRun(index: number): number {
    if (this.#runs.has(index + 1)) return index + 1;
    let next = Number.MAX_SAFE_INTEGER / RUN;
    for (const each of this.#runs.keys()) if (each > index && each < next) next = each;
    return next;
  }
}

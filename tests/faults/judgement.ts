/**
 * Holds what a consumer read against what clients sent: what is lost, doubled, out of order for its key, or strange.
 *
 * Promise: it knows nothing of Sidestream. What it finds is named, up to a bound; all of it is counted.
 */
import type { Ledger } from "./ledger.ts";

/** Enough to look into it. */
const NAMED_MAX = 50;

export interface ReadMessage {
  readonly key: string;
  readonly number: number;
  readonly partition: number;
  readonly offset: number;
}

export interface Finding {
  readonly count: number;
  /** The first of them. */
  readonly named: readonly string[];
}

export interface Judgement {
  readonly read: number;
  readonly distinct: number;
  /** Answered, not too large, and not there. */
  readonly lost: Finding;
  /** There again. */
  readonly doubled: Finding;
  /** Behind a message of its key that was sent later; repeats are left out. */
  readonly reordered: Finding;
  /** Nobody sent them, or they were too large to be there. */
  readonly strange: Finding;
}

class Findings {
  readonly #named: string[] = [];
  #count = 0;

  add(name: string): void {
    this.#count += 1;
    if (this.#named.length < NAMED_MAX) this.#named.push(name);
  }

  get finding(): Finding {
    return { count: this.#count, named: this.#named };
  }
}

export class Judge {
  readonly #ledger: Ledger;
  readonly #seen = new Set<number>();
  readonly #lastOfKey = new Map<string, number>();
  readonly #doubled = new Findings();
  readonly #reordered = new Findings();
  readonly #strange = new Findings();
  #read = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** To be called in the order of each partition. */
  read(message: ReadMessage, isLarge: boolean): void {
    const { key, number, partition, offset } = message;
    const name = `${number} of ${key} at ${partition}:${offset}`;
    this.#read += 1;
    if (isLarge || !this.#ledger.wasSent(number)) this.#strange.add(name);
    if (this.#seen.has(number)) {
      this.#doubled.add(name);
      return;
    }
    this.#seen.add(number);
    const last = this.#lastOfKey.get(key) ?? -1;
    if (number < last) this.#reordered.add(`${name}, behind ${last}`);
    else this.#lastOfKey.set(key, number);
  }

  judge(): Judgement {
    const lost = new Findings();
    for (const number of this.#ledger.numbers({ answered: true, large: false })) if (!this.#seen.has(number)) lost.add(String(number));
    return {
      read: this.#read,
      distinct: this.#seen.size,
      lost: lost.finding,
      doubled: this.#doubled.finding,
      reordered: this.#reordered.finding,
      strange: this.#strange.finding,
    };
  }
}

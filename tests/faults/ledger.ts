/** What clients sent and what they were answered: the one side of the account that the messages are held against. */

/** One in so many requests is too large for the topic, and has to be set aside. */
const LARGE_EACH = 101;

/** Deterministic, so that a number tells by itself what it was. */
export const isLarge = (number: number): boolean => number % LARGE_EACH === LARGE_EACH - 1;

const SENT = 1;
const ANSWERED = 2;

export class Ledger {
  /** By number. */
  readonly #states: number[] = [];
  #answeredCount = 0;

  /** Notes that a request goes out. @returns Its number, from 0. */
  send(): number {
    return this.#states.push(SENT) - 1;
  }

  answer(number: number): void {
    this.#states[number] = ANSWERED;
    this.#answeredCount += 1;
  }

  get sentCount(): number {
    return this.#states.length;
  }

  get answeredCount(): number {
    return this.#answeredCount;
  }

  wasSent(number: number): boolean {
    return this.#states[number] !== undefined;
  }

  /** Numbers that were answered, or all that were sent, and are too large or not. */
  *numbers({ answered, large }: { readonly answered: boolean; readonly large: boolean }): Generator<number> {
    for (const [number, state] of this.#states.entries()) {
      if (isLarge(number) === large && (!answered || state === ANSWERED)) yield number;
    }
  }

  count(wanted: Parameters<Ledger["numbers"]>[0]): number {
    let count = 0;
    for (const _ of this.numbers(wanted)) count += 1;
    return count;
  }
}

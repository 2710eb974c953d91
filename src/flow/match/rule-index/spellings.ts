/**
 * What names mean, as events spell them.
 *
 * Names come from the internet, in any spelling, so what is kept of them is bounded. Events of one source have the same
 * names one after another: the name that followed the last one is tried first, which is one comparison.
 */

/** Spellings kept, and how long one may be. */
const SPELLINGS_MAX = 4_096;
const SPELLING_CHARACTERS_MAX = 256;

interface Spelling {
  readonly name: string;
  readonly meaning: number;
  /** The one that followed it last. */
  next: Spelling | null;
}

export class Spellings {
  readonly #meaningOf: (name: string) => number;
  readonly #known = new Map<string, Spelling>();
  /** Stands for the beginning of an event, and for a name that isn't kept. */
  #start: Spelling = { name: "", meaning: 0, next: null };
  #before = this.#start;

  constructor(meaningOf: (name: string) => number) {
    this.#meaningOf = meaningOf;
  }

  /** To be called where names mean something else than before. */
  forget(): void {
    this.#known.clear();
    this.#start = { name: "", meaning: 0, next: null };
    this.#before = this.#start;
  }

  /** Begins an event. */
  begin(): void {
    this.#before = this.#start;
  }

  /** What the next name of the event means. */
  next(name: string): number {
    const guess = this.#before.next;
    if (guess !== null && guess.name === name) {
      this.#before = guess;
      return guess.meaning;
    }
    const spelling = this.#known.get(name) ?? this.#learn(name);
    this.#before.next = spelling;
    this.#before = spelling ?? this.#start;
    return spelling === null ? this.#meaningOf(name) : spelling.meaning;
  }

  /** @returns Null when it isn't kept. */
  #learn(name: string): Spelling | null {
    if (this.#known.size >= SPELLINGS_MAX || name.length > SPELLING_CHARACTERS_MAX) return null;
    const own = internalized(name);
    const spelling: Spelling = { name: own, meaning: this.#meaningOf(name), next: null };
    this.#known.set(own, spelling);
    return spelling;
  }
}

/**
 * The one copy of a text that V8 keeps for names of properties: comparing it with itself is comparing two addresses, and
 * it doesn't hold on to the text it was cut out of.
 */
function internalized(name: string): string {
  return Object.keys({ [name]: 0 })[0] ?? name;
}

/** In lower case; letters beyond ASCII stay as they are, since some of them have an ASCII letter for their lower case. */
export function lowerCase(name: string): string {
  return name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * What the names that an event gives its values mean to rules.
 *
 * Names come from the internet, in any spelling, so what is kept of them is bounded, and a name that no rule uses costs
 * one look-up.
 */
import { CONTENT_PARTS, TENANT_HEADER } from "../names.ts";
import { RESERVED_WORDS } from "../rule.ts";
import { NameTable } from "./name-table.ts";
import { NameTrail } from "./name-trail.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Not an attribute's number: no rule uses the name. */
export const UNUSED = -1;
/** The tenant's header, which also stands for TENANT where that isn't given. */
export const TENANT_CLAIM = -2;
/** The text of a part of the content; the two below are the others, in the order of {@link CONTENT_PARTS}. */
export const CONTENT = -3;

/** Spellings kept, and how long one may be. */
const SPELLINGS_MAX = 4_096;
const SPELLING_CHARACTERS_MAX = 256;

/** A name as events spell it. */
interface Spelling {
  readonly name: string;
  readonly meaning: number;
  /** The one that followed it last. Events of one source have the same names one after another. */
  next: Spelling | null;
}

const HEADER = "header.";
const RESPONSE = "response.";

export class Names {
  readonly #vocabulary: Vocabulary;
  readonly #spellings = new Map<string, Spelling>();
  /** Stands for the beginning of an event, and for a name that isn't kept. */
  #start: Spelling = { name: "", meaning: UNUSED, next: null };
  #before = this.#start;
  /** Meanings of names where case means something, and of those where it doesn't, in lower case. */
  #exact = new Map<string, number>();
  #folded = new Map<string, number>();
  /** The same by bytes; null until one is asked for. */
  #trail: NameTrail | null = null;
  /** Numbers of TENANT and of the header that claims one; UNUSED where no rule asks. */
  tenant = UNUSED;
  tenantHeader = UNUSED;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  /** Takes in the attributes that came and went. To be called between events. */
  fit(): void {
    if (this.#vocabulary.added.size + this.#vocabulary.removed.size === 0) return;
    const numberOf = (key: string): number => this.#vocabulary.find(key)?.number ?? UNUSED;
    this.#spellings.clear();
    this.#start = { name: "", meaning: UNUSED, next: null };
    this.#trail = null;
    this.#exact = new Map(RESERVED_WORDS.map((word) => [word, numberOf(word)]));
    for (const [place, part] of CONTENT_PARTS.entries())
      this.#exact.set(part, this.#vocabulary.pointers[part].size === 0 ? UNUSED : CONTENT - place);
    this.#folded = new Map();
    for (const entry of this.#vocabulary.attributes) {
      if (entry?.attribute.kind === "header")
        this.#folded.set(entry.attribute.name, entry.number).set(`${HEADER}${entry.attribute.name}`, entry.number);
    }
    for (const entry of this.#vocabulary.attributes) {
      if (entry?.attribute.kind === "responseHeader") this.#folded.set(`${RESPONSE}${entry.attribute.name}`, entry.number);
    }
    this.tenant = numberOf("TENANT");
    this.tenantHeader = numberOf(`${HEADER}${TENANT_HEADER}`);
    if (this.tenant !== UNUSED) this.#folded.set(TENANT_HEADER, TENANT_CLAIM);
  }

  begin(): void {
    this.#before = this.#start;
  }

  /** What the next name of an event means: the attribute's number, or one of the marks above. */
  next(name: string): number {
    const guess = this.#before.next;
    if (guess !== null && guess.name === name) {
      this.#before = guess;
      return guess.meaning;
    }
    const spelling = this.#spellings.get(name) ?? this.#learn(name);
    this.#before.next = spelling;
    this.#before = spelling ?? this.#start;
    return spelling === null ? this.#meaningOf(name) : spelling.meaning;
  }

  /** Reads names as bytes. */
  trail(): NameTrail {
    if (this.#trail === null) {
      const table = new NameTable();
      for (const [name, meaning] of this.#exact) table.add(name, true, meaning);
      for (const [name, meaning] of this.#folded) table.add(name, false, meaning);
      this.#trail = new NameTrail(table, UNUSED);
    }
    return this.#trail;
  }

  /** @returns Null when it isn't kept. */
  #learn(name: string): Spelling | null {
    if (this.#spellings.size >= SPELLINGS_MAX || name.length > SPELLING_CHARACTERS_MAX) return null;
    const own = internalized(name);
    const spelling: Spelling = { name: own, meaning: this.#meaningOf(name), next: null };
    this.#spellings.set(own, spelling);
    return spelling;
  }

  #meaningOf(name: string): number {
    return this.#exact.get(name) ?? this.#folded.get(lowerCase(name)) ?? UNUSED;
  }
}

/**
 * The one copy of a text that V8 keeps for names of properties: comparing it with itself is comparing two addresses, and
 * it doesn't hold on to the text it was cut out of.
 */
function internalized(name: string): string {
  return Object.keys({ [name]: 0 })[0] ?? name;
}

/** Letters beyond ASCII stay as they are: some of them have an ASCII letter for their lower case. */
function lowerCase(name: string): string {
  return name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

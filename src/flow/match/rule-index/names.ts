/** What the names that an event gives its values mean to rules; a name that no rule uses costs one look-up. */
import { CONTENT_PARTS, TENANT_HEADER } from "../names.ts";
import { RESERVED_WORDS } from "../rule.ts";
import { NameTable } from "./name-table.ts";
import { NameTrail } from "./name-trail.ts";
import { lowerCase, Spellings } from "./spellings.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Not an attribute's number: no rule uses the name. */
export const UNUSED = -1;
/** The tenant's header, which also stands for TENANT where that isn't given. */
export const TENANT_CLAIM = -2;
/** The text of a part of the content; the two below are the others, in the order of {@link CONTENT_PARTS}. */
export const CONTENT = -3;

const HEADER = "header.";
const RESPONSE = "response.";

export class Names {
  /** Names in an event's attributes, headers and other ones. */
  readonly spellings: Spellings;
  /** Names in lists of headers alone. */
  readonly requestHeaders: Spellings;
  readonly responseHeaders: Spellings;
  /** Numbers of TENANT and of the header that claims one; UNUSED where no rule asks. */
  tenant = UNUSED;
  tenantHeader = UNUSED;
  readonly #vocabulary: Vocabulary;
  /** Meanings of names where case means something, and of those where it doesn't, in lower case. */
  #exact = new Map<string, number>();
  #folded = new Map<string, number>();
  /** The same by bytes; null until they are asked for. */
  #trail: NameTrail | null = null;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
    this.spellings = new Spellings((name) => this.#exact.get(name) ?? this.#folded.get(lowerCase(name)) ?? UNUSED);
    this.requestHeaders = new Spellings((name) => this.#numberOf(`${HEADER}${lowerCase(name)}`));
    this.responseHeaders = new Spellings((name) => this.#numberOf(`${RESPONSE}${lowerCase(name)}`));
  }

  /** Takes in the attributes that came and went. To be called between events. */
  fit(): void {
    if (this.#vocabulary.added.size + this.#vocabulary.removed.size === 0) return;
    for (const spellings of [this.spellings, this.requestHeaders, this.responseHeaders]) spellings.forget();
    this.#trail = null;
    this.#exact = new Map(RESERVED_WORDS.map((word) => [word, this.#numberOf(word)]));
    for (const [place, part] of CONTENT_PARTS.entries())
      this.#exact.set(part, this.#vocabulary.pointers[part].size === 0 ? UNUSED : CONTENT - place);
    this.#folded = new Map();
    for (const entry of this.#vocabulary.attributes) {
      const name = entry?.attribute.kind === "header" ? entry.attribute.name : null;
      if (entry !== undefined && name !== null) this.#folded.set(name, entry.number).set(`${HEADER}${name}`, entry.number);
    }
    for (const entry of this.#vocabulary.attributes) {
      if (entry?.attribute.kind === "responseHeader") this.#folded.set(`${RESPONSE}${entry.attribute.name}`, entry.number);
    }
    this.tenant = this.#numberOf("TENANT");
    this.tenantHeader = this.#numberOf(`${HEADER}${TENANT_HEADER}`);
    if (this.tenant !== UNUSED) this.#folded.set(TENANT_HEADER, TENANT_CLAIM);
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

  #numberOf(key: string): number {
    return this.#vocabulary.find(key)?.number ?? UNUSED;
  }
}

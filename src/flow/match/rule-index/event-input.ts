/** Puts what an event has into the index, from an object, a flat list, or JSON bytes. */
import type { ContentTexts } from "./content-texts.ts";
import type { IndexedRules } from "./indexed-rules.ts";
import { CONTENT, TENANT_CLAIM, UNUSED } from "./names.ts";

/**
 * What an event has: values by name, as rules name them. Reserved words stand in capitals, headers in any case; a list is
 * a repeated header. `request.body`, `response.body` and `payload` are the raw text of the content, null where it was cut
 * or can't be read.
 */
export type EventAttributes = Readonly<Record<string, string | readonly string[] | null | undefined>>;

const EMPTY = {};

/** True when all names that a loop over the object meets are its own: what a prototype was given is no part of an event. */
function isPlain(attributes: object): boolean {
  for (const _ in EMPTY) return false;
  const prototype: unknown = Object.getPrototypeOf(attributes);
  return prototype === Object.prototype || prototype === null;
}

export class EventInput {
  readonly #rules: IndexedRules;
  readonly #content: ContentTexts;
  /** The tenant as its header claims it, a first one as text or as bytes: it counts where TENANT isn't given. */
  #claims: string[] = [];
  #claimFrom = -1;
  #claimTo = 0;

  constructor(rules: IndexedRules, content: ContentTexts) {
    this.#rules = rules;
    this.#content = content;
  }

  object(attributes: EventAttributes): void {
    const { values } = this.#rules;
    const { spellings } = this.#rules.names;
    spellings.begin();
    if (!isPlain(attributes)) {
      for (const [key, value] of Object.entries(attributes)) this.#values(spellings.next(key), value);
      return;
    }
    // This loop is several times faster than one over Object.keys.
    for (const key in attributes) {
      const name = spellings.next(key);
      if (name === UNUSED) continue;
      const value = attributes[key];
      if (name >= 0 && typeof value === "string") values.add(name, value);
      else this.#values(name, value);
    }
  }

  pairs(pairs: readonly string[]): void {
    const { values } = this.#rules;
    const { spellings } = this.#rules.names;
    spellings.begin();
    for (let index = 0; index + 1 < pairs.length; index += 2) {
      const name = spellings.next(pairs[index] as string);
      if (name >= 0) values.add(name, pairs[index + 1] as string);
      else if (name !== UNUSED) this.text(name, pairs[index + 1] as string);
    }
  }

  /** Ends the reading: a tenant that is claimed and not given is taken for the event's. */
  end(): void {
    const { names, values } = this.#rules;
    const { tenant } = names;
    if (this.#claimFrom < 0 && this.#claims.length === 0) return;
    if (values.isAbsent(tenant)) {
      if (this.#claimFrom >= 0) values.addBytes(tenant, this.#claimFrom, this.#claimTo);
      for (const claim of this.#claims) values.add(tenant, claim);
    }
    this.#forgetClaim();
  }

  restart(): void {
    this.#forgetClaim();
    this.#content.clear();
    this.#rules.values.restart();
  }

  nameOf(name: string): number {
    return this.#rules.names.spellings.next(name);
  }

  bytes(name: number, from: number, to: number, bytes: Buffer): void {
    const { names, values } = this.#rules;
    if (name >= 0) values.addBytes(name, from, to);
    else if (name === TENANT_CLAIM && this.#claimFrom < 0) {
      this.#claimFrom = from;
      this.#claimTo = to;
      if (names.tenantHeader !== UNUSED) values.addBytes(names.tenantHeader, from, to);
    } else this.text(name, bytes.toString("utf8", from, to));
  }

  text(name: number, text: string): void {
    const { names, values } = this.#rules;
    if (name >= 0) values.add(name, text);
    else if (name === TENANT_CLAIM) {
      this.#claims.push(text);
      if (names.tenantHeader !== UNUSED) values.add(names.tenantHeader, text);
    } else this.#content.set(CONTENT - name, text);
  }

  nothing(name: number): void {
    if (name <= CONTENT) this.#content.set(CONTENT - name, null);
  }

  #values(name: number, value: unknown): void {
    if (name === UNUSED) return;
    if (Array.isArray(value)) for (const one of value as readonly unknown[]) this.#value(name, one);
    else this.#value(name, value);
  }

  #value(name: number, value: unknown): void {
    if (typeof value === "string") this.text(name, value);
    else if (value === null) this.nothing(name);
    else if (value !== undefined) this.text(name, JSON.stringify(value) ?? "");
  }

  #forgetClaim(): void {
    if (this.#claims.length > 0) this.#claims = [];
    this.#claimFrom = -1;
  }
}

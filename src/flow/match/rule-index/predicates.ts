/**
 * What rules ask of an event, each question once: ten thousand rules that ask `METHOD=POST` share one predicate, and an
 * event answers it once.
 */
import { detached } from "../../detached.ts";
import type { Comparison, Criteria, Operand } from "../rule.ts";
import type { Expression } from "../regex.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { Regexes } from "./regexes.ts";
import type { AttributeEntry, Vocabulary } from "./vocabulary.ts";

/** The kinds of predicates; EQUAL and PRESENT are answered by comparing numbers, the others once per event. */
export const EQUAL = 0;
export const PRESENT = 1;
export const ANY_OF = 2;
export const BEGINS = 3;
export const COMPARES = 4;
export const MATCHES = 5;
/** Criteria that are not worth taking apart, as a whole. */
export const WHOLE = 6;

export type Term = Exclude<Criteria, { readonly kind: "and" | "or" | "not" }>;

/** Criteria over predicates, which stand as their numbers. */
export type Formula =
  | number
  | { readonly kind: "and" | "or"; readonly of: readonly Formula[] }
  | { readonly kind: "not"; readonly of: Formula };

interface AnyOf {
  readonly operands: readonly Operand[];
  /** Numbers of the values among them. */
  readonly values: ReadonlySet<number>;
  readonly prefixes: readonly string[];
}

interface Comparing {
  readonly comparison: Comparison;
  readonly number: number;
}

/** By kind: nothing, the operands, a beginning, a comparison, a regular expression, a formula. */
type Detail = null | AnyOf | string | Comparing | Expression | Formula;

export class Predicates {
  readonly kinds: number[] = [];
  /** Numbers of the attributes; -1 for a whole. */
  readonly attributes: number[] = [];
  /** The value's number for EQUAL; else 0. */
  readonly values: number[] = [];
  readonly #details: Detail[] = [];
  readonly #references: number[] = [];
  readonly #free: number[] = [];
  /** Predicates of EQUAL by the number of their value. */
  readonly #ofValue: number[] = [];
  readonly #byKey = new Map<string, number>();
  readonly #keys: (string | undefined)[] = [];
  readonly #vocabulary: Vocabulary;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  /** One more than the largest number in use. */
  get length(): number {
    return this.kinds.length;
  }

  anyOf(predicate: number): AnyOf {
    return this.#details[predicate] as AnyOf;
  }

  prefix(predicate: number): string {
    return this.#details[predicate] as string;
  }

  comparing(predicate: number): Comparing {
    return this.#details[predicate] as Comparing;
  }

  matching(predicate: number): Expression {
    return this.#details[predicate] as Expression;
  }

  whole(predicate: number): Formula {
    return this.#details[predicate] as Formula;
  }

  /** The predicate of an equality with a value, by the value's number. */
  ofValue(value: number): number {
    return (this.#ofValue[value] ?? 0) - 1;
  }

  /** Fingerprint of a value, by its number. */
  fingerprint(value: number): number {
    return fingerprintOf(this.#vocabulary.valueTexts[value] ?? "");
  }

  attributeIsContent(attribute: number): boolean {
    return this.#vocabulary.entry(attribute).isContent;
  }

  /** Whether it takes a value's text to answer, beside its number. */
  needsText(predicate: number): boolean {
    const kind = this.kinds[predicate];
    return kind !== EQUAL && (kind !== ANY_OF || this.anyOf(predicate).prefixes.length > 0);
  }

  entry(predicate: number): AttributeEntry {
    return this.#vocabulary.entry(this.attributes[predicate] as number);
  }

  /** True when it needs content, and so comes last. */
  needsContent(predicate: number): boolean {
    if (this.kinds[predicate] !== WHOLE) return this.entry(predicate).isContent;
    return predicatesIn(this.whole(predicate)).some((inner) => this.needsContent(inner));
  }

  /** The predicate of a term, held until it is released as often as it was asked for. */
  acquire(asked: Term): number {
    const term = withoutRepeats(asked);
    const entry = this.#vocabulary.acquireAttribute(term.attribute);
    const known = this.#find(entry, term);
    if (known !== undefined) {
      this.#vocabulary.releaseAttribute(entry.number);
      return this.hold(known);
    }
    switch (term.kind) {
      case "present":
        return this.#make(PRESENT, entry, null, keyOfTerm(entry, term));
      case "compare":
        return this.#make(COMPARES, entry, { comparison: term.comparison, number: term.number }, keyOfTerm(entry, term));
      case "regex": {
        const pattern = detached(term.pattern);
        entry.regexes = new Regexes();
        return this.#make(MATCHES, entry, { pattern, ignoreCase: term.ignoreCase }, keyOfTerm(entry, term));
      }
      case "in":
        return this.#makeIn(entry, term.operands, keyOfTerm(entry, term));
    }
  }

  /** A predicate for a whole formula; what is in it is held as long as itself. */
  acquireWhole(formula: Formula): number {
    for (const inner of predicatesIn(formula)) this.hold(inner);
    return this.#put(WHOLE, -1, 0, formula);
  }

  hold(predicate: number): number {
    this.#references[predicate] = (this.#references[predicate] ?? 0) + 1;
    return predicate;
  }

  release(predicate: number): void {
    const left = (this.#references[predicate] ?? 0) - 1;
    this.#references[predicate] = left;
    if (left > 0) return;
    const kind = this.kinds[predicate];
    if (kind === WHOLE) for (const inner of predicatesIn(this.whole(predicate))) this.release(inner);
    else this.#forget(predicate, this.entry(predicate));
    this.#details[predicate] = null;
    this.#free.push(predicate);
  }

  /** The term that a predicate was made of, or the like of it. */
  termOf(predicate: number): Term {
    const { attribute } = this.entry(predicate);
    switch (this.kinds[predicate]) {
      case PRESENT:
        return { kind: "present", attribute };
      case COMPARES:
        return { kind: "compare", attribute, ...this.comparing(predicate) };
      case MATCHES:
        return { kind: "regex", attribute, ...this.matching(predicate) };
      case EQUAL:
        return { kind: "in", attribute, operands: [{ text: this.#vocabulary.valueTexts[this.values[predicate] ?? 0] ?? "", stem: false }] };
      case BEGINS:
        return { kind: "in", attribute, operands: [{ text: this.prefix(predicate), stem: true }] };
      default:
        return { kind: "in", attribute, operands: this.anyOf(predicate).operands };
    }
  }

  #find(entry: AttributeEntry, term: Term): number | undefined {
    const value = onlyValue(term);
    if (value === undefined) return this.#byKey.get(keyOfTerm(entry, term));
    const number = entry.values.get(value);
    const predicate = number === undefined ? 0 : (this.#ofValue[number] ?? 0);
    return predicate === 0 ? undefined : predicate - 1;
  }

  #makeIn(entry: AttributeEntry, operands: readonly Operand[], key: string): number {
    const [only] = operands;
    if (operands.length === 1 && only !== undefined) {
      if (only.stem) {
        entry.prefixCount += 1;
        return this.#make(BEGINS, entry, detached(only.text), key);
      }
      const value = this.#vocabulary.acquireValue(entry, only.text);
      const predicate = this.#put(EQUAL, entry.number, value, null);
      this.#ofValue[value] = predicate + 1;
      return predicate;
    }
    const values = new Set(operands.flatMap(({ text, stem }) => (stem ? [] : [this.#vocabulary.acquireValue(entry, text)])));
    const own = operands.map(({ text, stem }) => ({ text: detached(text), stem }));
    const prefixes = own.flatMap(({ text, stem }) => (stem ? [text] : []));
    entry.prefixCount += prefixes.length;
    return this.#make(ANY_OF, entry, { operands: own, values, prefixes }, key);
  }

  #make(kind: number, entry: AttributeEntry, detail: Detail, key: string): number {
    const predicate = this.#put(kind, entry.number, 0, detail);
    const own = detached(key);
    this.#byKey.set(own, predicate);
    this.#keys[predicate] = own;
    return predicate;
  }

  #put(kind: number, attribute: number, value: number, detail: Detail): number {
    const predicate = this.#free.pop() ?? this.kinds.length;
    this.kinds[predicate] = kind;
    this.attributes[predicate] = attribute;
    this.values[predicate] = value;
    this.#details[predicate] = detail;
    this.#references[predicate] = 1;
    this.#keys[predicate] = undefined;
    return predicate;
  }

  #forget(predicate: number, entry: AttributeEntry): void {
    const key = this.#keys[predicate];
    if (key !== undefined) this.#byKey.delete(key);
    const kind = this.kinds[predicate];
    if (kind === EQUAL) {
      const value = this.values[predicate] ?? 0;
      this.#ofValue[value] = 0;
      this.#vocabulary.releaseValue(entry, value);
    } else if (kind === MATCHES) entry.regexes = new Regexes();
    else if (kind === BEGINS) entry.prefixCount -= 1;
    else if (kind === ANY_OF) {
      const { values, prefixes } = this.anyOf(predicate);
      for (const value of values) this.#vocabulary.releaseValue(entry, value);
      entry.prefixCount -= prefixes.length;
    }
    this.#vocabulary.releaseAttribute(entry.number);
  }
}

/** A list whose operands differ, in the order of their first mention. */
function withoutRepeats(term: Term): Term {
  if (term.kind !== "in" || term.operands.length === 1) return term;
  const operands = new Map(term.operands.map((operand) => [`${operand.stem ? "*" : "="}${operand.text}`, operand]));
  return { ...term, operands: [...operands.values()] };
}

/** The value of a term that is one equality. */
function onlyValue(term: Term): string | undefined {
  const [only] = term.kind === "in" ? term.operands : [];
  return term.kind === "in" && term.operands.length === 1 && only?.stem === false ? only.text : undefined;
}

function keyOfTerm({ number }: AttributeEntry, term: Term): string {
  switch (term.kind) {
    case "present":
      return `${number}?`;
    case "compare":
      return `${number}${term.comparison}${term.number}`;
    case "regex":
      return `${number}${term.ignoreCase ? "!" : "~"}${term.pattern}`;
    case "in": {
      const [only] = term.operands;
      if (term.operands.length === 1 && only !== undefined) return `${number}^${only.text}`;
      return `${number}(${JSON.stringify(term.operands.map(({ text, stem }) => (stem ? [text] : text)))}`;
    }
  }
}

export function predicatesIn(formula: Formula): readonly number[] {
  if (typeof formula === "number") return [formula];
  if (formula.kind === "not") return predicatesIn(formula.of);
  return formula.of.flatMap(predicatesIn);
}

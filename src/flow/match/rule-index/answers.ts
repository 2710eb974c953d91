/** Answers of predicates for one event, each worked out at most once. */
import { REGEX_INPUT_CHARACTERS_MAX } from "../bounds.ts";
import { grown } from "./arena.ts";
import { ABSENT, MANY, PENDING, UNKNOWN, type EventValues } from "./event-values.ts";
import { compares, numberOf } from "../numbers.ts";
import { ANY_OF, BEGINS, COMPARES, EQUAL, MATCHES, PRESENT, WHOLE, type Formula, type Predicates } from "./predicates.ts";
import type { Vocabulary } from "./vocabulary.ts";

const NO = 0;
export const YES = 1;
const UNSURE = 2;

const tellNobody = (): void => undefined;

/** Generations before the memory is cleared; with the answer's two bits they fit a small integer. */
const GENERATIONS = 2 ** 28;

export class Answers {
  private readonly predicates: Predicates;
  private readonly values: EventValues;
  private readonly vocabulary: Vocabulary;
  /** By predicate: generation and answer; of another generation it means nothing. */
  private memory = new Int32Array(64);
  private generation = 0;
  private readonly tell = (predicate: number, matches: boolean): void => {
    this.memory[predicate] = (this.generation << 2) | (matches ? YES : NO);
  };

  constructor(predicates: Predicates, values: EventValues, vocabulary: Vocabulary) {
    this.predicates = predicates;
    this.values = values;
    this.vocabulary = vocabulary;
  }

  /** Forgets the answers of the event before. */
  begin(): void {
    this.generation += 1;
    if (this.generation === GENERATIONS) {
      this.generation = 1;
      this.memory.fill(0);
    }
  }

  /** Makes room for every predicate. */
  fit(): void {
    this.memory = grown(this.memory, this.predicates.length);
  }

  of(predicate: number): number {
    const known = this.memory[predicate] as number;
    if (known >> 2 === this.generation) return known & 3;
    const answer = this.workOut(predicate);
    this.memory[predicate] = (this.generation << 2) | answer;
    return answer;
  }

  private workOut(predicate: number): number {
    const { predicates, values } = this;
    if (predicates.kinds[predicate] === WHOLE) return this.ofFormula(predicates.whole(predicate));
    const attribute = predicates.attributes[predicate] as number;
    let id = values.ids[attribute] as number;
    if (id <= PENDING) id = values.resolve(attribute);
    if (id === ABSENT) return NO;
    if (id === UNKNOWN) return UNSURE;
    if (predicates.kinds[predicate] === PRESENT) return YES;
    if (id !== MANY) {
      if (predicates.kinds[predicate] === BEGINS) return values.begins(attribute, predicates.prefix(predicate)) ? YES : NO;
      return this.ofValue(predicate, id, predicates.needsText(predicate) ? values.text(attribute) : "", true);
    }
    let answer: number = NO;
    for (const text of values.list(attribute)) {
      const one = this.ofValue(predicate, this.vocabulary.entry(attribute).values.get(text) ?? ABSENT, text, false);
      if (one === YES) return YES;
      if (one === UNSURE) answer = UNSURE;
    }
    return answer;
  }

  /** @param alone - It is the attribute's only value, so that what it answers to other predicates is their answer. */
  private ofValue(predicate: number, id: number, text: string, alone: boolean): number {
    const { predicates } = this;
    switch (predicates.kinds[predicate]) {
      case EQUAL:
        return id === predicates.values[predicate] ? YES : NO;
      case ANY_OF: {
        const { values, prefixes } = predicates.anyOf(predicate);
        return values.has(id) || prefixes.some((prefix) => text.startsWith(prefix)) ? YES : NO;
      }
      case BEGINS:
        return text.startsWith(predicates.prefix(predicate)) ? YES : NO;
      case COMPARES: {
        const { comparison, number } = predicates.comparing(predicate);
        const value = numberOf(text);
        return value !== null && compares(value, comparison, number) ? YES : NO;
      }
      case MATCHES:
        if (text.length > REGEX_INPUT_CHARACTERS_MAX) return UNSURE;
        return this.matches(predicate, text, alone) ? YES : NO;
      default:
        return UNSURE;
    }
  }

  private matches(predicate: number, text: string, alone: boolean): boolean {
    const { regexes } = this.predicates.entry(predicate);
    return regexes.test(predicate, this.predicates.matching(predicate), text, this.generation, alone ? this.tell : tellNobody);
  }

  /** By three-valued logic: AND is the least of its operands, OR the greatest. */
  private ofFormula(formula: Formula): number {
    if (typeof formula === "number") return this.of(formula);
    if (formula.kind === "not") {
      const answer = this.ofFormula(formula.of);
      return answer === UNSURE ? UNSURE : answer ^ 1;
    }
    const decisive = formula.kind === "and" ? NO : YES;
    let answer: number = decisive ^ 1;
    for (const operand of formula.of) {
      const one = this.ofFormula(operand);
      if (one === decisive) return decisive;
      if (one === UNSURE) answer = UNSURE;
    }
    return answer;
  }
}

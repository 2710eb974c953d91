/**
 * Takes criteria apart into conjunctions: the criteria are true where all literals of one of them hold.
 *
 * In three-valued logic AND and OR distribute over one another and NOT goes inward, as in two-valued logic, so taking
 * apart changes no answer. A conjunction that asks for something and its contrary is false or unknown, never true, and is
 * left out.
 *
 * Promise: what it makes is bounded. Where taking apart would multiply, an operand stays whole.
 */
import { LIST_OPERANDS_MAX } from "../bounds.ts";
import type { Criteria, Operand } from "../rule.ts";
import { keyOf } from "./vocabulary.ts";
import { predicatesIn, type Formula, type Predicates, type Term } from "./predicates.ts";

/** A predicate and whether it must hold or must not: twice the predicate's number, plus one for "must not". */
export type Literal = number;

/** Conjunctions that any criteria may make; a plain OR may have one for each of its terms. */
const CONJUNCTIONS_MIN = 32;

interface Taken {
  readonly formula: Formula;
  readonly conjunctions: readonly (readonly Literal[])[];
  /** Predicates acquired beside those of the formula. */
  readonly extra: readonly number[];
}

/** Reads criteria as a formula over predicates, each of them acquired. */
function formulaOf(criteria: Criteria, predicates: Predicates): Formula {
  switch (criteria.kind) {
    case "and":
    case "or":
      return { kind: criteria.kind, of: criteria.of.map((operand) => formulaOf(operand, predicates)) };
    case "not":
      return { kind: "not", of: formulaOf(criteria.of, predicates) };
    default:
      return predicates.acquire(criteria);
  }
}

/** The criteria that a formula was made of, or the like of them. */
export function criteriaOf(formula: Formula, predicates: Predicates): Criteria {
  if (typeof formula === "number") return predicates.termOf(formula);
  if (formula.kind === "not") return { kind: "not", of: criteriaOf(formula.of, predicates) };
  return { kind: formula.kind, of: formula.of.map((operand) => criteriaOf(operand, predicates)) };
}

/** Takes criteria apart. What it acquires is the caller's to release: the formula's predicates and the extra ones. */
export function takeApart(criteria: Criteria, predicates: Predicates): Taken {
  const formula = formulaOf(criteria, predicates);
  const extra: number[] = [];
  const conjunctions = new Taking(predicates, formula, extra).conjunctions(formula, false);
  return { formula, conjunctions, extra };
}

class Taking {
  readonly #predicates: Predicates;
  readonly #all: Formula;
  readonly #extra: number[];
  #mostCounted = 0;

  constructor(predicates: Predicates, all: Formula, extra: number[]) {
    this.#predicates = predicates;
    this.#all = all;
    this.#extra = extra;
  }

  /** Conjunctions that the whole may make; counted when it matters first, since nearly always it doesn't. */
  get #most(): number {
    if (this.#mostCounted === 0) this.#mostCounted = Math.max(CONJUNCTIONS_MIN, predicatesIn(this.#all).length);
    return this.#mostCounted;
  }

  conjunctions(formula: Formula, negated: boolean): readonly (readonly Literal[])[] {
    if (typeof formula === "number") return [[formula * 2 + (negated ? 1 : 0)]];
    if (formula.kind === "not") return this.conjunctions(formula.of, !negated);
    return (formula.kind === "or") === negated ? this.#product(formula.of, negated) : this.#sum(formula, negated);
  }

  #sum(formula: Exclude<Formula, number | { readonly kind: "not" }>, negated: boolean): readonly (readonly Literal[])[] {
    const operands = negated ? formula.of : this.#folded(formula.of);
    const all = operands.flatMap((operand) => this.conjunctions(operand, negated));
    return all.length > CONJUNCTIONS_MIN && all.length > this.#most ? this.#whole(formula, negated) : all;
  }

  #product(operands: readonly Formula[], negated: boolean): readonly (readonly Literal[])[] {
    const simple = simpleProduct(operands, negated);
    if (simple !== null) return simple;
    let all: readonly (readonly Literal[])[] = [[]];
    for (const operand of operands) {
      let more = this.conjunctions(operand, negated);
      const product = all.length * more.length;
      if (product > CONJUNCTIONS_MIN && product > this.#most) more = this.#whole(operand, negated);
      all = all.flatMap((left) => more.flatMap((right) => joined(left, right)));
    }
    return all;
  }

  #whole(formula: Formula, negated: boolean): readonly (readonly Literal[])[] {
    const whole = this.#predicates.acquireWhole(formula);
    this.#extra.push(whole);
    return [[whole * 2 + (negated ? 1 : 0)]];
  }

  /** Alternatives for one attribute are one list: `x=a OR x=b*` is `x=(a, b*)`. */
  #folded(operands: readonly Formula[]): readonly Formula[] {
    const lists = new Map<string, { term: Extract<Term, { readonly kind: "in" }>; operands: Operand[]; formulas: Formula[] }>();
    const rest: Formula[] = [];
    for (const operand of operands) {
      const term = typeof operand === "number" ? this.#termOf(operand) : null;
      if (term === null || term.kind !== "in") {
        rest.push(operand);
        continue;
      }
      const key = keyOf(term.attribute);
      const list = lists.get(key);
      if (list === undefined) lists.set(key, { term, operands: [...term.operands], formulas: [operand] });
      else if (list.operands.length + term.operands.length <= LIST_OPERANDS_MAX) {
        list.operands.push(...term.operands);
        list.formulas.push(operand);
      } else rest.push(operand);
    }
    for (const { term, operands: all, formulas } of lists.values()) {
      if (formulas.length === 1) rest.push(...formulas);
      else {
        const folded = this.#predicates.acquire({ ...term, operands: all });
        this.#extra.push(folded);
        rest.push(folded);
      }
    }
    return rest;
  }

  #termOf(predicate: number): Term {
    return this.#predicates.termOf(predicate);
  }
}

/** The product where each operand is one predicate, or none of one: nearly every rule. Null where one is more. */
function simpleProduct(operands: readonly Formula[], negated: boolean): readonly (readonly Literal[])[] | null {
  const literals: Literal[] = [];
  for (const operand of operands) {
    const not = typeof operand === "object" && operand.kind === "not";
    const predicate = not ? operand.of : operand;
    if (typeof predicate !== "number") return null;
    const literal = predicate * 2 + (negated === not ? 0 : 1);
    if (literals.includes(literal ^ 1)) return [];
    if (!literals.includes(literal)) literals.push(literal);
  }
  return [literals];
}

/** Both together, each literal once; none where they contradict each other. */
function joined(left: readonly Literal[], right: readonly Literal[]): readonly (readonly Literal[])[] {
  const all = [...left];
  for (const literal of right) {
    if (all.includes(literal ^ 1)) return [];
    if (!all.includes(literal)) all.push(literal);
  }
  return [all];
}

/**
 * Says whether criteria hold for an event: yes, no, or unknown, by Kleene's three-valued logic.
 *
 * It looks at one rule at a time, in the plainest way, and so is also what a faster way has to agree with. Operands
 * that cost little come first; content is asked for only when they leave the answer open.
 */
import type { Attribute, Attributes, Criteria, Operand, ReservedWord } from "./rule.ts";
import { testRegex } from "./regex.ts";
import { compares, numberOf } from "./numbers.ts";

/** Null is unknown: the answer depends on what can't be seen. A rule acts on `true` alone. */
export type Truth = boolean | null;

/** Words whose value comes out of content. */
export const WORDS_FROM_CONTENT: readonly ReservedWord[] = ["STATE"];

/** True when content has to be read to know its value. */
export function isFromContent(attribute: Attribute): boolean {
  return attribute.kind === "content" || (attribute.kind === "word" && WORDS_FROM_CONTENT.includes(attribute.word));
}

/** Relative costs; only their order matters. */
const COST = { plain: 1, regex: 10, content: 100 } as const;

function costOf(criteria: Criteria): number {
  switch (criteria.kind) {
    case "and":
    case "or":
      return Math.max(...criteria.of.map(costOf));
    case "not":
      return costOf(criteria.of);
    default: {
      const { attribute } = criteria;
      return (isFromContent(attribute) ? COST.content : 0) + (criteria.kind === "regex" ? COST.regex : COST.plain);
    }
  }
}

/** Operands in order of cost, worked out once per rule. Order changes no answer: AND and OR commute, unknown or not. */
const ordered = new WeakMap<readonly Criteria[], readonly Criteria[]>();

function cheapestFirst(operands: readonly Criteria[]): readonly Criteria[] {
  let sorted = ordered.get(operands);
  if (sorted === undefined) {
    sorted = operands
      .map((operand) => ({ operand, cost: costOf(operand) }))
      .toSorted((left, right) => left.cost - right.cost)
      .map(({ operand }) => operand);
    ordered.set(operands, sorted);
  }
  return sorted;
}

/** AND is decided by a false operand, OR by a true one; undecided, it is unknown if any operand is. */
function join(operands: readonly Criteria[], attributes: Attributes, decisive: boolean): Truth {
  let unknown = false;
  for (const operand of cheapestFirst(operands)) {
    const truth = evaluate(operand, attributes);
    if (truth === decisive) return decisive;
    unknown ||= truth === null;
  }
  return unknown ? null : !decisive;
}

/** Values of an attribute: undefined when absent, null when unknown. */
export function valuesOf(attribute: Attribute, attributes: Attributes): readonly string[] | undefined | null {
  switch (attribute.kind) {
    case "word": {
      if (attributes.words !== undefined) return attributes.words(attribute.word);
      const value = attributes.word(attribute.word);
      return typeof value === "string" ? [value] : value;
    }
    case "header":
      return attributes.header(attribute.name);
    case "responseHeader":
      return attributes.responseHeader(attribute.name);
    case "content":
      return attributes.content(attribute.part, attribute.pointer);
  }
}

function equalsAny(value: string, operands: readonly Operand[]): boolean {
  return operands.some(({ text, stem }) => (stem ? value.startsWith(text) : value === text));
}

function comparesText(value: string, { comparison, number }: Extract<Criteria, { readonly kind: "compare" }>): boolean {
  const left = numberOf(value);
  return left !== null && compares(left, comparison, number);
}

/** True if it holds for any value; unknown if for none, but some value could not be tried. */
function anyOf(values: readonly string[], test: (value: string) => Truth): Truth {
  let unknown = false;
  for (const value of values) {
    const truth = test(value);
    if (truth === true) return true;
    unknown ||= truth === null;
  }
  return unknown ? null : false;
}

/**
 * Evaluates criteria.
 *
 * @param criteria - As parsed; its nesting is bounded by the parser.
 * @returns Null when the answer depends on content that was cut, withheld or over the cap, or on a regular expression
 * tried on a value over its cap.
 */
export function evaluate(criteria: Criteria, attributes: Attributes): Truth {
  switch (criteria.kind) {
    case "and":
      return join(criteria.of, attributes, false);
    case "or":
      return join(criteria.of, attributes, true);
    case "not": {
      const truth = evaluate(criteria.of, attributes);
      return truth === null ? null : !truth;
    }
    default: {
      const values = valuesOf(criteria.attribute, attributes);
      if (values === null) return null;
      if (values === undefined) return false;
      return evaluateTerm(criteria, values);
    }
  }
}

export function evaluateTerm(term: Extract<Criteria, { readonly attribute: Attribute }>, values: readonly string[]): Truth {
  switch (term.kind) {
    case "present":
      return true;
    case "in":
      return anyOf(values, (value) => equalsAny(value, term.operands));
    case "compare":
      return anyOf(values, (value) => comparesText(value, term));
    case "regex":
      return anyOf(values, (value) => testRegex(term, value));
  }
}

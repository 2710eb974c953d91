/**
 * Takes criteria apart for a reader: each term with its truth and with what was seen of the event.
 *
 * Promise: the truths are those of `evaluate`. What is shown is bounded, and is read from a view of its own, which
 * hides what no message may show.
 */
import { REGEX_INPUT_CHARACTERS_MAX } from "./bounds.ts";
import { evaluate, valuesOf, type Truth } from "./evaluate.ts";
import { printCriteria } from "./print.ts";
import type { Attribute, Attributes, Criteria } from "./rule.ts";

/** Values shown of one term. */
export const SHOWN_VALUES_MAX = 3;
/** Characters shown of one value, and of a term's text. */
export const SHOWN_CHARACTERS_MAX = 200;
/** Stands for a value that is not to be shown. */
export const HIDDEN_VALUE = "(removed)";

export interface Explanation {
  /** `term`: there is nothing below it; `name!=value` is one, too. */
  readonly kind: "and" | "or" | "not" | "term";
  /** A term as the language writes it, cut where it is long; `AND`, `OR`, `NOT`. */
  readonly text: string;
  readonly truth: Truth;
  /** Of a term: values of its attribute, bounded; null: it is absent, or can't be known. */
  readonly seen: readonly string[] | null;
  /** Values beyond those. */
  readonly more: number;
  /** Why it is unknown, as far as that can be told. */
  readonly reason: string | null;
  readonly of: readonly Explanation[];
}

export interface ExplainedEvent {
  /** What rules see: it decides. */
  readonly attributes: Attributes;
  /** What a reader may see: null where the value is hidden. */
  readonly shown: Attributes;
  /** Why nothing is known of an attribute; null where that isn't known either. */
  readonly whyUnknown?: (attribute: Attribute) => string | null;
}

type Term = Extract<Criteria, { readonly attribute: Attribute }>;

/** @param criteria - As parsed: their nesting and number of terms are bounded. */
export function explainCriteria(criteria: Criteria, event: ExplainedEvent): Explanation {
  const truth = evaluate(criteria, event.attributes);
  switch (criteria.kind) {
    case "and":
    case "or":
      return joined(criteria.kind, truth, criteria.of, event);
    case "not":
      // `name!=value` is one term to who wrote it.
      if (criteria.of.kind === "in") return explainTerm(criteria, criteria.of, truth, event);
      return joined("not", truth, [criteria.of], event);
    default:
      return explainTerm(criteria, criteria, truth, event);
  }
}

function joined(kind: "and" | "or" | "not", truth: Truth, of: readonly Criteria[], event: ExplainedEvent): Explanation {
  const parts = of.map((part) => explainCriteria(part, event));
  return { kind, text: kind.toUpperCase(), truth, seen: null, more: 0, reason: null, of: parts };
}

function explainTerm(written: Criteria, term: Term, truth: Truth, event: ExplainedEvent): Explanation {
  const values = valuesOf(term.attribute, event.attributes);
  const text = clipped(printCriteria(written));
  const reason = truth === null ? whyUnknown(term, values, event) : null;
  const nothing = { kind: "term", text, truth, seen: null, more: 0, reason, of: [] } as const;
  if (values === null || values === undefined) return nothing;
  const shown = valuesOf(term.attribute, event.shown);
  // A view that can't show as many values as there are says nothing of any of them.
  const visible = shown === null || shown?.length !== values.length ? values.map(() => HIDDEN_VALUE) : shown;
  return { ...nothing, seen: visible.slice(0, SHOWN_VALUES_MAX).map(clipped), more: Math.max(0, visible.length - SHOWN_VALUES_MAX) };
}

function whyUnknown(term: Term, values: readonly string[] | undefined | null, event: ExplainedEvent): string | null {
  if (values === null) return event.whyUnknown?.(term.attribute) ?? null;
  const isTooLong = term.kind === "regex" && values?.some((value) => value.length > REGEX_INPUT_CHARACTERS_MAX) === true;
  return isTooLong ? `a value is longer than the ${REGEX_INPUT_CHARACTERS_MAX} characters that regular expressions are tried on` : null;
}

/** Never ends in half a character. */
function clipped(text: string): string {
  return text.length <= SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, SHOWN_CHARACTERS_MAX).toWellFormed()}…`;
}

/** Terms, depth first, that made the criteria what they are: those that would have to change for another truth. */
export function decidingTerms(explanation: Explanation): readonly Explanation[] {
  const { kind, truth, of } = explanation;
  if (kind === "term") return [explanation];
  if (kind === "not") return of.flatMap(decidingTerms);
  const isDecisive = truth === (kind === "or");
  // A decided AND or OR follows from any one of those that decide it; else each of the open ones counts.
  const deciding = of.filter((part) => part.truth === truth);
  return isDecisive ? deciding.slice(0, 1).flatMap(decidingTerms) : deciding.flatMap(decidingTerms);
}

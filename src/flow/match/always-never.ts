/**
 * Tells criteria that can never hold, and those that always do.
 *
 * Promise: sound, not complete. What is told is true of every event; what isn't told may be so all the same. The work is
 * bounded: beyond a number of steps nothing is told.
 *
 * It looks for a way in which the criteria could hold: sets of terms, each of which must be true or false. A set is out
 * of the question when no value of one of its attributes could make all its terms so.
 */
import { OUTCOMES } from "../../driver/source.ts";
import { isFromContent } from "./evaluate.ts";
import { couldBe, type Demand, type Work } from "./possible-values.ts";
import { printAttribute } from "./print.ts";
import type { Attribute, Criteria, ReservedWord } from "./rule.ts";

/** A rule of the usual size needs some dozens; this takes about a millisecond. */
const STEPS_MAX = 10_000;

/** What criteria are to be: true, false, or (with unknown) not true, not false. */
type Want = "true" | "false" | "not true" | "not false";
type Term = Extract<Criteria, { readonly attribute: Attribute }>;

/** What every event has of a word: one of these values. */
export type KnownValues = Readonly<Partial<Record<ReservedWord, readonly string[]>>>;

const KINDS: KnownValues = { EVENTTYPE: ["transaction", "agent"] };
/** Agents' events have none, so they count only where the word must be there. */
const OF_TRANSACTIONS: KnownValues = { OUTCOME: OUTCOMES };

const OPPOSITE: Readonly<Record<Want, Want>> = { true: "false", false: "true", "not true": "not false", "not false": "not true" };

/**
 * @param known - Words of which every event that comes here has one of few values.
 * @returns Null: it may hold and may not, or that would take too long to find out.
 */
export function alwaysOrNever(criteria: Criteria, known: KnownValues = {}): "always" | "never" | null {
  if (!isPossible(criteria, "true", { ...KINDS, ...known })) return "never";
  // Only by its logic: `EVENTTYPE` is how people write that they mean every event.
  return isPossible(criteria, "not true", null) ? null : "always";
}

class TooMuchWork extends Error {}

class Steps implements Work {
  #left = STEPS_MAX;

  do(count: number): void {
    this.#left -= count;
    if (this.#left < 0) throw new TooMuchWork();
  }
}

function isPossible(criteria: Criteria, want: Want, known: KnownValues | null): boolean {
  try {
    return new Search(known).find([{ criteria, want }], new Map());
  } catch (error) {
    if (error instanceof TooMuchWork) return true;
    throw error;
  }
}

interface Goal {
  readonly criteria: Criteria;
  readonly want: Want;
}

class Search {
  readonly #known: KnownValues | null;
  readonly #steps = new Steps();

  constructor(known: KnownValues | null) {
    this.#known = known;
  }

  /** @param demands - What was settled for, by attribute; never changed, since other ways go on from the same. */
  find(goals: readonly Goal[], demands: ReadonlyMap<string, readonly Demand[]>): boolean {
    this.#steps.do(1 + goals.length);
    const [goal, ...others] = goals;
    if (goal === undefined) return true;
    const { criteria, want } = goal;
    switch (criteria.kind) {
      case "not":
        return this.find([{ criteria: criteria.of, want: OPPOSITE[want] }, ...others], demands);
      case "and":
      case "or": {
        const isAll = (criteria.kind === "and") === (want === "true" || want === "not false");
        const parts = criteria.of.map((part): Goal => ({ criteria: part, want }));
        return isAll ? this.find([...parts, ...others], demands) : parts.some((part) => this.find([part, ...others], demands));
      }
      default:
        return this.#settle(criteria, want, others, demands);
    }
  }

  #settle(term: Term, want: Want, others: readonly Goal[], demands: ReadonlyMap<string, readonly Demand[]>): boolean {
    // Unknown is enough, so nothing follows for the values.
    if ((want === "not true" || want === "not false") && canBeUnknown(term)) return this.find(others, demands);
    const name = printAttribute(term.attribute);
    const all = [...(demands.get(name) ?? []), { term, holds: want === "true" || want === "not false" }];
    if (!this.#couldAll(term.attribute, all)) return false;
    return this.find(others, new Map([...demands, [name, all]]));
  }

  #couldAll(attribute: Attribute, demands: readonly Demand[]): boolean {
    const holding = demands.filter(({ holds }) => holds);
    const failing = demands.filter(({ holds }) => !holds);
    if (attribute.kind === "word") {
      const always = this.#known?.[attribute.word];
      const values = always ?? (holding.length > 0 && this.#known !== null ? OF_TRANSACTIONS[attribute.word] : undefined);
      return (holding.length === 0 && always === undefined) || couldBe(holding, failing, values ?? null, this.#steps);
    }
    // Each term may be true by a value of its own; one that is false is so for every value.
    return holding.every((demand) => couldBe([demand], failing, null, this.#steps));
  }
}

/** Content may be cut, and expressions are not tried on every value. */
function canBeUnknown({ kind, attribute }: Term): boolean {
  return kind === "regex" || isFromContent(attribute);
}

/** Chooses the literal under which a conjunction lies: the one that the fewest events meet. */
import type { Literal } from "./conjunctions.ts";
import type { Place } from "./division.ts";
import { ANY_OF, BEGINS, COMPARES, EQUAL, MATCHES, PRESENT, WHOLE, type Predicates } from "./predicates.ts";
import { literalPrefix } from "./regex-prefix.ts";

/** Values of a list under each of which a conjunction is put; a longer list is asked afterwards where it can be. */
const LIST_PLACES_MAX = 64;
/** Distinct values beyond which more of them say nothing more. */
const DISTINCT_MAX = 10_000;
/** Content has to be read before it tells anything, so anything else is asked before. */
const CONTENT_SHARE = 1 / 10_000;

export interface Access {
  readonly literal: Literal;
  readonly attribute: number;
  readonly places: readonly Place[];
  /** The literal has to be asked all the same: the place is only necessary for it. */
  readonly keeps: boolean;
}

/** @returns How well a literal tells events apart; 0 when a conjunction can't lie under it. */
function scoreOf(literal: Literal, predicates: Predicates): number {
  const predicate = literal >> 1;
  const kind = predicates.kinds[predicate];
  if ((literal & 1) === 1 || kind === WHOLE) return 0;
  const entry = predicates.entry(predicate);
  const share = entry.isContent ? CONTENT_SHARE : 1;
  const equal = 1000 + Math.min(entry.values.size, DISTINCT_MAX) * entry.weight * 4;
  const begins = 500 + Math.min(entry.prefixCount, DISTINCT_MAX) * entry.weight;
  switch (kind) {
    case EQUAL:
      return share * equal;
    case ANY_OF: {
      const { operands, prefixes } = predicates.anyOf(predicate);
      const one = prefixes.length === 0 ? equal : begins;
      return (share * one) / (operands.length <= LIST_PLACES_MAX ? operands.length : operands.length * 1000);
    }
    case BEGINS:
      return share * (predicates.prefix(predicate) === "" ? 10 : begins + Math.min(predicates.prefix(predicate).length, 100) / 100);
    case MATCHES: {
      const prefix = prefixOf(predicate, predicates);
      return share * (prefix === "" ? 5 : 450 + Math.min(prefix.length, 40));
    }
    case COMPARES:
      return share * 100;
    default:
      return share * 10;
  }
}

function prefixOf(predicate: number, predicates: Predicates): string {
  const { pattern, ignoreCase } = predicates.matching(predicate);
  return literalPrefix(pattern, ignoreCase);
}

/** The places of a positive literal. */
function placesOf(predicate: number, predicates: Predicates): readonly Place[] {
  switch (predicates.kinds[predicate]) {
    case EQUAL:
      return [{ kind: "equal", value: predicates.values[predicate] ?? 0 }];
    case ANY_OF: {
      const { values, prefixes } = predicates.anyOf(predicate);
      return [
        ...[...values].map((value) => ({ kind: "equal", value }) as const),
        ...prefixes.map((text) => ({ kind: "prefix", text }) as const),
      ];
    }
    case BEGINS:
      return [{ kind: "prefix", text: predicates.prefix(predicate) }];
    case COMPARES:
      return [{ kind: "compare", ...predicates.comparing(predicate) }];
    case MATCHES: {
      const text = prefixOf(predicate, predicates);
      return [text === "" ? { kind: "present" } : { kind: "prefix", text }];
    }
    default:
      return [{ kind: "present" }];
  }
}

/**
 * Chooses among a conjunction's literals.
 *
 * @param divides - Only literals that tell values apart: below the root, presence alone is no reason to divide.
 * @returns Null when there is none, as where all are negated.
 */
export function chooseAccess(literals: readonly Literal[], predicates: Predicates, divides: boolean): Access | null {
  let best: Literal | null = null;
  let bestScore = 0;
  for (const literal of literals) {
    if (divides && !tellsApart(literal, predicates)) continue;
    const score = scoreOf(literal, predicates);
    if (score <= bestScore) continue;
    best = literal;
    bestScore = score;
  }
  if (best === null) return null;
  const predicate = best >> 1;
  return {
    literal: best,
    attribute: predicates.attributes[predicate] ?? 0,
    places: placesOf(predicate, predicates),
    keeps: predicates.kinds[predicate] === MATCHES,
  };
}

/** Whether a literal divides by value. */
function tellsApart(literal: Literal, predicates: Predicates): boolean {
  const predicate = literal >> 1;
  const kind = predicates.kinds[predicate];
  if ((literal & 1) === 1 || kind === WHOLE || kind === PRESENT) return false;
  if (kind === MATCHES) return prefixOf(predicate, predicates) !== "";
  return kind !== BEGINS || predicates.prefix(predicate) !== "";
}

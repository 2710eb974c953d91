/** The laws of selection criteria, as pairs of criteria that must mean the same. */
import { parseCriteria } from "../parse.ts";
import type { Criteria } from "../rule.ts";

export const and = (...of: Criteria[]): Criteria => ({ kind: "and", of });
export const or = (...of: Criteria[]): Criteria => ({ kind: "or", of });
export const not = (of: Criteria): Criteria => ({ kind: "not", of });

/** METHOD is never unknown, so these are a sure yes and a sure no: in Kleene's logic "x OR NOT x" alone is not. */
const TRUE = parseCriteria("METHOD OR NOT METHOD").criteria;
const FALSE = parseCriteria("METHOD AND NOT METHOD").criteria;

export interface Law {
  readonly name: string;
  readonly left: (x: Criteria, y: Criteria, z: Criteria) => Criteria;
  readonly right: (x: Criteria, y: Criteria, z: Criteria) => Criteria;
}

export const LAWS: readonly Law[] = [
  { name: "AND is associative", left: (x, y, z) => and(and(x, y), z), right: (x, y, z) => and(x, and(y, z)) },
  { name: "OR is associative", left: (x, y, z) => or(or(x, y), z), right: (x, y, z) => or(x, or(y, z)) },
  { name: "nesting of the same operator means nothing", left: (x, y, z) => and(and(x, y), z), right: (x, y, z) => and(x, y, z) },
  { name: "AND commutes", left: (x, y) => and(x, y), right: (x, y) => and(y, x) },
  { name: "OR commutes", left: (x, y) => or(x, y), right: (x, y) => or(y, x) },
  { name: "AND distributes over OR", left: (x, y, z) => and(x, or(y, z)), right: (x, y, z) => or(and(x, y), and(x, z)) },
  { name: "OR distributes over AND", left: (x, y, z) => or(x, and(y, z)), right: (x, y, z) => and(or(x, y), or(x, z)) },
  { name: "a sure yes is the identity of AND", left: (x) => and(x, TRUE), right: (x) => x },
  { name: "a sure no is the identity of OR", left: (x) => or(x, FALSE), right: (x) => x },
  { name: "a sure no annihilates AND, unknown or not", left: (x) => and(x, FALSE), right: () => FALSE },
  { name: "a sure yes annihilates OR, unknown or not", left: (x) => or(x, TRUE), right: () => TRUE },
  { name: "NOT of AND is OR of NOTs", left: (x, y) => not(and(x, y)), right: (x, y) => or(not(x), not(y)) },
  { name: "NOT of OR is AND of NOTs", left: (x, y) => not(or(x, y)), right: (x, y) => and(not(x), not(y)) },
  { name: "NOT NOT x is x", left: (x) => not(not(x)), right: (x) => x },
  { name: "x AND x is x", left: (x) => and(x, x), right: (x) => x },
  { name: "x OR x is x", left: (x) => or(x, x), right: (x) => x },
  { name: "x AND (x OR y) is x", left: (x, y) => and(x, or(x, y)), right: (x) => x },
];

/**
 * How a node lies in the arena, in whole numbers:
 *
 *     length of what follows the first two, number of the node where it is divided (else 0),
 *     then for each conjunction: rule, length of the whole, and for each literal: head, operand, fingerprint.
 *
 * A literal's head has the attribute's number, the kind of question, and whether it takes content to answer. The
 * fingerprint is that of the value that an equality asks for: nearly every one that doesn't hold is told by it, without a
 * look anywhere else.
 */
import type { Literal } from "./conjunctions.ts";
import { COMPARES, EQUAL, MATCHES, PRESENT, WHOLE, type Predicates } from "./predicates.ts";

/** Numbers before a node's conjunctions, and before a conjunction's literals. */
export const NODE_HEAD = 2;
export const CONJUNCTION_HEAD = 2;
/** Numbers of a literal. */
export const LITERAL = 3;

/** Kinds of questions; the lowest bit says that the answer must be no. */
const IS_EQUAL = 0;
export const IS_PRESENT = 2;
/** Any other predicate: its answer is kept for the event. */
const IS_TRUE = 4;
export const NEGATED = 1;
export const KIND_MASK = 7;
/** It takes content: to be asked once nothing else is left to ask. */
export const NEEDS_CONTENT = 8;
export const ATTRIBUTE_SHIFT = 4;

/** Writes a literal at a place that has room for it. */
export function writeLiteral(ints: Int32Array, at: number, literal: Literal, predicates: Predicates): void {
  const predicate = literal >> 1;
  const kind = predicates.kinds[predicate];
  const negated = literal & 1;
  const content = predicates.needsContent(predicate) ? NEEDS_CONTENT : 0;
  const attribute = kind === WHOLE ? 0 : (predicates.attributes[predicate] ?? 0);
  const common = (attribute << ATTRIBUTE_SHIFT) | content | negated;
  const value = predicates.values[predicate] ?? 0;
  ints[at] = common | (kind === EQUAL ? IS_EQUAL : kind === PRESENT ? IS_PRESENT : IS_TRUE);
  ints[at + 1] = kind === EQUAL ? value : predicate;
  ints[at + 2] = kind === EQUAL ? predicates.fingerprint(value) : 0;
}

/** The literal that two numbers stand for. */
export function literalOf(head: number, operand: number, predicates: Predicates): Literal {
  const predicate = (head & (KIND_MASK ^ NEGATED)) === IS_EQUAL ? predicates.ofValue(operand) : operand;
  return predicate * 2 + (head & NEGATED);
}

/** What it costs to ask; only the order matters. An equality fails most often, so it comes first. */
export function costOf(literal: Literal, predicates: Predicates): number {
  const predicate = literal >> 1;
  const kind = predicates.kinds[predicate] ?? 0;
  const content = predicates.needsContent(predicate) ? 100 : 0;
  if (kind === EQUAL) return content + ((literal & 1) === 0 ? 0 : 2);
  if (kind === PRESENT) return content + 1;
  return content + (kind === WHOLE ? 9 : kind === MATCHES ? 8 : kind === COMPARES ? 5 : 4);
}

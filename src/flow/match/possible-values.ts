/**
 * Says whether one value could make some terms true and others false.
 *
 * Promise: "no" is certain. "Yes" may be wrong where expressions and beginnings of values are concerned.
 */
import { evaluateTerm } from "./evaluate.ts";
import type { Attribute, Comparison, Criteria, Operand } from "./rule.ts";

/** A term that must be true, or false. */
export interface Demand {
  readonly term: Extract<Criteria, { readonly attribute: Attribute }>;
  readonly holds: boolean;
}

/** Counts what is done, and ends it when it is too much. */
export interface Work {
  do(steps: number): void;
}

/**
 * @param holding - Terms that must be true of the value; all are on one attribute.
 * @param failing - Terms that must be false of it.
 * @param known - The values that there can be; null: any.
 */
export function couldBe(holding: readonly Demand[], failing: readonly Demand[], known: readonly string[] | null, work: Work): boolean {
  work.do(1 + holding.length + failing.length + (known?.length ?? 0));
  if (failing.some(({ term }) => coversAll(term))) return false;
  if (holding.some((demand) => failing.some((other) => isSame(demand.term, other.term)))) return false;
  if (!numbersMeet(holding, failing, work)) return false;
  let open: readonly Operand[] | null = known?.map((text) => ({ text, stem: false })) ?? null;
  for (const { term } of holding) if (term.kind === "in") open = open === null ? term.operands : narrowed(open, term.operands, work);
  return open === null || open.some((operand) => isOpen(operand, holding, failing, work));
}

/** True of every value. */
function coversAll(term: Demand["term"]): boolean {
  return term.kind === "present" || (term.kind === "in" && term.operands.some(({ text, stem }) => stem && text === ""));
}

function isSame(left: Demand["term"], right: Demand["term"]): boolean {
  return left.kind === "regex" && right.kind === "regex" && left.pattern === right.pattern && left.ignoreCase === right.ignoreCase;
}

/** What two lists have in common. */
function narrowed(left: readonly Operand[], right: readonly Operand[], work: Work): readonly Operand[] {
  work.do(left.length * right.length);
  return left.flatMap((one) =>
    right.flatMap((other): readonly Operand[] => {
      if (includes(one, other)) return [other];
      return includes(other, one) ? [one] : [];
    }),
  );
}

/** Every value that the second stands for is one of the first's. */
function includes(wide: Operand, narrow: Operand): boolean {
  return wide.stem ? narrow.text.startsWith(wide.text) : !narrow.stem && narrow.text === wide.text;
}

/** Whether a value that the operand stands for may do. */
function isOpen(operand: Operand, holding: readonly Demand[], failing: readonly Demand[], work: Work): boolean {
  const { text, stem } = operand;
  for (const { term, holds } of [...holding, ...failing]) {
    work.do(term.kind === "in" ? term.operands.length : 1);
    if (stem) {
      if (!holds && term.kind === "in" && term.operands.some((other) => includes(other, operand))) return false;
      continue;
    }
    const truth = evaluateTerm(term, [text]);
    if (truth !== null && truth !== holds) return false;
  }
  return true;
}

const OPPOSITE: Readonly<Record<Comparison, Comparison>> = { "<": ">=", "<=": ">", ">": "<=", ">=": "<" };

/** Where one comparison must be true the value is a number, and one that must be false is its opposite. */
function numbersMeet(holding: readonly Demand[], failing: readonly Demand[], work: Work): boolean {
  const bounds = [...holding, ...failing].flatMap(({ term, holds }) =>
    term.kind === "compare" ? [{ number: term.number, comparison: holds ? term.comparison : OPPOSITE[term.comparison] }] : [],
  );
  if (!holding.some(({ term }) => term.kind === "compare")) return true;
  const above = bounds.filter(({ comparison }) => comparison.startsWith(">"));
  const below = bounds.filter(({ comparison }) => comparison.startsWith("<"));
  work.do(above.length * below.length);
  return above.every((low) =>
    below.every((high) => low.number < high.number || (low.number === high.number && low.comparison === ">=" && high.comparison === "<=")),
  );
}

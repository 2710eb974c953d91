/** Finds, of many numeric comparisons, those that a number meets, without looking at the others. */
import { compares } from "../numbers.ts";
import type { Comparison } from "../rule.ts";

interface Threshold {
  readonly number: number;
  readonly node: number;
}

const COMPARISONS: readonly Comparison[] = ["<", "<=", ">", ">="];

/** Place of the first threshold that is not below a number. */
function placeOf(sorted: readonly Threshold[], number: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as Threshold).number < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class Thresholds {
  /** By comparison, each in order of its numbers. */
  readonly #sorted = new Map<Comparison, Threshold[]>(COMPARISONS.map((comparison) => [comparison, []]));

  get isEmpty(): boolean {
    return [...this.#sorted.values()].every((sorted) => sorted.length === 0);
  }

  nodeAt(comparison: Comparison, number: number, make: () => number): number {
    const sorted = this.#of(comparison);
    const place = placeOf(sorted, number);
    const there = sorted[place];
    if (there?.number === number) return there.node;
    const node = make();
    sorted.splice(place, 0, { number, node });
    return node;
  }

  remove(comparison: Comparison, number: number): void {
    const sorted = this.#of(comparison);
    const place = placeOf(sorted, number);
    if (sorted[place]?.number === number) sorted.splice(place, 1);
  }

  nodes(): readonly number[] {
    return [...this.#sorted.values()].flatMap((sorted) => sorted.map(({ node }) => node));
  }

  /** Calls `visit` with the node of each comparison that holds for the number. */
  walk(value: number, visit: (node: number) => void): void {
    for (const [comparison, sorted] of this.#sorted) {
      const upward = comparison === "<" || comparison === "<=";
      for (let step = 0; step < sorted.length; step += 1) {
        const { number, node } = sorted[upward ? sorted.length - 1 - step : step] as Threshold;
        if (!compares(value, comparison, number)) break;
        visit(node);
      }
    }
  }

  #of(comparison: Comparison): Threshold[] {
    return this.#sorted.get(comparison) as Threshold[];
  }
}

/** Values as numbers, where they are numbers as JSON writes them, and how they compare. */
import type { Comparison } from "./rule.ts";
import { JSON_NUMBER } from "./values.ts";

/** @returns Null for anything that JSON wouldn't take for a number. */
export function numberOf(text: string): number | null {
  return JSON_NUMBER.test(text) ? Number(text) : null;
}

export function compares(left: number, comparison: Comparison, right: number): boolean {
  switch (comparison) {
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
  }
}

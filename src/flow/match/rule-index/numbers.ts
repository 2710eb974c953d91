/** Values as numbers, where they are numbers as JSON writes them. */
import { JSON_NUMBER } from "../values.ts";

/** @returns Null for anything that JSON wouldn't take for a number. */
export function numberOf(text: string): number | null {
  return JSON_NUMBER.test(text) ? Number(text) : null;
}

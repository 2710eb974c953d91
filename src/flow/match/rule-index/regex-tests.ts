/** Tests values against regular expressions, each compiled when it is first needed. */
import { RE2JS } from "re2js";
import type { Matching } from "./predicates.ts";

/** Compiled expressions live as long as the predicate that they belong to. */
const compiled = new WeakMap<Matching, RE2JS>();

export function matches(matching: Matching, text: string): boolean {
  let regex = compiled.get(matching);
  if (regex === undefined) {
    regex = RE2JS.compile(matching.pattern, matching.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
    compiled.set(matching, regex);
  }
  return regex.test(text);
}

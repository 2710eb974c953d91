/** Removes what matches a pattern from a piece of text, and the end of cut text that could be the begin of a match. */
import type { Pattern } from "./patterns.ts";
import { REMOVED, type Removals } from "./removals.ts";

/**
 * Replaces every match.
 *
 * @param path - Place that the list of removals names.
 * @returns The text itself when nothing matches.
 */
export function redactPatterns(text: string, patterns: readonly Pattern[], removals: Removals, path: string): string {
  let result = text;
  for (const { name, find } of patterns) {
    const places = find(result);
    if (places === null) continue;
    let kept = "";
    let copied = 0;
    for (let index = 0; index + 1 < places.length; index += 2) {
      const start = places[index] ?? 0;
      // Two matches may overlap, as in a@b.c@d.e: what is common to both goes once.
      const from = Math.max(start, copied);
      const end = Math.max(places[index + 1] ?? 0, from);
      kept += start >= copied ? result.slice(copied, start) + REMOVED : "";
      removals.value(path, result.slice(from, end), name);
      copied = end;
    }
    result = kept + result.slice(copied);
  }
  return result;
}

/** As {@link redactPatterns}, for a value whose removals are of no interest: a key, a name in a path. */
export function withoutPatterns(text: string, patterns: readonly Pattern[]): string {
  let result = text;
  for (const { find } of patterns) {
    const places = find(result);
    if (places === null) continue;
    let kept = "";
    let copied = 0;
    for (let index = 0; index + 1 < places.length; index += 2) {
      const start = places[index] ?? 0;
      if (start >= copied) kept += result.slice(copied, start) + REMOVED;
      copied = Math.max(copied, places[index + 1] ?? 0);
    }
    result = kept + result.slice(copied);
  }
  return result;
}

/**
 * Leaves out the last word of cut text, and digits in groups before it: the capture may have cut through a number or an
 * address that no pattern tells any more.
 */
export function withoutCutWord(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) > 0x20) end--;
  while (end > 0 && isGroupChar(text.charCodeAt(end - 1))) end--;
  return text.slice(0, end);
}

function isGroupChar(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x20 || code === 0x2d;
}

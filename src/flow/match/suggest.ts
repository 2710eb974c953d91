/** "Did you mean": the nearest of a few known names. */

/** Names longer than this are not compared: no known name is near them, and the comparison costs length times length. */
const NAME_CHARACTERS_MAX = 32;

/** Three rows of the comparison, used in turn, since a generated file may have 100,000 names to compare. Long enough for what lower case can make of two names that are near. */
const ROW = NAME_CHARACTERS_MAX * 8;
let earlier = new Uint16Array(ROW);
let previous = new Uint16Array(ROW);
let current = new Uint16Array(ROW);

/** Edits between two names: a character more, less, another, or two that changed places. */
function editsBetween(left: string, right: string): number {
  for (let column = 0; column <= right.length; column += 1) previous[column] = column;
  for (let row = 1; row <= left.length; row += 1) {
    const code = left.charCodeAt(row - 1);
    current[0] = row;
    for (let column = 1; column <= right.length; column += 1) {
      const replaced = (previous[column - 1] as number) + (code === right.charCodeAt(column - 1) ? 0 : 1);
      const edits = Math.min(replaced, (previous[column] as number) + 1, (current[column - 1] as number) + 1);
      const areSwapped =
        row > 1 && column > 1 && code === right.charCodeAt(column - 2) && left.charCodeAt(row - 2) === right.charCodeAt(column - 1);
      current[column] = areSwapped ? Math.min(edits, (earlier[column - 2] as number) + 1) : edits;
    }
    [earlier, previous, current] = [previous, current, earlier];
  }
  return previous[right.length] as number;
}

/**
 * Finds the known name that was probably meant: at most a third of its characters apart, or begun but not finished.
 *
 * @returns Undefined when none is near.
 */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length === 0 || name.length > NAME_CHARACTERS_MAX) return undefined;
  const lower = name.toLowerCase();
  let best: string | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const allowed = Math.min(Math.floor(Math.max(name.length, candidate.length) / 3), fewest - 1);
    // Names are at least as many edits apart as their lengths are: most need no further look.
    const other = candidate.toLowerCase();
    if (Math.abs(lower.length - other.length) > allowed) continue;
    const edits = editsBetween(lower, other);
    if (edits <= allowed) {
      fewest = edits;
      best = candidate;
    }
  }
  return best ?? (name.length >= 3 ? known.find((candidate) => candidate.toLowerCase().startsWith(lower)) : undefined);
}

/** `; did you mean X?`, or nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? "" : `; did you mean ${near}?`;
}

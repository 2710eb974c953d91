/** "Did you mean": the nearest of a few known names. */

/** Names longer than this are not compared: no known name is near them, and the comparison costs length times length. */
const NAME_CHARACTERS_MAX = 32;

/** Single-character edits between two names. */
function editsBetween(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}

/**
 * Finds the known name that was probably meant: at most a third of its characters apart, or begun but not finished.
 *
 * @returns Undefined when none is near.
 */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length === 0 || name.length > NAME_CHARACTERS_MAX) return undefined;
  let best: string | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const edits = editsBetween(name.toLowerCase(), candidate.toLowerCase());
    if (edits <= Math.floor(Math.max(name.length, candidate.length) / 3) && edits < fewest) {
      fewest = edits;
      best = candidate;
    }
  }
  return best ?? (name.length >= 3 ? known.find((candidate) => candidate.toLowerCase().startsWith(name.toLowerCase())) : undefined);
}

/** `; did you mean X?`, or nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? "" : `; did you mean ${near}?`;
}

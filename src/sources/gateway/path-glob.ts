/**
 * Path patterns with `*`, for routes.
 *
 * Promise: no regular expression is made from the configuration, and the cost is linear in the path for each part of
 * the pattern. Paths are compared as they were sent: percent-encoding and `//` are not undone.
 */

/** Returns a function that tells whether a path matches the pattern; `*` stands for any characters, also none. */
export function pathGlob(pattern: string): (path: string) => boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return (path) => path === first;
  return (path) => {
    if (!path.startsWith(first)) return false;
    let position = first.length;
    for (const part of rest) {
      const found = path.indexOf(part, position);
      if (found < 0) return false;
      position = found + part.length;
    }
    return path.length - last.length >= position && path.endsWith(last);
  };
}

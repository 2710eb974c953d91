/**
 * Patterns for paths and hosts: `/users/{id}`, `/bulk/*`, `{tenant}.example.org`.
 *
 * Promise: no regular expression is made from the configuration, and matching goes once over the text for each part
 * between two stars, whatever the text. The meaning is Okapi's: `{x}` takes one or more characters up to the next
 * separator and never fewer; `*` takes any characters, also none and also separators, as few as will do.
 */

/** A parameter's name and its value, as it stands in the text. */
export type Parameters = readonly (readonly [name: string, value: string])[];

type Step = { readonly kind: "literal"; readonly text: string } | { readonly kind: "parameter"; readonly name: string };

/** Matches a text; null when it doesn't match, else the parameters in order. */
export type Matcher = (text: string) => Parameters | null;

/**
 * Compiles a pattern. A brace without its partner is an ordinary character.
 *
 * @param separator - One character that ends a parameter: `/` in paths, `.` in hosts.
 */
export function compilePattern(pattern: string, separator: string): Matcher {
  const [first = [], ...rest] = pattern.split("*").map(steps);
  const last = rest.pop();
  return (text) => {
    const parameters: [string, string][] = [];
    const start = matchAt(first, text, 0, separator, parameters);
    if (last === undefined) return start === text.length ? parameters : null;
    let position = start;
    for (const part of rest) position = position < 0 ? -1 : search(part, text, position, separator, parameters, false);
    if (position < 0 || search(last, text, position, separator, parameters, true) < 0) return null;
    return parameters;
  };
}

/** Literal characters at the start of a pattern: a cheap first look. */
export function literalPrefix(pattern: string): string {
  const end = pattern.search(/[{*]/);
  return end < 0 ? pattern : pattern.slice(0, end);
}

function steps(part: string): Step[] {
  const found: Step[] = [];
  let at = 0;
  while (at < part.length) {
    const open = part.indexOf("{", at);
    const close = open < 0 ? -1 : part.indexOf("}", open);
    if (close < 0) {
      found.push({ kind: "literal", text: part.slice(at) });
      break;
    }
    if (open > at) found.push({ kind: "literal", text: part.slice(at, open) });
    found.push({ kind: "parameter", name: part.slice(open + 1, close) });
    at = close + 1;
  }
  return found;
}

/** Where the part ends when it begins at `from`; -1 when it doesn't match there. */
function matchAt(part: readonly Step[], text: string, from: number, separator: string, parameters: [string, string][]): number {
  const before = parameters.length;
  let at = from;
  for (const step of part) {
    if (step.kind === "literal") {
      if (!text.startsWith(step.text, at)) at = -1;
      else at += step.text.length;
    } else {
      const found = text.indexOf(separator, at);
      const end = found < 0 ? text.length : found;
      if (end > at) parameters.push([step.name, text.slice(at, end)]);
      at = end > at ? end : -1;
    }
    if (at < 0) {
      parameters.length = before;
      return -1;
    }
  }
  return at;
}

/**
 * Finds the part at or after `from`, as early as possible. Earliest is best: where a part ends grows with where it
 * begins, so a later begin leaves no more to the parts after it.
 *
 * @param toEnd - The part must end with the text.
 */
function search(
  part: readonly Step[],
  text: string,
  from: number,
  separator: string,
  parameters: [string, string][],
  toEnd: boolean,
): number {
  const [first] = part;
  if (first === undefined) return toEnd ? text.length : from;
  const lead = first.kind === "literal" ? first.text : "";
  if (part.length === 1 && lead !== "" && toEnd) return text.endsWith(lead) && text.length - lead.length >= from ? text.length : -1;
  // A parameter begun later in the same segment ends at the same separator: after a failure, go on behind that.
  const skipsSegment = part.length > 1 || lead === "" ? !lead.includes(separator) : false;
  const before = parameters.length;
  let at = from;
  while (at <= text.length) {
    at = text.indexOf(lead, at);
    if (at < 0) return -1;
    const end = matchAt(part, text, at, separator, parameters);
    if (end >= 0 && (!toEnd || end === text.length)) return end;
    parameters.length = before;
    if (skipsSegment) at = text.indexOf(separator, at);
    if (at < 0) return -1;
    at += 1;
  }
  return -1;
}

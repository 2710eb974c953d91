/** What a value must begin with for a regular expression to match it, where that can be told for sure. */

/** Characters that mean themselves. */
const PLAIN = /^[A-Za-z0-9 /_:;,@#%&=~"'<>!-]$/;
/** What makes the character before it optional or repeated. */
const QUANTIFIER = /^[*+?{]$/;
/** Flags, and quoted text: a quantifier behind either may mean what stands before it. */
const SEEN_THROUGH = /\(\?[^:P<]|\\Q/;

/**
 * The literal beginning of an expression in RE2 syntax that is bound to the value's beginning.
 *
 * @returns Empty where none can be told: an expression that isn't bound, ignores case, or has alternatives.
 */
export function literalPrefix(pattern: string, ignoreCase: boolean): string {
  // An alternative could stand beside the beginning.
  if (ignoreCase || !pattern.startsWith("^") || SEEN_THROUGH.test(pattern) || hasOuterAlternative(pattern)) return "";
  let prefix = "";
  for (let at = 1; at < pattern.length;) {
    const escaped = pattern[at] === "\\";
    const character = pattern[at + (escaped ? 1 : 0)] ?? "";
    // Behind a backslash letters and digits are classes and the like; everything else is itself.
    const literal = escaped ? /^[^A-Za-z0-9]$/.test(character) && character.charCodeAt(0) < 0x80 : PLAIN.test(character);
    const next = at + (escaped ? 2 : 1);
    if (!literal || QUANTIFIER.test(pattern[next] ?? "")) break;
    prefix += character;
    at = next;
  }
  return prefix;
}

/** True unless each `|` surely stands inside parentheses or a class. */
function hasOuterAlternative(pattern: string): boolean {
  if (!pattern.includes("|")) return false;
  let depth = 0;
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at];
    if (character === "\\") at += 1;
    else if (character === "[") {
      const end = classEnd(pattern, at);
      if (end === -1) return true;
      at = end;
    } else if (character === "(") depth += 1;
    else if (character === ")") depth -= 1;
    else if (character === "|" && depth === 0) return true;
  }
  return false;
}

/** Place of the bracket that closes a class; -1 where it has brackets inside and is not worth reading. */
function classEnd(pattern: string, opening: number): number {
  let at = opening + 1;
  if (pattern[at] === "^") at += 1;
  // A bracket that comes first is a member of the class.
  if (pattern[at] === "]") at += 1;
  for (; at < pattern.length; at += 1) {
    if (pattern[at] === "\\") at += 1;
    else if (pattern[at] === "[") return -1;
    else if (pattern[at] === "]") return at;
  }
  return -1;
}

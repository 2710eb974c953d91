/**
 * Finds the text of one member of a JSON object.
 *
 * Parsing and writing it anew would change it: long numbers lose digits, names that stand there twice go.
 */
import assert from "node:assert/strict";

const BACKSLASH = 0x5c;
const COMMA = 0x2c;

/**
 * The text of a member's value, without blanks around it. Of a name that stands there twice the last counts, as it does
 * for JSON.parse.
 *
 * @param json - An object, known to be valid, that has the member.
 */
export function memberText(json: string, name: string): string {
  let found: string | null = null;
  let at = json.indexOf("{") + 1;
  for (;;) {
    const from = json.indexOf('"', at);
    if (from < 0) break;
    const behindName = endOfString(json, from);
    const valueFrom = json.indexOf(":", behindName) + 1;
    const end = endOfValue(json, valueFrom);
    if (JSON.parse(json.slice(from, behindName)) === name) found = json.slice(valueFrom, end).trim();
    if (json.charCodeAt(end) !== COMMA) break;
    at = end + 1;
  }
  assert(found !== null, "the object has the member");
  return found;
}

/** Index of the comma, or of the bracket, behind a value of an object. */
function endOfValue(json: string, from: number): number {
  let depth = 0;
  for (let at = from; at < json.length; at += 1) {
    switch (json.charAt(at)) {
      case '"':
        at = endOfString(json, at) - 1;
        break;
      case "{":
      case "[":
        depth += 1;
        break;
      case "}":
      case "]":
        if (depth === 0) return at;
        depth -= 1;
        break;
      case ",":
        if (depth === 0) return at;
        break;
    }
  }
  return json.length;
}

/** Index behind the closing quote. */
function endOfString(json: string, from: number): number {
  let at = json.indexOf('"', from + 1);
  // A quote that an odd number of backslashes precedes is part of the text.
  while (at > 0 && backslashesBefore(json, at) % 2 === 1) at = json.indexOf('"', at + 1);
  return at < 0 ? json.length : at + 1;
}

function backslashesBefore(json: string, at: number): number {
  let count = 0;
  while (json.charCodeAt(at - 1 - count) === BACKSLASH) count += 1;
  return count;
}

/** Reads names and values out of scanned JSON. */
import { END, FLAGS, KEY_END, KEY_ESCAPED, KEY_START, START, VALUE_ESCAPED, type JsonDocument } from "./json-scan.ts";

/** A number out of the index; the index never has holes. */
export function at(document: JsonDocument, place: number): number {
  return document.index[place] ?? -1;
}

/** The member's name, escapes undone; undefined for an element or the root. */
export function nameOf(document: JsonDocument, node: number): string | undefined {
  const start = at(document, node + KEY_START);
  if (start < 0) return undefined;
  const end = at(document, node + KEY_END);
  if ((at(document, node + FLAGS) & KEY_ESCAPED) === 0) return document.text.slice(start + 1, end - 1);
  return unescape(document.text.slice(start, end));
}

/** The value's text: strings without quotes and escapes, everything else as it was written. */
export function valueOf(document: JsonDocument, node: number): string {
  const start = at(document, node + START);
  const end = at(document, node + END);
  if (document.text.charCodeAt(start) !== 0x22) return document.text.slice(start, end);
  if ((at(document, node + FLAGS) & VALUE_ESCAPED) === 0) return document.text.slice(start + 1, end - 1);
  return unescape(document.text.slice(start, end));
}

/** True for an object or an array. */
export function isContainer(document: JsonDocument, node: number): boolean {
  const code = document.text.charCodeAt(at(document, node + START));
  return code === 0x7b || code === 0x5b;
}

export function isArray(document: JsonDocument, node: number): boolean {
  return document.text.charCodeAt(at(document, node + START)) === 0x5b;
}

function unescape(quoted: string): string {
  return JSON.parse(quoted) as string;
}

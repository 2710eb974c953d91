/**
 * A few characters of a text in one number: texts with different ones differ, which is told without a look-up in a table
 * of all values. Nearly every comparison ends here.
 */

/** Of nothing: it has no characters that a rule's text in ASCII could have. */
const EMPTY = 1 << 31;

/** Of a text that rules name; 0 says nothing: it is empty, or has characters that are several bytes. */
export function fingerprintOf(text: string): number {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) >= 0x80) return 0;
  return fingerprintOfText(text);
}

/** Of an event's value; never 0. */
export function fingerprintOfText(text: string): number {
  const { length } = text;
  if (length === 0) return EMPTY;
  return joined(length, text.charCodeAt(0), text.charCodeAt(length >> 1), text.charCodeAt(length - 1));
}

/** Of an event's value that stands as bytes: the same for the same text in ASCII. */
export function fingerprintOfBytes(view: DataView, from: number, length: number): number {
  if (length === 0) return EMPTY;
  return joined(length, view.getUint8(from), view.getUint8(from + (length >> 1)), view.getUint8(from + length - 1));
}

function joined(length: number, first: number, middle: number, last: number): number {
  return (length & 0xff) | ((first & 0xff) << 8) | ((middle & 0xff) << 16) | (last << 24) || EMPTY;
}

/**
 * Texts that come again and again (streams, tenants, topics, header names), decoded once.
 *
 * Promise: what is returned is what the bytes say; the cache holds a fixed number of short texts.
 */

const SLOTS = 1024;
/** Longer texts are rarely the same twice, and comparing them costs what decoding does. */
const TEXT_BYTES_MAX = 64;

interface Slot {
  readonly bytes: Buffer;
  readonly text: string;
}

export class TextCache {
  readonly #slots: (Slot | undefined)[] = Array.from({ length: SLOTS });

  /** The text in UTF-8 between two offsets. */
  read(bytes: Buffer, from: number, to: number): string {
    const length = to - from;
    if (length === 0) return "";
    if (length > TEXT_BYTES_MAX) return bytes.toString("utf8", from, to);
    const index = slotOf(bytes, from, length);
    const slot = this.#slots[index];
    if (slot !== undefined && isSame(slot.bytes, bytes, from, length)) return slot.text;
    const text = bytes.toString("utf8", from, to);
    this.#slots[index] = { bytes: Buffer.from(bytes.subarray(from, to)), text };
    return text;
  }
}

/** The ends and the middle tell most texts apart; numbers at the end of a name do. */
function slotOf(bytes: Buffer, from: number, length: number): number {
  const last = from + length - 1;
  let hash = length;
  hash = hash * 31 + (bytes[from] as number);
  hash = hash * 31 + (bytes[from + (length >> 1)] as number);
  hash = hash * 31 + (bytes[Math.max(from, last - 1)] as number);
  return (hash * 31 + (bytes[last] as number)) & (SLOTS - 1);
}

function isSame(known: Buffer, bytes: Buffer, from: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let at = 0; at < length; at += 1) if (known[at] !== bytes[from + at]) return false;
  return true;
}

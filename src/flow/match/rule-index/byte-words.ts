/**
 * Bytes looked at four at a time: to find where a JSON string ends, to hash a text, to compare two. It takes a third of
 * the time that looking at them one by one takes.
 *
 * Lengths are handed over: asking a view for its own is a call, where reading from it is none.
 */

const QUOTES = 0x22222222;
const BACKSLASHES = 0x5c5c5c5c;
const SPACES = 0x20202020;
const ONES = 0x01010101;
const HIGH_BITS = 0x80808080 | 0;
const MULTIPLIER = 0x9e3779b1 | 0;

/**
 * Place of the first quote, backslash or control character from `from` up to `end`; `end` where there is none.
 *
 * Subtracting sets the high bit of each byte that was too small; a borrow can only touch bytes behind the first of them.
 * Bytes beyond ASCII have it set before, and are none of these.
 */
export function specialAt(view: DataView, from: number, end: number): number {
  let at = from;
  for (const last = end - 4; at <= last; at += 4) {
    const word = view.getInt32(at, true);
    const found = (((word ^ QUOTES) - ONES) | ((word ^ BACKSLASHES) - ONES) | (word - SPACES)) & ~word & HIGH_BITS;
    if (found !== 0) return at + ((31 - Math.clz32(found & -found)) >> 3);
  }
  for (; at < end; at += 1) {
    const byte = view.getUint8(at);
    if (byte === 0x22 || byte === 0x5c || byte < 0x20) break;
  }
  return at;
}

function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, MULTIPLIER);
  return product ^ (product >>> 15);
}

/**
 * Hash of a text.
 *
 * @param folds - Bits to set in each byte: 0, or {@link CASE_BITS}, under which a letter's two cases hash alike.
 */
export function hashOf(view: DataView, from: number, length: number, folds: number): number {
  let hash = length;
  if (length < 4) {
    for (let at = 0; at < length; at += 1) hash = mixed(hash, view.getUint8(from + at) | (folds & 0xff));
    return hash;
  }
  const last = from + length - 4;
  for (let at = from; at < last; at += 4) hash = mixed(hash, view.getInt32(at, true) | folds);
  return mixed(hash, view.getInt32(last, true) | folds);
}

export const CASE_BITS = SPACES;

/** Whether two texts of one length are the same, byte for byte. */
export function isSame(left: DataView, leftFrom: number, right: DataView, rightFrom: number, length: number): boolean {
  if (length < 4) {
    for (let at = 0; at < length; at += 1) if (left.getUint8(leftFrom + at) !== right.getUint8(rightFrom + at)) return false;
    return true;
  }
  const last = length - 4;
  for (let at = 0; at < last; at += 4) {
    if (left.getInt32(leftFrom + at, true) !== right.getInt32(rightFrom + at, true)) return false;
  }
  return left.getInt32(leftFrom + last, true) === right.getInt32(rightFrom + last, true);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

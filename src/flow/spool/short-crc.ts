/**
 * CRC-32 of a few bytes, as `zlib.crc32` reckons it: for frame headers, where the call into native code costs more than
 * the sum itself.
 */

const POLYNOMIAL = 0xed_b8_83_20;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit += 1) sum = (sum & 1) === 1 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1;
  return sum;
});

/** @param seed - The sum of what came before; 0 for nothing. */
export function shortCrc32(bytes: Uint8Array, from: number, to: number, seed: number): number {
  let sum = ~seed;
  for (let at = from; at < to; at += 1) sum = (TABLE[(sum ^ (bytes[at] as number)) & 0xff] as number) ^ (sum >>> 8);
  return ~sum >>> 0;
}

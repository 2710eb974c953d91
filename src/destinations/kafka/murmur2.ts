/**
 * The partition of a key, as Java's default partitioner has it, so that a key's messages go where other producers send
 * them too.
 *
 * Promise: the same number as `Utils.toPositive(Utils.murmur2(key)) % partitionCount` of Kafka's own client, also for
 * an empty key.
 * @see https://github.com/apache/kafka/blob/4.3/clients/src/main/java/org/apache/kafka/common/utils/Utils.java
 */

/** Keys are short: most fit, so that nothing is allocated for them. */
const scratch = Buffer.allocUnsafeSlow(1024);
/** Bytes that a UTF-16 unit takes in UTF-8 at most. */
const UNIT_BYTES_MAX = 3;

/** @param partitionCount - 1 or more. */
export function partitionOf(key: string, partitionCount: number): number {
  if (key.length * UNIT_BYTES_MAX > scratch.length) {
    const bytes = Buffer.from(key);
    return (murmur2(bytes, bytes.length) & 0x7f_ff_ff_ff) % partitionCount;
  }
  return (murmur2(scratch, scratch.write(key)) & 0x7f_ff_ff_ff) % partitionCount;
}

/**
 * @param length - Bytes from the start that count.
 * @returns A signed 32-bit number.
 */
export function murmur2(bytes: Uint8Array, length: number): number {
  const m = 0x5b_d1_e9_95;
  let h = 0x97_47_b2_8c ^ length;
  const tail = length & ~3;
  for (let i = 0; i < tail; i += 4) {
    let k = byteAt(bytes, i) | (byteAt(bytes, i + 1) << 8) | (byteAt(bytes, i + 2) << 16) | (byteAt(bytes, i + 3) << 24);
    k = Math.imul(k, m);
    k = Math.imul(k ^ (k >>> 24), m);
    h = Math.imul(h, m) ^ k;
  }
  const left = length - tail;
  if (left === 3) h ^= byteAt(bytes, tail + 2) << 16;
  if (left >= 2) h ^= byteAt(bytes, tail + 1) << 8;
  if (left >= 1) h = Math.imul(h ^ byteAt(bytes, tail), m);
  h = Math.imul(h ^ (h >>> 13), m);
  return h ^ (h >>> 15);
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] as number;
}

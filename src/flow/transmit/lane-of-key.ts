/**
 * Which lane a key belongs to.
 *
 * Promise: the same key and number of lanes give the same lane in every release, for acknowledgements are kept by lane.
 */

/**
 * FNV-1a over the UTF-8 bytes, then the final mixing of MurmurHash3, since FNV's low bits alone spread short keys badly.
 *
 * @returns A lane from 0 up to `laneCount` - 1.
 */
export function laneOfKey(key: string, laneCount: number): number {
  if (laneCount === 1) return 0;
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(key, "utf8")) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % laneCount;
}

/** Counts the messages of a whole segment by reading it, and finds what is missing from it. */
import type { Disk } from "./disk.ts";
import { FRAME_TYPES } from "./format.ts";
import { TenantCounts } from "./log-state.ts";
import { decodeDeadLetter, decodeMessage } from "./message-codec.ts";
import type { Segment } from "./segment.ts";
import { walkSegment } from "./segment-scan.ts";

/** Numbers without a frame, from inclusive, to exclusive, and where in the file they should be. */
export interface MissingFrames {
  readonly from: number;
  readonly to: number;
  readonly offset: number;
  readonly bytes: number;
}

export interface SegmentContent {
  /** Messages or dead letters that can be read, by stream and tenant. */
  readonly readable: TenantCounts;
  /** Those of them that the caller asked for. */
  readonly wanted: TenantCounts;
  /** Also damage that took no frame. */
  readonly missing: readonly MissingFrames[];
}

/**
 * Reads a segment from end to end; what a later segment begins with anew is left out.
 *
 * @param keyOf - The tenant under which one is counted.
 */
export async function readContent(
  disk: Disk,
  segment: Segment,
  isWanted: (sequence: number) => boolean,
  keyOf: (stream: string, tenant: string) => string,
): Promise<SegmentContent> {
  const readable = new TenantCounts();
  const wanted = new TenantCounts();
  const end = segment.nextSequence;
  const file = await disk.open(segment.path, "read");
  try {
    const walk = await walkSegment(file, segment, ({ type, sequence, payload }) => {
      if (sequence >= end || (type !== FRAME_TYPES.message && type !== FRAME_TYPES.dead)) return;
      const { stream, tenant } = type === FRAME_TYPES.dead ? decodeDeadLetter(payload).message : decodeMessage(payload, sequence);
      const key = keyOf(stream, tenant);
      readable.add(stream, key, 1);
      if (isWanted(sequence)) wanted.add(stream, key, 1);
    });
    const missing = walk.holes.map(({ sequence, framesLost, offset, bytes }) => ({
      from: sequence,
      to: Math.min(end, sequence + framesLost),
      offset,
      bytes,
    }));
    if (walk.nextSequence < end) missing.push({ from: walk.nextSequence, to: end, offset: walk.end, bytes: segment.bytes - walk.end });
    return { readable, wanted, missing: missing.filter(({ from }) => from < end) };
  } finally {
    await file.close();
  }
}

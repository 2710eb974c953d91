/** Reads the messages of a whole segment, counts them, and finds what is missing from it. */
import { diskError, type Disk, type DiskFile } from "./disk.ts";
import { FRAME_TYPES, frameBytesOf } from "./format.ts";
import { TenantCounts } from "./log-state.ts";
import { decodeDeadLetter, decodeMessage } from "./message-codec.ts";
import { isSameSegment, type Segment } from "./segment.ts";
import { walkSegment, type Frame } from "./segment-scan.ts";

/** How far reading gets between two times that somebody is told. */
const TOLD_EVERY_BYTES = 4 * 1024 * 1024;

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
  /** Bytes of their frames. */
  readonly wantedBytes: TenantCounts;
  /** Also damage that took no frame. */
  readonly missing: readonly MissingFrames[];
}

export interface ReadSegmentCalls {
  /** Given each message or dead letter, in order; what a later segment begins with anew is left out. */
  readonly visit: (frame: Frame) => void;
  /** Awaited now and then, before more is read. */
  readonly between?: () => Promise<void>;
  /** Told now and then how many bytes were read. */
  readonly onRead?: (bytes: number) => void;
}

/** Reads a segment from end to end. @returns What is missing from it, in order. */
export async function readSegment(
  disk: Disk,
  segment: Segment,
  { visit, between, onRead }: ReadSegmentCalls,
): Promise<readonly MissingFrames[]> {
  const end = segment.nextSequence;
  let toldAt = 0;
  const file = await disk.open(segment.path, "read");
  try {
    const walk = await walkSegment(
      file,
      segment,
      (frame) => {
        if (frame.offset - toldAt >= TOLD_EVERY_BYTES) onRead?.((toldAt = frame.offset));
        if (frame.sequence < end && (frame.type === FRAME_TYPES.message || frame.type === FRAME_TYPES.dead)) visit(frame);
      },
      between,
    );
    const missing = walk.holes.map(({ sequence, framesLost, offset, bytes }) => ({
      from: sequence,
      to: Math.min(end, sequence + framesLost),
      offset,
      bytes,
    }));
    await assertSame(file, segment);
    if (walk.nextSequence < end) missing.push({ from: walk.nextSequence, to: end, offset: walk.end, bytes: segment.bytes - walk.end });
    return missing.filter(({ from }) => from < end);
  } finally {
    await file.close();
  }
}

/**
 * A program that runs uses files of segments that are done again: what was read of one meanwhile means nothing.
 *
 * @throws SidestreamError `SST_SPOOL_IO`, cause `ENOENT`, as for a file that went away.
 */
async function assertSame(file: DiskFile, segment: Segment): Promise<void> {
  if (await isSameSegment(file, segment)) return;
  throw diskError("read", segment.path, Object.assign(new Error("used again"), { code: "ENOENT" }));
}

/**
 * Counts the messages of a segment.
 *
 * @param keyOf - The tenant under which one is counted.
 */
export async function readContent(
  disk: Disk,
  segment: Segment,
  isWanted: (sequence: number) => boolean,
  keyOf: (stream: string, tenant: string) => string,
  onRead?: (bytes: number) => void,
): Promise<SegmentContent> {
  const readable = new TenantCounts();
  const wanted = new TenantCounts();
  const wantedBytes = new TenantCounts();
  const visit = ({ type, sequence, payload }: Frame): void => {
    const { stream, tenant } = type === FRAME_TYPES.dead ? decodeDeadLetter(payload).message : decodeMessage(payload, sequence);
    const key = keyOf(stream, tenant);
    readable.add(stream, key, 1);
    if (!isWanted(sequence)) return;
    wanted.add(stream, key, 1);
    wantedBytes.add(stream, key, frameBytesOf(payload));
  };
  const missing = await readSegment(disk, segment, { visit, ...(onRead === undefined ? {} : { onRead }) });
  return { readable, wanted, wantedBytes, missing };
}

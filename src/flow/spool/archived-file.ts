/**
 * What a file of an archive tells of itself: a segment that left its log, as it was there.
 *
 * @see docs/spool-format.md, section 1
 */
import { systemCode, type Disk, type DiskFile } from "./disk.ts";
import { DATA_OFFSET, decodeSegmentHeader, FRAME_TYPES } from "./format.ts";
import { decodeMessage } from "./message-codec.ts";
import { countMessage, loadSummary, readSummary, segmentOf, type Segment } from "./segment.ts";
import { walkSegment } from "./segment-scan.ts";

/**
 * @returns Null for a file that is gone, or whose header can't be read.
 * @throws SidestreamError `SST_SPOOL_IO`
 */
export async function readArchivedFile(disk: Disk, path: string): Promise<Segment | null> {
  let file: DiskFile;
  try {
    file = await disk.open(path, "read");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
  try {
    const block = Buffer.alloc(DATA_OFFSET);
    await file.read(block, 0);
    const header = decodeSegmentHeader(block);
    if (header === null) return null;
    const segment = segmentOf(header, path);
    segment.bytes = await file.size();
    segment.sealed = true;
    const summary = await readSummary(file, header.salt, segment.bytes);
    if (summary === null) await countFrames(file, segment);
    else {
      loadSummary(segment, summary);
      segment.nextSequence = summary.nextSequence;
    }
    return segment;
  } finally {
    await file.close();
  }
}

/** After a write that failed a segment has no summary: all of it is read. */
async function countFrames(file: DiskFile, segment: Segment): Promise<void> {
  const walk = await walkSegment(file, segment, ({ type, sequence, payload }) => {
    if (type !== FRAME_TYPES.message) return;
    const { stream, tenant, lane, acceptedMs: timeMs, frameBytes } = decodeMessage(payload, sequence);
    countMessage(segment, { stream, tenant, lane, timeMs }, frameBytes);
  });
  segment.nextSequence = walk.nextSequence;
}

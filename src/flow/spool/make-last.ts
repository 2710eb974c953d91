/** Makes last, for good, what a start has read of a log's last segment. */
import type { DiskFile } from "./disk.ts";
import { DATA_OFFSET } from "./format.ts";
import type { Segment } from "./segment.ts";

/**
 * After a crash of the process alone, what was read may not be on disk yet; after a sync that failed the system may even
 * take it for written. So the headers, and what the last batch wrote, are written again, the same bytes, before the sync.
 *
 * @param from - Offset of the last batch: when it was written, all before it was on disk.
 * @throws SidestreamError `SST_SPOOL_IO` or `SST_SPOOL_READ_ONLY`.
 */
export async function makeLast(file: DiskFile, segment: Segment, from: number): Promise<void> {
  await writeAgain(file, 0, Math.min(DATA_OFFSET, segment.bytes));
  await writeAgain(file, from, segment.bytes);
  await file.sync();
}

async function writeAgain(file: DiskFile, start: number, end: number): Promise<void> {
  if (end <= start) return;
  const bytes = Buffer.alloc(end - start);
  await file.write(bytes.subarray(0, await file.read(bytes, start)), start);
}

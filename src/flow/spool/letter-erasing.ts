/**
 * Removes every byte of a tenant's dead letters, of those that left, too.
 *
 * Promise: whenever it is cut short, each segment is there as it was, or without the tenant's letters. Those of others
 * keep their numbers.
 */
import { join } from "node:path";
import { compact, COMPACTING_FILE } from "./compaction.ts";
import type { Disk } from "./disk.ts";
import type { Erased } from "./log-erasing.ts";
import { mayHold, numbersWithout } from "./tenant-frames.ts";
import { decodeDeadLetter } from "./message-codec.ts";
import { readSegment } from "./segment-content.ts";
import type { SegmentLog } from "./segment-log.ts";
import type { Segment } from "./segment.ts";

export interface LetterErasingParts {
  readonly disk: Disk;
  readonly folder: string;
  readonly segments: SegmentLog;
  readonly tenant: string;
  /** By `performance.now()`, when no more is begun. */
  readonly endMs: number;
}

export interface ErasedLetters extends Erased {
  /** Letters whose bytes are gone now, those that had left before among them. */
  readonly letters: number;
}

/** @throws SidestreamError what the disk says; what was removed before stays so. */
export async function eraseLetters({ disk, folder, segments, tenant, endMs }: LetterErasingParts): Promise<ErasedLetters> {
  const open = segments.segments.at(-1);
  if (open !== undefined && !open.sealed && mayHold(open, tenant)) await segments.roll();
  await segments.files.wipe();
  const left: string[] = [];
  let letters = 0;
  for (const segment of [...segments.segments]) {
    // Whatever comes meanwhile is in the one that is written to.
    if (!segment.sealed || !mayHold(segment, tenant)) continue;
    if (performance.now() >= endMs) return { isThrough: false, left, letters };
    const gone = await numbersOf(disk, segment, tenant);
    if (gone?.length === 0) continue;
    if (gone === null || !(await without(disk, folder, segments, segment, gone))) left.push(segment.path);
    else letters += gone.length;
  }
  return { isThrough: true, left, letters };
}

/** @returns Null where the segment can't be read whole. */
async function numbersOf(disk: Disk, segment: Segment, tenant: string): Promise<readonly number[] | null> {
  const numbers: number[] = [];
  const missing = await readSegment(disk, segment, {
    visit: ({ sequence, payload }) => {
      if (decodeDeadLetter(payload).message.tenant === tenant) numbers.push(sequence);
    },
  });
  return missing.length > 0 ? null : numbers;
}

/** @returns False when it can't be rewritten. */
async function without(disk: Disk, folder: string, log: SegmentLog, segment: Segment, gone: readonly number[]): Promise<boolean> {
  const file = join(folder, COMPACTING_FILE);
  const compacted = await compact(disk, file, [segment], numbersWithout(segment, gone));
  if (compacted.segment === null) return false;
  await disk.rename(file, segment.path);
  log.replace([segment], compacted.segment);
  await disk.syncFolder(folder);
  return true;
}

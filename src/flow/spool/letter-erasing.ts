/**
 * Removes every byte of a tenant's dead letters, of those that left, too.
 *
 * Promise: whenever it is cut short, each segment is there as it was, or without the tenant's letters. Those of others
 * keep their numbers.
 */
import { join } from "node:path";
import { compact, COMPACTING_FILE } from "./compaction.ts";
import type { Disk } from "./disk.ts";
import type { ErasedLog, ErasingSpan } from "./erased.ts";
import { mayHold, numbersOf, numbersWithout } from "./tenant-frames.ts";
import type { SegmentLog } from "./segment-log.ts";
import type { Segment } from "./segment.ts";

export interface LetterErasingParts {
  readonly disk: Disk;
  readonly folder: string;
  readonly segments: SegmentLog;
  readonly tenant: string;
  /** Null: the first call. */
  readonly span: ErasingSpan | null;
  /** By `performance.now()`, when no more is begun. */
  readonly endMs: number;
}

export interface ErasedLetters extends ErasedLog {
  /** Letters whose bytes are gone now, those that had left before among them. */
  readonly letters: number;
}

/** @throws SidestreamError what the disk says; what was removed before stays so. */
export async function eraseLetters(parts: LetterErasingParts): Promise<ErasedLetters> {
  const { disk, folder, segments, tenant, endMs } = parts;
  const open = segments.segments.at(-1);
  if (parts.span === null && open !== undefined && !open.sealed && mayHold(open, tenant)) await segments.roll();
  await segments.files.wipe();
  const { from, below } = parts.span ?? { from: 0, below: segments.nextSequence };
  const left: string[] = [];
  let letters = 0;
  let reached = from;
  for (const segment of [...segments.segments]) {
    const { sealed, header, nextSequence } = segment;
    if (!sealed || nextSequence <= from || header.baseSequence >= below || !mayHold(segment, tenant)) continue;
    if (reached > from && performance.now() >= endMs) return { isThrough: false, left, letters, span: { from: reached, below } };
    const gone = await numbersOf(disk, segment, tenant);
    if (gone === null || (gone.length > 0 && !(await without(disk, folder, segments, segment, gone)))) left.push(segment.path);
    else letters += gone.length;
    reached = nextSequence;
  }
  return { isThrough: true, left, letters, span: { from: below, below } };
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

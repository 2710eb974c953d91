/**
 * Takes the messages of a tenant out of the files of an archive.
 *
 * Promise: what is of others stays. Cut short, each file is there as it was, or without the tenant's messages. A file that
 * can't be read whole stays, and is named.
 */
import { join } from "node:path";
import { readArchivedFile } from "./archived-file.ts";
import { compact, COMPACTING_FILE } from "./compaction.ts";
import type { Disk } from "./disk.ts";
import type { Erased } from "./erased.ts";
import { REMOVING_SUFFIX } from "./gradual-removal.ts";
import { isSegmentFile } from "./segment.ts";
import { mayHold, nullWhereUnreadable, numbersOf, numbersWithout } from "./tenant-frames.ts";

export interface ArchiveErasingParts {
  readonly disk: Disk;
  readonly folder: string;
  readonly tenant: string;
  /** Name of the last file that an earlier call was through with; empty: none. */
  readonly after: string;
  /** By `performance.now()`, when no more is begun. */
  readonly endMs: number;
}

export interface ArchiveErased extends Erased {
  /** Messages whose bytes are gone now. */
  readonly messages: number;
  /** Name of the last file that this is through with. */
  readonly after: string;
}

/** @throws SidestreamError `SST_SPOOL_IO`; what was removed before stays so. */
export async function eraseArchive({ disk, folder, tenant, after, endMs }: ArchiveErasingParts): Promise<ArchiveErased> {
  const left: string[] = [];
  let messages = 0;
  let reached = after;
  const file = join(folder, COMPACTING_FILE);
  const names = (await disk.list(folder)).toSorted();
  // Left by a kill.
  for (const name of names) if (name === COMPACTING_FILE || name.endsWith(REMOVING_SUFFIX)) await disk.remove(join(folder, name));
  // Whatever comes meanwhile is behind: nothing of the tenant that was there before is on its way any more.
  for (const name of names) {
    if (!isSegmentFile(name) || name <= after) continue;
    if (reached > after && performance.now() >= endMs) return { isThrough: false, left, messages, after: reached };
    const path = join(folder, name);
    const erased = await eraseFile(disk, path, file, tenant);
    if (erased === null) left.push(path);
    else messages += erased;
    reached = name;
  }
  return { isThrough: true, left, messages, after: reached };
}

/** @returns How many messages went; null where the file can't be read whole. */
async function eraseFile(disk: Disk, path: string, aside: string, tenant: string): Promise<number | null> {
  const segment = await readArchivedFile(disk, path).catch(nullWhereUnreadable);
  // Without a header nobody can tell what is in it.
  if (segment === null) return (await disk.exists(path)) ? null : 0;
  if (segment.hasSummary && !mayHold(segment, tenant)) return 0;
  const gone = await numbersOf(disk, segment, tenant);
  if (gone === null || gone.length === 0) return gone?.length ?? null;
  const rewritten = await compact(disk, aside, [segment], numbersWithout(segment, gone));
  if (rewritten.segment === null) return null;
  await disk.rename(aside, path);
  return gone.length;
}

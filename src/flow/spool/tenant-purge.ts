/**
 * Removes what one log holds of a tenant: what waits, dead letters, and every byte of what was delivered and is still on
 * the disk, in the log or in its archive.
 *
 * Promise: what waited counts as dropped, reason `purged`; what is of others stays as it is. What comes of the tenant
 * after the first call is taken in as ever. Cut short, the next call goes on.
 */
import { join } from "node:path";
import type { DeadLetterLog } from "./dead-letter-log.ts";
import type { DestinationLog } from "./destination-log.ts";
import type { Disk } from "./disk.ts";
import type { ErasingSpan } from "./erased.ts";
import { giveUp } from "./give-up.ts";
import { isDamagedFile } from "./segment.ts";

const REASON_PURGED = "purged";

/** Where a purge of one log stands. Each part begins once the one before is through. */
export interface PurgePlace {
  /** Messages below it are given up. */
  readonly next: number;
  /** What came at or above it is none of the purge's. */
  readonly below: number;
  /** Segments that end at or below it are rewritten. */
  readonly rewritten: number;
  /** Name of the last file of the archive that is rewritten; empty: none. */
  readonly archived: string;
  /** Where erasing the dead letters stands; null: not begun. */
  readonly letters: ErasingSpan | null;
}

export const PURGE_BEGIN: PurgePlace = { next: 0, below: 0, rewritten: 0, archived: "", letters: null };

export interface TenantPurged {
  readonly place: PurgePlace;
  /** Messages that waited and are given up. */
  readonly messages: number;
  /** Messages that were taken out of the archive. */
  readonly archived: number;
  readonly letters: number;
  /** False: the time was over. */
  readonly isThrough: boolean;
  /** Files that this call met which may still hold something of the tenant, since they can't be read whole. */
  readonly left: readonly string[];
}

export interface TenantPurgeParts {
  readonly disk: Disk;
  /** Nobody may be sending from it. */
  readonly log: DestinationLog;
  readonly deadLetters: DeadLetterLog;
  readonly folders: readonly string[];
  readonly tenant: string;
  /** Null: the first call. */
  readonly place: PurgePlace | null;
  /** By `performance.now()`, when no more is begun. */
  readonly endMs: number;
}

/** @throws SidestreamError what the disk says; what was removed before stays so. */
export async function purgeTenant(parts: TenantPurgeParts): Promise<TenantPurged> {
  const { disk, log, deadLetters, folders, tenant, place: before, endMs } = parts;
  const { erasing } = log;
  const result = { messages: 0, archived: 0, letters: 0 };
  const left: string[] = [];
  try {
    const below = await erasing.begin(tenant, before?.below ?? null);
    let place: PurgePlace = { ...(before ?? PURGE_BEGIN), below };
    const more = (): TenantPurged => ({ place, ...result, isThrough: false, left });
    const given = await giveUp(log, { stream: null, tenant, beforeMs: null, reason: REASON_PURGED, from: place.next, to: below }, endMs);
    result.messages = given.messages;
    place = { ...place, next: given.next };
    if (given.next < below) return more();
    const erased = await erasing.rewrite(tenant, { from: place.rewritten, below }, endMs);
    left.push(...erased.left);
    place = { ...place, rewritten: erased.span.from };
    if (!erased.isThrough) return more();
    // After the log's own: what is rewritten there comes to the archive before.
    if (log.archive !== null) {
      const archive = await log.archive.erase(tenant, place.archived, endMs);
      left.push(...archive.left);
      result.archived = archive.messages;
      place = { ...place, archived: archive.after };
      if (!archive.isThrough) return more();
    }
    const letters = await deadLetters.erase(tenant, place.letters, endMs);
    left.push(...letters.left);
    result.letters = letters.letters;
    place = { ...place, letters: letters.span };
    if (!letters.isThrough) return more();
    return { place, ...result, isThrough: true, left: [...left, ...(await damagedFiles(disk, folders))] };
  } finally {
    erasing.end();
  }
}

/** Files that were set aside: whose messages are in them nobody can tell. */
async function damagedFiles(disk: Disk, folders: readonly string[]): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const folder of folders) for (const name of await disk.list(folder)) if (isDamagedFile(name)) paths.push(join(folder, name));
  return paths.toSorted();
}

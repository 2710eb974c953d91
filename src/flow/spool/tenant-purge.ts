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
import { giveUp } from "./give-up.ts";
import { isDamagedFile } from "./segment.ts";

const REASON_PURGED = "purged";

/** Where a purge of one log stands. */
export interface PurgePlace {
  /** Messages below it are given up. */
  readonly next: number;
  /** What came at or above it is none of the purge's. */
  readonly below: number;
}

export interface TenantPurged {
  readonly place: PurgePlace;
  /** Messages that waited and are given up. */
  readonly messages: number;
  readonly letters: number;
  /** False: the time was over. */
  readonly isThrough: boolean;
  /** Files that may still hold something of the tenant, since they can't be read whole. */
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
export async function purgeTenant({ disk, log, deadLetters, folders, tenant, place, endMs }: TenantPurgeParts): Promise<TenantPurged> {
  const { erasing } = log;
  try {
    const below = await erasing.begin(tenant, place?.below ?? null);
    const call = { stream: null, tenant, beforeMs: null, reason: REASON_PURGED, from: place?.next ?? 0, to: below };
    const { messages, next } = await giveUp(log, call, endMs);
    const reached = { place: { next, below }, messages };
    if (next < below) return { ...reached, letters: 0, isThrough: false, left: [] };
    const erased = await erasing.rewrite(tenant, below, endMs);
    // After the log's own: what is rewritten there comes to the archive before.
    const archived = (await log.archive?.erase(tenant, endMs)) ?? { isThrough: true };
    if (!erased.isThrough || !archived.isThrough) return { ...reached, letters: 0, isThrough: false, left: [] };
    const { letters, isThrough, left } = await deadLetters.erase(tenant, endMs);
    const damaged = isThrough ? await damagedFiles(disk, folders) : [];
    return { ...reached, letters, isThrough, left: [...erased.left, ...left, ...damaged] };
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

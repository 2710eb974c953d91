/**
 * Counts what an archive holds of a tenant.
 *
 * Promise: read only, also while the program runs: files that go meanwhile, or can't be read whole, are left out.
 */
import { join } from "node:path";
import { readArchivedFile } from "./archived-file.ts";
import { systemCode, type Disk } from "./disk.ts";
import { isSegmentFile } from "./segment.ts";
import { mayHold, nullWhereUnreadable, numbersOf } from "./tenant-frames.ts";

export interface ArchivedCount {
  readonly messages: number;
  /** Whose messages are in it, beyond a bound of tenants not all of them. */
  readonly tenants: ReadonlySet<string>;
  /** Files that can't be read, or not whole. */
  readonly unreadable: number;
}

/** @throws SidestreamError `SST_SPOOL_IO` where the folder can't be listed. */
export async function countArchived(disk: Disk, folder: string, tenant: string, onFile: (name: string) => void): Promise<ArchivedCount> {
  const tenants = new Set<string>();
  let messages = 0;
  let unreadable = 0;
  for (const name of (await disk.list(folder)).filter(isSegmentFile).toSorted()) {
    onFile(name);
    const path = join(folder, name);
    try {
      const segment = await readArchivedFile(disk, path).catch(nullWhereUnreadable);
      if (segment === null) {
        if (await disk.exists(path)) unreadable += 1;
        continue;
      }
      for (const row of Object.values(segment.counts.table())) for (const each of Object.keys(row)) tenants.add(each);
      if (segment.hasSummary && !mayHold(segment, tenant)) continue;
      const numbers = await numbersOf(disk, segment, tenant);
      if (numbers === null) unreadable += 1;
      else messages += numbers.length;
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
    }
  }
  return { messages, tenants, unreadable };
}

/** Folders of a bench, and the disk below them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { join, resolve } from "node:path";

const MIB = 1024 * 1024;

/** What has a folder for the files of a bench. */
export interface HasFolder {
  readonly folder: string;
}

/** Makes a folder for a whole bench. @throws Error when the disk has less than so many bytes free. */
export function makeScratch(parentFolder: string, diskBytes: number): string {
  const parent = resolve(parentFolder);
  const { bavail, bsize } = statfsSync(parent);
  if (bavail * bsize < diskBytes) throw new Error(`${parent} has less than ${diskBytes / MIB} MiB free`);
  return mkdtempSync(join(parent, "sidestream-bench-"));
}

/** Makes a folder's name for one run and removes what is there after. */
export async function withFolder<Result>(site: HasFolder, name: string, work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = join(site.folder, name);
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes what the kernel still holds back, so that the run before doesn't slow the next. */
export function settleDisk(site: HasFolder): void {
  execFileSync("sync", ["-f", site.folder]);
}

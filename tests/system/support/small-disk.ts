/** Disks that refuse: a file system of a few MiB in memory, a read-only mount, and a library that refuses in the system's name. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { mountTmpfs } from "./mounted-disk.ts";

/** Mounts it. Null, and the test is skipped, where mounting is refused and nothing must not be skipped. */
export function mountSmallDisk(test: TestContext, bytes: number): string | null {
  return mountTmpfs(test, bytes)?.path ?? null;
}

/** Writes to this file until its disk has no byte left. */
export function fillDisk(path: string): void {
  const chunk = Buffer.alloc(4096, 1);
  try {
    for (;;) writeFileSync(path, chunk, { flag: "a" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}

/** Compiles the library that makes a disk refuse, for LD_PRELOAD. */
export function badDiskLibrary(folder: string): string {
  const library = join(folder, "bad-disk.so");
  const compiled = spawnSync("gcc", ["-shared", "-fPIC", "-o", library, resolve(import.meta.dirname, "bad-disk.c"), "-ldl"], {
    encoding: "utf8",
  });
  if (compiled.status !== 0) throw new Error(`could not compile ${library}: ${compiled.stderr}`);
  return library;
}

/** Makes a mounted disk read-only. */
export function makeReadOnly(path: string): void {
  remount(path, "ro");
}

export function makeWritable(path: string): void {
  remount(path, "rw");
}

function remount(path: string, how: "ro" | "rw"): void {
  const remounted = spawnSync("mount", ["-o", `remount,${how}`, path]);
  if (remounted.status !== 0) throw new Error(`could not remount ${path}: ${remounted.stderr.toString()}`);
}

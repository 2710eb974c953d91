/** What the processes of our side share: lines of a file, and how much memory is in use. */
import { readFileSync } from "node:fs";

export function readLines(file: string): readonly string[] {
  return readFileSync(file, "utf8").trimEnd().split("\n");
}

/** On the heap and in array buffers, garbage collected before. @throws Error without `--expose-gc`. */
export function usedBytes(): number {
  if (globalThis.gc === undefined) throw new Error("run with --expose-gc");
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

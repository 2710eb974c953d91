/** What somebody else does while a reader is under way. */
import type { MemoryDisk } from "./memory-disk.ts";

/**
 * Takes a step before each time that a file is opened or read.
 *
 * @returns Ends it.
 */
export function betweenSteps(disk: MemoryDisk, step: () => Promise<void>): () => void {
  const opened = disk.open.bind(disk);
  disk.open = async (path, mode) => {
    await step();
    const file = await opened(path, mode);
    const read = async (target: Buffer, offset: number): Promise<number> => {
      await step();
      return file.read(target, offset);
    };
    return mode === "read" ? { ...file, read } : file;
  };
  return () => {
    disk.open = opened;
  };
}

/** Disks of tests write and sync one after the other, so that each of the two can fail, or be the last before a crash. */
import type { DiskFile } from "../disk.ts";

export function withWriteSynced(file: Omit<DiskFile, "writeSynced">): DiskFile {
  return {
    ...file,
    writeSynced: async (bytes, offset) => {
      await file.write(bytes, offset);
      await file.sync();
    },
  };
}

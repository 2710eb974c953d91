/**
 * The key under which removed values are hashed: made once per data folder, private, never shown.
 *
 * With it two messages can be seen to have carried the same value; without it a hash tells nothing.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { SidestreamError } from "../errors.ts";
import { REDACTION_KEY_BYTES } from "./message/maker.ts";
import type { Disk } from "./spool/disk.ts";

const KEY_FILE = "redaction.key";

/** Reads the key of a data folder, making it when there is none. */
export async function openRedactionKey(disk: Disk, dataFolder: string): Promise<Buffer> {
  const path = join(dataFolder, KEY_FILE);
  if (await disk.exists(path)) {
    const key = Buffer.alloc(REDACTION_KEY_BYTES);
    const file = await disk.open(path, "read");
    let bytes: number;
    try {
      bytes = await file.read(key, 0);
    } finally {
      await file.close();
    }
    if (bytes === REDACTION_KEY_BYTES) return key;
    if (bytes > 0)
      throw new SidestreamError(
        "SST_SPOOL_DAMAGED",
        `${path} holds ${bytes} bytes instead of ${REDACTION_KEY_BYTES}: remove it to have a new one made`,
      );
    await disk.remove(path);
  }
  const key = randomBytes(REDACTION_KEY_BYTES);
  const file = await disk.open(path, "create");
  try {
    await file.write(key, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.syncFolder(dataFolder);
  return key;
}

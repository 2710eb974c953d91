/**
 * Whether somebody holds a destination: nothing is sent to it until it is resumed. A file beside its log says so.
 *
 * Promise: what `set` and `clear` settled for outlives a power loss, and the file is whole or isn't there. One that can't
 * be read holds the destination all the same: somebody wanted that.
 *
 * @see docs/spool-format.md, section 1
 */
import { join } from "node:path";
import { z } from "zod";
import type { DestinationHold } from "../observe/snapshot.ts";
import type { Disk } from "./spool/disk.ts";
import { SPOOL_FOLDER } from "./spool/folders.ts";

export const HOLD_FILE = "hold.json";
/** Until it is whole. */
const ASIDE_FILE = "hold.json.new";

/** No calendar goes further. */
const MOMENT_MS_MAX = 8.64e15;
const holdRecord = z.object({
  version: z.literal(1),
  user: z.string(),
  sinceMs: z.number().min(0).max(MOMENT_MS_MAX),
  reason: z.string().nullable(),
});

export class Hold {
  readonly #disk: Disk;
  readonly #folder: string;
  #now: DestinationHold | null;

  private constructor(disk: Disk, folder: string, now: DestinationHold | null) {
    this.#disk = disk;
    this.#folder = folder;
    this.#now = now;
  }

  /** Reads whether a destination is held. @throws SidestreamError `SST_SPOOL_IO` */
  static async open(disk: Disk, dataFolder: string, destination: string): Promise<Hold> {
    const folder = join(dataFolder, SPOOL_FOLDER, destination);
    const path = join(folder, HOLD_FILE);
    return new Hold(disk, folder, (await disk.exists(path)) ? holdOf(path, await contentOf(disk, path)) : null);
  }

  /** Null: it isn't held. */
  get now(): DestinationHold | null {
    return this.#now;
  }

  /** @throws SidestreamError what the disk says. It is as it was then, unless the program ends before it is called again. */
  async set(hold: DestinationHold): Promise<void> {
    await this.#disk.makeFolder(this.#folder);
    const aside = join(this.#folder, ASIDE_FILE);
    if (await this.#disk.exists(aside)) await this.#disk.remove(aside);
    const file = await this.#disk.open(aside, "create");
    try {
      await file.writeSynced(Buffer.from(JSON.stringify({ version: 1, ...hold })), 0);
    } finally {
      await file.close();
    }
    await this.#disk.rename(aside, join(this.#folder, HOLD_FILE));
    await this.#disk.syncFolder(this.#folder);
    this.#now = hold;
  }

  /** @throws SidestreamError what the disk says; it can be called again. */
  async clear(): Promise<void> {
    const path = join(this.#folder, HOLD_FILE);
    if (await this.#disk.exists(path)) {
      await this.#disk.remove(path);
      await this.#disk.syncFolder(this.#folder);
    }
    this.#now = null;
  }
}

/** Whose hold it is, since when and why, for a person. */
export function holdText({ user, sinceMs, reason }: DestinationHold): string {
  const since = sinceMs === 0 ? "" : ` since ${new Date(sinceMs).toISOString()}`;
  return `held by ${user}${since}${reason === null ? "" : `: ${reason}`}`;
}

function holdOf(path: string, content: string): DestinationHold {
  let parsed: z.ZodSafeParseResult<z.infer<typeof holdRecord>> | null = null;
  try {
    parsed = holdRecord.safeParse(JSON.parse(content));
  } catch {
    // As for any other content that is none of ours.
  }
  if (parsed?.success !== true) return { user: "somebody", sinceMs: 0, reason: `${path} can't be read` };
  const { user, sinceMs, reason } = parsed.data;
  return { user, sinceMs, reason };
}

async function contentOf(disk: Disk, path: string): Promise<string> {
  const file = await disk.open(path, "read");
  try {
    const bytes = Buffer.alloc(await file.size());
    return bytes.toString("utf8", 0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

/**
 * What a redrive is about to do, on disk before it does it: whatever moment it is killed at, this and the books of the
 * destination's log tell which letters are in that log by now.
 *
 * Promise: the file is whole or it isn't there, whenever the power goes.
 *
 * @see docs/spool-format.md, section 4
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Disk } from "./disk.ts";
import type { SpoolFinding } from "./findings.ts";

export const INTENT_FILE = "redrive";
/** Until it is whole. */
export const INTENT_ASIDE_FILE = "redrive.new";
const MAGIC = Buffer.from("SSTRDRIV", "latin1");
const HEADER_BYTES = 16;

export interface RedriveIntent {
  readonly version: 1;
  /** Id of the dead letters' log; its numbers mean nothing in another. */
  readonly lettersLogId: string;
  /** Id of the log that takes them. */
  readonly logId: string;
  /** Letters that the log had ever taken back before. */
  readonly accepted: number;
  /** Numbers of the letters, in the order in which they are appended. */
  readonly letters: readonly number[];
}

/** Settles once it is on disk. */
export async function writeIntent(disk: Disk, folder: string, intent: RedriveIntent): Promise<void> {
  const payload = Buffer.from(JSON.stringify(intent), "utf8");
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header, 0);
  header.writeUInt32LE(payload.length, 8);
  header.writeUInt32LE(crc32(payload), 12);
  const aside = join(folder, INTENT_ASIDE_FILE);
  if (await disk.exists(aside)) await disk.remove(aside);
  const file = await disk.open(aside, "create");
  try {
    await file.write(Buffer.concat([header, payload]), 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(aside, join(folder, INTENT_FILE));
  await disk.syncFolder(folder);
}

/** Null: nothing was under way. */
export async function readIntent(disk: Disk, folder: string): Promise<RedriveIntent | "damaged" | null> {
  const path = join(folder, INTENT_FILE);
  if (!(await disk.exists(path))) return null;
  const file = await disk.open(path, "read");
  try {
    const bytes = Buffer.alloc(await file.size());
    const read = await file.read(bytes, 0);
    if (read < HEADER_BYTES || bytes.compare(MAGIC, 0, 8, 0, 8) !== 0) return "damaged";
    const payload = bytes.subarray(HEADER_BYTES, HEADER_BYTES + bytes.readUInt32LE(8));
    if (payload.length !== bytes.readUInt32LE(8) || crc32(payload) !== bytes.readUInt32LE(12)) return "damaged";
    return JSON.parse(payload.toString("utf8")) as RedriveIntent;
  } finally {
    await file.close();
  }
}

/** Settles once it is gone for good. */
export async function removeIntent(disk: Disk, folder: string): Promise<void> {
  await disk.remove(join(folder, INTENT_FILE));
  await disk.syncFolder(folder);
}

export function intentFinding(folder: string): SpoolFinding {
  const text =
    "what a redrive was about to do can't be read: up to 500 dead letters may be in the log already, and come twice if they are redriven again";
  return { kind: "damage", path: join(folder, INTENT_FILE), offset: 0, bytes: 0, framesLost: 0, text };
}

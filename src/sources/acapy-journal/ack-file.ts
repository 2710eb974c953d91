/**
 * The file `ack`: how far a journal's reader is done.
 *
 * Promise: `write` settles after fdatasync. The file is written in place and never grows, so that a full disk can't keep
 * its writer from hearing what may be removed. One write runs at a time; calls that come meanwhile share the next.
 * What was damaged is found by a checksum: on the word of a wrong segment its writer would remove what nobody has read.
 *
 * @see docs/journal-format.md, section 4.
 */
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { z } from "zod";
import { identityOf, isInPlace } from "./file-identity.ts";
import { openRegular, parseJson } from "./regular-file.ts";

const FILE_MODE = 0o600;
export const ACK_FILE = "ack";
/** A sector: what a disk writes whole or not at all. */
const FILE_BYTES = 512;

const position = z.int().min(0);
const schema = z.object({
  version: z.literal(1),
  boot: z.string().regex(/^[0-9a-f]{32}$/),
  sequence: position,
  segment: position,
  claimed: position,
  checksum: z.number(),
});

export interface Ack {
  /** 32 hex digits; zeros before the first record. */
  readonly boot: string;
  /** Last record of which everything is safe; 0: none of this boot. */
  readonly sequence: number;
  /** Number of the segment that it stands in. */
  readonly segment: number;
  /** Events of the boot up to here may have been passed on to be sent at most once. */
  readonly claimed: number;
}

/** @returns Null for what is no ack, or damaged. */
function parseAck(text: string): Ack | null {
  const parsed = parseJson(text, schema);
  if (parsed === null) return null;
  const { boot, sequence, segment, claimed, checksum } = parsed;
  const ack = { boot, sequence, segment, claimed };
  return checksum === checksumOf(ack) ? ack : null;
}

function checksumOf({ boot, sequence, segment, claimed }: Ack): number {
  return crc32([boot, sequence, segment, claimed].join(" "));
}

export class AckFile {
  /** What stood in it when it was opened. Null: nothing yet, or something damaged; then all that is there is read. */
  readonly found: Ack | null;
  readonly wasDamaged: boolean;
  readonly #path: string;
  readonly #identity: string;
  readonly #file: FileHandle;
  #writing: Promise<void> | null = null;
  #next: { ack: Ack; readonly written: PromiseWithResolvers<void> } | null = null;

  private constructor(path: string, identity: string, file: FileHandle, text: string) {
    this.#path = path;
    this.#identity = identity;
    this.#file = file;
    this.found = parseAck(text);
    this.wasDamaged = this.found === null && text.trim() !== "";
  }

  /** Opens the file, making it with all its bytes where there is none. @throws As `node:fs` does. */
  static async open(folder: string): Promise<AckFile> {
    const path = join(folder, ACK_FILE);
    const file = await openRegular(path, constants.O_RDWR).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return openRegular(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, FILE_MODE);
      throw error;
    });
    try {
      const stats = await file.stat();
      const { bytesRead, buffer } = await file.read(Buffer.alloc(FILE_BYTES), 0, FILE_BYTES, 0);
      if (stats.size < FILE_BYTES) await file.appendFile(" ".repeat(FILE_BYTES));
      // What stands behind would make all that is written here unreadable.
      if (stats.size > FILE_BYTES) await file.truncate(FILE_BYTES);
      return new AckFile(path, identityOf(stats), file, buffer.toString("latin1", 0, bytesRead));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** True: its name leads to another file, or to none, so that no writer reads what is written. */
  async isReplaced(): Promise<boolean> {
    return !(await isInPlace(this.#path, this.#identity));
  }

  /** Settles once this, or a later one, is on disk. @throws As `node:fs` does. */
  write(ack: Ack): Promise<void> {
    if (this.#writing === null) return (this.#writing = this.#run(ack));
    if (this.#next === null) this.#next = { ack, written: Promise.withResolvers() };
    else this.#next.ack = ack;
    return this.#next.written.promise;
  }

  async #run(ack: Ack): Promise<void> {
    try {
      await this.#put(ack);
    } finally {
      const next = this.#next;
      this.#next = null;
      this.#writing = next === null ? null : this.#run(next.ack);
      if (next !== null) void this.#writing?.then(next.written.resolve, next.written.reject);
    }
  }

  async #put(ack: Ack): Promise<void> {
    const text = `${JSON.stringify({ version: 1, ...ack, checksum: checksumOf(ack) }).padEnd(FILE_BYTES - 1)}\n`;
    await this.#file.write(text, 0);
    await this.#file.datasync();
  }

  /** After the writes under way. */
  async close(): Promise<void> {
    while (this.#writing !== null) await this.#writing.catch(() => undefined);
    await this.#file.close();
  }
}

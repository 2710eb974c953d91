/**
 * Reads one segment of a journal, from its begin to where its writer has got.
 *
 * Promise: it gives whole records, in order, and tells what it stepped over. While the segment is the last one, an end
 * that is not whole is waited for; what can't be read counts as damage only once something whole stands behind it.
 */
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { decodeRecord, RECORD_HEADER_BYTES, recordBytesAt, type JournalRecord } from "./record.ts";
import { openRegular } from "./regular-file.ts";
import { decodeSegmentHeader, HEADER_READ_BYTES, type SegmentHeader } from "./segment-header.ts";

/** Read at once; a larger record is read whole. */
const CHUNK_BYTES = 256 * 1024;

export class SegmentReader {
  readonly #path: string;
  readonly #file: FileHandle;
  #header: SegmentHeader | null = null;
  /** Bytes from `#start` of the file on. */
  #bytes = Buffer.alloc(0);
  #start = 0;
  /** Of the next record, in the file. */
  #offset = 0;
  /** Bytes that were stepped over; of a segment whose header is damaged all. */
  damagedBytes = 0;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** @throws As `node:fs` does, `ENOENT` among others. */
  static async open(path: string): Promise<SegmentReader> {
    return new SegmentReader(path, await openRegular(path, constants.O_RDONLY));
  }

  /** Null: it is not whole yet, or damaged; only `read` finds out. */
  get header(): SegmentHeader | null {
    return this.#header;
  }

  /** Bytes of the file that were read into records, or stepped over. */
  get offset(): number {
    return this.#offset;
  }

  /** True: no name leads to it any more. */
  async isRemoved(): Promise<boolean> {
    return (await this.#file.stat()).nlink === 0;
  }

  async sizeBytes(): Promise<number> {
    return (await this.#file.stat()).size;
  }

  /**
   * Reads the records that follow, about a chunk of them.
   *
   * @returns None at the end of what can be read by now.
   * @throws SidestreamError `SST_JOURNAL_VERSION`; else as `node:fs` does.
   */
  async read(): Promise<readonly JournalRecord[]> {
    if (this.#header === null && !(await this.#readHeader())) return [];
    const salt = (this.#header as SegmentHeader).salt;
    for (let wanted = CHUNK_BYTES; ;) {
      const isAll = await this.#fill(wanted);
      const records = this.#decode(salt);
      if (records.length > 0) return records;
      const at = this.#offset - this.#start;
      const isWholeHeader = this.#bytes.length - at >= RECORD_HEADER_BYTES;
      const recordBytes = isWholeHeader ? recordBytesAt(this.#bytes, at) : null;
      // A record that is larger than the chunk.
      if (recordBytes !== null && recordBytes > this.#bytes.length - at && !isAll) wanted = recordBytes;
      else if (!isWholeHeader || !(await this.#stepOver(salt))) return [];
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #readHeader(): Promise<boolean> {
    await this.#fill(HEADER_READ_BYTES);
    const header = decodeSegmentHeader(this.#bytes, this.#path);
    // One write made it, so what can't be one never becomes one: whatever stands in the file is out of reach.
    if (header === "bad") this.damagedBytes = await this.sizeBytes();
    if (header === "incomplete" || header === "bad") return false;
    this.#header = header;
    this.#offset = header.bytes;
    return true;
  }

  /** Has at least so many bytes behind the offset, or all there are. @returns True for the latter. */
  async #fill(bytes: number): Promise<boolean> {
    const { size } = await this.#file.stat();
    // It became shorter, which no writer does to whole records: sequences tell what is new, and what is missing.
    if (size < this.#offset) this.#offset = Math.min(size, this.#header?.bytes ?? 0);
    const end = Math.min(size, this.#offset + bytes);
    const buffer = Buffer.allocUnsafeSlow(end - this.#offset);
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await this.#file.read(buffer, filled, buffer.length - filled, this.#offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.#bytes = buffer.subarray(0, filled);
    this.#start = this.#offset;
    return end === size;
  }

  #decode(salt: number): JournalRecord[] {
    const records: JournalRecord[] = [];
    for (;;) {
      const record = decodeRecord(this.#bytes, this.#offset - this.#start, salt);
      if (record === "incomplete" || record === "bad") return records;
      records.push(record);
      this.#offset += record.bytes;
    }
  }

  /**
   * Looks for the next whole record behind what can't be read. @returns False where there is none by now: it may be
   * under way, so nothing is stepped over.
   */
  async #stepOver(salt: number): Promise<boolean> {
    const { size } = await this.#file.stat();
    // From the offset itself on: it may have become whole since.
    for (let at = this.#offset; at + RECORD_HEADER_BYTES <= size; at += CHUNK_BYTES) {
      const found = await this.#find(at, Math.min(size, at + CHUNK_BYTES), salt);
      if (found === null) continue;
      this.damagedBytes += found - this.#offset;
      this.#offset = found;
      return true;
    }
    return false;
  }

  /** Where the first whole record begins that begins between two offsets. */
  async #find(from: number, to: number, salt: number): Promise<number | null> {
    const bytes = await this.#bytesAt(from, to - from + RECORD_HEADER_BYTES);
    for (let at = 0; at < to - from && at + RECORD_HEADER_BYTES <= bytes.length; at += 1) {
      const recordBytes = recordBytesAt(bytes, at);
      if (recordBytes === null) continue;
      const whole = at + recordBytes <= bytes.length ? bytes.subarray(at) : await this.#bytesAt(from + at, recordBytes);
      if (typeof decodeRecord(whole, 0, salt) === "object") return from + at;
    }
    return null;
  }

  async #bytesAt(offset: number, bytes: number): Promise<Buffer> {
    const { size } = await this.#file.stat();
    const buffer = Buffer.allocUnsafeSlow(Math.max(0, Math.min(bytes, size - offset)));
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, offset);
    return buffer.subarray(0, bytesRead);
  }
}

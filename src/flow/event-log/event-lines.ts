/**
 * Reads the lines of a file of events one by one, within bounds of memory.
 *
 * Promise: a line comes whole or not at all. What stands behind the last line's end was torn by a kill, or is being
 * written just now.
 */
import { open } from "node:fs/promises";
import { orNullWhereMissing } from "./event-files.ts";

/** Larger lines were never written: this is what `limits.messageBytesMax` allows at most. */
export const LINE_BYTES_MAX = 64 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
const LINE_END = 0x0a;

/** What is no line. */
export interface LinesLeft {
  /** Bytes behind the last line's end. */
  tornBytes: number;
  /** Lines that are larger than any that was written. */
  oversized: number;
}

/**
 * @param left - Told at the end what was left out.
 * @returns Lines without their ends; nothing for a file that is gone.
 * @throws What the system says.
 */
export async function* eventLines(path: string, left: LinesLeft, lineBytesMax: number = LINE_BYTES_MAX): AsyncGenerator<Buffer> {
  const file = await orNullWhereMissing(open(path, "r"));
  if (file === null) return;
  try {
    let begun: Buffer[] = [];
    let begunBytes = 0;
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, null);
      if (bytesRead === 0) break;
      let from = 0;
      for (let end = buffer.indexOf(LINE_END); end >= 0 && end < bytesRead; end = buffer.indexOf(LINE_END, from)) {
        const piece = buffer.subarray(from, end);
        from = end + 1;
        const isTooLarge = begunBytes + piece.length > lineBytesMax;
        const line = begun.length === 0 ? piece : Buffer.concat([...begun, piece]);
        begun = [];
        begunBytes = 0;
        if (isTooLarge) left.oversized += 1;
        else yield line;
      }
      const rest = buffer.subarray(from, bytesRead);
      // What is beyond the bound is counted and not kept.
      if (begunBytes + rest.length <= lineBytesMax) begun.push(rest);
      else begun = [];
      begunBytes += rest.length;
    }
    left.tornBytes += begunBytes;
  } finally {
    await file.close();
  }
}

/**
 * Finds where a file's last whole line ends. A process that is killed, or a disk that fills up, may leave part of a line.
 */
import type { TopicHandle } from "./file-operations.ts";

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** @returns Bytes up to and with the last newline; `sizeBytes` when the last line is whole. */
export async function wholeLinesBytes(handle: Pick<TopicHandle, "read">, sizeBytes: number): Promise<number> {
  const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, sizeBytes));
  for (let end = sizeBytes; end > 0;) {
    const start = Math.max(0, end - chunk.length);
    const { bytesRead } = await handle.read(chunk, 0, end - start, start);
    const newline = chunk.subarray(0, bytesRead).lastIndexOf(NEWLINE);
    if (newline !== -1) return start + newline + 1;
    end = start;
  }
  return 0;
}

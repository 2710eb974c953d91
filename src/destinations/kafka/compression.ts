/**
 * Compresses the records of a batch.
 *
 * Promise: a large batch is compressed off the thread where the codec can be; what comes out is what every Kafka
 * consumer reads.
 */
import { promisify } from "node:util";
import { zstdCompress } from "node:zlib";
import { compressionsAlgorithms } from "@platformatic/kafka";

export type Compression = keyof typeof compressionsAlgorithms;

/** Below this, handing the work to another thread takes longer than the work. */
const OFF_THREAD_BYTES_MIN = 16 * 1024;

const zstd = promisify(zstdCompress);

/** As a batch's attributes name the codec. */
export function codecBits(compression: Compression): number {
  return compressionsAlgorithms[compression].bitmask;
}

export function compress(compression: Compression, bytes: Buffer): Buffer | Promise<Buffer> {
  if (bytes.length >= OFF_THREAD_BYTES_MIN) {
    if (compression === "gzip") return compressionsAlgorithms.gzip.compress(bytes);
    if (compression === "zstd") return zstd(bytes);
  }
  return compressionsAlgorithms[compression].compressSync(bytes);
}

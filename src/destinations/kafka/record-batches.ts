/**
 * Reads the messages out of batches as they are stored.
 *
 * Promise: a batch counts only when its checksum holds. Records of aborted transactions, and those that only mark the end
 * of one, are no messages.
 * @see https://kafka.apache.org/documentation/#recordbatch
 */
import { crc32c, IS_CONTROL, IS_TRANSACTIONAL, Reader, readRecordsBatch, Writer, type RecordsBatch } from "@platformatic/kafka";
import type { StoredMessage } from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import type { AbortedTransaction } from "./fetch-records.ts";
import { BATCH_HEAD_BYTES, CRC_FROM, LENGTH_FROM, MAGIC } from "./records.ts";

/** In the key of a record that ends a transaction: behind a version, 0 for one that was aborted. */
const END_TYPE_AT = 2;
const ABORTED = 0;

export interface BatchesRead {
  readonly messages: readonly StoredMessage[];
  /** Where to read on; the offset that was asked for when no batch was whole. */
  readonly nextOffset: bigint;
  /** Kafka removed records from the midst of a batch: the topic is compacted. */
  readonly isCompacted: boolean;
}

/**
 * @param records - The first batch may begin before `fromOffset`, the last one may be cut off.
 * @param endOffset - Messages at and above it are left out.
 * @param where - For texts.
 * @throws SidestreamError `SST_LANE_UNAVAILABLE` for a batch that is damaged, `SST_DESTINATION_UNSUPPORTED` for one in the
 * format of a Kafka before 0.11.
 */
export function readBatches(
  records: Buffer,
  aborted: readonly AbortedTransaction[],
  fromOffset: bigint,
  endOffset: bigint,
  where: string,
): BatchesRead {
  const messages: StoredMessage[] = [];
  const transactions = new Transactions(aborted);
  let nextOffset = fromOffset;
  let isCompacted = false;
  for (let at = 0; at + BATCH_HEAD_BYTES <= records.length;) {
    const end = at + LENGTH_FROM + records.readInt32BE(at + 8);
    if (end > records.length) break;
    const bytes = records.subarray(at, end);
    checkBatch(bytes, where);
    const batch = readRecordsBatch(Reader.from(bytes));
    const lastOffset = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    if (transactions.counts(batch, lastOffset)) {
      isCompacted ||= batch.records.length <= batch.lastOffsetDelta;
      for (const record of batch.records) {
        const offset = batch.firstOffset + BigInt(record.offsetDelta);
        if (offset >= fromOffset && offset < endOffset) messages.push(messageOf(record, offset));
      }
    }
    nextOffset = lastOffset + 1n;
    at = end;
  }
  return { messages, nextOffset, isCompacted };
}

function messageOf({ key, value, headers }: RecordsBatch["records"][number], offset: bigint): StoredMessage {
  return {
    offset: Number(offset),
    key: String(key ?? ""),
    headers: headers.map(([name, text]) => [String(name ?? ""), String(text ?? "")] as const),
    value,
  };
}

function checkBatch(bytes: Buffer, where: string): void {
  const offset = bytes.readBigInt64BE(0);
  if (bytes.readInt8(16) !== MAGIC)
    throw new SidestreamError("SST_DESTINATION_UNSUPPORTED", `${where}: the batch at offset ${offset} was written by a Kafka before 0.11`);
  const crc = crc32c(Writer.create().append(bytes.subarray(CRC_FROM)).dynamicBuffer);
  if (crc !== bytes.readUInt32BE(17))
    throw new SidestreamError("SST_LANE_UNAVAILABLE", `${where}: the checksum of the batch at offset ${offset} is wrong`);
}

/** Which batches count, told as Kafka's own consumer does: batches come in their order, and so do their transactions' ends. */
class Transactions {
  /** By first offset. */
  readonly #aborted: AbortedTransaction[];
  /** Producers whose transaction at this place was aborted. */
  readonly #within = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#aborted = aborted.toSorted((left, right) => Number(left.firstOffset - right.firstOffset));
  }

  counts(batch: RecordsBatch, lastOffset: bigint): boolean {
    for (let next = this.#aborted[0]; next !== undefined && next.firstOffset <= lastOffset; next = this.#aborted[0]) {
      this.#within.add(next.producerId);
      this.#aborted.shift();
    }
    if ((batch.attributes & IS_CONTROL) !== 0) {
      if (batch.records[0]?.key?.readInt16BE(END_TYPE_AT) === ABORTED) this.#within.delete(batch.producerId);
      return false;
    }
    return (batch.attributes & IS_TRANSACTIONAL) === 0 || !this.#within.has(batch.producerId);
  }
}

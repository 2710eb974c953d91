/**
 * Fetches batches of a partition as they are stored.
 *
 * Promise: nothing of a batch is looked at or decompressed here, which the client's own reader of this answer would do.
 */
import { fetchV12, type Connection, type Reader } from "@platformatic/kafka";

export const OFFSET_OUT_OF_RANGE = 1;
/** Whatever leader answers will do. */
export const ANY_EPOCH = -1;

export interface FetchRequest {
  readonly topic: string;
  readonly partition: number;
  readonly fromOffset: bigint;
  readonly leaderEpoch: number;
  /** One batch comes along whatever is asked. */
  readonly bytesMax: number;
  /** How long the broker may wait for a first byte. */
  readonly waitMs: number;
  /** Only up to the first transaction that is open, and with those named that were aborted. */
  readonly committedOnly: boolean;
}

/** A transaction whose records count for nothing. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

export interface FetchedRecords {
  /** Kafka's, 0 for none. */
  readonly errorCode: number;
  /** What is below it is on all replicas in sync. */
  readonly highWatermark: bigint;
  readonly aborted: readonly AbortedTransaction[];
  /** Batches, the first one being that which holds the offset. The last one may be cut off. */
  readonly records: Buffer;
}

/** Rejects as the client does; what the broker says of the partition is in the answer. */
export function fetchRecords(connection: Connection, request: FetchRequest): Promise<FetchedRecords> {
  const { topic, partition, fromOffset, leaderEpoch, bytesMax, waitMs, committedOnly } = request;
  const wanted = {
    partition,
    currentLeaderEpoch: leaderEpoch,
    fetchOffset: fromOffset,
    lastFetchedEpoch: -1,
    partitionMaxBytes: bytesMax,
  };
  const topics = [{ topicId: topic, partitions: [wanted] }];
  const write = () => fetchV12.createRequest(waitMs, 1, bytesMax, committedOnly ? 1 : 0, 0, -1, topics, [], "");
  const { key, version } = fetchV12.api;
  return new Promise((resolve, reject) => {
    connection.send(
      key,
      version,
      write,
      (_correlationId, _apiKey, _version, reader) => readAnswer(reader),
      true,
      true,
      (error, answer) => (error === null ? resolve(answer as FetchedRecords) : reject(error)),
    );
  });
}

function readAnswer(reader: Reader): FetchedRecords {
  reader.readInt32();
  const wholeError = reader.readInt16();
  reader.readInt32();
  const pages = reader.readArray((ofTopic) => {
    ofTopic.readString();
    return ofTopic.readArray((part) => {
      part.readInt32();
      const errorCode = part.readInt16();
      const highWatermark = part.readInt64();
      // The last stable offset, and where the log begins.
      part.readInt64();
      part.readInt64();
      const aborted = part.readNullableArray((one) => ({ producerId: one.readInt64(), firstOffset: one.readInt64() })) ?? [];
      // Who else could be asked.
      part.readInt32();
      return { errorCode, highWatermark, aborted, records: part.readBytes() };
    });
  });
  const page = pages[0]?.[0] ?? { errorCode: wholeError, highWatermark: 0n, aborted: [], records: Buffer.alloc(0) };
  return wholeError === 0 ? page : { ...page, errorCode: wholeError };
}

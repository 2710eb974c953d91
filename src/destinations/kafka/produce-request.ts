/**
 * The Produce request: record batches of several partitions, written to their leader at once, and its answer.
 *
 * From version 13 on a topic goes by its id, so that a topic that was deleted and made anew refuses what was meant for
 * the one before it.
 * @see https://kafka.apache.org/protocol.html#The_Messages_Produce
 */
import { Writer, type Reader } from "@platformatic/kafka";

export const PRODUCE_API = 0;
const VERSIONS_BY_NAME = [9, 10, 11] as const;
const VERSION_BY_ID = 13;
/** All replicas in sync must have it before the leader answers. */
const ACKS_ALL = -1;

/** One partition's part of a request. */
export interface ProducePart {
  readonly topic: string;
  readonly topicId: string | null;
  readonly partition: number;
  /** A record batch. */
  readonly batch: Buffer;
}

/** What became of a part. */
export interface ProduceResult {
  readonly errorCode: number;
  /** Offset of the batch's first record; below 0 where the broker doesn't tell. */
  readonly baseOffset: bigint;
  /** The broker's own words. */
  readonly said: string | null;
}

/** Versions that serve for topics, depending on whether all their ids are known. */
export function produceVersions(withIds: boolean): readonly number[] {
  return withIds ? [...VERSIONS_BY_NAME, VERSION_BY_ID] : VERSIONS_BY_NAME;
}

/** Under what a part's result is found in the answer. */
export function partName({ topic, topicId, partition }: Omit<ProducePart, "batch">, version: number): string {
  return `${version >= VERSION_BY_ID ? topicId : topic}/${partition}`;
}

/** @param ackMs - How long the leader may wait for the other replicas. */
export function writeProduce(parts: readonly ProducePart[], version: number, ackMs: number): Writer {
  const writer = Writer.create().appendString(null).appendInt16(ACKS_ALL).appendInt32(ackMs);
  return writer
    .appendArray([...Map.groupBy(parts, ({ topic }) => topic).values()], (topics, ofTopic) => {
      const { topic, topicId } = ofTopic[0] as ProducePart;
      if (version >= VERSION_BY_ID) topics.appendUUID(topicId);
      else topics.appendString(topic);
      topics.appendArray(ofTopic, (partitions, { partition, batch }) => {
        partitions
          .appendInt32(partition)
          .appendUnsignedVarInt(batch.length + 1)
          .append(batch);
      });
    })
    .appendTaggedFields();
}

/** @returns Results under their part's name. */
export function readProduce(reader: Reader, version: number): ReadonlyMap<string, ProduceResult> {
  const results = new Map<string, ProduceResult>();
  reader.readArray((ofTopic) => {
    const topic = version >= VERSION_BY_ID ? ofTopic.readUUID() : ofTopic.readString();
    ofTopic.readArray((part) => {
      const partition = part.readInt32();
      results.set(`${topic}/${partition}`, readResult(part));
    });
  });
  return results;
}

function readResult(reader: Reader): ProduceResult {
  const errorCode = reader.readInt16();
  const baseOffset = reader.readInt64();
  // The time of appending, and where the log begins.
  reader.readInt64();
  reader.readInt64();
  const ofRecords = reader.readArray((record) => {
    record.readInt32();
    return record.readNullableString();
  });
  const said = reader.readNullableString();
  return { errorCode, baseOffset, said: said ?? ofRecords.find((text) => text !== null) ?? null };
}

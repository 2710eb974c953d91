/**
 * Reads what arrived in topics, quickly and over and over: each time only what came since the last.
 *
 * By the client library's own decoding, which the driver doesn't use to encode. Kafka's console consumer is the stricter
 * judge, and takes a Java machine for each look.
 */
import assert from "node:assert/strict";
import { Connection, fetchV12 } from "@platformatic/kafka";
import type { ReceivedMessage } from "../../../driver/contract/harness.ts";

const PAGE_BYTES_MAX = 16 * 1024 * 1024;
const PAGE_WAIT_MS = 10;
const CONNECT_MS_MAX = 10_000;

interface Partition {
  readonly topic: string;
  readonly number: number;
  readonly messages: ReceivedMessage[];
  next: bigint;
}

export class TopicReader {
  readonly #partitions: readonly Partition[];

  constructor(topics: readonly string[], partitionCount: number) {
    this.#partitions = topics.flatMap((topic) =>
      Array.from({ length: partitionCount }, (_, number) => ({ topic, number, messages: [], next: 0n })),
    );
  }

  /**
   * Everything up to the ends as of now, partition by partition.
   *
   * @param address - `host:port` of a broker's listener without TLS and login, which leads all partitions.
   */
  async read(address: string): Promise<readonly ReceivedMessage[]> {
    const colon = address.lastIndexOf(":");
    const connection = new Connection("topic-reader", { connectTimeout: CONNECT_MS_MAX });
    await connection.connect(address.slice(0, colon), Number(address.slice(colon + 1)));
    try {
      for (const partition of this.#partitions) while (await this.#readPage(connection, partition));
    } finally {
      await connection.close();
    }
    return this.#partitions.flatMap(({ messages }) => messages);
  }

  /** @returns Whether there is more. */
  async #readPage(connection: Connection, partition: Partition): Promise<boolean> {
    const { topic, number, messages } = partition;
    const from = {
      partition: number,
      currentLeaderEpoch: -1,
      fetchOffset: partition.next,
      lastFetchedEpoch: -1,
      partitionMaxBytes: PAGE_BYTES_MAX,
    };
    const topics = [{ topicId: topic, partitions: [from] }];
    const answer = await fetchV12.api.async(connection, PAGE_WAIT_MS, 1, PAGE_BYTES_MAX, 0, 0, -1, topics, [], "");
    const page = answer.responses[0]?.partitions[0];
    assert(page !== undefined && page.errorCode === 0, `reading ${topic}/${number}: error ${page?.errorCode}`);
    for (const batch of page.records ?? []) {
      for (const { offsetDelta, key, value, headers } of batch.records) {
        const offset = batch.firstOffset + BigInt(offsetDelta);
        // A page begins with the whole batch that holds the offset asked for.
        if (offset < partition.next) continue;
        assert(value !== null, `${topic}/${number} has a message without a value at ${offset}`);
        const pairs = headers.map(([name, text]) => [String(name), String(text)] as const);
        messages.push({ topic, key: String(key ?? ""), headers: pairs, value });
        partition.next = offset + 1n;
      }
    }
    return partition.next < page.highWatermark;
  }
}

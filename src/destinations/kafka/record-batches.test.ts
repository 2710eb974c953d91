/** What counts as a message, of batches as brokers store them. */
import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@platformatic/kafka";
import { readBatches } from "./record-batches.ts";
import { encodeRecords, sealBatch } from "./records.ts";

const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;
const COMMIT = Buffer.from([0, 0, 0, 1]);
const ABORT = Buffer.from([0, 0, 0, 0]);

interface BatchParts {
  readonly offset: number;
  readonly values: readonly string[];
  readonly producer?: bigint;
  readonly attributes?: number;
  /** In place of the first record's key. */
  readonly key?: Buffer;
}

function batch({ offset, values, producer = 7n, attributes = 0, key }: BatchParts): Buffer {
  const messages = values.map((value, index) => ({
    topic: "t",
    key: key?.toString("latin1") ?? "k",
    headers: [["name", value] as const],
    value: Buffer.from(value),
    sequence: index,
  }));
  const { bytes, count } = encodeRecords(messages, Infinity);
  sealBatch(bytes, count, attributes, { producerId: producer, epoch: 0, baseSequence: 0 }, 1_000);
  bytes.writeBigInt64BE(BigInt(offset), 0);
  return bytes;
}

/** A record that ends a transaction. */
function end(offset: number, how: Buffer, producer = 7n): Buffer {
  return batch({ offset, values: [""], producer, attributes: TRANSACTIONAL | CONTROL, key: how });
}

function read(batches: readonly Buffer[], aborted: readonly [producer: bigint, offset: bigint][] = [], from = 0, to = 1_000) {
  const transactions = aborted.map(([producerId, firstOffset]) => ({ producerId, firstOffset }));
  const { messages, ...rest } = readBatches(Buffer.concat(batches), transactions, BigInt(from), BigInt(to), "broker b: reading t/0");
  return { ...rest, values: messages.map(({ value }) => String(value)), offsets: messages.map(({ offset }) => offset) };
}

test("messages from one offset to another are read, and a batch that is cut off is left for the next page", () => {
  const batches = [batch({ offset: 10, values: ["a", "b", "c"] }), batch({ offset: 13, values: ["d", "e"] })];
  const cutOff = batch({ offset: 15, values: ["f"] }).subarray(0, -1);
  deepEqual(read([...batches, cutOff], [], 11, 14), {
    values: ["b", "c", "d"],
    offsets: [11, 12, 13],
    nextOffset: 15n,
    isCompacted: false,
  });
  deepEqual(read([cutOff], [], 15), { values: [], offsets: [], nextOffset: 15n, isCompacted: false });
});

test("of transactions that were aborted nothing counts, of those that were committed all; their ends are no messages", () => {
  const inTransaction = (offset: number, value: string, producer = 7n) =>
    batch({ offset, values: [value], producer, attributes: TRANSACTIONAL });
  const log = [
    inTransaction(0, "aborted"),
    inTransaction(1, "committed", 8n),
    batch({ offset: 2, values: ["plain"] }),
    inTransaction(3, "aborted too"),
    end(4, ABORT),
    inTransaction(5, "later"),
    end(6, COMMIT, 8n),
    end(7, COMMIT),
  ];
  const { values, nextOffset } = read(log, [[7n, 0n]]);
  deepEqual(values, ["committed", "plain", "later"]);
  equal(nextOffset, 8n);
});

test("a batch whose checksum is wrong is refused, with its place", () => {
  const damaged = batch({ offset: 3, values: ["abc"] });
  damaged[damaged.length - 2] = 0;
  throws(() => read([batch({ offset: 0, values: ["a", "b", "c"] }), damaged]), {
    code: "SST_LANE_UNAVAILABLE",
    message: "broker b: reading t/0: the checksum of the batch at offset 3 is wrong",
  });
});

test("a batch of an old format is refused", () => {
  const old = batch({ offset: 3, values: ["abc"] });
  old.writeInt8(1, 16);
  throws(() => read([old]), { code: "SST_DESTINATION_UNSUPPORTED" });
});

test("a batch from which Kafka removed messages shows that the topic is compacted", () => {
  const compacted = batch({ offset: 3, values: ["a", "b"] });
  compacted.writeInt32BE(4, 23);
  compacted.writeUInt32BE(crc32c(compacted.subarray(21)), 17);
  deepEqual(read([compacted], [], 3), { values: ["a", "b"], offsets: [3, 4], nextOffset: 8n, isCompacted: true });
});

/** Record batches, read back by the client library's own reader. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c, Reader, readRecordsBatch } from "@platformatic/kafka";
import fc from "fast-check";
import type { OutgoingMessage } from "../../driver/destination.ts";
import { codecBits, compress, type Compression } from "./compression.ts";
import { COMPRESSIONS } from "./options.ts";
import { BATCH_HEAD_BYTES, encodeRecords, loneBatchBytes, sealBatch } from "./records.ts";

const text = fc.string({ unit: "binary", maxLength: 100 });
const message: fc.Arbitrary<OutgoingMessage> = fc.record({
  topic: fc.constant("topic"),
  key: fc.oneof(text, fc.string({ unit: "grapheme-ascii", minLength: 60, maxLength: 70 })),
  headers: fc.array(fc.tuple(text, text), { maxLength: 4 }),
  value: fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.integer({ min: 8_100, max: 8_300 }).map((length) => Buffer.alloc(length, "v")),
  ),
  sequence: fc.nat(),
});
const numbers = fc.record({
  producerId: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  epoch: fc.integer({ min: 0, max: 32_767 }),
  baseSequence: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
});
const timeMs = fc.integer({ min: 0, max: 2 ** 42 });

/** Text as it arrives: what is no character in UTF-16 can't be told in UTF-8. */
function utf8(value: string): Buffer {
  return Buffer.from(value);
}

for (const compression of COMPRESSIONS) {
  test(`a batch with compression ${compression} is read back as it was written`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 20 }), numbers, timeMs, async (messages, given, now) => {
        const { bytes, count } = encodeRecords(messages, Infinity);
        assert.equal(count, messages.length);
        const batch = await packed(bytes, compression);
        sealBatch(batch, count, codecBits(compression), given, now);
        const read = readRecordsBatch(Reader.from(batch));
        assert.equal(read.magic, 2);
        assert.equal(read.length, batch.length - 12);
        assert.equal(read.crc, crc32c(batch.subarray(21)));
        assert.equal(read.attributes, codecBits(compression));
        assert.equal(read.lastOffsetDelta, count - 1);
        assert.deepEqual([read.firstTimestamp, read.maxTimestamp], [BigInt(now), BigInt(now)]);
        assert.deepEqual([read.producerId, read.producerEpoch, read.firstSequence], [given.producerId, given.epoch, given.baseSequence]);
        const expected = messages.map(({ key, headers, value }, offsetDelta) => ({
          offsetDelta,
          key: utf8(key),
          value,
          headers: headers.map(([name, content]) => [utf8(name), utf8(content)]),
        }));
        const records = read.records.map(({ offsetDelta, key, value, headers }) => ({ offsetDelta, key, value, headers: [...headers] }));
        assert.deepEqual(records, expected);
      }),
      { numRuns: 100 },
    );
  });
}

test("a batch takes the first messages that fit, and never more bytes than it may", () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 30 }), fc.integer({ min: 0, max: 40_000 }), (messages, bytesMax) => {
      const { bytes, count } = encodeRecords(messages, bytesMax);
      const whole = encodeRecords(messages.slice(0, count), Infinity);
      assert.equal(whole.count, count);
      assert.equal(bytes.length, whole.bytes.length);
      if (count > 0) assert(bytes.length <= bytesMax);
      if (count < messages.length) assert(encodeRecords(messages.slice(0, count + 1), Infinity).bytes.length > bytesMax);
    }),
  );
});

test("what a message needs alone is what its batch has", () => {
  fc.assert(fc.property(message, (one) => assert.equal(encodeRecords([one], Infinity).bytes.length, loneBatchBytes(one))));
});

async function packed(bytes: Buffer, compression: Compression): Promise<Buffer> {
  const records = await compress(compression, bytes.subarray(BATCH_HEAD_BYTES));
  return Buffer.concat([bytes.subarray(0, BATCH_HEAD_BYTES), records]);
}

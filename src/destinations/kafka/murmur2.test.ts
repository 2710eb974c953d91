/** The partition of a key, against values that Kafka's own Java client (kafka-clients 4.3.1, `Utils.murmur2`) gave. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { murmur2, partitionOf } from "./murmur2.ts";

const FROM_JAVA: readonly (readonly [key: string, hash: number, ofSix: number, ofFifty: number])[] = [
  ["", 275_646_681, 3, 31],
  ["a", -1_563_381_124, 4, 24],
  ["ab", 316_155_434, 2, 34],
  ["abc", 479_470_107, 3, 7],
  ["abcd", -1_323_649_548, 2, 0],
  ["abcde", 461_995_741, 1, 41],
  ["diku/42", -1_943_061_175, 1, 23],
  ["fs00000001/9d3d5a2e-5a7e-4a61-9d0a-2b8b4f1f2a10", -1_864_907_306, 0, 42],
  ["ключ", 2_122_343_024, 2, 24],
  ["鍵🔑", 983_535_982, 4, 32],
  ["\u0000\u007f\u0080\u00ff", 1_970_610_593, 5, 43],
  [" ", -987_232_127, 3, 21],
  ["x".repeat(1000), -1_068_453_602, 0, 46],
  ["é".repeat(700), 2_085_953_794, 4, 44],
];

test("a key's hash and partition are those of Kafka's Java client", () => {
  for (const [key, hash, ofSix, ofFifty] of FROM_JAVA) {
    const bytes = Buffer.from(key);
    assert.equal(murmur2(bytes, bytes.length), hash, JSON.stringify(key));
    assert.equal(partitionOf(key, 6), ofSix, JSON.stringify(key));
    assert.equal(partitionOf(key, 50), ofFifty, JSON.stringify(key));
  }
});

test("a key's partition is one of those there are, however long the key", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 800 }), fc.integer({ min: 1, max: 1000 }), (key, count) => {
      const bytes = Buffer.from(key);
      const partition = partitionOf(key, count);
      assert(partition >= 0 && partition < count);
      assert.equal(partition, (murmur2(bytes, bytes.length) & 0x7f_ff_ff_ff) % count);
    }),
  );
});

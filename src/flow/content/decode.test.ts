import assert from "node:assert/strict";
import { test } from "node:test";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { decode, readCodings } from "./decode.ts";

const MEBIBYTE = 1024 * 1024;
const CODERS: readonly (readonly [string, string, (bytes: Buffer) => Buffer])[] = [
  ["gzip", "gzip", gzipSync],
  ["x-gzip", "x-gzip", gzipSync],
  ["deflate", "deflate", deflateSync],
  ["deflate without its frame", "deflate", deflateRawSync],
  ["br", "br", brotliCompressSync],
  ["zstd", "zstd", zstdCompressSync],
];

for (const [name, coding, encode] of CODERS) {
  test(`${name} is undone byte for byte`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => {
        assert.deepEqual(decode(encode(Buffer.from(bytes)), [coding], MEBIBYTE), Buffer.from(bytes));
      }),
      { numRuns: 30 },
    );
  });

  test(`${name} cut at any byte is undecodable, never a part`, () => {
    const whole = encode(Buffer.from("a body that is long enough to be worth it, ".repeat(20)));
    for (let length = 0; length < whole.length; length++)
      assert.equal(decode(whole.subarray(0, length), [coding], MEBIBYTE), "undecodable", `cut at ${length}`);
  });

  test(`${name} with anything behind its end is undecodable`, () => {
    assert.equal(decode(Buffer.concat([encode(Buffer.from("abc")), Buffer.from("junk")]), [coding], MEBIBYTE), "undecodable");
  });

  test(`a ${name} bomb is given up early, by size and by ratio`, () => {
    const bomb = encode(Buffer.alloc(64 * MEBIBYTE));
    assert.equal(decode(bomb, [coding], 2 * MEBIBYTE), "too-large");
    // 64 MiB of zeros in a few KiB: more than 200 to 1.
    assert.equal(decode(bomb.length > 64 * 1024 ? encode(Buffer.alloc(3 * MEBIBYTE)) : bomb, [coding], 1024 * MEBIBYTE), "too-large");
  });
}

test("a body may grow to 1 MiB whatever the ratio", () => {
  const bytes = Buffer.alloc(MEBIBYTE - 1);
  assert.deepEqual(decode(brotliCompressSync(bytes), ["br"], 16 * MEBIBYTE), bytes);
});

test("up to three codings are undone, the last first", () => {
  const bytes = Buffer.from("three times");
  const codings = readCodings("GZIP , identity, br,  zstd") ?? [];
  assert.deepEqual(codings, ["gzip", "br", "zstd"]);
  assert.deepEqual(decode(zstdCompressSync(brotliCompressSync(gzipSync(bytes))), codings, MEBIBYTE), bytes);
  assert.equal(readCodings("gzip, gzip, gzip, gzip"), null);
});

test("a bomb inside a bomb meets the limit of the body's own size", () => {
  const inner = gzipSync(Buffer.alloc(50 * MEBIBYTE));
  assert.equal(decode(gzipSync(inner), ["gzip", "gzip"], 1024 * MEBIBYTE), "too-large");
});

test("zstd and gzip bodies of several frames are undone whole", () => {
  const twice = Buffer.from("onetwo");
  assert.deepEqual(
    decode(Buffer.concat([zstdCompressSync(Buffer.from("one")), zstdCompressSync(Buffer.from("two"))]), ["zstd"], MEBIBYTE),
    twice,
  );
  assert.deepEqual(decode(Buffer.concat([gzipSync(Buffer.from("one")), gzipSync(Buffer.from("two"))]), ["gzip"], MEBIBYTE), twice);
  const frame = zstdCompressSync(Buffer.from("x"));
  assert.equal(decode(Buffer.concat(Array.from({ length: 100 }, () => frame)), ["zstd"], MEBIBYTE), "too-large");
});

test("a coding that isn't known, or isn't what the bytes are, is undecodable", () => {
  assert.equal(decode(Buffer.from("{}"), ["compress"], MEBIBYTE), "undecodable");
  for (const [, coding] of CODERS) assert.equal(decode(Buffer.from('{"a":1}'), [coding], MEBIBYTE), "undecodable");
});

test("without a coding the bytes are the same, within the limit", () => {
  const bytes = Buffer.from("abc");
  assert.equal(decode(bytes, [], 3), bytes);
  assert.equal(decode(bytes, [], 2), "too-large");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { shortCrc32 } from "./short-crc.ts";

test("the sum is that of zlib, wherever the bytes lie and whatever came before", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      fc.nat(64),
      fc.nat(64),
      fc.integer({ min: 0, max: 0xff_ff_ff_ff }),
      (bytes, a, b, seed) => {
        const from = Math.min(a, b, bytes.length);
        const to = Math.min(Math.max(a, b), bytes.length);
        assert.equal(shortCrc32(bytes, from, to, seed), crc32(bytes.subarray(from, to), seed));
      },
    ),
  );
});

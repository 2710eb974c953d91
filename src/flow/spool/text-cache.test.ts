import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TextCache } from "./text-cache.ts";

test("a text is what its bytes say, however many others were read before", () => {
  const cache = new TextCache();
  const short = fc.string({ unit: "binary", maxLength: 4 });
  fc.assert(
    fc.property(fc.array(fc.oneof(short, fc.string({ unit: "binary", maxLength: 100 })), { maxLength: 50 }), (texts) => {
      for (const text of [...texts, ...texts]) {
        const bytes = Buffer.from(`<${text}>`, "utf8");
        assert.equal(cache.read(bytes, 1, bytes.length - 1), bytes.toString("utf8", 1, bytes.length - 1));
      }
    }),
  );
});

test("the same bytes give the same text without decoding it again", () => {
  const cache = new TextCache();
  const bytes = Buffer.from("users-audit");
  const first = cache.read(bytes, 0, bytes.length);
  bytes.toString = () => assert.fail("decoded again");
  assert.equal(cache.read(bytes, 0, bytes.length), first);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bodyBytes } from "../../driver/testing/fake-port.ts";
import { BodyTap } from "./tap.ts";

test("property: a tap keeps the first bytes up to its bound and counts all of them, however they come", () => {
  const chunk = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 500, maxLength: 600 }));
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 60 }), fc.nat(4000), (chunks, bytesMax) => {
      let held = 0;
      const tap = new BodyTap(bytesMax, (bytes) => {
        held += bytes;
        return true;
      });
      for (const bytes of chunks) tap.add(Buffer.from(bytes));
      const all = Buffer.concat(chunks);
      const body = tap.body();
      assert.deepEqual(bodyBytes(body), all.subarray(0, bytesMax));
      assert.equal(body.sizeBytes, all.length);
      assert.equal(body.truncated, all.length > bytesMax);
      assert.equal(tap.heldBytes, held);
      assert.equal(held, Math.min(all.length, bytesMax));
    }),
  );
});

test("a body in crumbs is kept in few slices", () => {
  const tap = new BodyTap(100_000, null);
  for (let i = 0; i < 100_000; i += 1) tap.add(Buffer.from([i & 255]));
  const body = tap.body();
  assert.ok(body.slices.length < 40, `${body.slices.length} slices`);
  assert.equal(bodyBytes(body)[70_001], 70_001 & 255);
});

test("once memory was refused nothing further is kept, so that the body has no hole", () => {
  const answers = [true, false, true];
  const tap = new BodyTap(100, () => answers.shift() ?? true);
  for (const text of ["one", "two", "three"]) tap.add(Buffer.from(text));
  const body = tap.body();
  assert.deepEqual([bodyBytes(body).toString(), body.sizeBytes, body.truncated, tap.heldBytes], ["one", 11, true, 3]);
});

test("a tap that must hold from now on lets go what it kept when there is no memory for it", () => {
  const tap = new BodyTap(100, null);
  tap.add(Buffer.from("kept"));
  tap.holdFrom(() => false);
  tap.add(Buffer.from("more"));
  const body = tap.body();
  assert.deepEqual([bodyBytes(body).length, body.sizeBytes, body.truncated, tap.heldBytes], [0, 8, true, 0]);
});

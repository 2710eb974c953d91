import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FakePort } from "../../driver/testing/fake-port.ts";
import { GatheredBody } from "./gathered-body.ts";

test("property: it gives the bytes as they came, never holds more than twice as much beyond the first piece, and gives all back", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 6_000 }), { maxLength: 20 }), (pieces) => {
      const port = new FakePort();
      const body = new GatheredBody(port, 1_000_000);
      let cameBytes = 0;
      for (const piece of pieces) {
        assert.equal(body.add(Buffer.from(piece)), null);
        cameBytes += piece.length;
        assert.ok(port.heldBytes <= Math.max(4096, 2 * cameBytes) && port.heldBytes >= cameBytes);
      }
      assert.deepEqual(body.bytes(), Buffer.concat(pieces));
      body.release();
      body.release();
      assert.equal(port.heldBytes, 0);
    }),
  );
});

test("a body may be as large as its bound, and not one byte more", () => {
  const body = new GatheredBody(new FakePort(), 10_000);
  assert.equal(body.add(Buffer.alloc(9_999)), null);
  assert.equal(body.add(Buffer.alloc(1)), null);
  assert.equal(body.add(Buffer.alloc(1)), "too-large");
  assert.equal(body.bytes().length, 10_000);
});

test("without memory nothing more is taken", () => {
  const port = new FakePort();
  port.heldBytesMax = 5_000;
  const body = new GatheredBody(port, 10_000);
  assert.equal(body.add(Buffer.alloc(4_096)), null);
  assert.equal(body.add(Buffer.alloc(1)), "no-room");
  body.release();
  assert.equal(port.heldBytes, 0);
});

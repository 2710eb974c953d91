import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import type { Event } from "../event.ts";
import { ContentValues, VALUES_BYTES_MAX } from "./pointers.ts";

const LIMITS = { decodedBytesMax: 4 * 1024 * 1024 };

function transaction(bytes: Buffer, headers: readonly string[] = [], truncated = false): Event {
  const empty = { bytes: Buffer.alloc(0), sizeBytes: 0, truncated: false };
  return {
    id: "1",
    kind: "transaction",
    source: "front",
    sourcePosition: 0,
    timeMs: 0,
    agent: null,
    transaction: {
      method: "POST",
      target: "/",
      httpVersion: "1.1",
      requestHeaders: headers,
      requestBody: { bytes, sizeBytes: bytes.length, truncated },
      status: 200,
      responseHeaders: [],
      responseBody: empty,
      outcome: "complete",
      durationMs: 1,
      remoteAddress: "",
    },
  };
}

test("values of a JSON body are found, others are absent, and so are the parts that the event has not", () => {
  const values = new ContentValues(transaction(Buffer.from('{"id":7}')), LIMITS);
  assert.deepEqual(values.values("request.body", ["id"]), ["7"]);
  assert.equal(values.values("request.body", ["name"]), undefined);
  assert.equal(values.values("response.body", ["id"]), undefined);
  assert.equal(values.values("payload", ["id"]), undefined);
});

test("an agent's payload is JSON without saying so", () => {
  const payload = { bytes: Buffer.from('{"state":"active"}'), sizeBytes: 18, truncated: false };
  const event: Event = {
    id: "1",
    kind: "agent",
    source: "agent",
    sourcePosition: 0,
    timeMs: 0,
    transaction: null,
    agent: { topic: "connections", wallet: null, payload },
  };
  assert.deepEqual(new ContentValues(event, LIMITS).values("payload", ["state"]), ["active"]);
});

test("a body is read once, however often it is asked for", () => {
  const values = new ContentValues(
    transaction(gzipSync('{"id":7}'), ["Content-Type", "application/json", "Content-Encoding", "gzip"]),
    LIMITS,
  );
  assert.equal(values.content("request.body"), values.content("request.body"));
  assert.deepEqual(values.values("request.body", ["id"]), ["7"]);
});

const json = ["content-type", "application/json"];
const big = Buffer.from(`{"id":"${"x".repeat(VALUES_BYTES_MAX)}"}`);
for (const [what, event, expected] of [
  ["of a cut body are unknown", transaction(Buffer.from('{"id":7}'), json, true), null],
  ["of a body that can't be decoded are unknown", transaction(Buffer.from('{"id":7}'), [...json, "content-encoding", "gzip"]), null],
  ["of a malformed body are absent: it isn't JSON", transaction(Buffer.from('{"id":7'), json), undefined],
  ["of a body over 1 MiB are unknown", transaction(big, json), null],
  ["of a body that decodes to more than 1 MiB are unknown", transaction(gzipSync(big), [...json, "content-encoding", "gzip"]), null],
  ["of plain text are absent", transaction(Buffer.from("hello world"), ["content-type", "text/plain"]), undefined],
  ["of no body are absent", transaction(Buffer.alloc(0), json), undefined],
] as const) {
  test(`values ${what}`, () => assert.equal(new ContentValues(event, LIMITS).values("request.body", ["id"]), expected));
}

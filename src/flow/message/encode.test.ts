import assert from "node:assert/strict";
import { test } from "node:test";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { cutText } from "./body-json.ts";
import { MESSAGE_BYTES_MIN } from "./encode.ts";
import { agentEvent, body, dataOf, EVIDENCE, JSON_TYPE, maker, makeMessage, readBack, transactionEvent } from "./testing/messages.ts";

const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

test("a transaction's message carries the attributes that say what it is and where it comes from", () => {
  const message = makeMessage(transactionEvent({ target: "/users/7?x=1", requestHeaders: ["TraceParent", TRACE] }, { entityId: "7" }));
  const { event } = readBack(message);
  const { data, ...attributes } = JSON.parse(message.value.toString()) as Record<string, unknown>;
  assert.ok(data !== undefined && event.id === "event-1");
  assert.deepEqual(attributes, {
    specversion: "1.0",
    id: "event-1",
    source: "/okapi-front-1/front",
    type: "dev.sidestream.transaction",
    time: "2026-11-22T10:00:00.005Z",
    subject: "/users/7",
    datacontenttype: "application/json",
    dataschema: "urn:sidestream:schema:data:1",
    traceparent: TRACE,
    partitionkey: "diku/7",
    sidestreamtenant: "diku",
    sidestreamstream: "users-audit",
    sidestreamrule: "2",
    sidestreamrevision: "0123456789ab",
    sidestreaminstance: "okapi-front-1",
    sidestreamlog: "log-1",
    sequence: "0000000000000042",
  });
  const { value, acceptedMs, ...rest } = message;
  assert.ok(value.length > 0 && acceptedMs > 0);
  assert.deepEqual(rest, {
    stream: "users-audit",
    rule: 2,
    revision: "0123456789ab",
    tenant: "diku",
    source: "front",
    sourcePosition: 7,
    eventId: "event-1",
    topic: "topic",
    key: "diku/7",
    headers: [["content-type", "application/cloudevents+json; charset=utf-8"]],
    exactlyOnce: false,
  });
});

test("a transaction's data holds request and response, bodies as what they are", () => {
  const data = dataOf(
    transactionEvent(
      {
        target: "/users?a=1",
        requestHeaders: ["Host", "x", "X-A", "1", "x-a", "é"],
        requestBody: body('{\n  "n": 9007199254740993, "x": 1e400, "a": 1, "a": 2 }'),
        responseHeaders: ["content-type", "text/plain"],
        responseBody: body("a\n\u0001\ud83d\ude00"),
      },
      {
        moduleName: "mod-users",
        moduleId: "mod-users-1.0.0",
        moduleVersion: "1.0.0",
        interface: "users",
        interfaceVersion: "16.0",
        permission: "users.item.post",
        route: "/users",
        userId: "u",
      },
    ),
  );
  assert.deepEqual(data, {
    request: {
      method: "POST",
      path: "/users",
      query: "a=1",
      httpVersion: "1.1",
      headers: { host: ["x"], "x-a": ["1", "é"] },
      body: { n: 9007199254740992, x: Infinity, a: 2 },
      bodyEncoding: "json",
      bodySize: 55,
    },
    response: {
      status: 201,
      headers: { "content-type": ["text/plain"] },
      body: "a\n\u0001\ud83d\ude00",
      bodyEncoding: "text",
      bodySize: 7,
    },
    outcome: "complete",
    durationMs: 12.5,
    remoteAddress: "192.0.2.1",
    module: {
      name: "mod-users",
      id: "mod-users-1.0.0",
      version: "1.0.0",
      interface: "users",
      interfaceVersion: "16.0",
      permission: "users.item.post",
    },
    route: "/users",
    userId: "u",
    redacted: [],
  });
});

test("numbers, escapes and duplicate names of a JSON body stay as they were written", () => {
  const text = '{"n":9007199254740993,"x":1e400,"z":-0.10,"a":1,"a":2,"s":"\\u0041\\ud800\\/","__proto__":{"constructor":1}}';
  assert.ok(makeMessage(transactionEvent({ requestBody: body(text) })).value.includes(`"body":${text},`));
  assert.ok(
    makeMessage(transactionEvent({ requestHeaders: JSON_TYPE, requestBody: body(`\ufeff ${text}\r\n`) })).value.includes(`"body":${text},`),
  );
});

for (const [coding, encode] of [
  ["gzip", gzipSync],
  ["br", brotliCompressSync],
  ["deflate", deflateSync],
  ["zstd", zstdCompressSync],
] as const) {
  test(`a ${coding} body is decoded, redacted, and says what it was`, () => {
    const bytes = encode('{"a":1,"password":"x"}');
    const { request } = dataOf(transactionEvent({ requestHeaders: [...JSON_TYPE, "Content-Encoding", coding], requestBody: body(bytes) }));
    assert.deepEqual([request.body, request.bodyCoding], [{ a: 1, password: "[redacted]" }, coding]);
  });
}

test("a binary body is base64, byte for byte", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
      const { request } = dataOf(
        transactionEvent({
          requestHeaders: ["content-type", "image/png"],
          requestBody: body(Buffer.concat([Buffer.from([0xff, 0]), bytes])),
        }),
      );
      assert.equal(request.bodyEncoding, "base64");
      assert.deepEqual(Buffer.from(String(request.body), "base64"), Buffer.concat([Buffer.from([0xff, 0]), bytes]));
    }),
    { numRuns: 50 },
  );
});

test("a multipart body with a file is base64 as a whole, the file's bytes untouched, the password gone", () => {
  const file = Buffer.from([0, 255, 13, 10, 128]);
  const bytes = Buffer.concat([
    Buffer.from(
      '--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nsecret\r\n--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n',
    ),
    file,
    Buffer.from("\r\n--b--\r\n"),
  ]);
  const { request } = dataOf(
    transactionEvent({ requestHeaders: ["content-type", "multipart/form-data; boundary=b"], requestBody: body(bytes) }),
  );
  assert.deepEqual(
    Buffer.from(String(request.body), "base64"),
    Buffer.from(bytes.toString("latin1").replace("\r\nsecret\r\n", "\r\n[redacted]\r\n"), "latin1"),
  );
});

test("an agent's message holds topic, wallet, state and payload", () => {
  const message = makeMessage(agentEvent({ topic: "connections", payload: body('{"state":"active","connection_id":"c"}') }));
  const { event, data } = readBack(message);
  assert.deepEqual([event.type, event.subject, event["partitionkey"]], ["dev.sidestream.agent", "connections", "alice/c"]);
  assert.deepEqual(data, {
    topic: "connections",
    wallet: "w-1",
    state: "active",
    payload: { state: "active", connection_id: "c" },
    payloadEncoding: "json",
    payloadSize: 38,
    redacted: [],
  });
});

test("a state that the stream hides doesn't stand beside the payload either", () => {
  const event = agentEvent({ payload: body('{"state":"active"}') });
  assert.equal(dataOf(event, { redact: [{ kind: "content", part: "payload", pointer: ["state"] }] }).state, undefined);
  assert.equal(dataOf(event, { keep: [] }).state, undefined);
});

test("header values, ids, topics and paths of any characters make a valid message", () => {
  const nasty = fc.string({ unit: "binary", maxLength: 40 });
  fc.assert(
    fc.property(nasty, nasty, nasty, nasty, (id, path, header, tenant) => {
      const event = {
        ...transactionEvent({ target: `/${path}?${header}`, requestHeaders: ["x-a", header, path, header] }, { tenant }),
        id: `1${id}`,
        timeMs: Number.NaN,
      };
      const { event: read } = readBack(makeMessage(event));
      assert.equal(read.time, "1970-01-01T00:00:00.000Z");
      readBack(makeMessage(agentEvent({ topic: `t${path}`, wallet: id, payload: body(header) }, { tenant })));
    }),
    { numRuns: 200 },
  );
});

for (const [what, value, expected] of [
  ["of zeros", `00-${"0".repeat(32)}-00f067aa0ba902b7-01`, undefined],
  ["of another version", TRACE.replace("00-", "01-"), undefined],
  ["in capitals", TRACE.toUpperCase(), undefined],
  ["that is valid", TRACE, TRACE],
] as const) {
  test(`a traceparent ${what} is ${expected === undefined ? "left out" : "carried on"}`, () => {
    assert.equal(readBack(makeMessage(transactionEvent({ requestHeaders: ["traceparent", value] }))).event["traceparent"], expected);
  });
}

test("bodies are cut to the stream's limit: JSON becomes text of its redacted form, text and base64 stay what they are", () => {
  const text = JSON.stringify({ password: "secret", a: "é".repeat(500) });
  const settings = { body: { bytesMax: 100, types: ["json", "text", "binary"] as const } };
  const json = dataOf(transactionEvent({ requestBody: body(text) }), settings).request;
  assert.deepEqual([json.bodyEncoding, json.bodyTruncated, json.bodySize], ["text", true, null]);
  assert.match(String(json.body), /^\{"password":"\[redacted\]","a":"é+$/);
  const plain = dataOf(transactionEvent({ requestBody: body("x y".repeat(100)) }), settings).request;
  assert.deepEqual([plain.body, plain.bodyTruncated, plain.bodySize], ["x y".repeat(100).slice(0, 100), true, 300]);
  const binary = dataOf(transactionEvent({ requestBody: body(Buffer.alloc(1000)) }), settings).request;
  assert.deepEqual([Buffer.from(String(binary.body), "base64").length, binary.bodyEncoding, binary.bodyTruncated], [75, "base64", true]);
  assert.equal(dataOf(transactionEvent({ requestBody: body("x y".repeat(33)) }), settings).request.bodyTruncated, undefined);
});

test("types that a stream doesn't let through are left out, with their size", () => {
  const { request } = dataOf(transactionEvent({ requestBody: body("hello world") }), { body: { bytesMax: 1000, types: ["json"] } });
  assert.deepEqual([request.body, request.bodyOmitted, request.bodySize], [null, "type", 11]);
});

test("a text is cut to the bytes of its JSON string, never through a character", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 2, max: 60 }), (text, bytesMax) => {
      const cut = cutText(text, bytesMax);
      assert.ok(Buffer.byteLength(cut) <= bytesMax);
      const kept = JSON.parse(cut) as string;
      assert.ok(text.startsWith(kept));
      const next = [...text.slice(kept.length)][0];
      if (next !== undefined) assert.ok(Buffer.byteLength(JSON.stringify(kept + next)) > bytesMax);
    }),
  );
});

const FRONT = 900 * 1024;
test("a message stays within 900 KiB: the larger body is cut, the smaller one stays whole", () => {
  const small = JSON.stringify({ a: "x".repeat(50_000) });
  const large = JSON.stringify({ password: "secret", b: 'y"'.repeat(1_000_000) });
  const message = makeMessage(transactionEvent({ requestBody: body(small), responseBody: body(large) }));
  assert.ok(message.value.length <= FRONT && message.value.length > FRONT - 16 * 1024, String(message.value.length));
  const { data } = readBack(message);
  assert.deepEqual([data.request.bodyEncoding, data.request.bodyTruncated], ["json", undefined]);
  assert.deepEqual([data.response.bodyEncoding, data.response.bodyTruncated], ["text", true]);
  assert.ok(!message.value.includes("secret"));
});

test("whatever the event holds, its message stays within the limit, down to the least one", () => {
  const long = fc
    .tuple(fc.constantFrom("a", '"', "\u0001", "é", "\u{1f600}", "\\", " ", "\ud800", "%"), fc.constantFrom(0, 10, 1000, 30_000))
    .map(([unit, count]) => unit.repeat(count));
  const bytes = fc.oneof(
    long.map((text) => Buffer.from(text)),
    long.map((text) => Buffer.from(JSON.stringify({ a: text, password: text }))),
    fc.constantFrom(0, 100_000).map((size) => Buffer.alloc(size)),
  );
  fc.assert(
    fc.property(
      long,
      long,
      long,
      long,
      bytes,
      bytes,
      fc.constantFrom(MESSAGE_BYTES_MIN, 32 * 1024, 100_000),
      (target, name, value, other, asked, answered, bytesMax) => {
        const identity = {
          tenant: other,
          moduleName: value,
          moduleId: value,
          moduleVersion: other,
          interface: other,
          interfaceVersion: value,
          permission: other,
          route: value,
          userId: value,
          entityId: other,
        };
        const headers = Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? `${name}${index}` : value));
        const event = {
          ...transactionEvent(
            {
              method: other,
              target: `/${target}?${value}`,
              httpVersion: other,
              requestHeaders: headers,
              responseHeaders: headers,
              requestBody: body(asked),
              responseBody: body(answered),
              remoteAddress: value,
            },
            identity,
          ),
          id: `1${value}`,
          source: other,
        };
        const message = makeMessage(event, {}, bytesMax);
        assert.ok(message.value.length <= bytesMax);
        readBack(message);
        const agent = makeMessage(
          { ...agentEvent({ topic: `t${value}`, wallet: other, payload: body(asked) }, identity), id: `1${value}` },
          {},
          bytesMax,
        );
        assert.ok(agent.value.length <= bytesMax);
        readBack(agent);
      },
    ),
    { numRuns: 50 },
  );
});

test("a limit without room for a message is refused", () => {
  assert.throws(() => maker(MESSAGE_BYTES_MIN - 1), {
    code: "SST_CONFIG_INVALID",
    message: `limits.messageBytesMax: expected at least ${MESSAGE_BYTES_MIN} bytes, got ${MESSAGE_BYTES_MIN - 1}`,
  });
});

test("an unknown pattern is refused by name", () => {
  assert.throws(() => makeMessage(transactionEvent(), { redact: [{ kind: "pattern", name: "phone" }] }), {
    code: "SST_CONFIG_INVALID",
    message: /there is no pattern "phone"/,
  });
});

test("long ids are shortened with a hash, so that different events stay different", () => {
  const id = (end: string): unknown => readBack(makeMessage({ ...transactionEvent(), id: "x".repeat(200) + end })).event.id;
  assert.notEqual(id("a"), id("b"));
  assert.equal(EVIDENCE.sequence, 42);
});

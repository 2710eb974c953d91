/** Headers that templates give a message. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ContentValues } from "../content/pointers.ts";
import { attributesOf } from "../match/attributes.ts";
import type { HeaderSettings, StreamSettings } from "../settings.ts";
import { HEADERS_BYTES_MAX } from "./attribute-text.ts";
import { MESSAGE_BYTES_MIN } from "./encode.ts";
import type { IdentifiedEvent } from "../event.ts";
import { agentEvent, body, countedBytes, JSON_TYPE, makeMessage, maker, stream, template, transactionEvent } from "./testing/messages.ts";

function settingsOf(templates: Readonly<Record<string, string>>): readonly HeaderSettings[] {
  return Object.entries(templates).map(([name, text]) => ({ name, value: template(text) }));
}

/** The headers that a message has beside those of its format. */
function headersOf(
  event: IdentifiedEvent,
  templates: Readonly<Record<string, string>>,
  settings: Partial<StreamSettings> = {},
  bytesMax?: number,
): Readonly<Record<string, string>> {
  const { headers } = makeMessage(event, { ...settings, headers: settingsOf(templates) }, bytesMax);
  return Object.fromEntries(headers.filter(([name]) => !/^(content-type$|ce_)/.test(name)));
}

test("headers are made of words and text, values as they are, after those of the format", () => {
  const event = transactionEvent({ target: "/users/7?a=b c" }, { tenant: "dikü/1", moduleName: "mod-users", entityId: "7" });
  const templates = { "x-tenant": "{tenant}", "folio-module": "{module}", source: "sidestream", Path: "{env}:{method} {path}?{query}" };
  const expected = [
    ["x-tenant", "dikü/1"],
    ["folio-module", "mod-users"],
    ["source", "sidestream"],
    ["Path", "prod:POST /users/7?a=b c"],
  ];
  for (const format of ["cloudevents", "cloudevents-binary"] as const) {
    const { headers } = makeMessage(event, { format, headers: settingsOf(templates) });
    assert.deepEqual(headers.slice(-4), expected);
    assert.equal(headers.length, (format === "cloudevents" ? 1 : 16) + 4);
  }
});

test("a header whose value is missing or empty is left out, also when only a part of it is", () => {
  const event = transactionEvent({ target: "/users" });
  assert.deepEqual(headersOf(event, { a: "{module}", b: "x-{userid}", c: "{tenant}{query}", d: "{topic}", e: "{tenant}" }), { e: "diku" });
});

test("a rule's headers are used in place of its stream's", () => {
  const making = maker();
  const event = transactionEvent();
  const content = new ContentValues(event, { decodedBytesMax: 1024 });
  const prepared = making.prepare(event, content);
  const ofStream = stream({ headers: settingsOf({ a: "1" }) });
  const headers = (rule: { readonly headers?: readonly HeaderSettings[] }): unknown =>
    making.headers(prepared, ofStream, rule, attributesOf(event, content));
  assert.deepEqual(headers({}), { headers: [["a", "1"]], bytes: 2 });
  assert.deepEqual(headers({ headers: settingsOf({ b: "ä" }) }), { headers: [["b", "ä"]], bytes: 3 });
  assert.deepEqual(headers({ headers: [] }), { headers: [], bytes: 0 });
});

test("a value is one line of text: control characters and halves of characters become U+FFFD", () => {
  const payload = body(JSON.stringify({ connection_id: "a\r\nx: \u0000b", state: "s\u009f" }));
  assert.deepEqual(headersOf(agentEvent({ payload }, { tenant: "x\ud800" }), { id: "{entityId}", state: "{state}", tenant: "{tenant}" }), {
    id: "a\ufffd\ufffdx: \ufffdb",
    state: "s\ufffd",
    tenant: "x\ufffd",
  });
});

test("a value beyond 1,024 characters ends in a hash, so that different ones stay different", () => {
  const value = (end: string): string => headersOf(transactionEvent({}, { tenant: "x".repeat(1_100) + end }), { a: "{tenant}" })["a"] ?? "";
  assert.match(value("1"), /^x{1007}~[0-9a-f]{16}$/);
  assert.notEqual(value("1"), value("2"));
  assert.equal(headersOf(transactionEvent({}, { tenant: "x".repeat(1_024) }), { a: "{tenant}" })["a"]?.length, 1_024);
});

test("secrets in queries, paths and ids, and a stream's patterns, don't leave in headers", () => {
  const secret = "hunter2-hunter2";
  const event = transactionEvent({
    target: `/reset/token=${secret}?password=${secret}&to=me@example.org`,
    requestHeaders: ["X-Request-Id", `token=${secret}`, "X-Okapi-User-Id", `token=${secret}`, ...JSON_TYPE],
    requestBody: body(`{"password":"${secret}"}`),
  });
  const templates = { path: "{path}", query: "{query}", request: "{requestid}", user: "{userid}", entity: "{entity}", id: "{entityId}" };
  const settings = { redact: [{ kind: "pattern", name: "email" }] } as const;
  for (const format of ["cloudevents", "cloudevents-binary"] as const) {
    const { headers, key } = makeMessage(event, {
      ...settings,
      format,
      headers: settingsOf(templates),
      key: template("{requestid}{userid}"),
    });
    const text = JSON.stringify([headers, key]);
    assert.ok(!text.includes(secret) && !text.includes("me@example.org"), text);
  }
  assert.deepEqual(Object.keys(headersOf(event, templates)), ["path", "query"]);
});

test("headers take 8 KiB of a message at most, and 2 KiB under the least limit; what finds no room is left out", () => {
  const event = transactionEvent({}, { tenant: "鍵".repeat(400) });
  const templates = Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`h${String(index).padStart(2, "0")}`, "{tenant}"]));
  for (const [bytesMax, room] of [
    [undefined, HEADERS_BYTES_MAX],
    [MESSAGE_BYTES_MIN, 2 * 1024],
  ] as const) {
    const headers = headersOf(event, { ...templates, small: "1" }, {}, bytesMax);
    assert.deepEqual(Object.keys(headers), [...Object.keys(templates).slice(0, Math.floor(room / 1_203)), "small"]);
  }
});

test("bodies give way to headers: a message at its limit stays within it, and one that has room keeps them whole", () => {
  const limit = 64 * 1024;
  const bytes = fc.integer({ min: limit - 20 * 1024, max: limit + 10 });
  fc.assert(
    fc.property(bytes, fc.constantFrom("cloudevents", "cloudevents-binary"), fc.integer({ min: 0, max: 7 }), (size, format, count) => {
      const headers = Array.from({ length: count }, (_, index) => ({ name: `h${index}`, value: ["é".repeat(500)] }));
      const event = transactionEvent({ requestBody: body("x".repeat(size)) });
      const message = makeMessage(event, { format, headers }, limit);
      assert.ok(countedBytes(message) <= limit);
      assert.equal(message.headers.filter(([name]) => /^h\d$/.test(name)).length, count);
      const hasRoom = size + count * 1_002 < limit - 9 * 1024;
      if (hasRoom) assert.ok(!message.value.includes('"bodyTruncated":true'), "it is cut only where it must be");
    }),
    { numRuns: 100 },
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { HTTP } from "cloudevents";
import fc from "fast-check";
import { messageText } from "../../driver/message-text.ts";
import type { IdentifiedEvent } from "../event.ts";
import type { StreamSettings } from "../settings.ts";
import { sourceOf } from "./attribute-text.ts";
import { binaryHeaders, eventHeaders } from "./binary-form.ts";
import { ATTRIBUTES_BYTES_MAX, MESSAGE_BYTES_MIN } from "./encode.ts";
import {
  agentEvent,
  body,
  countedBytes,
  JSON_TYPE,
  makeMessages,
  readBack,
  readBinary,
  template,
  transactionEvent,
} from "./testing/messages.ts";
import type { Message } from "./message.ts";

const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/** The same event in both forms. */
function bothForms(event: IdentifiedEvent, settings: Partial<StreamSettings> = {}, bytesMax?: number): readonly [Message, Message] {
  const [binary, structured] = makeMessages(event, [{ ...settings, format: "cloudevents-binary" }, settings], bytesMax);
  assert.ok(structured !== undefined && binary !== undefined);
  return [structured, binary];
}

/** Both forms say the same, to a reader of CloudEvents and where a line stands for the message. */
function assertSame(event: IdentifiedEvent, settings: Partial<StreamSettings> = {}): void {
  const [structured, binary] = bothForms(event, settings);
  readBack(structured);
  const plain = (read: object): unknown => JSON.parse(JSON.stringify(read));
  const fromJson = HTTP.toEvent({ headers: Object.fromEntries(structured.headers), body: structured.value.toString() });
  assert.deepEqual(plain(readBinary(binary)), plain(fromJson));
  assert.equal(messageText(binary).toString(), structured.value.toString());
  assert.equal(binary.key, structured.key);
}

test("in binary form the attributes are headers, lower case and as they are, and the data alone is the value", () => {
  const event = transactionEvent(
    { target: '/users/é%20"7"?x=1', requestHeaders: ["TraceParent", TRACE, ...JSON_TYPE], requestBody: body('{"a":"ä"}') },
    { tenant: "dikü", entityId: "7" },
  );
  const [structured, binary] = bothForms(event);
  assert.deepEqual(binary.headers, [
    ["ce_specversion", "1.0"],
    ["ce_id", "event-1"],
    ["ce_source", "/okapi-front-1/front"],
    ["ce_type", "dev.sidestream.transaction"],
    ["ce_time", "2026-11-22T10:00:00.005Z"],
    ["ce_subject", '/users/é%20"7"'],
    ["content-type", "application/json"],
    ["ce_dataschema", "urn:sidestream:schema:data:1"],
    ["ce_traceparent", TRACE],
    ["ce_partitionkey", "dik%C3%BC/7"],
    ["ce_sidestreamtenant", "dikü"],
    ["ce_sidestreamstream", "users-audit"],
    ["ce_sidestreamrule", "2"],
    ["ce_sidestreamrevision", "0123456789ab"],
    ["ce_sidestreaminstance", "okapi-front-1"],
    ["ce_sidestreamlog", "log-1"],
    ["ce_sequence", "0000000000000042"],
  ]);
  assert.ok(structured.value.toString().endsWith(`,"data":${binary.value.toString()}}`));
  assert.deepEqual(structured.headers, [["content-type", "application/cloudevents+json; charset=utf-8"]]);
});

test("both forms of an event are the same CloudEvent", () => {
  assertSame(transactionEvent({ requestHeaders: ["traceparent", TRACE, ...JSON_TYPE], requestBody: body('{"password":"x","n":1}') }));
  assertSame(agentEvent({ payload: body('{"state":"active","connection_id":"c"}') }));
  assertSame(transactionEvent({}, { tenant: "" }), { key: template("{userid}") });
});

test("both forms are the same CloudEvent whatever characters ids, paths, tenants, topics and keys have", () => {
  const nasty = fc.string({ unit: "binary", maxLength: 700 });
  fc.assert(
    fc.property(nasty, nasty, nasty, (id, path, tenant) => {
      const settings = { key: template("{tenant} {path}") };
      assertSame({ ...transactionEvent({ target: `/${path}` }, { tenant }), id: `1${id}` }, settings);
      assertSame({ ...agentEvent({ topic: `t${path}`, wallet: id }, { tenant }), id: `1${id}`, timeMs: Number.NaN }, settings);
    }),
    { numRuns: 200 },
  );
});

test("streams alike share the bytes of their data", () => {
  const event = transactionEvent({ requestBody: body("x".repeat(1000)) });
  const [one, other] = makeMessages(event, [{ format: "cloudevents-binary" }, { id: "b", format: "cloudevents-binary" }]);
  assert.ok(one !== undefined && one.value === other?.value);
});

test("value and headers together stay within the limit, down to the least one, in either form", () => {
  const long = fc
    .tuple(fc.constantFrom("a", '"', "\u0001", "é", "鍵", "\u{1f600}", "\\", "\ud800", "%"), fc.constantFrom(0, 10, 1_000, 30_000))
    .map(([unit, count]) => unit.repeat(count));
  const limits = fc.constantFrom(MESSAGE_BYTES_MIN, 20 * 1024, 32 * 1024, 100_000);
  fc.assert(
    fc.property(long, long, long, fc.integer({ min: 0, max: 32 }), limits, (id, path, text, count, bytesMax) => {
      const identity = { tenant: text, moduleName: path, moduleId: text, permission: path, route: text, userId: path, entityId: id };
      const transaction = { method: text, target: `/${path}?${id}`, requestHeaders: ["a", text, path, id], requestBody: body(text) };
      const event = { ...transactionEvent({ ...transaction, remoteAddress: id, httpVersion: path }, identity), id: `1${id}`, source: path };
      const names = ["tenant", "path", "query", "userid", "entityId", "module"];
      const headers = Array.from({ length: count }, (_, index) => ({
        name: `${"x".repeat(120)}-${index}`,
        value: template(`{${names[index % names.length]}}`),
      }));
      const settings = { headers, key: template(`${"鍵".repeat(400)}{path}`) };
      const [structured, binary] = bothForms(event, settings, bytesMax);
      assert.ok(countedBytes(structured) <= bytesMax, `${countedBytes(structured)} structured`);
      assert.ok(countedBytes(binary) <= bytesMax, `${countedBytes(binary)} binary`);
      readBack(structured);
      readBinary(binary);
    }),
    { numRuns: 100 },
  );
});

test("attributes stay within their bound in binary form, however long and wide their texts are", () => {
  const text = "鍵".repeat(1_000);
  const event = { ...transactionEvent({}, { tenant: text }), id: text, source: text };
  const evidence = { stream: text, rule: 1_000, revision: text, instance: text, logId: text, sequence: Number.MAX_SAFE_INTEGER };
  const head = { event, subject: text, key: text, evidence, source: sourceOf(text, text), traceparent: TRACE };
  const headers = binaryHeaders(head, eventHeaders(event, head.source, TRACE));
  assert.equal(headers.length, 17);
  const bytes = countedBytes({ headers, value: Buffer.alloc(0) });
  assert.ok(bytes <= ATTRIBUTES_BYTES_MAX, String(bytes));
});

test("the barest heads of an event leave room for the most headers under the least limit", () => {
  const text = "\u0001".repeat(30_000);
  const identity = { tenant: "x", moduleName: text, moduleId: text, moduleVersion: text, interface: text, interfaceVersion: text };
  const transaction = { method: text, target: text, httpVersion: text, remoteAddress: text, requestHeaders: [text, text] };
  const bodies = { requestBody: body(text), responseBody: body(text) };
  const event = transactionEvent({ ...transaction, ...bodies }, { ...identity, permission: text, route: text, userId: text });
  const headers = Array.from({ length: 32 }, (_, index) => ({ name: `h${index}`, value: ["y".repeat(100)] }));
  for (const message of bothForms(event, { headers }, MESSAGE_BYTES_MIN)) {
    assert.ok(countedBytes(message) <= MESSAGE_BYTES_MIN, String(countedBytes(message)));
    assert.equal(message.headers.filter(([name]) => /^h\d+$/.test(name)).length, 19);
  }
});

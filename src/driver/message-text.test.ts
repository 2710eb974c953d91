import assert from "node:assert/strict";
import { test } from "node:test";
import { messageText } from "./message-text.ts";

const value = Buffer.from('{"n":9007199254740993}');

test("a CloudEvent in binary form becomes one in structured form, its data untouched, other headers left out", () => {
  const headers = [
    ["ce_specversion", "1.0"],
    ["ce_id", 'a"\n\u00e9'],
    ["content-type", "application/json"],
    ["ce_sequence", "0000000000000042"],
    ["x-tenant", "diku"],
  ] as const;
  assert.equal(
    messageText({ headers, value }).toString(),
    String.raw`{"specversion":"1.0","id":"a\"\né","datacontenttype":"application/json","sequence":"0000000000000042","data":{"n":9007199254740993}}`,
  );
});

test("any other message is its value: one in structured form, one that is no CloudEvent, one whose data is not JSON", () => {
  for (const headers of [
    [["content-type", "application/cloudevents+json; charset=utf-8"]],
    [["content-type", "application/json"]],
    [["ce_specversion", "1.0"]],
    [
      ["ce_specversion", "1.0"],
      ["content-type", "application/octet-stream"],
    ],
    [],
  ] as const) {
    assert.equal(messageText({ headers: [...headers], value }), value);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { memberText } from "./member-text.ts";

test("of any object with a member its text is found, whatever stands around it", () => {
  const blanks = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
  const others = fc.array(fc.tuple(fc.string({ unit: "binary" }), fc.jsonValue()), { maxLength: 3 });
  fc.assert(
    fc.property(others, fc.jsonValue(), others, blanks, (before, value, after, blank) => {
      const wanted = JSON.stringify(value);
      const member = ([name, each]: readonly [string, unknown]): string =>
        `${blank}${JSON.stringify(name)}${blank}:${blank}${JSON.stringify(each)}${blank}`;
      const rest = after.filter(([name]) => name !== "payload");
      const text = `${blank}{${[...before.map(member), member(["payload", value]), ...rest.map(member)].join(",")}}${blank}`;
      assert.equal(memberText(text, "payload"), wanted);
    }),
    { numRuns: 500 },
  );
});

test("of a name that stands there twice the last counts, and a name may be written with escapes", () => {
  assert.equal(memberText('{"payload":1,"payload":{"a":[2]}}', "payload"), '{"a":[2]}');
  assert.equal(memberText('{"topic":"payload","p\\u0061yload":12345678901234567890.10}', "payload"), "12345678901234567890.10");
  assert.equal(memberText(String.raw`{"a\\":"\\\"","payload":"}\\"}`, "payload"), String.raw`"}\\"`);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hidesSecret, namesSecret } from "./secret-text.ts";

const TOLD = [
  "password=x",
  "password = x",
  'a, "token" : "x"',
  "{'clientSecret':'x'}",
  '{\\"password\\":\\"x\\"}',
  "Authorization: Bearer x",
  "(a==1 and password==x)",
  "user[password]=x",
  "a.b.password: x",
  "mutation { login(password: $x) }",
  "<password>x</password>",
  '<wsse:Password Type="t">x</wsse:Password>',
  '<user password="x"/>',
  "https://user:x@example.org/",
  "see amqp://a:b@host",
  `${"y".repeat(1_000)} password=x`,
];

test("a secret name with a value behind it is told in any notation", () => {
  for (const text of TOLD) assert.ok(namesSecret(text), text);
});

test("a secret name without a value, and a value without a secret name, are no secret", () => {
  for (const text of [
    "",
    "password",
    "your password, please",
    "Password:",
    "Password: \n",
    "2026-11-22T10:00:00Z",
    "urn:uuid:0",
    "https://example.org:8080/a@b",
    "mailto:a@b.c",
    "a=b&nextPageToken=c",
    "<p class='a'>x</p>",
    "==::<<",
  ])
    assert.ok(!namesSecret(text), text);
});

test("percent-encoding is looked through, also where it was applied four times", () => {
  for (const text of TOLD) {
    let encoded = text;
    for (let depth = 0; depth <= 4; depth++) {
      assert.ok(hidesSecret(encoded), encoded);
      encoded = encodeURIComponent(encoded);
    }
  }
});

test("whatever stands around it, a secret with its name is told", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (before, after) =>
      assert.ok(namesSecret(`${before} password="x"${after}`)),
    ),
  );
});

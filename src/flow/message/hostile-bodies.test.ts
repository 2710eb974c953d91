import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { body, field, makeMessage, readBack, transactionEvent } from "./testing/messages.ts";

const SECRET = "s3cret-Wort-9f27";
const types = fc.constantFrom(
  "application/json",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=b",
  'multipart/mixed; boundary="b',
  "text/plain; charset=latin1",
  "text/html",
  "image/png",
  "application/json; charset=utf-16",
  "",
  ";;;=;charset",
);
const pieces = fc.constantFrom(
  '{"',
  '":',
  "}",
  "[",
  '"',
  "\\",
  "--b",
  "--b--",
  "\r\n",
  "\r\n\r\n",
  "Content-Disposition: form-data; name=password",
  "Content-Type: application/json",
  "=",
  "&",
  "%",
  "%3D",
  "a",
  "é",
  "\u0000",
  "\ud800",
  "1e9",
  " ",
  "password",
  "@x.y",
  "4111111111111111",
  "eyJhbGciOi.a.b",
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
  fc.array(pieces, { maxLength: 40 }).map((list) => Buffer.from(list.join(""))),
);
const settings = fc.constantFrom(
  {},
  {
    redact: [
      field("request.body", "**", "a"),
      { kind: "pattern" as const, name: "email" },
      { kind: "pattern" as const, name: "card-number" },
    ],
  },
  { keep: [field("request.body", "a"), field("request.body", "**", "password")] },
  { body: { bytesMax: 20, types: ["json" as const, "text" as const, "form" as const, "multipart" as const, "binary" as const] } },
);

test("no bytes under any content type keep a valid message from being made", () => {
  fc.assert(
    fc.property(
      types,
      bytes,
      fc.constantFrom("", "gzip", "br", "deflate, gzip", "nonsense"),
      fc.constantFrom(0, 5),
      settings,
      (type, raw, coding, cut, setting) => {
        const headers = ["Content-Type", type, "Content-Encoding", coding];
        const sent = coding === "gzip" && raw.length > 20 ? gzipSync(raw) : raw;
        readBack(makeMessage(transactionEvent({ requestHeaders: headers, requestBody: body(sent, cut) }), setting));
      },
    ),
    { numRuns: 1500 },
  );
});

/** Writes a name with some of its characters percent-encoded. */
const encoded = fc
  .tuple(fc.constantFrom("password", "access_token", "client_secret", "user[pin]", "walletKey"), fc.infiniteStream(fc.boolean()))
  .map(([name, escapes]) =>
    [...name].map((sign) => (escapes.next().value === true ? `%${sign.charCodeAt(0).toString(16)}` : sign)).join(""),
  );
const filler = fc.constantFrom("a=1", "b=x+y", "flag", "q=a%3Db", "%zz=1", "", "n=1;m=2");

test("a secret planted in a form or a query, however its name is encoded, is nowhere in the message", () => {
  fc.assert(
    fc.property(
      fc.array(filler, { maxLength: 4 }),
      encoded,
      fc.array(filler, { maxLength: 4 }),
      fc.constantFrom("&", "&x=1;"),
      settings,
      (before, name, after, joint, setting) => {
        const text = `${before.map((piece) => `${piece}&`).join("")}z=1${joint}${name}=${SECRET}${after.map((piece) => `&${piece}`).join("")}`;
        const event = transactionEvent({
          target: `/users?${text}`,
          requestHeaders: ["Content-Type", "application/x-www-form-urlencoded", "Referer", `https://example.org/a?${text}#${text}`],
          requestBody: body(text),
          responseHeaders: ["Location", `/cb?next=${encodeURIComponent(`/x?${text}`)}`],
          responseBody: body(text),
        });
        assert.ok(!makeMessage(event, setting).value.includes(SECRET), text);
      },
    ),
    { numRuns: 500 },
  );
});

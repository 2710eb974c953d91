import assert from "node:assert/strict";
import { test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { readContent, type Content } from "./content.ts";

const LIMITS = { decodedBytesMax: 4 * 1024 * 1024 };

function read(bytes: Buffer | string, type?: string, more: { readonly coding?: string; readonly truncated?: boolean } = {}): Content {
  const body = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
  const headers = [
    ...(type === undefined ? [] : ["Content-Type", type]),
    ...(more.coding === undefined ? [] : ["CONTENT-ENCODING", more.coding]),
  ];
  const truncated = more.truncated ?? false;
  return readContent({ bytes: body, sizeBytes: body.length + (truncated ? 1 : 0), truncated }, headers, LIMITS);
}

function kind(content: Content): string {
  return content.kind === "unreadable" ? `${content.kind}: ${content.reason}` : content.kind;
}

const UTF16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('{"password":"x"}', "utf16le")]);
const CASES: readonly [string, Content, string][] = [
  ["no bytes are empty, whatever the headers", read("", "application/json", { coding: "gzip" }), "empty"],
  ["a cut body without bytes is cut, not empty", read("", "application/json", { truncated: true }), "unreadable: cut"],
  ["JSON by its content type", read(' {"a":1}', "application/json; charset=utf-8"), "json"],
  ["JSON by a suffix", read("[1]", "application/vnd.folio+json"), "json"],
  ["JSON without a content type", read('{"a":1}'), "json"],
  ["JSON sent as plain text", read('{"a":1}', "text/plain"), "json"],
  ["JSON sent as HTML", read('[{"a":1}]', "text/html"), "json"],
  ["JSON sent as an image", read('{"a":1}', "image/png"), "json"],
  ["JSON under two content types", read('{"a":1}', "text/plain, image/png"), "json"],
  ["JSON behind a byte order mark", read('\ufeff{"a":1}', "application/json"), "json"],
  ["malformed JSON", read('{"a":1', "application/json"), "unreadable: malformed"],
  ["malformed JSON without a content type", read('{"a":1'), "unreadable: malformed"],
  ["malformed JSON sent as plain text", read('[1, {"password": "x"', "text/plain"), "unreadable: malformed"],
  ["lines of JSON", read('{"a":1}\n{"password":"x"}', "application/x-ndjson"), "unreadable: malformed"],
  ["cut JSON", read('{"a":1}', "application/json", { truncated: true }), "unreadable: cut"],
  ["cut JSON without a content type", read('{"a":1}', undefined, { truncated: true }), "unreadable: cut"],
  ["JSON with a NUL in a string", read('{"a":"\0"}', "application/json"), "unreadable: malformed"],
  [
    "JSON that isn't valid UTF-8",
    read(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), "application/json"),
    "unreadable: malformed",
  ],
  [
    "JSON that isn't valid UTF-8, without a content type",
    read(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])),
    "unreadable: malformed",
  ],
  ["JSON in UTF-16", read(UTF16, "application/json; charset=utf-16"), "unreadable: unknown-charset"],
  ["JSON in UTF-16 sent as plain text", read(UTF16, "text/plain; charset=utf-16"), "unreadable: malformed"],
  ["JSON in UTF-16 without mark or type", read(Buffer.from('{"password":"x"}', "utf16le")), "unreadable: malformed"],
  ["too deep JSON", read("[".repeat(100_000), "application/json"), "unreadable: too-deep"],
  ["a log line in brackets is text", read("[12:01:33] started", "text/plain"), "text"],
  ["braces of another language are text", read("{ margin: 0 }", "text/css"), "text"],
  ["text", read("hello world", "text/plain"), "text"],
  ["text without a content type", read("hello world"), "text"],
  ["XML is text", read("<a/>", "application/xml"), "text"],
  ["cut text is text", read("hello wor", "text/plain", { truncated: true }), "text"],
  ["text in an unknown charset is binary", read("hello", "text/plain; charset=shift_jis"), "binary"],
  ["text that isn't valid UTF-8 is binary", read(Buffer.from([0x68, 0xff]), "text/plain"), "binary"],
  ["bytes with NUL are binary", read("a\0b"), "binary"],
  ["an image is binary", read("hello", "image/png"), "binary"],
  ["a form", read("a=1&b=2", "application/x-www-form-urlencoded"), "form"],
  ["a form without its content type", read("a=1&b=2"), "form"],
  ["a form sent as plain text", read("password=x\n", "text/plain"), "form"],
  ["a sentence with an equals sign is text", read("x = 5 is an equation", "text/plain"), "text"],
  ["a cut form", read("a=1&b", "application/x-www-form-urlencoded", { truncated: true }), "unreadable: cut"],
  ["a form that isn't valid UTF-8", read(Buffer.from([0x61, 0x3d, 0xff]), "application/x-www-form-urlencoded"), "unreadable: malformed"],
  ["a cut multipart body", read("--b", "multipart/form-data; boundary=b", { truncated: true }), "unreadable: cut"],
  ["a multipart body without boundary", read("--b--", "multipart/form-data"), "unreadable: malformed"],
  ["an unknown coding", read("abc", "text/plain", { coding: "compress" }), "unreadable: undecodable"],
  ["too many codings", read("abc", "text/plain", { coding: "br,br,br,br" }), "unreadable: undecodable"],
  ["a coding that the bytes don't have", read('{"a":1}', "application/json", { coding: "gzip" }), "unreadable: undecodable"],
  ["a cut body under a coding", read(gzipSync("hello"), "text/plain", { coding: "gzip", truncated: true }), "unreadable: cut"],
  ["a body that is too large as it is", read(Buffer.alloc(5 * 1024 * 1024, 0x20), "text/plain"), "unreadable: too-large"],
  ["a bomb", read(gzipSync(Buffer.alloc(64 * 1024 * 1024)), "application/json", { coding: "gzip" }), "unreadable: too-large"],
];
for (const [name, content, expected] of CASES) test(`${name}: ${expected}`, () => assert.equal(kind(content), expected));

test("latin1 JSON and text are read as such", () => {
  const json = read(Buffer.from('{"a":"é"}', "latin1"), "application/json; charset=ISO-8859-1");
  assert.equal(json.kind === "json" && json.document.text, '{"a":"é"}');
  const text = read(Buffer.from("café", "latin1"), 'text/plain; charset="iso-8859-1"');
  assert.equal(text.kind === "text" && text.text, "café");
});

test("the coding that was undone is told, and gzip is undone also where no header names it", () => {
  assert.equal(read(brotliCompressSync('{"a":1}'), "application/json", { coding: "br" }).coding, "br");
  const unnamed = read(gzipSync('{"a":1}'), "application/json");
  assert.deepEqual([unnamed.kind, unnamed.coding], ["json", "gzip"]);
  assert.equal(read(gzipSync("file"), "application/gzip").kind, "binary");
});

test("text cut through a character loses that character and stays text", () => {
  const bytes = Buffer.from("a€😀");
  const seen = [];
  for (let length = 1; length <= bytes.length; length++) {
    const content = read(bytes.subarray(0, length), "text/plain", { truncated: true });
    seen.push(content.kind === "text" ? content.text : content.kind);
  }
  assert.deepEqual(seen, ["a", "a", "a", "a€", "a€", "a€", "a€", "a€😀"]);
});

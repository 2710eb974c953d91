import assert from "node:assert/strict";
import { test } from "node:test";
import { readParts } from "./multipart.ts";

function parts(text: string, boundary: string | null = "b"): readonly (readonly [readonly string[], string])[] | null {
  const bytes = Buffer.from(text, "latin1");
  return (
    readParts(bytes, boundary)?.map((part) => [part.names, bytes.toString("latin1", part.contentStart, part.contentEnd)] as const) ?? null
  );
}

test("parts come with their names and their content, line breaks in it included", () => {
  const body =
    '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n2\r\n--b \r\ncontent-disposition: form-data; name=c; filename="x;\\"y"\r\nContent-Type: text/plain\r\n\r\n\r\n--b--\r\nepilogue';
  assert.deepEqual(parts(body), [
    [["a"], "1\r\n2"],
    [["c"], ""],
  ]);
});

test("a part needs no headers and no content", () => {
  assert.deepEqual(parts("preamble\r\n--b\r\n\r\nx\r\n--b--"), [[[], "x"]]);
  assert.deepEqual(parts("--b\r\nX: 1\r\n\r\n--b--"), null, "the delimiter needs a line break of its own");
  assert.deepEqual(parts("--b--"), []);
});

test("every name of a part is seen: two headers, a folded one, the extended form", () => {
  const body =
    "--b\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data;\r\n name=password; name*=utf-8''pass%77ord\r\n\r\nx\r\n--b--";
  assert.deepEqual(parts(body)?.[0]?.[0], ["a", "password", "utf-8''pass%77ord"]);
});

for (const [what, body, boundary] of [
  ["without an end", "--b\r\n\r\nx\r\n--b\r\n", "b"],
  ["with an open part", "--b\r\n\r\nx", "b"],
  ["with bare line feeds", "--b\n\nx\n--b--", "b"],
  ["with another boundary", "--c\r\n\r\nx\r\n--c--", "b"],
  ["with a delimiter inside a line", "x--b\r\n\r\nx\r\n--b--", "b"],
  ["with a header without colon", "--b\r\nnonsense\r\n\r\nx\r\n--b--", "b"],
  ["with an empty boundary", "--\r\n\r\nx\r\n----", ""],
  ["with more parts than a form has", `--b\r\n${"\r\nx\r\n--b\r\n".repeat(1001)}\r\nx\r\n--b--`, "b"],
  ["without a boundary", "--b--", null],
] as const) {
  test(`a multipart body ${what} is refused`, () => assert.equal(parts(body, boundary), null));
}

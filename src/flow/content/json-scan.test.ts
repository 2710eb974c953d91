import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { END, JSON_DEPTH_MAX, JSON_VALUES_MAX, NODE, scanJson, START, type JsonDocument } from "./json-scan.ts";
import { at, valueOf } from "./json-values.ts";

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function valid(text: string): JsonDocument {
  const document = scanJson(text);
  assert.notEqual(typeof document, "string", `${text} was refused: ${String(document)}`);
  return document as JsonDocument;
}

const CASES = [
  "",
  " ",
  "{}",
  "[]",
  " [ ] ",
  "null",
  "true",
  "false",
  "nul",
  "truee",
  "1",
  "-1",
  "-",
  "01",
  "0",
  "-0",
  "0.5",
  "0.",
  ".5",
  "1e5",
  "1E+5",
  "1e-5",
  "1e",
  "1e400",
  "+1",
  "0x1",
  "NaN",
  "Infinity",
  "9007199254740993",
  '"a"',
  '"',
  '"\\"',
  '"\\x"',
  '"\\u00e9"',
  '"\\u00g9"',
  '"\\ud800"',
  '"\t"',
  '"\u0000"',
  '"\u007f"',
  '"\u2028"',
  "'a'",
  "[1,2]",
  "[1,]",
  "[,1]",
  "[1 2]",
  "[",
  "]",
  "[1",
  "{",
  "}",
  '{"a"',
  '{"a":',
  '{"a":1',
  '{"a":1}',
  '{"a":1,}',
  '{,"a":1}',
  '{"a" : 1 , "b" : [ { } ] }',
  "{a:1}",
  '{"a":1 "b":2}',
  '{"a":1}}',
  "[[]]]",
  '{"a":[}',
  '{"a":{]}',
  "1 1",
  "\ufeff{}",
  "\u00a0{}",
  "[1]\n",
  "\r\n[\t1 ]",
  '{"a":1,"a":2}',
  '{"__proto__":1}',
  "[[[[]],[]]]",
  '[{"a":1},2,{"b":[3]},"x"]',
  "/**/1",
];

for (const text of CASES) {
  test(`the scanner and JSON.parse agree about ${JSON.stringify(text)}`, () => {
    assert.equal(typeof scanJson(text) !== "string", parses(text));
  });
}

const messy = fc.oneof(
  fc.json({ stringUnit: "binary" }),
  fc
    .json()
    .chain((text) =>
      fc
        .tuple(
          fc.nat(text.length),
          fc.nat(3),
          fc.constantFrom("", '"', "\\", "{", "}", "[", "]", ",", ":", "0", "e", "-", " ", "\n", "\u0001", "é"),
        )
        .map(([place, removed, added]) => text.slice(0, place) + added + text.slice(place + removed)),
    ),
  fc.string({
    unit: fc.constantFrom("{", "}", "[", "]", ",", ":", '"', "\\", "1", "0", ".", "e", "-", "true", "null", " ", "\n", "u00e9"),
  }),
);

test("for any text, whole or damaged, the scanner says valid exactly where JSON.parse does", () => {
  fc.assert(
    fc.property(messy, (text) => {
      assert.equal(typeof scanJson(text) !== "string", parses(text));
    }),
    { numRuns: 3000 },
  );
});

test("the scanned text is one line and means the same, whatever white space stood in it", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom<string | number>(0, 1, 2, "\t", "\r\n  "), (value, indent) => {
      const { text } = valid(JSON.stringify(value, null, indent).replaceAll("\n", "\r\n"));
      assert.doesNotMatch(text, /[\r\n\t]/);
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("every value of the index is where the index says, though white space was left out", () => {
  const document = valid('\n{ "a" :\t[ 1.0 ,\r\n "x\\n" , {\n} ],\n\n"b": null }\n');
  const values: string[] = [];
  for (let node = 0; node < document.index.length; node += NODE)
    values.push(document.text.slice(at(document, node + START), at(document, node + END)));
  assert.deepEqual(values.slice(1), [values[1], "1.0", '"x\\n"', "{}", "null"]);
  assert.deepEqual(JSON.parse(values[0] ?? ""), { a: [1, "x\n", {}], b: null });
});

test("a string's value is the one that JSON.parse gives, lone surrogates and NUL included", () => {
  for (const text of ['"\\ud800"', '"\\u0000\\b\\f\\/"', '"\\ud83d\\ude00"', '"plain"', '"\ud83d\ude00"'])
    assert.equal(valueOf(valid(text), 0), JSON.parse(text));
});

test(`nesting deeper than ${JSON_DEPTH_MAX} is refused at once, 100,000 levels too`, () => {
  assert.equal(typeof scanJson("[".repeat(JSON_DEPTH_MAX) + "]".repeat(JSON_DEPTH_MAX)), "object");
  assert.equal(scanJson("[".repeat(JSON_DEPTH_MAX + 1) + "]".repeat(JSON_DEPTH_MAX + 1)), "too-deep");
  assert.equal(scanJson("[".repeat(100_000)), "too-deep");
  assert.equal(scanJson('{"a":'.repeat(100_000)), "too-deep");
});

test("a million values are indexed, more are refused", () => {
  assert.equal(typeof scanJson(`[${"1,".repeat(JSON_VALUES_MAX - 2)}1]`), "object");
  assert.equal(scanJson(`[${"1,".repeat(JSON_VALUES_MAX - 1)}1]`), "too-large");
});

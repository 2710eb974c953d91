import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isScalar, parseDocument, Scalar, stringify } from "yaml";
import { Findings } from "./finding.ts";
import { offsetsInSource } from "./scalar-offset.ts";
import { parseYaml } from "./yaml.ts";

/** Line and column of the `X` in the value at `a`. */
function placeOfX(text: string): string {
  const document = parseYaml("x.yaml", text, new Findings());
  assert.ok(document !== null);
  const value = (document.value as { a: string }).a;
  return Object.values(document.placeInText(["a"], value.indexOf("X"))).join(":");
}

test("a character is found in plain, quoted and block texts", () => {
  assert.equal(placeOfX("a: oneXtwo\n"), "1:7");
  assert.equal(placeOfX("a: 'it''s X'\n"), "1:11");
  assert.equal(placeOfX('a: "\\"\\u0041\\x41 X"\n'), "1:18");
  assert.equal(placeOfX("a: one\n  two\n\n  X\n"), "4:3");
  assert.equal(placeOfX('a: "one \\\n  two X"\n'), "2:7");
  assert.equal(placeOfX("a: |\n  one\n    two X\n"), "3:9");
  assert.equal(placeOfX("a: >-\n  one\n  two X\n"), "3:7");
  assert.equal(placeOfX("a: >-\r\n  one\r\n  two X\r\n"), "3:7");
});

test("with an indentation indicator the place is the start of the text", () => {
  assert.equal(placeOfX("a: |2\n   one X\n"), "1:4");
});

test("a text of blanks alone, folded, is mapped as it is read", () => {
  const source = "a: >-\n   \n";
  const node = parseDocument(source).get("a", true) as Scalar<string>;
  const offsets = offsetsInSource(source, node);
  assert.ok(offsets === null || offsets.length === node.value.length + 1);
});

test("each character that is mapped stands at its place in the source, whatever the form", () => {
  const types = [Scalar.PLAIN, Scalar.QUOTE_SINGLE, Scalar.QUOTE_DOUBLE, Scalar.BLOCK_LITERAL, Scalar.BLOCK_FOLDED] as const;
  const text = fc
    .array(fc.constantFrom("a", "b", " ", "'", '"', "\\", "(", ",", "=", "é", "😀", "\n", "#", ": "))
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, fc.constantFrom(...types), fc.constantFrom(20, 80), (value, type, lineWidth) => {
      const scalar = new Scalar(value);
      scalar.type = type;
      const source = stringify({ a: scalar }, { lineWidth });
      const node = parseDocument(source).get("a", true);
      // Not every text can be written in every form (blanks alone, folded): what counts is what is read.
      assert.ok(isScalar(node) && typeof node.value === "string");
      const read = node.value;
      const offsets = offsetsInSource(source, node as Scalar<string>);
      if (offsets === null) return;
      assert.equal(offsets.length, read.length + 1);
      for (const [index, offset] of offsets.slice(0, -1).entries()) {
        if (/[ab(,=é#]/.test(read[index] ?? "")) assert.equal(source[offset], read[index]);
      }
    }),
  );
});

import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { TextEncodings, writeText } from "./text-encodings.ts";

test("a text is written with its bytes before it, the same whether it is known or not", () => {
  const encodings = new TextEncodings();
  for (const text of ["", "diku", "é/ü", "\u{1f600}", "x".repeat(64), "x".repeat(65)]) {
    const [first, again, plain] = [Buffer.alloc(300, 7), Buffer.alloc(300, 7), Buffer.alloc(300, 7)];
    const end = encodings.write(first, 3, text);
    equal(end, 7 + Buffer.byteLength(text));
    equal(encodings.write(again, 3, text), end);
    equal(writeText(plain, 3, text), end);
    deepEqual(again, first);
    deepEqual(plain, first);
    equal(first.toString("utf8", 7, end), text);
  }
});

test("more different texts than are kept are written as well", () => {
  const encodings = new TextEncodings();
  const target = Buffer.alloc(100);
  for (let round = 0; round < 2; round += 1) {
    for (let index = 0; index < 10_000; index += 1) {
      const end = encodings.write(target, 0, `tenant-${index}`);
      equal(target.toString("utf8", 4, end), `tenant-${index}`);
    }
  }
});

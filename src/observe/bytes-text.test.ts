import { equal } from "node:assert/strict";
import { test } from "node:test";
import { bytesOfText, bytesText } from "./bytes-text.ts";

const GIB = 1024 ** 3;

test("bytes are told in the largest unit that they fill", () => {
  for (const [bytes, text] of [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1.5 * 1024 * 1024, "1.5 MiB"],
    [10 * GIB, "10.0 GiB"],
    [3000 * 1024 * GIB, "3000.0 TiB"],
  ] as const) {
    equal(bytesText(bytes), text);
  }
});

test("a part and its whole are told in one unit", () => {
  equal(bytesOfText(3.2 * GIB, 10 * GIB), "3.2 of 10.0 GiB");
  equal(bytesOfText(100, 10 * GIB), "0.0 of 10.0 GiB");
  equal(bytesOfText(5, 20), "5 of 20 B");
});

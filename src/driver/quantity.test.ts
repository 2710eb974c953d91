import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { duration, formatSize, parseDuration, parseSize, size } from "./quantity.ts";

test("sizes are written with binary units or as bytes", () => {
  assert.deepEqual(["10GiB", "64KiB", "5B", "1TiB", "0B"].map(parseSize), [10 * 2 ** 30, 65_536, 5, 2 ** 40, 0]);
  for (const text of ["10GB", "10 GiB", "1.5MiB", "-1B", "", "GiB", "10gib", "1e3B", "9999999999TiB"])
    assert.equal(parseSize(text), undefined, text);
});

test("durations are written with a unit", () => {
  assert.deepEqual(["30d", "12h", "5m", "30s", "200ms"].map(parseDuration), [30 * 86_400_000, 12 * 3_600_000, 300_000, 30_000, 200]);
  for (const text of ["30", "30 d", "1w", "1.5h", "-5s", "", "5S"]) assert.equal(parseDuration(text), undefined, text);
});

test("a size is written back as it is read", () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.constantFrom("KiB", "MiB", "GiB"), (count, unit) => {
      const bytes = parseSize(`${count}${unit}`) ?? Number.NaN;
      const text = formatSize(bytes);
      assert.equal(parseSize(text.replace(" bytes", "B")), bytes);
    }),
  );
});

test("bounds are told in the units people write", () => {
  assert.equal(size(1_024, 2 ** 20).safeParse("2MiB").error?.issues[0]?.message, "expected a size from 1KiB to 1MiB");
  assert.equal(size(1_024, 2 ** 20).safeParse(5).error?.issues[0]?.message, "expected a size from 1KiB to 1MiB");
  assert.equal(duration(1_000, 86_400_000).safeParse("2d").error?.issues[0]?.message, "expected a duration from 1s to 1d");
  assert.equal(size(0, 2 ** 20).parse("1MiB"), 2 ** 20);
  assert.equal(size(0, 2 ** 20).parse(17), 17);
});

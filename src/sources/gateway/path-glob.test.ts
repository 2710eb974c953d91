import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { targetPath } from "../../driver/target-path.ts";
import { pathGlob } from "./path-glob.ts";

test("property: a star stands for any characters, as a regular expression would have it", () => {
  const pattern = fc.array(fc.constantFrom("a", "b", "/", "*"), { maxLength: 7 }).map((parts) => parts.join(""));
  const path = fc.array(fc.constantFrom("a", "b", "/"), { maxLength: 10 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(pattern, path, (pattern, path) => {
      assert.equal(pathGlob(pattern)(path), new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(path), `${pattern} on ${path}`);
    }),
    { numRuns: 5000 },
  );
});

test("the path of a target is without query, and without scheme and host", () => {
  assert.deepEqual(
    ["/a?b", "/a#b?c", "/", "http://h/a?b=/c", "http://h", "*", "/a://b/c", "/a?x=y://z/w", "x?a=http://b/c"].map(targetPath),
    ["/a", "/a", "/", "/a", "/", "*", "/a://b/c", "/a", "x"],
  );
});

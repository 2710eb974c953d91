import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compilePattern, literalPrefix, type Parameters } from "./pattern.ts";

/** The rule said plainly, with backtracking: what the linear matcher must agree with. */
function plainly(pattern: string, text: string): Parameters | null {
  const star = pattern.startsWith("*");
  const parameter = /^\{([^}]*)\}/.exec(pattern);
  if (pattern === "") return text === "" ? [] : null;
  if (star) {
    for (let skipped = 0; skipped <= text.length; skipped += 1) {
      const rest = plainly(pattern.slice(1), text.slice(skipped));
      if (rest !== null) return rest;
    }
    return null;
  }
  if (parameter !== null) {
    const value = /^[^/]*/.exec(text)?.[0] ?? "";
    if (value === "") return null;
    const rest = plainly(pattern.slice(parameter[0].length), text.slice(value.length));
    return rest === null ? null : [[parameter[1] ?? "", value], ...rest];
  }
  return text.startsWith(pattern[0] ?? "") ? plainly(pattern.slice(1), text.slice(1)) : null;
}

test("property: the linear matcher finds what backtracking finds, with the same parameters", () => {
  const pattern = fc.array(fc.constantFrom("/", "a", "b", "ab", "{x}", "{y}", "*", "/a/"), { maxLength: 8 }).map((parts) => parts.join(""));
  const text = fc.array(fc.constantFrom("/", "a", "b", "c"), { maxLength: 12 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(pattern, text, (pattern, text) => {
      assert.deepEqual(compilePattern(pattern, "/")(text), plainly(pattern, text), `${pattern} on ${text}`);
    }),
    { numRuns: 20_000 },
  );
});

test("a parameter takes one segment, at least one character, up to the separator", () => {
  const match = compilePattern("/users/{id}", "/");
  assert.deepEqual(match("/users/7"), [["id", "7"]]);
  assert.deepEqual(match("/users/a%2Fb"), [["id", "a%2Fb"]]);
  for (const path of ["/users/", "/users", "/users/7/", "/users/7/x", "/Users/7", "//users/7"]) assert.equal(match(path), null, path);
});

test("a star takes anything, also nothing and separators", () => {
  const match = compilePattern("/groups*", "/");
  for (const path of ["/groups", "/groupsxyz", "/groups/1/2"]) assert.deepEqual(match(path), []);
  assert.equal(match("/group"), null);
  assert.deepEqual(compilePattern("*/{id}", "/")("/a/b/c"), [["id", "c"]]);
});

test("hosts are matched by label", () => {
  const match = compilePattern("{tenant}.example.org", ".");
  assert.deepEqual(match("diku.example.org"), [["tenant", "diku"]]);
  assert.equal(match("a.b.example.org"), null);
  assert.equal(match(".example.org"), null);
});

test("a lone brace is an ordinary character, and no character has a further meaning", () => {
  assert.deepEqual(compilePattern("/a{b", "/")("/a{b"), []);
  assert.deepEqual(compilePattern("/a.(b)+", "/")("/a.(b)+"), []);
  assert.equal(compilePattern("/a.", "/")("/ab"), null);
});

test("the longest allowed path against the most twisted pattern is matched at once", () => {
  const matchers = ["*a{x}b*a{y}b*c", "*a*a*a*a*a*b", "*{x}/{y}a*{z}b", "*a{x}*a{x}*a{x}b"].map((pattern) => compilePattern(pattern, "/"));
  const texts = ["a".repeat(8192), "/a".repeat(4096), "a/".repeat(4096), "/".repeat(8192)];
  const started = process.cpuUsage();
  for (const match of matchers) for (const text of texts) match(text);
  const { user, system } = process.cpuUsage(started);
  assert.ok(user + system < 500_000, `${user + system} us of CPU for 16 matches`);
});

test("the literal prefix ends before the first brace or star", () => {
  assert.deepEqual(["/a/{x}", "/a*", "/a", "*"].map(literalPrefix), ["/a/", "/a", "/a", ""]);
});

import { deepEqual, equal } from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { RE2JS } from "re2js";
import { ByteTable } from "./byte-table.ts";
import { hashOf, isSame, specialAt, viewOf } from "./byte-words.ts";
import { detached } from "../../detached.ts";
import { PrefixTree } from "./prefix-tree.ts";
import { literalPrefix } from "./regex-prefix.ts";
import { compares } from "../numbers.ts";
import { Thresholds } from "./thresholds.ts";

const rising = (left: number, right: number): number => left - right;

test("the first quote, backslash or control character is found wherever it stands", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(8), (bytes, from) => {
      const view = viewOf(bytes);
      const at = bytes.findIndex((byte, place) => place >= from && (byte === 0x22 || byte === 0x5c || byte < 0x20));
      equal(specialAt(view, Math.min(from, bytes.length), bytes.length), at === -1 ? bytes.length : at);
    }),
    { numRuns: 5_000 },
  );
});

test("texts are the same, and hash alike, exactly when all their bytes are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), fc.uint8Array({ maxLength: 12 }), fc.nat(5), (left, right, pad) => {
      const padded = new Uint8Array([...new Uint8Array(pad), ...left, 7]);
      equal(hashOf(viewOf(padded), pad, left.length, 0), hashOf(viewOf(left), 0, left.length, 0));
      equal(isSame(viewOf(left), 0, viewOf(padded), pad, left.length), true);
      if (left.length === right.length)
        equal(
          isSame(viewOf(left), 0, viewOf(right), 0, left.length),
          left.every((byte, at) => byte === right[at]),
        );
    }),
  );
});

test("a table of bytes has what was added and not removed", () => {
  const texts = fc.constantFrom("", "a", "b", "ab", "abcd", "abce", "é", "t00001", "t00002", "x".repeat(100));
  fc.assert(
    fc.property(fc.array(fc.tuple(texts, fc.boolean()), { maxLength: 200 }), (steps) => {
      const table = new ByteTable();
      const expected = new Map<string, number>();
      for (const [step, [text, adds]] of steps.entries()) {
        if (adds && !expected.has(text)) {
          table.add(text, step + 1);
          expected.set(text, step + 1);
        } else if (!adds) {
          table.remove(text);
          expected.delete(text);
        }
      }
      for (const [text] of steps) {
        const bytes = Buffer.from(`__${text}__`);
        equal(table.find(viewOf(bytes), 2, bytes.length - 4), expected.get(text) ?? 0);
      }
    }),
  );
});

test("a collision of hashes never passes for a match", () => {
  // Found by trial: two texts of one length with one hash.
  const seen = new Map<number, string>();
  let pair: readonly [string, string] | null = null;
  for (let number = 1; pair === null && number < 1_000_000; number += 1) {
    const text = createHash("md5").update(String(number)).digest("base64").slice(0, 12);
    const hash = hashOf(viewOf(Buffer.from(text)), 0, text.length, 0);
    const other = seen.get(hash);
    if (other !== undefined) pair = [other, text];
    seen.set(hash, text);
  }
  if (pair === null) throw new Error("no collision was found to try");
  const table = new ByteTable();
  table.add(pair[0], 1);
  const bytes = Buffer.from(pair[1]);
  equal(table.find(viewOf(bytes), 0, bytes.length), 0);
  table.add(pair[1], 2);
  equal(table.find(viewOf(bytes), 0, bytes.length), 2);
});

test("a prefix tree finds the texts that a value begins with, as text and as bytes", () => {
  const texts = fc.string({ unit: fc.constantFrom("a", "b", "é", "\u{1f388}"), maxLength: 5 });
  fc.assert(
    fc.property(fc.array(texts, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 6 }), texts, (added, removed, value) => {
      const tree = new PrefixTree();
      const nodes = new Map<string, number>();
      for (const text of added)
        nodes.set(
          text,
          tree.nodeAt(text, () => nodes.size + 1),
        );
      for (const pick of removed) {
        const text = added[pick % Math.max(1, added.length)] ?? "";
        tree.remove(text);
        nodes.delete(text);
      }
      const expected = [...nodes].filter(([text]) => value.startsWith(text)).map(([, node]) => node);
      const found: number[] = [];
      tree.walk(value, (node) => found.push(node));
      deepEqual(found.toSorted(rising), expected.toSorted(rising));
      const bytes = Buffer.from(value);
      const byBytes: number[] = [];
      const whole = tree.walkBytes(viewOf(bytes), 0, bytes.length, (node) => byBytes.push(node));
      if (whole) deepEqual(byBytes.toSorted(rising), expected.toSorted(rising));
      deepEqual(tree.nodes().toSorted(rising), [...nodes.values()].toSorted(rising));
      equal(tree.isEmpty, nodes.size === 0);
    }),
    { numRuns: 2_000 },
  );
});

test("thresholds lead to the comparisons that a number meets", () => {
  const comparisons = fc.tuple(fc.constantFrom("<" as const, "<=" as const, ">" as const, ">=" as const), fc.integer({ min: -3, max: 3 }));
  fc.assert(
    fc.property(fc.array(comparisons), fc.integer({ min: -4, max: 4 }), (all, value) => {
      const thresholds = new Thresholds();
      const nodes = new Map<string, number>();
      for (const [comparison, number] of all) {
        const node = thresholds.nodeAt(comparison, number, () => nodes.size + 1);
        nodes.set(`${comparison} ${number}`, node);
      }
      const expected = all
        .filter(([comparison, number]) => compares(value, comparison, number))
        .map(([comparison, number]) => nodes.get(`${comparison} ${number}`));
      const found: number[] = [];
      thresholds.walk(value, (node) => found.push(node));
      deepEqual(new Set(found), new Set(expected));
      for (const [comparison, number] of all) thresholds.remove(comparison, number);
      equal(thresholds.isEmpty, true);
    }),
  );
});

test("whatever a regular expression matches begins with its literal prefix", () => {
  const pieces = fc.constantFrom(
    "^",
    "a",
    "b",
    "/",
    "\\.",
    "\\-",
    "\\d",
    "\\Q",
    "\\E",
    "|",
    "(",
    ")",
    "[ab]",
    "[|]",
    "[[:alpha:]]",
    "(?i)",
    "(?:",
    "*",
    "+",
    "?",
    "{2}",
    "{0,1}",
    ".",
    "$",
    " ",
  );
  const patterns = fc.array(pieces, { minLength: 1, maxLength: 7 }).map((all) => `^${all.join("")}`);
  const values = fc.string({ unit: fc.constantFrom("a", "b", "A", "/", ".", "-", "|", "1", " "), maxLength: 5 });
  fc.assert(
    fc.property(patterns, fc.array(values, { minLength: 5, maxLength: 20 }), (pattern, tried) => {
      let regex: RE2JS;
      try {
        regex = RE2JS.compile(pattern);
      } catch {
        return;
      }
      const prefix = literalPrefix(pattern, false);
      for (const value of tried)
        if (regex.test(value)) equal(value.startsWith(prefix), true, `${pattern} matches ${JSON.stringify(value)}`);
    }),
    { numRuns: 5_000 },
  );
  equal(literalPrefix("^/users/[0-9a-f-]{36}$", false), "/users/");
  equal(literalPrefix("^/a\\.b/", false), "/a.b/");
  equal(literalPrefix("^/a", true), "");
  equal(literalPrefix("/a", false), "");
  equal(literalPrefix("^/a|^/b", false), "");
  equal(literalPrefix("^/(a|b)", false), "/");
  equal(literalPrefix("^/a\\Q\\E*", false), "", "the star means the a, for nothing is quoted");
});

test("a detached text is the same text, also where it isn't well-formed", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => equal(detached(text), text)));
  equal(detached("a\ud800"), "a\ud800");
});

import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseCriteria } from "../parse.ts";
import { RuleIndex } from "./rule-index.ts";

const RULES: readonly string[] = [
  "x-a",
  "x-a=a",
  'x-a=""',
  'x-a="é\u2028"',
  "x-a=a*",
  "x-a=200",
  "x-a=true",
  'x-a="{\\"b\\":1}"',
  "x-a>=200",
  "METHOD=GET",
  "header.method=GET",
  "NOT x-b",
  "TENANT=t1",
  "TENANT=t2",
  "header.x-okapi-tenant=t1",
  "payload/a=b",
  "NOT payload/a=b",
];

function index(): RuleIndex {
  const rules = new RuleIndex();
  for (const text of RULES) rules.add(text, parseCriteria(text));
  return rules;
}

const rules = index();
const sorted = (ids: readonly (string | number)[]): readonly (string | number)[] =>
  ids.toSorted((left, right) => String(left).localeCompare(String(right)));
const isObject = (value: unknown): value is Record<string, string> => typeof value === "object" && value !== null && !Array.isArray(value);

test("JSON as bytes gives what the same object gives", () => {
  const names = fc.constantFrom(
    "x-a",
    "X-A",
    "METHOD",
    "Method",
    "method",
    "x-okapi-tenant",
    "X-Okapi-Tenant",
    "TENANT",
    "payload",
    "other",
    "é",
    'a"b',
  );
  const texts = fc.oneof(
    fc.constantFrom("", "a", "ab", "GET", "t1", "t2", "é\u2028", '{"a":"b"}', "\\", "\n"),
    fc.string({ unit: "binary" }),
  );
  const values = fc.oneof(texts, fc.constantFrom(200, 1e21, -0, true, null, []), fc.array(texts, { maxLength: 3 }));
  fc.assert(
    fc.property(fc.dictionary(names, values), fc.constantFrom(0, 1), (object, indent) => {
      // Text that isn't well-formed can't stand in UTF-8; JSON.stringify writes it as escapes.
      const json = JSON.stringify(object, null, indent);
      deepEqual(sorted(rules.matchJson(json)), sorted(rules.match(JSON.parse(json) as Record<string, string>)), json);
    }),
    { numRuns: 3_000 },
  );
});

test("a value that is an object counts with its JSON", () => {
  const object = { "x-a": { b: 1 } as unknown as string };
  equal(rules.match(object).includes('x-a="{\\"b\\":1}"'), true);
  deepEqual(sorted(rules.matchJson(JSON.stringify(object))), sorted(rules.match(object)));
});

test("bytes are taken exactly where JSON.parse takes them for an object", () => {
  const valid = '{"x-a" : "a\\u00e9\\n", "n": [-1.5e+3, {"b": null}], "t":true, "":"", "METHOD":"GET"}';
  const edits = fc.array(
    fc.tuple(fc.nat(valid.length), fc.constantFrom("", "\\", '"', "{", "}", ",", ":", "[", "]", "0", "-", "\t", "\u0000", "u", "e", " ")),
    {
      minLength: 1,
      maxLength: 3,
    },
  );
  fc.assert(
    fc.property(edits, fc.boolean(), (all, cut) => {
      let text = valid;
      for (const [at, sign] of all) text = text.slice(0, at) + sign + text.slice(at + 1);
      if (cut) text = text.slice(0, all[0]?.[0] ?? 0);
      let parsed: unknown;
      try {
        parsed = JSON.parse(text);
      } catch {
        parsed = undefined;
      }
      if (!isObject(parsed)) throws(() => rules.matchJson(text), { code: "SST_EVENT_INVALID" });
      // A name that stands twice counts with both values, where JSON.parse keeps the last.
      else if (
        (text.match(/"x-a"|"METHOD"/g) ?? []).length <= Object.keys(parsed).filter((key) => key === "x-a" || key === "METHOD").length
      )
        deepEqual(sorted(rules.matchJson(text)), sorted(rules.match(parsed)), text);
    }),
    { numRuns: 6_000 },
  );
});

test("an event that is no JSON object says so, and the next one is none the worse", () => {
  for (const text of [
    "",
    " ",
    "[]",
    "1",
    '"a"',
    "null",
    '{"x-a":"a"',
    '{"x-a":"a"}}',
    '{"x-a":"a",}',
    "{x-a:1}",
    '{"x-a":01}',
    '{"x-a":nul}',
    '{"x-a":"\t"}',
  ])
    throws(() => rules.matchJson(text), { code: "SST_EVENT_INVALID" }, text);
  throws(() => rules.matchJson(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), { code: "SST_EVENT_INVALID" });
  throws(() => rules.matchJson(`{"x-a":"a","b":${"[".repeat(100_000)}${"]".repeat(100_000)}}`), { code: "SST_EVENT_INVALID" });
  deepEqual(rules.matchJson("{}"), rules.match({}));
});

test("a name that stands twice counts with both values", () => {
  const twice = rules.matchJson('{"x-a":"b","x-a":"a"}');
  equal(twice.includes("x-a=a"), true);
  deepEqual(sorted(twice), sorted(rules.match({ "x-a": ["b", "a"] })));
});

test("a tenant is taken from its header, in any spelling, unless it is given", () => {
  const held = (json: string): readonly string[] =>
    rules
      .matchJson(json)
      .map(String)
      .filter((id) => id.includes("enant") || id.includes("TENANT"));
  deepEqual(held('{"X-OKAPI-Tenant":"t1"}'), ["TENANT=t1", "header.x-okapi-tenant=t1"]);
  deepEqual(held('{"x-okapi-tenant":"t1","TENANT":"t2"}'), ["TENANT=t2", "header.x-okapi-tenant=t1"]);
  deepEqual(held('{"TENANT":"t2","x-okapi-tenant":"t1"}'), ["TENANT=t2", "header.x-okapi-tenant=t1"]);
  deepEqual(held('{"header.x-okapi-tenant":"t1"}'), ["header.x-okapi-tenant=t1"]);
});

test("bytes may be a part of a larger buffer, and a plain Uint8Array", () => {
  const bytes = Buffer.from(`xx${JSON.stringify({ "x-a": "a", METHOD: "GET" })}yy`);
  const part = new Uint8Array(bytes.buffer, bytes.byteOffset + 2, bytes.length - 4);
  deepEqual(rules.matchJson(part), rules.match({ "x-a": "a", METHOD: "GET" }));
});

test("names beyond any number that is kept are read all the same", () => {
  const fresh = index();
  for (let round = 0; round < 6_000; round += 1) {
    const attributes = { [`x-${round}`]: "1", "x-A": "a", [`y-${round}${"z".repeat(300)}`]: "2" };
    const expected = rules.match({ "x-a": "a" });
    deepEqual(fresh.matchJson(JSON.stringify(attributes)), expected);
    deepEqual(fresh.match(attributes), expected);
  }
});

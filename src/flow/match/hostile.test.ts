/**
 * Rules and events that mean harm: what they cost is bounded by what can be counted, never by a clock.
 *
 * That a rule of 1 MB, nesting of 10,000 and an expression of 10,000 characters are refused is in bounds.test.ts; bodies
 * by themselves are in ../content.
 */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { RE2JS } from "re2js";
import { ContentValues } from "../content/pointers.ts";
import { JSON_DEPTH_MAX } from "../content/json-scan.ts";
import { POINTER_VALUES_MAX } from "../content/json-pointer.ts";
import { transactionEvent } from "../message/testing/messages.ts";
import { REGEX_CHARACTERS_MAX, REGEX_INPUT_CHARACTERS_MAX, TERMS_MAX } from "./bounds.ts";
import { evaluate, type Truth } from "./evaluate.ts";
import { parseCriteria } from "./parse.ts";
import type { EventAttributes } from "./rule-index/event-input.ts";
import { viewOf } from "./rule-index/event-view.ts";
import { IndexedRules } from "./rule-index/indexed-rules.ts";
import { NameTable } from "./rule-index/name-table.ts";
import { NameTrail } from "./rule-index/name-trail.ts";
import { RuleIndex } from "./rule-index/rule-index.ts";
import { viewOf as bytesView } from "./rule-index/byte-words.ts";
import { Spellings } from "./rule-index/spellings.ts";

const MEBIBYTE = 1024 * 1024;

/** What the plain way says; the index has to agree. */
function truthOf(rule: string, event: EventAttributes): Truth {
  const { criteria } = parseCriteria(rule);
  const truth = evaluate(criteria, viewOf(event));
  const index = new RuleIndex<string>();
  index.add(rule, { criteria });
  deepEqual(index.match(event), truth === true ? [rule] : [], rule);
  deepEqual(index.matchJson(JSON.stringify(event)), truth === true ? [rule] : [], rule);
  return truth;
}

/** How often the engine of regular expressions runs. */
function runsOf(context: TestContext, act: () => void): number {
  const spy = context.mock.method(RE2JS.prototype, "test");
  act();
  const runs = spy.mock.callCount();
  spy.mock.restore();
  return runs;
}

test("a body of 1 MB nested 100,000 deep is unknown to rules, however it comes", () => {
  const deep = "[".repeat(100_000);
  const body = `${deep}"${"x".repeat(MEBIBYTE - 300_000)}"${"]".repeat(100_000)}`;
  ok(body.length < MEBIBYTE);
  for (const rule of ["payload/0", "NOT payload/0", "payload/**=x", "NOT payload"]) equal(truthOf(rule, { payload: body }), null, rule);
  const event = transactionEvent({ requestBody: { bytes: Buffer.from(body), sizeBytes: body.length, truncated: false } });
  equal(new ContentValues(event, { decodedBytesMax: 4 * MEBIBYTE }).values("request.body", ["0"]), null);
  equal(truthOf("payload/0", { payload: deep }), null, "also where it never closes");
});

test("a body over 1 MiB is unknown to rules, one byte less is read", () => {
  const body = (length: number): string => `{"a":1,"b":"${"x".repeat(length - 14)}"}`;
  equal(truthOf("payload/a=1", { payload: body(MEBIBYTE) }), true);
  equal(truthOf("payload/a=1", { payload: body(MEBIBYTE + 1) }), null);
  equal(truthOf("payload/a=1", { payload: `{"a":1,"b":"${"é".repeat(MEBIBYTE / 2)}"}` }), null, "it is bytes that count");
});

test("a body with a million keys is unknown, and with 100,000 all of them are seen", () => {
  const keys = (count: number): string => `{${Array.from({ length: count }, (_, key) => `"${key}":0`).join()},"last":1}`;
  equal(truthOf("payload/last=1", { payload: keys(1_000_000) }), null);
  equal(truthOf("payload/last=1", { payload: keys(90_000) }), true);
});

test("more than 10,000 values behind a pointer are unknown, and no number of values on the way there is", () => {
  const repeated = (count: number): string => `{${'"a":0,'.repeat(count - 1)}"a":{"b":1}}`;
  equal(truthOf("payload/a=0", { payload: repeated(POINTER_VALUES_MAX) }), true);
  equal(truthOf("payload/a=0", { payload: repeated(POINTER_VALUES_MAX + 1) }), null);
  equal(truthOf("NOT payload/**/a=2", { payload: repeated(POINTER_VALUES_MAX + 1) }), null);
  equal(truthOf("payload/a/b=1", { payload: repeated(POINTER_VALUES_MAX * 2) }), true);
});

test("a body that isn't UTF-8 has no pointers, and an event that isn't is refused", () => {
  const bytes = Buffer.from([...Buffer.from('{"a":"'), 0xff, ...Buffer.from('"}')]);
  const event = transactionEvent({ requestBody: { bytes, sizeBytes: bytes.length, truncated: false } });
  equal(new ContentValues(event, { decodedBytesMax: MEBIBYTE }).values("request.body", ["a"]), undefined);
  throws(() => new RuleIndex().matchJson(bytes), { code: "SST_EVENT_INVALID" });
});

test("an event whose own JSON is nested too deep is refused, and the next one is none the worse", () => {
  const index = new RuleIndex<string>();
  index.add("a", parseCriteria("x-a=1"));
  const nested = (depth: number): string => `{"x-a":"1","b":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  throws(() => index.matchJson(nested(100_000)), { code: "SST_EVENT_INVALID" });
  deepEqual(index.matchJson(nested(JSON_DEPTH_MAX - 1)), ["a"]);
});

test("numbers beyond all bounds are compared, and none is taken for code", () => {
  equal(truthOf("x-a>=0", { "x-a": `1${"0".repeat(100_000)}` }), true);
  equal(truthOf("x-a>0", { "x-a": `0.${"0".repeat(100_000)}1` }), false);
  equal(truthOf("x-a=process.exit", { "x-a": "process.exit" }), true);
  equal(truthOf('payload/"$..[?(@.constructor.constructor)]"=x', { payload: "{}" }), false);
  equal(truthOf("payload/constructor/constructor", { payload: "{}" }), false);
  equal(truthOf("payload/__proto__/polluted", { payload: '{"__proto__":{"polluted":1}}' }), true);
  equal("polluted" in {}, false);
});

test("what a prototype was given is no part of an event", (context) => {
  const prototype = Object.prototype as Record<string, unknown>;
  prototype["x-polluted"] = "1";
  context.after(() => delete prototype["x-polluted"]);
  equal(truthOf("x-polluted", { "x-a": "1" }), false);
});

test("an expression is not tried on a value of 1 MB: the answer is unknown", (context) => {
  const value = "a".repeat(MEBIBYTE);
  const runs = runsOf(context, () => {
    for (const rule of ["x-a~/^(a+)+$/", "NOT x-a~/(a|a)*b/"]) equal(truthOf(rule, { "x-a": value }), null, rule);
  });
  equal(runs, 0);
});

test("an expression is tried on each value once at most, however often rules ask", (context) => {
  const index = new RuleIndex<number>();
  for (let rule = 0; rule < 1_000; rule += 1) index.add(rule, parseCriteria(`x-a~/b+c/ AND x-${rule}=1`));
  const event = { "x-a": Array.from({ length: 50 }, () => "a".repeat(REGEX_INPUT_CHARACTERS_MAX)), "x-999": "1" };
  const all = Object.fromEntries(Array.from({ length: 1_000 }, (_, rule) => [`x-${rule}`, "1"]));
  ok(runsOf(context, () => deepEqual(index.match({ ...all, ...event, "x-a": "abbc" }).length, 1_000)) <= 1);
  ok(runsOf(context, () => deepEqual(index.match({ ...all, "x-a": event["x-a"].map((value) => value.slice(1)) }), [])) <= 50);
});

test("what only an engine that backtracks can do is refused with its place", () => {
  for (const [pattern, problem] of [
    ["(a)\\1", "back-references are not supported"],
    ["(?<=a)b", "look-ahead and look-behind are not supported"],
    ["(?!a)b", "look-ahead and look-behind are not supported"],
    [`(${"a|".repeat(REGEX_CHARACTERS_MAX / 4)}a){999}`, "this regular expression is too large"],
    ["((a{100}){100}){100}", "(a{100}){100}"],
  ] as const) {
    throws(
      () => parseCriteria(`x-a~/${pattern}/`),
      ({ code, problem: told, column }: { code: string; problem: string; column: number }) =>
        code === "SST_RULE_INVALID" && (told.includes(problem) || told.includes("repeats too often")) && column > 4,
      pattern,
    );
  }
});

test("a rule that would multiply when it is taken apart stays whole", () => {
  // Two to the power of 400 conjunctions, were each pair multiplied.
  const rule = Array.from({ length: TERMS_MAX / 2 - 100 }, (_, at) => `(x-a${at}=1 OR x-b${at}=1)`).join(" AND ");
  const event = Object.fromEntries(Array.from({ length: TERMS_MAX / 2 - 100 }, (_, at) => [at % 2 === 0 ? `x-a${at}` : `x-b${at}`, "1"]));
  equal(truthOf(rule, event), true);
  equal(truthOf(rule, { ...event, "x-a0": "2" }), false);
  equal(truthOf(`NOT (${rule})`, event), false);
});

test("of 100,000 distinct names of headers a bounded number is kept", () => {
  let asked = 0;
  const spellings = new Spellings(() => (asked += 1));
  const names = Array.from({ length: 100_000 }, (_, name) => `x-${name}`);
  for (const name of names) spellings.next(name);
  equal(asked, names.length);
  for (const name of names) spellings.next(name);
  equal(asked, names.length * 2 - 4_096, "all but those that are kept are asked for again");
  asked = 0;
  const long = "x".repeat(10_000);
  const fresh = new Spellings(() => (asked += 1));
  for (let round = 0; round < 3; round += 1) fresh.next(long);
  equal(asked, 3, "a long one is never kept");
});

test("of 100,000 distinct names that come as bytes a bounded number is kept", () => {
  let asked = 0;
  class Counting extends NameTable {
    override find(...given: Parameters<NameTable["find"]>): number {
      asked += 1;
      return super.find(...given);
    }
  }
  const trail = new NameTrail(new Counting(), -1);
  const names = Array.from({ length: 100_000 }, (_, name) => bytesView(Buffer.from(`x-${name}"`)));
  for (const name of names) trail.next(name, 0, name.byteLength);
  equal(asked, names.length);
  for (const name of names) trail.next(name, 0, name.byteLength);
  equal(asked, names.length * 2 - 1_024);
});

test("nothing is left of rules that came and went", () => {
  const rules = new IndexedRules([]);
  for (let round = 0; round < 5_000; round += 1) {
    const { criteria } = parseCriteria(`x-${round}=v${round} AND payload/k${round} AND y-${round}~/e${round}/ AND z-${round}>${round}`);
    rules.add(0, criteria);
    rules.ready();
    rules.remove(0);
    rules.ready();
  }
  ok(rules.vocabulary.attributeCount <= 16, String(rules.vocabulary.attributeCount));
  equal(rules.vocabulary.pointers.payload.size, 0);
});

test("an event with 100,000 headers, or 100,000 values of one, is answered", () => {
  const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, name) => [`x-${name}`, String(name)]));
  equal(truthOf("x-99999=99999 AND NOT x-a", many), true);
  const values = Array.from({ length: 100_000 }, (_, value) => String(value));
  equal(truthOf("x-a=99999 AND x-a!=a* AND x-a>99998", { "x-a": values }), true);
});

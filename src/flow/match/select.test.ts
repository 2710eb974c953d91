import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import type { StreamSettings } from "../settings.ts";
import { printTarget } from "./print.ts";
import type { Attributes } from "./rule.ts";
import { select } from "./select.ts";
import { attributesFromRecord } from "./testing/record-attributes.ts";
import { parsedRules, streamOf } from "./testing/streams.ts";

function stream(id: string, rules: readonly string[], tenants?: StreamSettings["tenants"]): StreamSettings {
  return streamOf(id, parsedRules(rules), tenants);
}

const post = attributesFromRecord({ METHOD: "POST", STATUS: "201", "payload/x": null });
const chosen = (streams: readonly StreamSettings[], attributes: Attributes = post, tenant = "diku"): readonly string[] =>
  select(attributes, streams, tenant).map(({ stream: { id }, rule, target }) => `${id}/${rule.number} ${printTarget(target)}`);

test("every stream whose rule holds gets a message, in order", () => {
  deepEqual(
    chosen([
      stream("a", ["METHOD=POST , publish , k:t"]),
      stream("b", ["METHOD=GET , publish , k:t"]),
      stream("c", ["STATUS=2* , publish , k:t"]),
    ]),
    ["a/1 k:t", "c/1 k:t"],
  );
});

test("the first rule that holds gives the options, once per target", () => {
  const rules = [
    "METHOD=GET , publish , k:t",
    "METHOD=POST , publish , k:t",
    "STATUS=201 , publish , k:t",
    "STATUS=201 , publish , k:{tenant}",
    "STATUS=201 , publish , r:t",
  ];
  deepEqual(chosen([stream("a", rules)]), ["a/2 k:t", "a/4 k:{tenant}", "a/5 r:t"]);
});

test("an ignore rule silences its stream, also rules before it, and no other", () => {
  deepEqual(chosen([stream("a", ["METHOD=POST , publish , k:t", "STATUS=201 , ignore"]), stream("b", ["METHOD=POST , publish , k:t"])]), [
    "b/1 k:t",
  ]);
  deepEqual(chosen([stream("a", ["METHOD=POST , publish , k:t", "STATUS=500 , ignore"])]), ["a/1 k:t"]);
});

test("a shadow rule makes no message, takes no target from a live rule, and silences nothing", () => {
  const { rules, ...rest } = stream("a", [
    "METHOD=POST , publish , k:t",
    "METHOD=POST , publish , k:u",
    "STATUS=201 , publish , k:t",
    "METHOD=POST , ignore",
  ]);
  const shadowed = (...numbers: readonly number[]): StreamSettings => ({
    ...rest,
    rules: rules.map((rule) => ({ ...rule, mode: numbers.includes(rule.number) ? "shadow" : "live" })),
  });
  deepEqual(chosen([shadowed(1, 2, 4)]), ["a/3 k:t"]);
  deepEqual(chosen([shadowed(1, 2, 3, 4)]), []);
  deepEqual(chosen([shadowed(1, 2)]), [], "the live ignore silences as ever");
});

test("a rule that is unknown does nothing, also one that would ignore", () => {
  deepEqual(
    chosen([
      stream("a", [
        "payload/x=1 , publish , k:t",
        "NOT payload/x=1 , publish , k:t",
        "payload/x=1 , ignore",
        "METHOD=POST , publish , k:u",
      ]),
    ]),
    ["a/4 k:u"],
  );
});

test("a stream is open to all tenants, to those listed, or to none", () => {
  const rules = ["METHOD=POST , publish , k:t"];
  const streams = [
    stream("all", rules),
    stream("listed", rules, ["other", "diku"]),
    stream("other", rules, ["other"]),
    stream("none", rules, []),
  ];
  deepEqual(chosen(streams), ["all/1 k:t", "listed/1 k:t"]);
  deepEqual(chosen(streams, post, "constructor"), ["all/1 k:t"]);
});

test("content is not asked for by rules that can't add a message", () => {
  let asked = 0;
  const attributes: Attributes = {
    ...post,
    content: () => {
      asked += 1;
      return ["1"];
    },
  };
  deepEqual(
    chosen(
      [
        stream("a", ["METHOD=POST , publish , k:t", "payload/x=1 , publish , k:t"]),
        stream("b", ["METHOD=GET , publish , k:t", "payload/x=1 , ignore"]),
      ],
      attributes,
    ),
    ["a/1 k:t"],
  );
  equal(asked, 0);
});

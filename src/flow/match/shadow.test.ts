import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { stream } from "../message/testing/messages.ts";
import type { RuleMode, RuleSettings, StreamSettings } from "../settings.ts";
import { parseRule, parseTargets } from "./parse.ts";
import { printTarget } from "./print.ts";
import type { Attributes, Target } from "./rule.ts";
import { select } from "./select.ts";
import { shadowHits } from "./shadow.ts";
import { holdingIn } from "./testing/shadow-rules.ts";
import { randomAttributes, randomCriteria } from "./testing/random-rules.ts";
import { attributesFromRecord } from "./testing/record-attributes.ts";

const post = attributesFromRecord({ METHOD: "POST", STATUS: "201", "payload/x": null });

/** Rules as text; those that begin with `~` are in shadow. */
function rulesOf(texts: readonly string[]): readonly RuleSettings[] {
  return texts.map((text, index) => ({
    ...parseRule(text.replace(/^~/, "")).rule,
    number: index + 1,
    ...(text.startsWith("~") ? { mode: "shadow" as const } : {}),
  }));
}

function hits(
  streams: readonly StreamSettings[],
  attributes: Attributes = post,
  tenant = "diku",
): readonly (readonly [string, boolean, ...string[]])[] {
  return shadowHits(holdingIn(streams, attributes, tenant), attributes, select(attributes, streams, tenant)).map(
    ({ stream: { id }, rule, acts, targets }) => [`${id}/${rule.number}`, acts, ...targets.map(printTarget)] as const,
  );
}

const a = (...texts: readonly string[]): StreamSettings => stream({ id: "a", rules: rulesOf(texts) });

test("a shadow rule that holds would publish where its stream makes no message to its target", () => {
  deepEqual(hits([a("METHOD=POST , publish , k:t", "~METHOD=POST , publish , k:u", "~METHOD=GET , publish , k:v")]), [
    ["a/2", true, "k:u"],
  ]);
  const taken = ["~METHOD=POST , publish , k:t", "METHOD=POST , publish , k:t"] as const;
  deepEqual(hits([a(...taken)]), [["a/1", false]], "also where the live rule stands behind it");
  deepEqual(hits([a(...taken.toReversed())]), [["a/2", false]]);
});

test("a message of another stream to the same target is another message", () => {
  const other = stream({ id: "b", rules: rulesOf(["METHOD=POST , publish , k:t"]) });
  deepEqual(hits([other, a("~METHOD=POST , publish , k:t")]), [["a/1", true, "k:t"]]);
});

test("where a live ignore silences the stream, a shadow rule would publish nothing", () => {
  deepEqual(hits([a("~METHOD=POST , publish , k:t", "STATUS=201 , ignore")]), [["a/1", false]]);
  deepEqual(hits([a("~METHOD=POST , publish , k:t", "~STATUS=201 , ignore")]), [
    ["a/1", true, "k:t"],
    ["a/2", false],
  ]);
});

test("a shadow ignore would act where live rules made something, and other shadow rules count for nothing", () => {
  deepEqual(hits([a("METHOD=POST , publish , k:t", "~STATUS=201 , ignore")]), [["a/2", true]]);
  deepEqual(hits([a("METHOD=GET , publish , k:t", "~STATUS=201 , ignore")]), [["a/2", false]]);
  deepEqual(hits([a("~METHOD=POST , publish , k:t", "~METHOD=POST , publish , k:t")]), [
    ["a/1", true, "k:t"],
    ["a/2", true, "k:t"],
  ]);
});

test("a shadow rule that is unknown doesn't hold, and one of a stream that isn't open to the tenant isn't asked", () => {
  deepEqual(hits([a("~payload/x=1 , publish , k:t", "~NOT payload/x=1 , publish , k:t")]), []);
  const listed = stream({ id: "a", tenants: ["other"], rules: rulesOf(["~METHOD=POST , publish , k:t"]) });
  deepEqual(hits([listed]), []);
  deepEqual(hits([listed], post, "other"), [["a/1", true, "k:t"]]);
});

const TARGETS = ["k:t", "k:u", "r:t"].map((text) => parseTargets(text));

const randomRule = fc.record({
  criteria: randomCriteria,
  targets: fc.constantFrom<readonly Target[]>([], ...TARGETS),
  mode: fc.constantFrom<RuleMode>("live", "shadow"),
});

const randomStream = fc.array(randomRule, { minLength: 1, maxLength: 6 }).map((rules) =>
  stream({
    rules: rules.map(({ criteria, targets, mode }, index): RuleSettings => ({
      criteria,
      action: targets.length === 0 ? "ignore" : "publish",
      // Rules that are parsed apart share no target.
      targets: targets.map((target) => ({ ...target })),
      mode,
      number: index + 1,
    })),
  }),
);

test("what a shadow rule would do is what select chooses more, or no more, once that rule is live", () => {
  const chosenBy = (settings: StreamSettings, attributes: Attributes): ReadonlySet<string> =>
    new Set(select(attributes, [settings], "diku").map(({ target }) => printTarget(target)));
  fc.assert(
    fc.property(randomStream, randomAttributes, (settings, attributes: Attributes) => {
      const now = chosenBy(settings, attributes);
      const found = shadowHits(holdingIn([settings], attributes, "diku"), attributes, select(attributes, [settings], "diku"));
      for (const { rule, acts, targets } of found) {
        const rules = settings.rules.map((each) => (each === rule ? { ...each, mode: "live" as const } : each));
        const then = chosenBy({ ...settings, rules }, attributes);
        deepEqual(new Set(targets.map(printTarget)), then.difference(now));
        equal(acts, then.size !== now.size);
      }
    }),
    { numRuns: 500 },
  );
});

import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ContentValues } from "../content/pointers.ts";
import type { CapturedBody, IdentifiedEvent } from "../event.ts";
import { isShadow, type RuleSettings, type StreamSettings } from "../settings.ts";
import { attributesOf } from "./attributes.ts";
import { parseRule } from "./parse.ts";
import { printTarget } from "./print.ts";
import { select, type Selection } from "./select.ts";
import { StreamIndex } from "./stream-index.ts";
import { StreamRules } from "./stream-rules.ts";
import { holds } from "./testing/seeded.ts";
import { holdingIn } from "./testing/shadow-rules.ts";
import { parsedRules, streamOf } from "./testing/streams.ts";
import { eventCriteria } from "./rule-index/testing/random-events.ts";

const LIMITS = { decodedBytesMax: 1024 * 1024 };

const stream = streamOf;
const parsed = (...texts: readonly string[]): readonly RuleSettings[] => parsedRules(texts);

function body(text: string, truncated = false): CapturedBody {
  const bytes = Buffer.from(text);
  return { bytes, sizeBytes: bytes.length, truncated };
}

function transaction(headers: readonly string[], requestBody: CapturedBody, tenant = "a", status = 201): IdentifiedEvent {
  return {
    id: "1",
    kind: "transaction",
    source: "front",
    sourcePosition: 0,
    timeMs: 0,
    agent: null,
    identity: { tenant },
    transaction: {
      method: "ab",
      target: "/a?b",
      httpVersion: "1.1",
      requestHeaders: headers,
      requestBody,
      status,
      responseHeaders: ["X-A", "ab", "x-a", "caf\u00c3\u00a9"],
      responseBody: body(""),
      outcome: "complete",
      durationMs: 1,
      remoteAddress: "",
    },
  };
}

function agent(payload: CapturedBody, tenant = "a"): IdentifiedEvent {
  return {
    id: "1",
    kind: "agent",
    source: "agent",
    sourcePosition: 0,
    timeMs: 0,
    agent: { topic: "ab", wallet: null, payload },
    identity: { tenant },
    transaction: null,
  };
}

const shown = (selections: readonly Selection[]): readonly string[] =>
  selections.map(({ stream: { id }, rule, target }) => `${id}/${rule.number} ${printTarget(target)}`);

function chosen(streams: readonly StreamSettings[], event: IdentifiedEvent, rules = new StreamRules(streams)): readonly string[] {
  const content = new ContentValues(event, LIMITS);
  return shown(rules.select({ event, attributes: attributesOf(event, content), content }));
}

const texts = fc.constantFrom("", "a", "ab", "abc", "b", "\u00c3\u00a9", "\u00e9", "200", "constructor");
const bodies = fc.constantFrom(
  body(""),
  body('{"a":"ab","b":["abc"]}'),
  body('{"c":{"b":"a"},"a":"b","a":201}'),
  body('{"a":"ab"', true),
  body("no JSON"),
  body('{"state":"ab","a":["a","b"]}'),
  body('{"state":{"b":"abc"}}'),
);
const tenants = fc.constantFrom("a", "ab", "b");
const events = fc.oneof(
  fc
    .tuple(
      fc.array(fc.tuple(fc.constantFrom("X-A", "x-a", "X-Okapi-Tenant", "other", "__proto__", "METHOD"), texts), { maxLength: 5 }),
      bodies,
      tenants,
    )
    .map(([headers, requestBody, tenant]) => transaction(headers.flat(), requestBody, tenant)),
  fc.tuple(bodies, tenants).map(([payload, tenant]) => agent(payload, tenant)),
);
const targets = fc.constantFrom("k:t", "k:u", "k:{tenant}", "r:t").map((text) => parseRule(`METHOD , publish , ${text}`).rule.targets);
const rules = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ criteria: eventCriteria, action: fc.constant("publish" as const), targets }) },
      { weight: 1, arbitrary: fc.record({ criteria: eventCriteria, action: fc.constant("ignore" as const), targets: fc.constant([]) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          criteria: eventCriteria,
          action: fc.constant("publish" as const),
          targets,
          mode: fc.constant("shadow" as const),
        }),
      },
    ),
    { maxLength: 8 },
  )
  .map((all) => all.map((rule, index) => ({ ...rule, number: index + 1 })));
const many = Array.from({ length: 80 }, (_, index) => (index === 40 ? "ab" : `t${index}`));
const streamTenants = fc.constantFrom<StreamSettings["tenants"]>("all", "all", [], ["a"], ["ab", "b"], many);

test("the index over all streams chooses what looking at each rule chooses, of live rules and of those in shadow", (context) => {
  holds(
    context,
    fc.property(
      fc.array(fc.tuple(rules, streamTenants), { maxLength: 5 }),
      fc.array(events, { minLength: 1, maxLength: 4 }),
      (described, occurred) => {
        const streams = described.map(([own, open], index) => stream(`s${index}`, own, open));
        const index = new StreamRules(streams);
        const shadows = new StreamIndex(streams, isShadow);
        for (const event of occurred) {
          const content = new ContentValues(event, LIMITS);
          const attributes = attributesOf(event, content);
          const expected = shown(select(attributes, streams, event.identity.tenant));
          deepEqual(chosen(streams, event, index), expected);
          deepEqual(
            shadows.find({ event, attributes, content }).map((number) => shadows.rules[number]),
            holdingIn(streams, attributes, event.identity.tenant),
          );
        }
      },
    ),
    1_500,
  );
});

test("a stream that is open to many tenants is open to them alone", () => {
  const streams = [stream("s", parsed("METHOD=ab , publish , k:t"), many)];
  deepEqual(chosen(streams, transaction([], body(""), "t79")), ["s/1 k:t"]);
  deepEqual(chosen(streams, transaction([], body(""), "t80")), []);
});

/** How often content is looked into for an event. */
function looks(streams: readonly StreamSettings[], event: IdentifiedEvent): number {
  let count = 0;
  const content = new ContentValues(event, LIMITS);
  const document = content.document.bind(content);
  content.document = (part) => {
    count += 1;
    return document(part);
  };
  new StreamRules(streams).select({ event, attributes: attributesOf(event, content), content });
  return count;
}

test("content is read only where a rule's other terms hold, and once for all pointers of a part", () => {
  const posted = transaction([], body('{"a":1,"b":2}'));
  equal(looks([stream("s", parsed("METHOD=GET AND request.body/a=1 , publish , k:t"))], posted), 0);
  equal(
    looks(
      [stream("s", parsed("METHOD=ab AND NOT request.body/a=1 AND request.body/b=2 , publish , k:t", "request.body/a , publish , k:u"))],
      posted,
    ),
    1,
  );
});

test("content is not read for a rule that can't add a message, nor for one that would silence none", () => {
  const posted = transaction([], body('{"a":1}'));
  equal(looks([stream("s", parsed("METHOD=ab , publish , k:t", "request.body/a=1 , publish , k:t"))], posted), 0);
  equal(looks([stream("s", parsed("METHOD=ab , publish , k:t", "METHOD AND request.body/a=1 , publish , k:t"))], posted), 0);
  equal(looks([stream("s", parsed("METHOD=GET , publish , k:t", "request.body/a=1 , ignore"))], posted), 0);
  equal(looks([stream("s", parsed("METHOD AND request.body/a=1 , publish , k:t", "METHOD=ab , publish , k:t"))], posted), 1);
  equal(looks([stream("s", parsed("METHOD=ab , publish , k:t", "request.body/a=1 , ignore"))], posted), 1);
});

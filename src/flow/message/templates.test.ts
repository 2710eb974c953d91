import assert from "node:assert/strict";
import { test } from "node:test";
import { ContentValues } from "../content/pointers.ts";
import type { IdentifiedEvent } from "../event.ts";
import type { ReservedWord } from "../match/rule.ts";
import type { FieldPath } from "../settings.ts";
import { compilePlan } from "./plan.ts";
import { agentEvent, body, field, JSON_TYPE, template, transactionEvent } from "./testing/messages.ts";
import { renderKey, renderTopic, type TemplateContext } from "./templates.ts";

function context(
  event: IdentifiedEvent,
  words: Partial<Record<ReservedWord, string>> = {},
  redact: readonly FieldPath[] = [],
  keep: readonly FieldPath[] | null = null,
): TemplateContext {
  return {
    event,
    env: "prod",
    attributes: { word: (word) => words[word] },
    content: new ContentValues(event, { decodedBytesMax: 1024 * 1024 }),
    plan: compilePlan(redact, keep),
  };
}
const users = transactionEvent({ target: "/users/7?x=1" }, { moduleName: "mod-users", route: "/users/{id}", entityId: "7" });
const topicOf = (text: string, of: TemplateContext): string => {
  const rendered = renderTopic(template(text), of);
  return rendered.ok ? rendered.topic : `dead: ${rendered.reason}`;
};

test("a topic is filled in from configuration, identity and reserved words", () => {
  assert.equal(
    topicOf("{env}.{tenant}.{module}.{entity}.{method}-{entityId}", context(users, { METHOD: "POST" })),
    "prod.diku.mod-users.users.POST-7",
  );
});

for (const [what, value] of [
  ["dots", "a.b"],
  ["a wildcard", "*"],
  ["a hash sign", "#"],
  ["a slash", "../x"],
  ["a blank", "a b"],
  ["a line break", "a\n"],
  ["letters beyond ASCII", "é"],
  ["81 characters", "x".repeat(81)],
] as const) {
  test(`a value with ${what} makes the message dead, and the reason doesn't repeat it`, () => {
    const reason = topicOf("{tenant}.x", context(transactionEvent({}, { tenant: value })));
    assert.match(reason, /^dead: the value for \{tenant\}/);
    assert.ok(!reason.includes(value));
  });
}

test("a missing value makes the message dead", () => {
  assert.match(topicOf("a.{module}", context(transactionEvent())), /^dead: the event has no value for \{module\}/);
  assert.match(topicOf("a.{nonsense}", context(transactionEvent())), /^dead: the event has no value for \{nonsense\}/);
});

test("a topic has 1 to 249 characters of the broker's own and is no dot", () => {
  const of = context(users);
  assert.equal(topicOf("x".repeat(249), of), "x".repeat(249));
  for (const text of ["", ".", "..", "a/b", "x".repeat(250)]) assert.match(topicOf(text, of), /^dead: /);
});

test("values that the source defines are normalised, and may not be empty then", () => {
  const of = context(agentEvent(), { TOPIC: "acapy::record::connections", STATE: "request sent", CATEGORY: "::" });
  assert.equal(topicOf("{topic}.{state}", of), "acapy-record-connections.request-sent");
  assert.match(topicOf("{category}", of), /^dead: /);
});

test("the entity is the last segment that is no parameter and no id", () => {
  const kind = (target: string, route?: string): string =>
    topicOf("{entity}", context(transactionEvent({ target }, route === undefined ? {} : { route })));
  assert.equal(kind("/a/b/c", "/inventory/items/{id}"), "items");
  assert.equal(kind("/a/b", "/perms/users/{id}/permissions"), "permissions");
  assert.equal(kind("/a", "/groups*"), "groups");
  assert.equal(kind("/a", "/groups/*"), "groups");
  assert.equal(kind("/a", "/*"), "dead: the event has no value for {entity} of the topic");
  assert.equal(kind("/loans/5f3c1a2b-1111-2222-3333-444455556666/"), "loans");
  assert.equal(kind("/users/12345?query=x"), "users");
  assert.equal(kind("/"), "dead: the event has no value for {entity} of the topic");
});

test("without a template the key is tenant and entity, or the tenant", () => {
  assert.equal(renderKey(null, context(users)), "diku/7");
  assert.equal(renderKey(null, context(transactionEvent({ method: "GET" }))), "diku");
});

test("the entity's id comes from the path, else the response, else the request", () => {
  const both = {
    requestHeaders: JSON_TYPE,
    requestBody: body('{"id":"asked"}'),
    responseHeaders: JSON_TYPE,
    responseBody: body('{"id":9007199254740993}'),
  };
  assert.equal(renderKey(null, context(transactionEvent(both, { entityId: "path" }))), "diku/path");
  assert.equal(renderKey(null, context(transactionEvent(both))), "diku/9007199254740993");
  assert.equal(renderKey(null, context(transactionEvent({ ...both, responseBody: body("") }))), "diku/asked");
  for (const text of ['{"id":null}', '{"id":{"a":1}}', '{"id":[1]}', '{"id":""}', '[{"id":1}]', `{"id":"${"x".repeat(600)}"}`, '{"id":1']) {
    assert.equal(renderKey(null, context(transactionEvent({ requestHeaders: JSON_TYPE, requestBody: body(text) }))), "diku", text);
  }
});

test("an id that the stream hides doesn't get into the key", () => {
  const event = transactionEvent({ responseHeaders: JSON_TYPE, responseBody: body('{"id":"jo@example.org"}') });
  assert.equal(renderKey(null, context(event, {}, [field("response.body", "id")])), "diku");
  assert.equal(renderKey(null, context(event, {}, [field("response.body", "**", "id")])), "diku");
  assert.equal(renderKey(null, context(event, {}, [], [field("request.body", "id")])), "diku");
  assert.equal(renderKey(null, context(event, {}, [], [field("response.body", "id")])), "diku/jo%40example.org");
  assert.equal(renderKey(null, context(event, {}, [{ kind: "pattern", name: "email" }])), "diku/%5Bredacted%5D");
});

test("an agent's entity is its record", () => {
  const key = (payload: object): string => renderKey(null, context(agentEvent({ payload: body(JSON.stringify(payload)) })));
  assert.equal(key({ connection_id: "c" }), "alice/c");
  assert.equal(key({ connection_id: "c", cred_ex_id: "x" }), "alice/x");
  assert.equal(key({ connection_id: "c", mediation_id: "m" }), "alice/m");
  assert.equal(key({ connection_id: "c", message_id: "m" }), "alice/c");
  assert.equal(key({ thread_id: "t" }), "alice");
});

test("values in keys are percent-encoded, missing ones empty, secrets in a query removed", () => {
  const event = transactionEvent({ target: "/a?token=s3cret&b=1" }, { tenant: "a/b é\ud800" });
  assert.equal(
    renderKey(template("x/{tenant}/{userid}/{query}"), context(event)),
    "x/a%2Fb%20%C3%A9%EF%BF%BD//token%3D%5Bredacted%5D%26b%3D1",
  );
});

test("a key longer than 512 characters ends in a hash, so that different ones stay different", () => {
  const key = (id: string): string => renderKey(null, context(transactionEvent({}, { entityId: id })));
  assert.equal(key(`${"x".repeat(600)}1`).length, 512);
  assert.notEqual(key(`${"x".repeat(600)}1`), key(`${"x".repeat(600)}2`));
  assert.equal(key(`${"x".repeat(600)}1`), key(`${"x".repeat(600)}1`));
});

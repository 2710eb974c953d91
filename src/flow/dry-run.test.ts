import { deepEqual, equal, notEqual } from "node:assert/strict";
import { test } from "node:test";
import { DRY_RUN_LOG_ID, DryRun, type DryResult, type DrySettings } from "./dry-run.ts";
import { parseRule, parseTemplate } from "./match/parse.ts";
import { FRONT_SOURCE } from "./message/testing/front-source.ts";
import type { Attributes } from "./match/rule.ts";
import { MessageMaker } from "./message/maker.ts";
import { body, JSON_TYPE, readBack, REDACTION_KEY, stream, transactionEvent } from "./message/testing/messages.ts";
import type { IdentifiedEvent } from "./event.ts";
import type { RuleSettings, StreamSettings } from "./settings.ts";

const LIMITS = {
  messageBytesMax: 900 * 1024,
  topicsMax: 10,
  tenantLabelsMax: 10,
  handoverBytesMax: 1024 * 1024,
  decodedBytesMax: 1024 * 1024,
};

function rulesOf(...texts: readonly string[]): RuleSettings[] {
  return texts.map((text, index) => ({ ...parseRule(text).rule, number: index + 1 }));
}

function settings(...streams: readonly StreamSettings[]): DrySettings {
  return { instance: "test", env: "dev", limits: LIMITS, sources: [FRONT_SOURCE], streams };
}

const created: IdentifiedEvent = transactionEvent(
  { requestHeaders: JSON_TYPE, requestBody: body('{"id":"u-7","password":"hunter2"}') },
  { moduleName: "mod-users" },
);

function outcomes({ streams }: DryResult): readonly string[] {
  return streams.flatMap(({ messages }) =>
    messages.map(({ stream: id, rule, destination, topic, outcome }) => `${id}/${rule} ${destination}:${topic} ${outcome}`),
  );
}

test("every stream is told of, with what it makes, and whether it is open to the tenant", () => {
  const taken = stream({ id: "taken", rules: rulesOf("METHOD=POST , publish , k:{env}.{tenant}.{module}") });
  const other = stream({ id: "other", rules: rulesOf("METHOD=GET , publish , k:t") });
  const closed = stream({ id: "closed", tenants: ["someone"], rules: taken.rules });
  const result = new DryRun(settings(taken, other, closed)).run(created);
  deepEqual(outcomes(result), ["taken/1 k:dev.diku.mod-users sent"]);
  deepEqual(
    result.streams.map(({ stream: { id }, isOpen, messages }) => [id, isOpen, messages.length]),
    [
      ["taken", true, 1],
      ["other", true, 0],
      ["closed", false, 0],
    ],
  );
});

test("key, headers and message are those that the flow makes, apart from the log's id and the sequence", () => {
  const made = stream({
    id: "made",
    key: parseTemplate("{tenant}:{entityId}"),
    headers: [{ name: "x-module", value: parseTemplate("{module}") }],
    rules: rulesOf("METHOD=POST , publish , k:t"),
  });
  const { streams, attributes, content, event } = new DryRun(settings(made), { redactionKey: REDACTION_KEY }).run(created);
  const [message] = streams[0]?.messages ?? [];
  const [rule] = made.rules;
  if (message === undefined || rule === undefined) throw new Error("nothing was made");
  const maker = new MessageMaker({ instance: "test", env: "dev", limits: LIMITS, redactionKey: REDACTION_KEY });
  const prepared = maker.prepare(event, content);
  const evidence = { stream: "made", rule: 1, revision: made.revision, instance: "test", logId: DRY_RUN_LOG_ID, sequence: 0 };
  const own = maker.headers(prepared, made, rule, attributes);
  const expected = maker.make(prepared, made, rule, "t", maker.key(prepared, made, attributes), evidence, own);
  deepEqual(message.value, expected.value);
  deepEqual(message.headers, expected.headers);
  equal(message.key, "diku:u-7");
  equal(message.delivery, "at-least-once");
  const { event: cloudEvent, data } = readBack(expected);
  equal(cloudEvent["sidestreamlog"], DRY_RUN_LOG_ID);
  equal(JSON.stringify(data).includes("hunter2"), false);
});

test("a target whose template gives no topic is dead with the reason, or dropped where messages are sent at most once", () => {
  const rules = rulesOf("METHOD=POST , publish , k:{route}");
  const result = new DryRun(settings(stream({ id: "a", rules }), stream({ id: "b", rules, delivery: "at-most-once" }))).run(created);
  deepEqual(outcomes(result), ["a/1 k:null dead", "b/1 k:null dropped"]);
  equal(result.streams[0]?.messages[0]?.reason, "the event has no value for {route} of the topic");
  equal(result.streams[1]?.messages[0]?.delivery, "at-most-once");
});

test("templates that differ and give one topic make one message", () => {
  const rules = rulesOf("METHOD=POST , publish , k:mod-users", "METHOD=POST , publish , k:{module}", "METHOD=POST , publish , r:mod-users");
  const result = new DryRun(settings(stream({ id: "a", rules }))).run(created);
  deepEqual(outcomes(result), ["a/1 k:mod-users sent", "a/2 k:mod-users repeated", "a/3 r:mod-users sent"]);
});

test("an event that isn't identified yet gets its tenant from its source, and is nobody's where that is unknown", () => {
  const { identity: _, ...event } = transactionEvent({ requestHeaders: ["x-okapi-tenant", "diku"] });
  const run = new DryRun(settings(stream({ id: "a", rules: rulesOf("TENANT=diku , publish , k:t") })));
  deepEqual(outcomes(run.runEvent(event) as DryResult), ["a/1 k:t sent"]);
  equal(run.runEvent({ ...event, source: "elsewhere" }), null);
});

test("a view of the event decides in place of the event itself", () => {
  const run = new DryRun(settings(stream({ id: "a", rules: rulesOf("x-a , publish , k:t", "NOT x-a , publish , k:u") })));
  deepEqual(outcomes(run.run(created)), ["a/2 k:u sent"]);
  const { attributes } = run.run(created);
  const unknownHeaders: Attributes = {
    word: (word) => attributes.word(word),
    header: () => null,
    responseHeader: (name) => attributes.responseHeader(name),
    content: (part, pointer) => attributes.content(part, pointer),
  };
  deepEqual(outcomes(run.run(created, unknownHeaders)), []);
});

test("hashes of removed values are alike within one dry run, and not across two", () => {
  const secretive = stream({
    id: "a",
    redact: [{ kind: "content", part: "request.body", pointer: ["note"] }],
    rules: rulesOf("METHOD=POST , publish , k:t"),
  });
  const event = transactionEvent({ requestHeaders: JSON_TYPE, requestBody: body('{"note":"a text of more than sixteen bytes"}') });
  const run = new DryRun(settings(secretive));
  const valueOf = (dry: DryRun): string => dry.run(event).streams[0]?.messages[0]?.value.toString() ?? "";
  equal(valueOf(run), valueOf(run));
  notEqual(valueOf(run), valueOf(new DryRun(settings(secretive))));
});

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { ContentValues } from "./content/pointers.ts";
import type { IdentifiedEvent } from "./event.ts";
import { attributesOf } from "./match/attributes.ts";
import { parseRule } from "./match/parse.ts";
import { select } from "./match/select.ts";
import { agentEvent, body, field, JSON_TYPE, maker, stream, template, transactionEvent } from "./message/testing/messages.ts";
import type { StreamSettings } from "./settings.ts";
import { SAMPLE_INTERVAL_MS, SAMPLED_RULES_MAX, SAMPLES_MAX, ShadowBook, type ShadowState } from "./shadow-book.ts";

/** A stream whose rules are all in shadow. */
function shadow(settings: Partial<StreamSettings>, ...rules: readonly string[]): StreamSettings {
  return stream({ ...settings, rules: rules.map((text, index) => ({ ...parseRule(text).rule, number: index + 1, mode: "shadow" })) });
}

function openBook(...streams: readonly StreamSettings[]) {
  const clock = { nowMs: 5 };
  const made = maker();
  const book = ShadowBook.of(streams, made, () => clock.nowMs);
  ok(book !== null);
  const pass = (event: IdentifiedEvent): readonly ShadowState[] => {
    const content = new ContentValues(event, { decodedBytesMax: 2 ** 20 });
    const attributes = attributesOf(event, content);
    const selections = select(attributes, streams, event.identity.tenant);
    book.look({ event, content, attributes, selections, prepared: made.prepare(event, content) });
    return book.state();
  };
  return { book, pass, clock };
}

const PUBLISH = "METHOD=POST , publish , kafka1:{env}.{tenant}.{entity}";

function user(target = "/users", id = "event-1"): IdentifiedEvent {
  return { ...transactionEvent({ target, requestHeaders: JSON_TYPE, requestBody: body('{"id":"u 1","name":"Ada"}') }), id };
}

test("without a rule in shadow there is no book", () => {
  equal(ShadowBook.of([stream({ rules: [{ ...parseRule(PUBLISH).rule, number: 1, mode: "live" }] })], maker()), null);
});

test("events are counted by rule, and a sample shows the topic and key that would have resulted, and nothing of bodies", () => {
  const { book, pass } = openBook(shadow({}, PUBLISH, "METHOD=GET , publish , kafka1:x"), shadow({ id: "b" }, "METHOD=POST , ignore"));
  const none = { matched: 0, wouldAct: 0, samples: [] };
  const rows = (first: object, third: object) => [
    { stream: "users-audit", rule: 1, action: "publish", ...first },
    { stream: "users-audit", rule: 2, action: "publish", ...none },
    { stream: "b", rule: 1, action: "ignore", ...third },
  ];
  deepEqual(book.state(), rows(none, none));
  const sample = {
    timeMs: Date.UTC(2026, 10, 22, 10, 0, 0, 5),
    eventId: "event-1",
    tenant: "diku",
    subject: "POST /users",
    messages: [{ target: "kafka1:prod.diku.users", key: "diku/u%201", deadReason: null }],
  };
  deepEqual(pass(user()), rows({ matched: 1, wouldAct: 1, samples: [sample] }, { ...none, matched: 1 }));
  ok(!JSON.stringify(book.state()).includes("Ada"));
});

test("an ignore in shadow samples what it would have silenced", () => {
  const live = { ...parseRule("METHOD=POST , publish , kafka1:x").rule, number: 1 };
  const ignore = { ...parseRule("PATH=/users* , ignore").rule, number: 2, mode: "shadow" as const };
  const { pass } = openBook(stream({ rules: [live, ignore] }));
  const [row] = pass(user());
  deepEqual([row?.matched, row?.wouldAct, row?.samples[0]?.subject, row?.samples[0]?.messages], [1, 1, "POST /users", []]);
});

test("a sample says why its message would have been dead", () => {
  const { pass } = openBook(shadow({}, "METHOD=POST , publish , kafka1:x.{module}"));
  deepEqual(pass(user())[0]?.samples[0]?.messages, [
    { target: "kafka1:x.{module}", key: "diku/u%201", deadReason: "the event has no value for {module} of the topic" },
  ]);
});

test("a sample shows nothing that the stream's redaction removes", () => {
  const redact = [field("request.body", "id"), { kind: "pattern", name: "email" } as const];
  const { book, pass } = openBook(shadow({ redact }, "METHOD=POST , publish , kafka1:x"));
  pass(user("/by-mail/ada@example.org?password=geheim&access_token=t0ken"));
  const [sample] = book.state()[0]?.samples ?? [];
  equal(sample?.subject, "POST /by-mail/[redacted]");
  const text = JSON.stringify(book.state());
  for (const secret of ["ada@", "geheim", "t0ken", "u 1", "u%201"]) ok(!text.includes(secret), secret);
});

test("an agent's event is sampled by its topic", () => {
  const { pass } = openBook(shadow({ key: template("{wallet}") }, "EVENTTYPE=agent , publish , kafka1:{topic}"));
  const [sample] = pass(agentEvent({ topic: "acapy::record::connections" }))[0]?.samples ?? [];
  equal(sample?.subject, "acapy::record::connections");
  deepEqual(sample?.messages, [{ target: "kafka1:acapy-record-connections", key: "w-1", deadReason: null }]);
});

test("a rule takes one sample in a second at most and keeps the last few; the counts miss nothing", () => {
  const { book, pass, clock } = openBook(shadow({}, PUBLISH));
  const ids = (): readonly string[] => book.state()[0]?.samples.map(({ eventId }) => eventId) ?? [];
  pass(user("/users", "first"));
  clock.nowMs += SAMPLE_INTERVAL_MS - 1;
  pass(user("/users", "too early"));
  deepEqual(ids(), ["first"]);
  clock.nowMs += 1;
  pass(user("/users", "second"));
  deepEqual(ids(), ["first", "second"]);
  for (let index = 0; index < SAMPLES_MAX; index += 1) {
    clock.nowMs += SAMPLE_INTERVAL_MS;
    pass(user("/users", `e${index}`));
  }
  deepEqual(
    ids(),
    Array.from({ length: SAMPLES_MAX }, (_, index) => `e${index}`),
  );
  equal(book.state()[0]?.matched, 3 + SAMPLES_MAX);
});

test("a sample is bounded, however long the event's texts are", () => {
  const long = "x".repeat(100_000);
  const { pass } = openBook(shadow({ key: template("{entityId}{path}") }, "METHOD , publish , kafka1:{tenant}"));
  const event = transactionEvent({ method: long, target: `/${long}` }, { tenant: long, entityId: long });
  const [row] = pass({ ...event, id: long });
  const [sample] = row?.samples ?? [];
  ok(JSON.stringify(sample).length < 2_000);
  match(sample?.messages[0]?.deadReason ?? "", /\{tenant\} of the topic has characters outside .* or more than 80/);
});

test("rules beyond a hundred are counted without samples", () => {
  const rules = Array.from({ length: SAMPLED_RULES_MAX + 1 }, (_, index) => `METHOD=POST , publish , kafka1:t${index}`);
  const { pass } = openBook(shadow({}, ...rules));
  const rows = pass(user());
  deepEqual([rows.at(-2)?.samples.length, rows.at(-1)?.samples.length, rows.at(-1)?.wouldAct], [1, 0, 1]);
});

test("what the book hands out doesn't change any more", () => {
  const { book, pass, clock } = openBook(shadow({}, PUBLISH));
  const before = book.state();
  clock.nowMs += SAMPLE_INTERVAL_MS;
  pass(user());
  deepEqual([before[0]?.matched, before[0]?.samples], [0, []]);
});

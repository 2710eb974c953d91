import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { destinationsOf } from "./deliveries.ts";
import { parseRule } from "./match/parse.ts";
import { MESSAGE_FORMATS, type FlowSettings, type StreamSettings } from "./settings.ts";
import { makeMessage, template, transactionEvent } from "./message/testing/messages.ts";
import { messagePayloadBytesMax } from "./spool/message-codec.ts";
import { dropOldestBytesMin, eventBytesMax, logBudget, messagesBytesMax } from "./spool-room.ts";

const limits = { messageBytesMax: 100_000 } as FlowSettings["limits"];

function stream(id: string, ...rules: string[]): StreamSettings {
  const numbered = rules.map((text, index) => ({ ...parseRule(text).rule, number: index + 1 }));
  return {
    id,
    title: id,
    revision: "1",
    tenants: "all",
    key: null,
    format: "cloudevents",
    delivery: "at-least-once",
    headers: [],
    body: { bytesMax: 1, types: [] },
    keep: null,
    redact: [],
    rules: numbered,
  };
}

test("an event may take, in one log, one message for each stream and target that leads there", () => {
  const streams = [
    stream("one", "METHOD=GET , publish , a:x", "METHOD=PUT , publish , a:x", "METHOD=PUT , publish , a:y", "METHOD=PUT , publish , b:x"),
    stream("two", "METHOD=GET , publish , a:x", "METHOD=PUT , ignore"),
  ];
  equal(eventBytesMax({ limits, streams }), messagesBytesMax({ limits }, 3));
});

test("what is sent from memory takes nothing of a log", () => {
  const once: StreamSettings = { ...stream("once", "METHOD=GET , publish , a:x"), delivery: "at-most-once" };
  equal(eventBytesMax({ limits, streams: [once] }), 0);
  const rules = once.rules.map((rule) => ({ ...rule, delivery: "exactly-once" as const }));
  equal(eventBytesMax({ limits, streams: [once, { ...once, rules }] }), messagesBytesMax({ limits }, 1));
});

test("a shadow rule takes nothing of a log, and no destination is in use for it", () => {
  const live = stream("one", "METHOD=GET , publish , a:x", "METHOD=GET , publish , b:x");
  const streams = [{ ...live, rules: live.rules.map((rule) => ({ ...rule, mode: "shadow" as const })) }];
  equal(eventBytesMax({ limits, streams }), 0);
  deepEqual([...destinationsOf(streams, "spooled"), ...destinationsOf(streams, "once")], []);
  deepEqual([...destinationsOf([live], "spooled")], ["a", "b"]);
});

test("without rules an event takes nothing", () => {
  equal(eventBytesMax({ limits, streams: [] }), 0);
});

test("a message with as many and as long headers as can be takes no more than is kept for it", () => {
  const wide = "\u9375".repeat(400);
  let mostBytes = 0;
  for (const text of [wide, "a".repeat(1_000)]) {
    for (const format of MESSAGE_FORMATS) {
      const headers = Array.from({ length: 32 }, (_, index) => ({ name: `h${index}`, value: [text] }));
      const identity = { tenant: text.slice(0, 128), entityId: text };
      const bodies = { requestBody: { bytes: Buffer.alloc(200_000, "x"), sizeBytes: 200_000, truncated: false } };
      const event = { ...transactionEvent({ target: `/${text}`, ...bodies }, identity), id: text };
      const message = makeMessage(event, { format, headers, key: template(`${text}{entityId}`) }, limits.messageBytesMax);
      const payloadBytes = messagePayloadBytesMax({ ...message, topic: "t".repeat(249) });
      ok(payloadBytes <= messagesBytesMax({ limits }, 1), String(payloadBytes));
      mostBytes = Math.max(mostBytes, payloadBytes);
    }
  }
  ok(mostBytes > limits.messageBytesMax + 16 * 1024, "there is a message that needs it");
});

test("a log parks what waits at the latest when others are a quarter of its budget ahead", () => {
  const budget = { bytesMax: 2 ** 30, whenFull: "refuse", tenantSharePercent: 30, parkBytes: 2 ** 28 } as const;
  const inTerms = { bytesMax: 2 ** 30, whenFull: "refuse", tenantShare: 0.3, parkBytes: 2 ** 28, reserveBytesMin: 2_000 };
  deepEqual(logBudget(budget, 1_000), inTerms);
  deepEqual(logBudget({ ...budget, parkBytes: 2 ** 20 }, 1_000), { ...inTerms, parkBytes: 2 ** 20 });
  deepEqual(logBudget({ ...budget, parkBytes: 2 ** 40 }, 1_000), inTerms);
});

test("what a log keeps free whose oldest messages give way is at most half of the least budget that it may have", () => {
  const eventBytes = 960 * 1024;
  const bytesMax = dropOldestBytesMin(eventBytes);
  const { reserveBytesMin } = logBudget({ bytesMax, whenFull: "drop-oldest", tenantSharePercent: 25, parkBytes: 1 }, eventBytes);
  deepEqual([reserveBytesMin, bytesMax], [2 * eventBytes, 4 * eventBytes]);
});

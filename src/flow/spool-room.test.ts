import { equal } from "node:assert/strict";
import { test } from "node:test";
import { parseRule } from "./match/parse.ts";
import type { FlowSettings, StreamSettings } from "./settings.ts";
import { eventBytesMax, messagesBytesMax } from "./spool-room.ts";

const limits = { messageBytesMax: 100_000 } as FlowSettings["limits"];

function stream(id: string, ...rules: string[]): StreamSettings {
  const numbered = rules.map((text, index) => ({ ...parseRule(text).rule, number: index + 1 }));
  return {
    id,
    title: id,
    revision: "1",
    tenants: "all",
    key: null,
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

test("without rules an event takes nothing", () => {
  equal(eventBytesMax({ limits, streams: [] }), 0);
});

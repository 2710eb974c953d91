import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { AgentEvent } from "../event.ts";
import type { StreamSettings } from "../settings.ts";
import { agentEvent, body, makeMessage, readBack } from "./testing/messages.ts";

function lines(name: string): readonly unknown[] {
  const text = readFileSync(new URL(`../../../tests/data/acapy/${name}`, import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown);
}

interface Webhook {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}
interface BusEvent {
  readonly topic: string;
  readonly wallet_id: string | null;
  readonly payload: unknown;
}

test("every recorded webhook makes a valid message that holds its payload unchanged", () => {
  const webhooks = lines("webhooks.jsonl") as readonly Webhook[];
  assert.ok(webhooks.length > 80);
  for (const webhook of webhooks) {
    const topic = webhook.path.split("/").at(-2) ?? "";
    const { event, data } = readBack(
      makeMessage(agentEvent({ topic, wallet: webhook.headers["x-wallet-id"] ?? null, payload: body(JSON.stringify(webhook.body)) })),
    );
    assert.deepEqual([event.subject, data.payload, data.redacted], [topic, webhook.body, []]);
  }
});

test("the form of the agents' own plugins has their five members, and no others where the payload is whole", () => {
  const topic = "acapy::record::connections::active";
  const payload = { connection_id: "c1", state: "active", their_label: "ü" };
  const made = (format: StreamSettings["format"], more: Partial<StreamSettings> = {}, agent: Partial<AgentEvent> = {}) =>
    makeMessage(agentEvent({ topic, wallet: "alice", payload: body(JSON.stringify(payload)), ...agent }), { format, ...more });
  const { value, headers } = made("acapy");
  assert.deepEqual(JSON.parse(value.toString()), { wallet_id: "alice", state: "active", topic, category: "connections", payload });
  assert.equal(
    value.toString(),
    `{"wallet_id":"alice","state":"active","topic":"${topic}","category":"connections","payload":${JSON.stringify(payload)}}`,
  );
  const names = new Map(headers);
  assert.deepEqual(
    [names.get("ce_type"), names.get("ce_dataschema"), names.get("content-type")],
    ["dev.sidestream.acapy", undefined, "application/json"],
  );
  const base = JSON.parse(
    made("acapy", {}, { wallet: null, topic: "acapy::basicmessage::received", payload: body("{}") }).value.toString(),
  ) as object;
  assert.deepEqual(base, {
    wallet_id: "base",
    state: null,
    topic: "acapy::basicmessage::received",
    category: "basicmessages",
    payload: {},
  });
  const hidden = made("acapy", { redact: [{ kind: "content", part: "payload", pointer: ["state"] }] });
  const shown = JSON.parse(hidden.value.toString()) as { state: unknown; payload: { state: unknown } };
  assert.deepEqual([shown.state, shown.payload.state], [null, "[redacted]"]);
  const cut = JSON.parse(made("acapy", { body: { bytesMax: 20, types: ["json"] } }).value.toString()) as Record<string, unknown>;
  assert.equal(cut["payloadTruncated"], true);
  assert.ok(made("cloudevents").value.includes('"state":"active"'));
});

test("label, agent, record id and quality of service stand in the data, the id only where nothing is hidden", () => {
  const facts = { label: "Alice", agent: "agent-1", recordId: "c1", qos: "exactly-once" as const };
  const event = agentEvent({ topic: "connections", payload: body('{"connection_id":"c1"}'), ...facts });
  const { data } = readBack(makeMessage(event));
  assert.deepEqual([data.label, data.agent, data.recordId, data.qos], Object.values(facts));
  const hidden = readBack(makeMessage(event, { redact: [{ kind: "content", part: "payload", pointer: ["connection_id"] }] }));
  assert.deepEqual([hidden.data.label, hidden.data.recordId], ["Alice", undefined]);
});

test("every recorded event of the agent's bus makes a valid message, and none tells a key or a plaintext", () => {
  const events = lines("eventbus.jsonl") as readonly BusEvent[];
  const created = events.filter(({ topic }) => topic.includes("wallet::created"));
  assert.ok(events.length > 170 && created.length === 4);
  for (const { topic, wallet_id: wallet, payload } of events) {
    const message = makeMessage(agentEvent({ topic, wallet, payload: body(JSON.stringify(payload)) }));
    const { data } = readBack(message);
    assert.ok(!message.value.includes("throwaway") && !message.value.includes("bob-key"), topic);
    if (topic.includes("outbound-message")) assert.deepEqual([data.payload, data.payloadWithheld], [null, "plaintext"]);
  }
  for (const { payload } of created) {
    const { settings } = readBack(makeMessage(agentEvent({ topic: "created", payload: body(JSON.stringify(payload)) }))).data.payload as {
      settings: Record<string, unknown>;
    };
    assert.deepEqual(
      [settings["wallet.key"], settings["dbstore.key"], settings["wallet.webhook_urls"]],
      ["[redacted]", "[redacted]", "[redacted]"],
    );
    assert.equal(settings["wallet.type"], "askar");
  }
});

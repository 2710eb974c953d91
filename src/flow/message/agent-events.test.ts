import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
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

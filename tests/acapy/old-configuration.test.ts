/** Moving over from kafka_events is a change of the plugin's name: an old section, a real agent, a real Kafka, nothing else. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startAgent } from "../../tools/acapy/agent.ts";
import { connect } from "../../tools/acapy/drive.ts";
import { skipWithoutAgents } from "../../tools/acapy/for-tests.ts";
import { createTenant } from "../../tools/acapy/tenant.ts";
import { consumeTopic } from "../../tools/kafka/console-consumer.ts";
import { kafkaForTests } from "../../tools/kafka/for-tests.ts";
import { offsets } from "../../tools/kafka/topics.ts";
import type { KafkaCluster } from "../../tools/kafka/cluster.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const ARRIVED_MS_MAX = 60_000;
const CONTENT = "hello ✓";
const skip = await skipWithoutAgents();

/** As a consumer of kafka_events knows it. */
interface OldMessage {
  readonly wallet_id: string;
  readonly state: string | null;
  readonly topic: string;
  readonly category: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

test(
  "with an old section for kafka_events the agent's events come to its topics, as its consumers know them",
  { skip, timeout: 180_000 },
  async (t) => {
    await using kafka = await kafkaForTests();
    if (kafka.skip !== false) return t.skip(kafka.skip);
    const { cluster } = kafka;
    await using agent = await startAgent({
      name: "old",
      plugins: ["sidestream_acapy"],
      pluginFolders: [resolve(ROOT, "plugins/acapy/src")],
      pluginConfig: {
        kafka: {
          events: {
            producer: { bootstrap_servers: cluster.bootstrap.join(","), acks: "all" },
            "topic-maps": {
              "^acapy::record::([^:]*)(?:::(.*))?": "records",
              "^acapy::basicmessage::received": "messages-$wallet_id",
            },
          },
        },
        // The program of this checkout, not one that is installed.
        sidestream: { match: "first", command: [resolve(ROOT, "bin/sidestream")] },
      },
    });
    const alice = await createTenant(agent, { label: "alice" });
    const bob = await createTenant(agent, { label: "bob" });
    const { inviter } = await connect(alice, bob);
    await alice.sendMessage(inviter, CONTENT);

    const [message] = await arrived(cluster, `messages-${bob.walletId}`);
    ok(message);
    deepEqual(Object.keys(message.value), ["wallet_id", "state", "topic", "category", "payload"]);
    equal(message.value.wallet_id, bob.walletId);
    equal(message.value.topic, "acapy::basicmessage::received");
    equal(message.value.payload["content"], CONTENT);
    equal(message.key, bob.walletId);
    const records = (await arrived(cluster, "records")).map(({ value }) => value);
    const states = records
      .filter(({ category, wallet_id: wallet }) => category === "connections" && wallet === alice.walletId)
      .map(({ state }) => state);
    deepEqual(states, [...new Set(states)], "each event once");
    ok(states.includes("active"), states.join());
  },
);

/** What a topic has, once it has something. */
async function arrived(cluster: KafkaCluster, topic: string): Promise<readonly { readonly key: string; readonly value: OldMessage }[]> {
  const deadline = performance.now() + ARRIVED_MS_MAX;
  for (;;) {
    const found = await offsets(cluster, topic).catch(() => []);
    if (found.some(({ begin, end }) => end > begin)) break;
    ok(performance.now() < deadline, `something arrives in ${topic}`);
    await delay(200);
  }
  return (await consumeTopic(cluster, topic)).map(({ key, value }) => ({
    key: String(key),
    value: JSON.parse(String(value)) as OldMessage,
  }));
}

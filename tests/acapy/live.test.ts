/**
 * The whole way, with everything real: agents with the plugin, Sidestream, Kafka; each of them killed at any moment. What
 * the plugins journaled is in the topic: of the agent that asks for exactly once, once.
 *
 * LIVE_SECONDS says for how long; SEED repeats the moments of a run.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startAgent, type Agent } from "../../tools/acapy/agent.ts";
import { THROWAWAY } from "../../tools/acapy/agent-arguments.ts";
import { connect, issueCredential, type Connection } from "../../tools/acapy/drive.ts";
import { skipWithoutAgents } from "../../tools/acapy/for-tests.ts";
import { createTenant, type Tenant } from "../../tools/acapy/tenant.ts";
import { consumeTopic } from "../../tools/kafka/console-consumer.ts";
import { kafkaForTests } from "../../tools/kafka/for-tests.ts";
import { createTopic } from "../../tools/kafka/topics.ts";
import type { KafkaCluster } from "../../tools/kafka/cluster.ts";
import { start, statusWhen, stop, temporaryFolder, type Program } from "../system/support/program.ts";
import { seeded } from "../system/support/random.ts";
import { guarantee } from "../guarantees.ts";
import { Witness, type Journaled } from "./support/witness.ts";

guarantee({
  failure: "agent-killed",
  capture: ["journal"],
  test: "what the plugins journaled is in Kafka, over kills of agents, Sidestream and the broker",
  lost: "what the agent had not journaled: an event between its database and its bus",
  todo: "start it again; `sidestream acapy reconcile` finds records whose event was never raised",
});

const LIVE_SECONDS = Number(process.env["LIVE_SECONDS"] ?? 20);
/** So often something is killed, and what. */
const KILL_EACH_MS = 2_500;
const TOPIC = "agent-events";
const PLUGIN = resolve(import.meta.dirname, "../../plugins/acapy/src");
const API_KEY = "admin-key-that-must-not-leave";
const SETTLED_MS_MAX = 60_000;
const skip = await skipWithoutAgents();

interface Site {
  readonly folder: string;
  readonly journals: string;
  readonly configuration: string;
}

function makeSite(t: TestContext, cluster: KafkaCluster): Site {
  const folder = temporaryFolder(t);
  const site = { folder, journals: join(folder, "journals"), configuration: join(folder, "sidestream.yaml") };
  writeFileSync(
    site.configuration,
    `version: 1
enabled: true
instance: live-1
data: ./data
sources:
  agents: { type: acapy-journal, journals: ./journals, tenant: base, expect: [ once, least ] }
destinations:
  kafka1: { type: kafka, brokers: ${JSON.stringify(cluster.bootstrap)} }
streams: [ ./stream.yaml ]
health: false
`,
  );
  const rule = (select: string, more: string): string => `  - { select: "${select}", action: publish, target: "kafka1:${TOPIC}"${more} }\n`;
  writeFileSync(
    join(folder, "stream.yaml"),
    `stream: agent-events\ntenants: all\nkey: "{tenant}"\nrules:\n${rule("QOS=exactly-once", ", delivery: exactly-once")}${rule("EVENTTYPE=agent", "")}`,
  );
  return site;
}

async function agentFor(t: TestContext, { journals }: Site, name: string, qos: string): Promise<Agent> {
  const agent = await startAgent({
    name,
    adminApiKey: API_KEY,
    plugins: ["sidestream_acapy"],
    pluginFolders: [PLUGIN],
    pluginConfig: { sidestream: { journals, agent: name, qos, segmentBytes: 65_536, heartbeatMs: 1_000 } },
  });
  t.after(async () => await agent[Symbol.asyncDispose]());
  return agent;
}

interface Pair {
  readonly inviter: Tenant;
  readonly invitee: Tenant;
  readonly connection: Connection;
}

/** Messages and pings both ways until the time is over; what fails, because an agent is gone, is tried anew. */
async function talk({ inviter, invitee, connection }: Pair, untilMs: number): Promise<void> {
  for (let number = 0; performance.now() < untilMs; number += 1) {
    try {
      await inviter.sendMessage(connection.inviter, `message ${number} ✓ Grüße`);
      if (number % 5 === 0) await invitee.ping(connection.invitee);
      else await invitee.sendMessage(connection.invitee, `answer ${number}`);
    } catch {
      await delay(200);
    }
  }
}

test(
  "what the plugins journaled is in Kafka, over kills of agents, Sidestream and the broker",
  { skip, timeout: 180_000 + LIVE_SECONDS * 3_000 },
  async (t) => {
    await using kafka = await kafkaForTests();
    if (kafka.skip !== false) return t.skip(kafka.skip);
    const { cluster } = kafka;
    const { seed, next } = seeded();
    t.diagnostic(`seed ${seed}`);
    await createTopic(cluster, TOPIC, { partitions: 3 });
    const site = makeSite(t, cluster);
    let program: Program = await start(t, ["--config", site.configuration]);
    const witness = new Witness(site.journals, join(site.folder, "kept"));
    t.after(() => witness.close());
    const [once, least] = await Promise.all([agentFor(t, site, "once", "exactly-once"), agentFor(t, site, "least", "at-least-once")]);
    const [alice, bob, carol, dave] = await Promise.all(
      (["alice", "bob"] as const)
        .map((label) => createTenant(once, { label }))
        .concat((["carol", "dave"] as const).map((label) => createTenant(least, { label }))),
    );
    ok(alice && bob && carol && dave);
    const pairs: Pair[] = [];
    for (const [inviter, invitee] of [
      [alice, bob],
      [carol, dave],
      [alice, carol],
    ] as const)
      pairs.push({ inviter, invitee, connection: await connect(inviter, invitee) });
    const [first] = pairs;
    ok(first);
    await issueCredential(alice, first.connection.inviter, bob, first.connection.invitee);

    const kills: Readonly<Record<string, () => Promise<void>>> = {
      sidestream: async () => {
        program.process.kill("SIGKILL");
        await program.ended;
        program = await start(t, ["--config", site.configuration]);
      },
      once: () => restarted(once),
      least: () => restarted(least),
      broker: async () => {
        await cluster.kill();
        await cluster.start();
      },
    };
    const names = Object.keys(kills);
    const untilMs = performance.now() + LIVE_SECONDS * 1_000;
    const talking = Promise.all(pairs.map((pair) => talk(pair, untilMs)));
    for (let number = 0; performance.now() < untilMs; number += 1) {
      await delay(next() * KILL_EACH_MS);
      // Each at least once, then as it comes.
      const name = names[number < names.length ? number : Math.floor(next() * names.length)] ?? "sidestream";
      await kills[name]?.();
    }
    await talking;
    for (const agent of [once, least]) await agent.stop();
    witness.close();
    const journaled = witness.read();
    await drained(site, journaled);
    await stop(program);
    const messages = (await consumeTopic(cluster, TOPIC)).map(({ key, value, partition }) => ({
      partition,
      key: String(key),
      event: JSON.parse(String(value)) as { readonly id: string; readonly data: { readonly agent: string } },
    }));
    t.diagnostic(`${journaled.length} records journaled, ${messages.length} messages in the topic`);
    ok(journaled.length > 100);
    const of = (agent: string): readonly string[] =>
      messages.filter(({ event }) => event.data.agent === agent).map(({ event }) => event.id);
    for (const agent of ["once", "least"]) {
      const wanted = journaled.filter((each) => each.agent === agent).map(({ id }) => id);
      deepEqual([...new Set(of(agent))].toSorted(), wanted.toSorted(), `each event of ${agent} is in the topic`);
    }
    equal(of("once").length, new Set(of("once")).size, "none of the agent that asks for it is there twice");
    assertOrder(messages);
    assertNoSecrets(site, messages.map(({ event }) => JSON.stringify(event)).join("\n"));
  },
);

async function restarted(agent: Agent): Promise<void> {
  await agent.kill();
  await agent.start();
}

/** Settles when the last record of each journal is acknowledged, and all was delivered. */
async function drained(site: Site, journaled: readonly Journaled[]): Promise<void> {
  const deadline = performance.now() + SETTLED_MS_MAX;
  for (const agent of ["once", "least"]) {
    const [boot, sequence] = journaled.findLast((each) => each.agent === agent)?.id.split("/") ?? [];
    for (;;) {
      const ack = JSON.parse(readFileSync(join(site.journals, agent, "ack"), "utf8")) as { boot: string; sequence: number };
      if (ack.boot === boot && ack.sequence === Number(sequence)) break;
      ok(performance.now() < deadline, `the journal of ${agent} is acknowledged up to ${boot}/${sequence}: ${JSON.stringify(ack)}`);
      await delay(100);
    }
  }
  const { breaches } = statusWhen(join(site.folder, "data"), ({ totals }) => totals.pending === 0);
  deepEqual(breaches, []);
}

/** Per wallet and boot the order of the journal; what comes twice comes in order each time. */
function assertOrder(
  messages: readonly { readonly key: string; readonly partition: number; readonly event: { readonly id: string } }[],
): void {
  const last = new Map<string, number>();
  const seen = new Set<string>();
  for (const { key, event } of messages) {
    if (seen.has(event.id)) continue;
    seen.add(event.id);
    const [boot = "", sequence = ""] = event.id.split("/");
    const before = last.get(`${key} ${boot}`) ?? 0;
    ok(Number(sequence) > before, `${event.id} of ${key} comes after ${before}`);
    last.set(`${key} ${boot}`, Number(sequence));
  }
}

/** Neither in the topic nor anywhere on disk that is ours. */
function assertNoSecrets({ folder }: Site, topic: string): void {
  const secrets = [...Object.values(THROWAWAY), API_KEY];
  for (const secret of secrets) ok(!topic.includes(secret), `the topic doesn't tell ${secret}`);
  for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, entry);
    if (!statSync(path).isFile()) continue;
    const bytes = readFileSync(path);
    for (const secret of secrets) ok(!bytes.includes(secret), `${entry} doesn't tell ${secret}`);
  }
}

/** A Kafka that isn't there, comes, and is replaced by another, as docs/destinations/kafka.md tells it. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { kafkaForTests } from "../../tools/kafka/for-tests.ts";
import { freeBasePort } from "../../tools/kafka/free-ports.ts";
import { PORTS_PER_NODE } from "../../tools/kafka/properties.ts";
import {
  assertNumbers,
  delivered,
  healthOf,
  identity,
  kafkaWhen,
  logged,
  makeKafkaSite,
  messagesOf,
  metric,
  postNumbers,
  startSite,
} from "./support/kafka-site.ts";
import { statusOf, stop } from "./support/program.ts";
import { guarantee } from "../guarantees.ts";

guarantee({
  failure: "destination-away",
  delivery: ["at-least-once"],
  to: "Kafka",
  test: "messages wait for a broker that isn't there, then go out in order at `maxRate`; those behind wait when another cluster answers, until that is accepted",
  lost: "nothing, until the spool's bound is reached",
  doubled: "nothing",
  todo: "watch `sidestream_spool_oldest_unsent_age_seconds`; give `spool.bytesMax` room for the longest outage",
});

const RATE = 40;
const BEHIND = 240;
const LATER = 30;
const AGE = "sidestream_spool_oldest_unsent_age_seconds";

test(
  "messages wait for a broker that isn't there, then go out in order at `maxRate`; those behind wait when another cluster answers, until that is accepted",
  { timeout: 180_000 },
  async (t) => {
    const basePort = await freeBasePort(PORTS_PER_NODE);
    const site = await makeKafkaSite(t, {
      kafka: { brokers: [`127.0.0.1:${basePort}`], maxRate: `${RATE}/s`, createTopics: { partitions: 3 } },
      topics: { things: "things" },
    });

    // Nothing listens.
    const program = await startSite(t, site);
    await postNumbers(program, "things", 0, BEHIND, 10);
    const health = await healthOf(program);
    deepEqual(await (await fetch(`${health}/ready`)).json(), { ready: true, reasons: [] });
    const down = kafkaWhen(site, ({ transmit }) => transmit?.state === "down");
    equal(down.transmit?.lastError?.code, "SST_DESTINATION_UNREACHABLE");
    deepEqual(statusOf(site.data).totals, { accepted: BEHIND, delivered: 0, dead: 0, dropped: 0, pending: BEHIND });
    equal(await metric(health, "sidestream_destination_up"), 0);
    const age = await metric(health, AGE);
    while ((await metric(health, AGE)) < age + 1);
    deepEqual(
      logged(program, "warn").map(({ code }) => code),
      ["SST_DESTINATION_UNREACHABLE"],
    );

    // It comes.
    const comesMs = Date.now();
    await using kafka = await kafkaForTests({ basePort });
    if (kafka.skip !== false) return t.skip(kafka.skip);
    const { cluster } = kafka;
    const counts = new Set<number>();
    kafkaWhen(site, (_, { totals }) => counts.add(totals.delivered).has(BEHIND));
    ok(
      [...counts].some((count) => count > 0 && count < BEHIND),
      `delivered, from look to look: ${[...counts].join(", ")}`,
    );
    delivered(site, BEHIND);
    await program.logged("kafka1 is up");
    const messages = await messagesOf(cluster, "things");
    assertNumbers(messages, 0, BEHIND);
    deepEqual(new Set(messages.map(({ partition }) => partition)), new Set([0, 1, 2]));
    deepEqual(new Set(messages.map(({ key }) => String(key))), new Set(Array.from({ length: 10 }, (_, key) => `diku/k${key}`)));
    const times = messages.map(({ timestamp }) => timestamp);
    ok(Math.min(...times) > comesMs, "a record's time is that of sending");
    // Half of what the rate asks for, since it is messages handed to the driver that are counted.
    ok(Math.max(...times) - Math.min(...times) > (BEHIND / RATE) * 500, `sent in ${Math.max(...times) - Math.min(...times)} ms`);

    // Another one takes its place.
    await cluster.wipe();
    await postNumbers(program, "things", BEHIND, LATER, 5);
    await cluster.start();
    const stopped = kafkaWhen(site, ({ transmit }) => transmit?.lastError?.code === "SST_IDENTITY_CHANGED");
    equal(stopped.transmit?.state, "down");
    match(identity(site, "show"), /^cluster found instead +\S{22}$/m);
    equal(statusOf(site.data).totals.delivered, BEHIND);
    match(identity(site, "accept"), /^kafka1 after:$/m);
    delivered(site, BEHIND + LATER);
    assertNumbers(await messagesOf(cluster, "things"), BEHIND, LATER);
    await stop(program);
  },
);

/** Messages that may be on their way to Kafka are discarded: what comes afterwards is whole and in order all the same. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, test } from "node:test";
import { kafkaForTests } from "../../tools/kafka/for-tests.ts";
import { createTopic } from "../../tools/kafka/topics.ts";
import { assertNumbers, delivered, identity, kafkaWhen, makeKafkaSite, messagesOf, postNumbers, startSite } from "./support/kafka-site.ts";
import { command, statusOf, stop } from "./support/program.ts";

const kafka = await kafkaForTests();
after(() => kafka[Symbol.asyncDispose]());
const each = { skip: kafka.skip, timeout: 180_000 };

const BEFORE = 20;
const DISCARDED = 40;
/** They came behind those that are discarded. */
const KEPT = 20;
const AFTER = 40;

for (const isRunning of [true, false]) {
  const how = isRunning ? "while the program runs" : "after a kill, where no program runs";
  test(`messages in doubt that are discarded ${how} cost what comes later neither order nor a message`, each, async (t) => {
    const { cluster } = kafka;
    const topic = isRunning ? "running" : "killed";
    const site = await makeKafkaSite(t, { kafka: { brokers: cluster.bootstrap }, topics: { things: topic } });
    await createTopic(cluster, topic, { partitions: 1 });
    let program = await startSite(t, site);
    await postNumbers(program, "things", 0, BEFORE);
    delivered(site, BEFORE);
    await cluster.pause();
    try {
      await postNumbers(program, "things", BEFORE, DISCARDED, 4);
      // Handed to a send that gets no answer.
      kafkaWhen(site, ({ transmit }) => (transmit?.inFlight ?? 0) > 0);
      const before = new Date().toISOString();
      await postNumbers(program, "things", BEFORE + DISCARDED, KEPT, 4);
      if (!isRunning) {
        program.process.kill("SIGKILL");
        await program.ended;
      }
      const { status, stdout, stderr } = command(["discard", "kafka1", "--before", before, "--yes", "--config", site.configuration]);
      equal(status, 0, stderr);
      match(stdout, new RegExp(`^Given up for good: ${DISCARDED} messages`, "m"));
    } finally {
      cluster.resume();
    }
    if (!isRunning) program = await startSite(t, site);
    await postNumbers(program, "things", BEFORE + DISCARDED + KEPT, AFTER, 4);
    const report = delivered(site, BEFORE + KEPT + AFTER);
    equal(report.totals.dropped, DISCARDED);
    const messages = await messagesOf(cluster, topic);
    const isLate = ({ number }: { readonly number: number }) => number >= BEFORE && number < BEFORE + DISCARDED;
    // What was on its way may have arrived; nothing of it is doubled.
    const late = messages.filter(isLate).map(({ number }) => number);
    t.diagnostic(`${late.length} of ${DISCARDED} had arrived all the same`);
    equal(new Set(late).size, late.length);
    const others = messages.filter((message) => !isLate(message));
    assertNumbers(
      others.map((message) => (message.number < BEFORE ? message : { ...message, number: message.number - DISCARDED })),
      0,
      BEFORE + KEPT + AFTER,
    );
    match(identity(site, "show"), /^lanes numbered anew +1$/m);
    deepEqual(statusOf(site.data).breaches, []);
    ok((statusOf(site.data).destinations[0]?.transmit?.lanesBlocked ?? 1) === 0);
    await stop(program);
  });
}

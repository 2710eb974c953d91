/** A message that Kafka refuses for good, redriven once its topic takes it, as docs/dead-letters.md tells it. */
import { deepEqual, equal, match } from "node:assert/strict";
import { after, test } from "node:test";
import { kafkaForTests } from "../../tools/kafka/for-tests.ts";
import { configureTopic } from "../../tools/kafka/topics.ts";
import { messagesOf, siteWithDeadLetter, startSite } from "./support/kafka-site.ts";
import { command, statusWhen, stop } from "./support/program.ts";

const kafka = await kafkaForTests();
after(() => kafka[Symbol.asyncDispose]());

test(
  "a message too large for its topic is dead again while that is so, and fills its hole once the topic takes it, after a kill too",
  { skip: kafka.skip, timeout: 180_000 },
  async (t) => {
    const { cluster } = kafka;
    const { site, program: first } = await siteWithDeadLetter(t, cluster);
    let program = first;
    const redrive = () => command(["dead", "redrive", "--data", site.data, "--reason", "SST_DESTINATION_REFUSED", "--yes"]);
    match(redrive().stdout, /^1 dead letter of kafka1 redriven: /m);
    const again = statusWhen(site.data, ({ totals }) => totals.pending === 0);
    deepEqual(again.totals, { accepted: 7, delivered: 6, dead: 1, dropped: 0, pending: 0 });
    equal(again.destinations[0]?.deadLetters.messages, 1);
    await configureTopic(cluster, "small", { "max.message.bytes": "1000000" });
    const killed = async (): Promise<void> => {
      program.process.kill("SIGKILL");
      await program.ended;
      program = await startSite(t, site);
    };
    // What a topic takes is asked again after `metadataAge`, and at a start.
    await killed();
    match(redrive().stdout, /^1 dead letter of kafka1 redriven: /m);
    await killed();
    const { totals, breaches, destinations } = statusWhen(site.data, (report) => report.totals.pending === 0 && report.totals.dead === 0);
    deepEqual([totals, breaches], [{ accepted: 7, delivered: 7, dead: 0, dropped: 0, pending: 0 }, []]);
    equal(destinations[0]?.deadLetters.messages, 0);
    const messages = await messagesOf(cluster, "small");
    deepEqual(
      messages.map(({ number, sequence }) => [number, sequence]),
      [0, 1, 2, 4, 5, 6, 3].map((number) => [number, number + 1]),
    );
    await stop(program);
  },
);

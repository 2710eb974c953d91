/** What Kafka was sent exactly once is replayed into its topic: marked, each message once, whatever is killed, and live ones as ever. */
import { deepEqual, equal, match } from "node:assert/strict";
import { after, test } from "node:test";
import { REPLAY_HEADER } from "../../src/flow/message/sent-again.ts";
import { kafkaForTests } from "../../tools/kafka/for-tests.ts";
import { createTopic } from "../../tools/kafka/topics.ts";
import { assertNumbers, delivered, header, kafkaWhen, makeKafkaSite, messagesOf, postNumbers, startSite } from "./support/kafka-site.ts";
import { command, stop } from "./support/program.ts";

const kafka = await kafkaForTests();
after(() => kafka[Symbol.asyncDispose]());

const REPLAYED = 80;
const AFTER = 40;
const KEYS = 4;

test(
  "messages are replayed once each into the topic they came from, over a kill; live ones go on without a gap",
  { skip: kafka.skip, timeout: 180_000 },
  async (t) => {
    const { cluster } = kafka;
    const destination = { brokers: cluster.bootstrap, retain: { keep: "1d" } };
    const site = await makeKafkaSite(t, { kafka: destination, topics: { things: "things" }, delivery: { things: "exactly-once" } });
    await createTopic(cluster, "things", { partitions: 3 });
    let program = await startSite(t, site);
    await postNumbers(program, "things", 0, REPLAYED, KEYS);
    delivered(site, REPLAYED);
    const replay = command(["replay", "--data", site.data, "--from", "1h", "--rate", "100000/s", "--yes"]);
    equal(replay.status, 0, replay.stderr);
    match(replay.stdout, new RegExp(`^${REPLAYED} messages appended`, "m"));
    program.process.kill("SIGKILL");
    await program.ended;
    program = await startSite(t, site);
    await postNumbers(program, "things", REPLAYED, AFTER, KEYS);
    kafkaWhen(site, (_, { totals }) => totals.pending === 0 && totals.accepted === 2 * REPLAYED + AFTER);
    const messages = await messagesOf(cluster, "things");
    const isAgain = (message: (typeof messages)[number]): boolean => header(message, REPLAY_HEADER) !== undefined;
    const again = messages.filter(isAgain);
    assertNumbers(again, 0, REPLAYED);
    assertNumbers(
      messages.filter((message) => !isAgain(message)),
      0,
      REPLAYED + AFTER,
    );
    equal(new Set(again.map((message) => header(message, REPLAY_HEADER))).size, 1);
    const verified = command(["verify", `kafka://${cluster.bootstrap.join(",")}/things`, "--data", site.data, "--json"]);
    equal(verified.status, 0, verified.stdout + verified.stderr);
    const { series } = JSON.parse(verified.stdout) as { readonly series: readonly Readonly<Record<string, unknown>>[] };
    deepEqual(
      series.map(({ messages: count, doubles, holes, outOfOrder, replays }) => [count, doubles, holes, outOfOrder, replays]),
      [[REPLAYED + AFTER, 0, 0, 0, REPLAYED]],
    );
    await stop(program);
  },
);

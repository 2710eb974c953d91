/** `sidestream demo --kafka` against a broker: what is in the files is in the topics. */
import { deepEqual, equal, match } from "node:assert/strict";
import { after, test } from "node:test";
import { consumeTopic } from "../../tools/kafka/console-consumer.ts";
import { kafkaForTests } from "../../tools/kafka/for-tests.ts";
import { command } from "./support/program.ts";

const kafka = await kafkaForTests();
after(() => kafka[Symbol.asyncDispose]());

test("the demo's messages are in Kafka too, in topics that it made", { skip: kafka.skip, timeout: 120_000 }, async () => {
  const brokers = kafka.cluster.listeners("PLAINTEXT").join(",");
  const { status, stdout, stderr } = command(["demo", "--kafka", brokers], { env: { DEMO_SECONDS: "6" } });
  equal(status, 0, stderr);
  match(stdout, /^ {2}npm run kafka -- consume demo\.diku\.users-audit --base \d+$/m);
  match(stdout, /Kafka had \d+ of them/);
  const shown = stdout.split("\n").filter((line) => /^\d\d:\d\d:\d\d\.\d{3} {2}demo\.diku\.log-ins /.test(line));
  const messages = await consumeTopic(kafka.cluster, "demo.diku.log-ins");
  equal(messages.length, shown.length);
  const [first] = messages.map(({ value }) => JSON.parse(value?.toString() ?? "") as { readonly sidestreamtenant: string });
  deepEqual(first?.sidestreamtenant, "diku");
});

test("without an answer from Kafka the demo shows its files all the same, and ends", { timeout: 60_000 }, () => {
  const { status, stdout, stderr } = command(["demo"], { env: { DEMO_SECONDS: "4", DEMO_KAFKA: "127.0.0.1:1" } });
  equal(status, 0, stderr);
  match(stdout, /Kafka had 0 of them, [1-9]\d* still waited/);
  match(stderr, /kafka1 is down/);
});

test("an address that is none is told, and nothing stays behind", { timeout: 60_000 }, () => {
  const { status, stderr } = command(["demo", "--kafka", "nowhere"], { env: { DEMO_SECONDS: "4" } });
  equal(status, 78);
  match(stderr, /destinations\.kafka1\.brokers\[0\]: expected the address of a broker/);
});

/**
 * The demo with an agent: Kafka, Sidestream, an ACA-Py agent with two tenants, and their events as they come to a topic.
 *
 * Promise: all is real and on this machine's loopback interface; it ends on Ctrl-C, or by itself DEMO_SECONDS after the first message, and
 * leaves nothing behind. Exit status 0 when messages arrived.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Guard } from "../../kafka/guard.ts";
import { KafkaCluster } from "../../kafka/cluster.ts";
import { createTopic } from "../../kafka/topics.ts";
import { startAgent } from "../agent.ts";
import { connect } from "../drive.ts";
import { createTenant, type Tenant } from "../tenant.ts";
import { startSidestream } from "./sidestream.ts";
import { TopicReader, type ArrivedEvent } from "./topic-reader.ts";
import { TRANSPORTS } from "./transport.ts";

const TRANSPORT = TRANSPORTS.journal;
const TOPIC = "agent-events";
const MESSAGE_EACH_MS = 2_000;
const MILLISECONDS_PER_SECOND = 1_000;
const EXIT_USAGE = 2;

let messageCount = 0;
/** The last one of the demo's own. */
const written = { content: "", atMs: 0 };

/** Since the demo began, for people. */
function seconds(): string {
  return `${(performance.now() / MILLISECONDS_PER_SECOND).toFixed(1)} s`.padStart(8);
}

function tell(text: string): void {
  console.log(`${seconds()}  ${text.replaceAll("\n", `\n${" ".repeat(10)}`)}`);
}

/** Runs until the signal is aborted. What was started is ended then, the last first. */
async function demo(folder: string, forSeconds: number | null, ending: AbortController): Promise<void> {
  const going = async <Result>(step: Promise<Result>): Promise<Result> => await beforeEnd(step, ending.signal);
  await using stack = new AsyncDisposableStack();
  tell("Kafka is started. The first time, it is downloaded.");
  const cluster = stack.use(await going(KafkaCluster.start()));
  const brokers = cluster.listeners("PLAINTEXT");
  await going(createTopic(cluster, TOPIC));
  tell(`Kafka serves at ${brokers.join(",")}; the topic is ${TOPIC}.`);

  const source = TRANSPORT.source(folder);
  const sidestream = stack.use(await going(startSidestream({ folder, source, brokers, topic: TOPIC })));
  tell(`Sidestream runs: ${TRANSPORT.title}.\nIts configuration: ${sidestream.configurationFile}`);
  const reader = stack.use(await going(TopicReader.open(brokers, TOPIC, show)));

  tell("An ACA-Py agent is started. The first time, it is installed.");
  const agent = stack.use(await going(startAgent({ name: "demo", ...TRANSPORT.agent(folder, sidestream.address) })));
  stack.defer(async () => await agent.stop());
  tell(`The agent serves. Its admin API: ${agent.admin.url}/api/doc`);
  const alice = await going(createTenant(agent, { label: "alice" }));
  const bob = await going(createTenant(agent, { label: "bob" }));
  tell(`Two tenants have wallets: alice ${alice.walletId}\n                          bob   ${bob.walletId}`);
  const { inviter } = await going(connect(alice, bob));
  tell("bob took an invitation of alice, and they are connected.");
  for (let number = 1; ; number++) {
    await going(message(alice, bob, inviter, reader, `Hello bob, this is message ${number}.`));
    if (number === 1) {
      tell(`${reader.count} events came in all: each step to the connection is one, on either side.`);
      console.log(byHand(alice, inviter, brokers));
      if (forSeconds !== null) setTimeout(() => ending.abort(), forSeconds * MILLISECONDS_PER_SECOND).unref();
    }
    await going(pause(MESSAGE_EACH_MS));
  }
}

/** Sends a message, and settles once it is in Kafka. */
async function message(from: Tenant, to: Tenant, connectionId: string, reader: TopicReader, content: string): Promise<void> {
  tell(`${from.label} writes to ${to.label}: "${content}"`);
  written.content = content;
  written.atMs = performance.now();
  await from.sendMessage(connectionId, content);
  await reader.arrival("the message in Kafka", ({ wallet, content: arrived }) => wallet === to.walletId && arrived === content);
  messageCount += 1;
}

/** Tells of a message, also of one that somebody wrote by hand. Other events are only counted. */
function show({ content, atMs, topic, key, id }: ArrivedEvent): void {
  if (content === null) return;
  const took = content === written.content ? `, ${Math.round(atMs - written.atMs)} ms later` : "";
  tell(`Kafka has "${content}"${took}\n${topic}, key ${key}, id ${id}`);
}

function byHand(alice: Tenant, connectionId: string, brokers: readonly string[]): string {
  return `
Write one of your own, in another terminal:

  curl ${alice.admin.url}/connections/${connectionId}/send-message -H 'content-type: application/json' \\
    -H 'authorization: Bearer ${alice.token}' -d '{"content":"Hello from a terminal"}'

and read the topic with Kafka's own consumer:

  kafka-console-consumer.sh --bootstrap-server ${brokers.join(",")} --topic ${TOPIC} --from-beginning

Ctrl-C ends the demo and removes all of it.
`;
}

/** A step's result, unless the end comes before it. */
async function beforeEnd<Result>(step: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const { promise: end, reject } = Promise.withResolvers<never>();
  const onEnd = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", onEnd);
  if (signal.aborted) onEnd();
  return await Promise.race([step, end]).finally(() => signal.removeEventListener("abort", onEnd));
}

async function main(): Promise<number> {
  const wanted = process.env["DEMO_SECONDS"] ?? "";
  const forSeconds = wanted === "" ? null : Number(wanted);
  if (forSeconds !== null && !(forSeconds > 0)) {
    console.error(`DEMO_SECONDS is "${wanted}"; expected a number of seconds, such as 30`);
    return EXIT_USAGE;
  }
  const ending = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => ending.abort());
  process.stdout.once("error", () => ending.abort());
  const folder = mkdtempSync(join(tmpdir(), "sidestream-demo-"));
  const guard = new Guard(folder, "remove");
  try {
    await demo(folder, forSeconds, ending);
  } catch (problem) {
    if (!ending.signal.aborted) console.error(problem instanceof Error ? problem.message : problem);
  } finally {
    await guard.end();
  }
  tell(`The end. Messages that came through: ${messageCount}. Nothing is left behind.`);
  return messageCount > 0 ? 0 : 1;
}

// What was under way when the end came is not waited for: it dies with this process.
process.exit(await main());

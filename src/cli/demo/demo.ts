/**
 * `sidestream demo`: a sample library, Sidestream before it, traffic, and the messages as they come.
 *
 * Promise: needs no broker and no configuration, listens on loopback only, ends by itself or on Ctrl-C, and leaves
 * nothing behind, save topics where it was given a Kafka cluster to publish to.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfiguration } from "../../config/load.ts";
import { createLog } from "../../observe/log.ts";
import type { Output } from "../output.ts";
import { Running } from "../running.ts";
import { DEMO_KAFKA_DESTINATION } from "./demo-configuration.ts";
import { MessageTail } from "./message-tail.ts";
import { prepareDemo, type PreparedDemo } from "./prepare.ts";

const SHOW_INTERVAL_MS = 200;
const EXIT_USAGE = 2;
const MILLISECONDS_PER_SECOND = 1000;

export interface RunDemoOptions {
  /** Text of `DEMO_SECONDS`: how long to run; until Ctrl-C when it is absent. */
  readonly seconds: string | undefined;
  /** Brokers of a Kafka cluster, `host:port` with commas between, that gets the messages too. */
  readonly kafka?: string | undefined;
}

/**
 * Runs the demo.
 *
 * @returns Exit status: 0, 2 when `seconds` is no number, 1 when no message came.
 * @throws SidestreamError `SST_CONFIG_INVALID` when `kafka` is no list of addresses.
 */
export async function runDemo(options: RunDemoOptions, out: Output): Promise<number> {
  const seconds = options.seconds === undefined || options.seconds === "" ? null : Number(options.seconds);
  if (seconds !== null && !(seconds > 0)) {
    out.stderr(`DEMO_SECONDS is "${options.seconds}"; expected a number of seconds, such as 30\n`);
    return EXIT_USAGE;
  }
  const ending = untilEnd(seconds);
  const folder = await mkdtemp(join(tmpdir(), "sidestream-demo-"));
  try {
    return await showDemo(folder, options.kafka ?? null, ending, out);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function showDemo(folder: string, kafka: string | null, ending: AbortSignal, out: Output): Promise<number> {
  const demo = await prepareDemo(folder, { kafka });
  try {
    return await runPrepared(demo, kafka, ending, out);
  } finally {
    await demo.upstream.close();
  }
}

async function runPrepared(demo: PreparedDemo, kafka: string | null, ending: AbortSignal, out: Output): Promise<number> {
  const log = createLog({ level: "warn", name: "sidestream" });
  const loaded = await loadConfiguration(demo.configurationFile, { environment: {} });
  const running = await Running.start({ loaded, log, logLevel: "warn", healthMayMove: true });
  const gatewayUrl = running.edge.sources[0]?.connection.address ?? "";
  out.stdout(introduction(demo, running, gatewayUrl, kafka));
  const tail = new MessageTail(demo.eventsFolder, (line) => out.stdout(`${line}\n`));
  const timer = setInterval(() => void tail.read(), SHOW_INTERVAL_MS);
  const traffic = await demo.startTraffic(gatewayUrl, ending);
  clearInterval(timer);
  const sent = kafka === null ? "" : await kafkaCounts(running);
  await running.stop();
  await tail.read();
  out.stdout(`\n${traffic.sent} requests were sent, ${tail.messageCount} messages written.${sent} The demo's folder is removed.\n`);
  return tail.messageCount > 0 ? 0 : 1;
}

/** What Kafka has by now; what it still gets while the demo ends is not counted. */
async function kafkaCounts(running: Running): Promise<string> {
  // Without an answer of the engine the demo ends all the same, and its log says why there is none.
  const status = await running.edge.status().catch(() => null);
  if (status === null) return "";
  const counts = status.messages.filter(({ destination }) => destination === DEMO_KAFKA_DESTINATION);
  const sum = (of: "delivered" | "pending"): number => counts.reduce((total, count) => total + count[of], 0);
  return ` Kafka had ${sum("delivered")} of them, ${sum("pending")} still waited.`;
}

function introduction(demo: PreparedDemo, running: Running, gatewayUrl: string, kafka: string | null): string {
  return `
A small library system with sample traffic, and Sidestream before it.

  gateway        ${gatewayUrl}   forwards to the library at ${demo.upstream.address}
  configuration  ${demo.configurationFile}   its three streams are in streams/ beside it
  messages       ${demo.eventsFolder}   one file a topic, one CloudEvent a line
  health         ${running.health?.address ?? "off"}/metrics, /live, /ready
${kafka === null ? "" : `  kafka          ${kafka}   the same topics as the files; topics that don't exist are made\n`}
Make an event of your own, in another terminal:

  curl -i ${gatewayUrl}/users -H 'x-okapi-tenant: diku' -H 'content-type: application/json' \\
    -d '{"username":"ada","password":"secret","personal":{"lastName":"Lovelace"}}'

and look at its message (the password is not in it):

  tail -n 1 ${demo.eventsFolder}/*users-audit*.jsonl

${kafka === null ? "" : kafkaHint(kafka)}Messages as they come; Ctrl-C ends the demo and removes its folder.

`;
}

const KAFKA_TOPIC = "demo.diku.users-audit";

function kafkaHint(kafka: string): string {
  // Clusters of that tool are told apart by their first port.
  const port = /:(\d+)(?=,|$)/.exec(kafka)?.[1] ?? "";
  return `Read the topic, from a cluster that \`npm run kafka\` started, or from any other:

  npm run kafka -- consume ${KAFKA_TOPIC} --base ${port}
  kafka-console-consumer.sh --bootstrap-server ${kafka} --topic ${KAFKA_TOPIC} --from-beginning

`;
}

/** Aborted by the first signal, when the time is over, or when nobody reads any more. */
function untilEnd(seconds: number | null): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => controller.abort());
  process.stdout.once("error", () => controller.abort());
  if (seconds !== null) setTimeout(() => controller.abort(), seconds * MILLISECONDS_PER_SECOND).unref();
  return controller.signal;
}

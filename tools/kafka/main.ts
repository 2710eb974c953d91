/**
 * Kafka for trying things out: starts one or three brokers in the background, without Docker and without root.
 *
 *   npm run kafka -- help
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { KafkaCluster } from "./cluster.ts";
import { consumeTopic } from "./console-consumer.ts";
import { KAFKA_VERSION, brokersFolder } from "./jars.ts";
import { LISTENERS } from "./properties.ts";
import { createTopic } from "./topics.ts";

const BASE_PORT = 19_092;

interface BaseOption {
  readonly base: number;
}

interface UpOptions extends BaseOption {
  readonly nodes?: 1 | 3;
  readonly set: Readonly<Record<string, string>>;
}

/** One cluster per base port. */
function folderOf(basePort: number): string {
  return join(brokersFolder(), `run-${basePort}`);
}

async function attach({ base }: BaseOption): Promise<KafkaCluster> {
  if (!existsSync(folderOf(base))) throw new Error(`there is no cluster at ${base}: begin with "npm run kafka -- up --base ${base}"`);
  return await KafkaCluster.attach(folderOf(base));
}

async function up({ base, nodes, set }: UpOptions): Promise<void> {
  const folder = folderOf(base);
  const before = existsSync(folder) ? (await KafkaCluster.attach(folder)).nodes.length : null;
  if (before !== null && nodes !== undefined && nodes !== before) {
    throw new Error(`the cluster at ${base} has ${before} nodes: remove it first with "npm run kafka -- down --wipe --base ${base}"`);
  }
  const cluster = await KafkaCluster.start({
    nodes: nodes ?? (before === 3 ? 3 : 1),
    properties: set,
    folder,
    basePort: base,
    background: true,
  });
  status(cluster);
}

function status(cluster: KafkaCluster): void {
  console.log(`Kafka ${KAFKA_VERSION} in ${relative(process.cwd(), cluster.folder)}`);
  for (const { id, pid, logFile } of cluster.nodes) {
    console.log(`  node ${id}          ${pid === null ? "down" : `process ${pid}`}, log ${relative(process.cwd(), logFile)}`);
  }
  for (const kind of LISTENERS) {
    if (kind !== "CONTROLLER") console.log(`  ${kind.padEnd(15)} ${cluster.listeners(kind).join(",")}`);
  }
  console.log(`  CA              ${relative(process.cwd(), cluster.tls.ca)}`);
  console.log(`  user, password  ${cluster.credentials.user}, ${cluster.credentials.password} (SCRAM-SHA-256, SCRAM-SHA-512, PLAIN)`);
}

async function consume(topic: string, options: BaseOption): Promise<void> {
  for (const { partition, offset, timestamp, key, value, headers } of await consumeTopic(await attach(options), topic)) {
    const named = headers.map(([name, bytes]) => [name, bytes?.toString() ?? null]);
    const time = new Date(timestamp).toISOString();
    console.log(
      JSON.stringify({ partition, offset, time, key: key?.toString() ?? null, value: value?.toString() ?? null, headers: named }),
    );
  }
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/u.test(text)) throw new InvalidArgumentError("Expected a whole number.");
  return Number(text);
}

function property(text: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const [, name, value] = /^([^=]+)=(.*)$/u.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError("Expected name=value.");
  return { ...before, [name]: value };
}

function commandLine(): Command {
  const program = new Command("npm run kafka --").description("Runs Kafka on this machine, for trying things out.");
  const command = (text: string, summary: string, parent = program): Command =>
    parent
      .command(text)
      .description(summary)
      .addOption(new Option("--base <port>", "first port; each has its own cluster").argParser(wholeNumber).default(BASE_PORT));
  command("up", "Starts the brokers and leaves them running. The first time, downloads Kafka.")
    .addOption(new Option("--nodes <count>", "1 or 3").argParser(nodeCount))
    .addOption(new Option("--set <name=value>", "a property of the broker; may be given often").argParser(property).default({}))
    .action(up);
  command("down", "Stops the brokers.")
    .option("--wipe", "and removes all they stored", false)
    .action(async (options: BaseOption & { readonly wipe: boolean }) => {
      const cluster = await attach(options);
      await (options.wipe ? cluster.remove() : cluster.stop());
    });
  command("status", "Tells which brokers run, and how to reach them.").action(async (options: BaseOption) => status(await attach(options)));
  const onNode = (name: string, summary: string, act: (cluster: KafkaCluster, node: number) => Promise<void> | void): void => {
    command(`${name} <node>`, summary).action(
      async (node: string, options: BaseOption) => await act(await attach(options), wholeNumber(node)),
    );
  };
  onNode("start", "Starts one broker.", async (cluster, node) => await cluster.start(node));
  onNode("stop", "Stops one broker in good order.", async (cluster, node) => await cluster.stop(node));
  onNode("kill", "Kills one broker (SIGKILL).", async (cluster, node) => await cluster.kill(node));
  onNode("restart", "Stops one broker and starts it again.", async (cluster, node) => await cluster.restart(node));
  onNode("pause", "Makes one broker stand still (SIGSTOP): it answers nothing.", async (cluster, node) => await cluster.pause(node));
  onNode("resume", "Lets one broker go on (SIGCONT).", (cluster, node) => cluster.resume(node));
  const topic = program.command("topic").description("Makes topics.");
  command("create <name> [partitions]", "Makes a topic, with one partition unless told.", topic).action(
    async (name: string, partitions: string | undefined, options: BaseOption) =>
      await createTopic(await attach(options), name, { partitions: wholeNumber(partitions ?? "1") }),
  );
  command("consume <topic>", "Prints a topic from its beginning to its end as of now, a line of JSON per message.").action(consume);
  return program;
}

function nodeCount(text: string): 1 | 3 {
  if (text !== "1" && text !== "3") throw new InvalidArgumentError("Expected 1 or 3.");
  return text === "1" ? 1 : 3;
}

try {
  await commandLine().parseAsync();
} catch (problem) {
  console.error(problem instanceof Error ? problem.message : problem);
  process.exitCode = 1;
}

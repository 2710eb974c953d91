/**
 * `npm run faults`: clients, Sidestream and Kafka under kills, cuts and stops, and Kafka's own consumer as the judge.
 *
 * Promise: exit 0 when every promise was kept and it was a test, 1 when not, 2 when it was called wrongly. The same seed
 * makes the same plan of faults.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { KafkaCluster } from "../../tools/kafka/cluster.ts";
import { OwnHost } from "../system/support/test-host.ts";
import { optionsOf, USAGE } from "./options.ts";
import { outcomeText } from "./report.ts";
import { faultRun } from "./run.ts";
import { sizeOf, type Nodes } from "./size.ts";
import { BROKER_PROPERTIES } from "./stage.ts";
import { verdictOf } from "./verdict.ts";

/** As a shell shows a program that Ctrl-C ended. */
const EXIT_ENDED = 130;

/** Brokers of three share a machine. */
const HEAP: Readonly<Record<Nodes, string>> = { 1: "512m", 3: "384m" };

/** What was run, so that a result can be told from another's. */
function commit(): string {
  return execFileSync("git", ["describe", "--always", "--dirty"], { encoding: "utf8", cwd: import.meta.dirname }).trim();
}

async function main(parameters: readonly string[]): Promise<number> {
  const options = optionsOf(parameters);
  if (typeof options === "string") {
    process.stderr.write(`${options}\n\n${USAGE}`);
    return 2;
  }
  const { seed, minutes, nodes, delivery, events } = options;
  const size = sizeOf(minutes, nodes, events);
  process.stderr.write(`seed ${seed}\n`);
  // An end by `exit` takes the processes along that were started; brokers and mounts have guards of their own.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(EXIT_ENDED));
  const host = new OwnHost();
  await using cluster = await KafkaCluster.start({ nodes, proxied: true, properties: BROKER_PROPERTIES, heap: HEAP[nodes] });
  try {
    const tell = (line: string): void => void process.stderr.write(`${line}\n`);
    const logFile = options.log ?? null;
    const outcome = await faultRun({ seed, nodes, delivery, size, cluster, host, logFile, tell });
    const verdict = verdictOf(outcome);
    process.stdout.write(outcomeText(outcome));
    if (options.json !== undefined)
      writeFileSync(options.json, `${JSON.stringify({ commit: commit(), ...outcome, ...verdict }, null, 2)}\n`);
    return verdict.broken.length + verdict.noTest.length === 0 ? 0 : 1;
  } finally {
    await host.end();
  }
}

process.exitCode = await main(process.argv.slice(2));

/** Runs Sidestream for the demo, as its command line would: a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { PIDS, START_COMMAND } from "../../kafka/guard.ts";

const MAIN = resolve(import.meta.dirname, "../../../src/cli/main.ts");
const START_MS_MAX = 60_000;
/** It sends what it has; a broker that is gone would hold it longer. */
const STOP_MS_MAX = 20_000;
const LINES_KEPT = 50;

export interface SidestreamOptions {
  /** One that a guard looks after. */
  readonly folder: string;
  /** One line of YAML. */
  readonly source: string;
  readonly brokers: readonly string[];
  readonly topic: string;
}

export interface Sidestream extends AsyncDisposable {
  /** What its source listens on, or reads. */
  readonly address: string;
  readonly configurationFile: string;
}

interface LogLine {
  readonly msg: string;
  readonly source?: string;
  readonly address?: string;
}

/** Writes a configuration and a stream, runs them, and settles when the source is open. */
export async function startSidestream(options: SidestreamOptions): Promise<Sidestream> {
  const configurationFile = writeConfiguration(options);
  mkdirSync(join(options.folder, PIDS), { recursive: true });
  const command = [process.execPath, MAIN, "run", "--config", configurationFile];
  // Ctrl-C in a terminal is for this process, which ends it in good order.
  const how = { stdio: ["ignore", "ignore", "pipe"] as ["ignore", "ignore", "pipe"], detached: true };
  const child = spawn("sh", ["-c", START_COMMAND, "sh", options.folder, "sidestream", ...command], how);
  const ended = once(child, "close");
  const lines: string[] = [];
  let address = "";
  const { promise: runs, resolve: nowRuns } = Promise.withResolvers<true>();
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    if (lines.length > LINES_KEPT) lines.shift();
    if (!line.startsWith("{")) return;
    const { msg, source, address: opened } = JSON.parse(line) as LogLine;
    if (source === "agents" && opened !== undefined) address = opened;
    if (msg.includes("sidestream runs")) nowRuns(true);
  });
  const stop = async (): Promise<void> => {
    const killer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
    child.kill("SIGTERM");
    await ended.finally(() => clearTimeout(killer));
  };
  const timer = setTimeout(() => child.kill("SIGKILL"), START_MS_MAX);
  const isRunning = await Promise.race([runs, ended]).finally(() => clearTimeout(timer));
  if (isRunning !== true) throw new Error(`Sidestream ended before it ran:\n${lines.join("\n")}`);
  return { address, configurationFile, [Symbol.asyncDispose]: stop };
}

function writeConfiguration({ folder, source, brokers, topic }: SidestreamOptions): string {
  const home = join(folder, "sidestream");
  mkdirSync(home);
  const file = join(home, "sidestream.yaml");
  writeFileSync(
    file,
    `# The demo: every event of an agent's wallets, in a topic of Kafka.
version: 1
enabled: true
instance: demo-1
data: ./data
sources:
  agents: ${source}
destinations:
  kafka1: { type: kafka, brokers: ${JSON.stringify(brokers)}, spool: { bytesMax: 64MiB } }
streams: [ ./agent-events.yaml ]
health: false
`,
  );
  writeFileSync(
    join(home, "agent-events.yaml"),
    `stream: agent-events
tenants: all
rules:
  - EVENTTYPE=agent , publish , kafka1:${topic}
`,
  );
  return file;
}

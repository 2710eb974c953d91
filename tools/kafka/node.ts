/**
 * One Kafka broker, which is its own controller: a Java process with a folder.
 *
 * Where it is known by its process id in a file, not by a handle, so that another process can stop what one started.
 */
import { execFile, spawn } from "node:child_process";
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readFileSync, readSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { PIDS, START_COMMAND } from "./guard.ts";
import { javaArguments } from "./jars.ts";
import { scramArguments, serverProperties, type BrokerSettings } from "./properties.ts";
import { processState } from "./process-state.ts";
import { waitUntil } from "./wait-until.ts";

const run = promisify(execFile);

/** Three nodes at once on a busy machine with two cores have taken half a minute. */
const START_MS_MAX = 180_000;
/** A node without a majority of controllers would try for minutes to stop in good order. */
const STOP_MS_MAX = 20_000;
/** The kernel needs a moment to end a process with much memory. */
const SIGNAL_MS_MAX = 10_000;
const FORMAT_MS_MAX = 120_000;
const LOG_LINES_SHOWN = 15;

export interface NodeSettings extends BrokerSettings {
  readonly clusterFolder: string;
  readonly clusterId: string;
  readonly classPath: string;
  /** For Java's -Xmx: "512m". */
  readonly heap: string;
}

export class KafkaNode {
  readonly id: number;
  /** What the broker has written since its first start. */
  readonly logFile: string;
  readonly #settings: NodeSettings;
  readonly #propertiesFile: string;
  readonly #pidFile: string;

  constructor(settings: NodeSettings) {
    this.#settings = settings;
    this.id = settings.nodeId;
    this.logFile = join(settings.folder, "broker.log");
    this.#propertiesFile = join(settings.folder, "server.properties");
    this.#pidFile = join(settings.clusterFolder, PIDS, `node-${this.id}`);
  }

  /** The process id; null when it doesn't run. A paused one runs. */
  get pid(): number | null {
    if (!existsSync(this.#pidFile)) return null;
    const pid = Number(readFileSync(this.#pidFile, "utf8"));
    const { isAlive, commandLine } = processState(pid);
    if (!isAlive) return null;
    // Another process may have the id by now. One that is being killed loses its command line before its ports.
    return commandLine === "" || commandLine.includes(this.#propertiesFile) ? pid : null;
  }

  /** Starts it, with what it stored before or else empty; settles when it serves. Harmless when it runs. */
  async start(): Promise<void> {
    if (this.pid !== null) return;
    const { folder, clusterFolder, classPath, heap } = this.#settings;
    mkdirSync(folder, { recursive: true });
    mkdirSync(join(clusterFolder, PIDS), { recursive: true });
    writeFileSync(this.#propertiesFile, serverProperties(this.#settings));
    if (!existsSync(join(folder, "log", "meta.properties"))) await this.#format();
    const log = openSync(this.logFile, "a");
    const logStart = statSync(this.logFile).size;
    rmSync(this.#pidFile, { force: true });
    const java = ["java", `-Xmx${heap}`, ...javaArguments(classPath), "kafka.Kafka", this.#propertiesFile];
    const child = spawn("sh", ["-c", START_COMMAND, "sh", clusterFolder, `node-${this.id}`, ...java], {
      cwd: folder,
      stdio: ["ignore", log, log],
      detached: true,
    });
    child.unref();
    closeSync(log);
    await waitUntil(() => this.#serves(logStart, (child.exitCode ?? child.signalCode) !== null), START_MS_MAX, `node ${this.id} to start`);
  }

  /** Asks it to end in good order, and kills it when it takes too long. */
  async stop(): Promise<void> {
    if (!this.#signal("SIGTERM")) return;
    // A paused process gets no signal but this and SIGKILL.
    this.#signal("SIGCONT");
    try {
      await waitUntil(() => this.pid === null, STOP_MS_MAX, `node ${this.id} to stop`);
    } catch {
      await this.kill();
    }
  }

  /** SIGKILL; settles once the process is gone. */
  async kill(): Promise<void> {
    if (!this.#signal("SIGKILL")) return;
    await waitUntil(() => this.pid === null, SIGNAL_MS_MAX, `node ${this.id} to be gone`);
  }

  /** SIGSTOP: its connections stay open and nothing is answered. Settles once it stands still. */
  async pause(): Promise<void> {
    const { pid } = this;
    if (pid === null) throw new Error(`node ${this.id} doesn't run`);
    process.kill(pid, "SIGSTOP");
    await waitUntil(() => processState(pid).isStopped, SIGNAL_MS_MAX, `node ${this.id} to pause`);
  }

  /** SIGCONT. */
  resume(): void {
    if (!this.#signal("SIGCONT")) throw new Error(`node ${this.id} doesn't run`);
  }

  async #format(): Promise<void> {
    const { classPath, clusterId } = this.#settings;
    const format = ["kafka.tools.StorageTool", "format", "-t", clusterId, "-c", this.#propertiesFile, ...scramArguments()];
    await run("java", [...javaArguments(classPath), ...format], { timeout: FORMAT_MS_MAX });
  }

  #serves(logStart: number, hasEnded: boolean): boolean {
    const log = textFrom(this.logFile, logStart);
    if (log.includes("Kafka Server started")) return true;
    if (!hasEnded) return false;
    throw new Error(`node ${this.id} ended before it served:\n${whatWentWrong(log)}`);
  }

  /** False when there is no process to send it to. */
  #signal(signal: NodeJS.Signals): boolean {
    const { pid } = this;
    if (pid === null) return false;
    try {
      return process.kill(pid, signal);
    } catch (problem) {
      // It ended between the look and the signal.
      if (problem instanceof Error && "code" in problem && problem.code === "ESRCH") return false;
      throw problem;
    }
  }
}

/** The first error and what follows it, else the end: after an error the broker tells at length how it shuts down. */
function whatWentWrong(log: string): string {
  const lines = log.trimEnd().split("\n");
  const error = lines.findIndex((line) => / (ERROR|FATAL) /u.test(line));
  return lines.slice(error === -1 ? -LOG_LINES_SHOWN : error, error === -1 ? undefined : error + LOG_LINES_SHOWN).join("\n");
}

/** The text of a file from this byte on. */
function textFrom(path: string, start: number): string {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(fstatSync(file).size - start);
    return bytes.toString("utf8", 0, readSync(file, bytes, 0, bytes.length, start));
  } finally {
    closeSync(file);
  }
}

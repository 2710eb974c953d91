/**
 * A real ACA-Py agent on the loopback interface, with tenants and without a ledger, for tests and for trying things out.
 *
 * Promise: it dies with the process that started it, also when that is killed. Ports, wallets and what it wrote stay while
 * it is killed and started again.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, fstatSync, mkdirSync, mkdtempSync, openSync, readSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { freeBasePort, isFree } from "../kafka/free-ports.ts";
import { listener } from "../listening.ts";
import { Guard, PIDS, START_COMMAND } from "../kafka/guard.ts";
import { processState } from "../kafka/process-state.ts";
import { waitUntil } from "../kafka/wait-until.ts";
import { AdminApi } from "./admin-api.ts";
import { argumentsFile, type AgentPorts, type AgentSettings } from "./agent-arguments.ts";
import { AGENT_VERSION, agentPython } from "./agent-venv.ts";

/** Above those of brokers, below those of other tests. */
const PORTS = { from: 19_300, to: 20_000 };
/** One for other agents, one for the admin API. */
const PORTS_PER_AGENT = 2;
/** Somebody else may take a port between the look and the agent's start. */
const START_TRIES_MAX = 3;
/** Five at once on a machine with two cores took 16 s. */
const START_MS_MAX = 120_000;
/** It takes 3 s, and 6 s with thousands of webhooks that nobody takes. */
const STOP_MS_MAX = 20_000;
const SIGNAL_MS_MAX = 10_000;
const READY_MS_MAX = 2_000;
const OUTPUT_BYTES_SHOWN = 16 * 1024;

export interface AgentOptions extends AgentSettings {
  /** Kept when the agent ends. Without it, a temporary one is made and removed. */
  readonly folder?: string;
  /** 1.7.0 unless given. */
  readonly version?: string;
  /** First of two ports in a row. Without it, free ones are found. */
  readonly basePort?: number;
  /** Folders in which Python looks for plugins. */
  readonly pluginFolders?: readonly string[];
  /** Variables beside PATH and the few that the agent needs; it sees no others of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Starts an agent and settles when it serves. The first one of a user installs it.
 *
 * @param findPorts - Tells the first of two free ports; asked again when somebody else has taken one since.
 * @throws Error when it can't be installed, or ends while it starts: the message has the end of what it wrote.
 */
export async function startAgent(
  options: AgentOptions,
  findPorts: () => Promise<number> = async () => await freeBasePort(PORTS_PER_AGENT, PORTS),
): Promise<Agent> {
  const python = await agentPython(options.version ?? AGENT_VERSION);
  const folder = options.folder === undefined ? mkdtempSync(join(tmpdir(), "sidestream-agent-")) : resolve(options.folder);
  const guard = new Guard(folder, options.folder === undefined ? "remove" : "keep");
  try {
    for (let triesLeft = START_TRIES_MAX - 1; ; triesLeft--) {
      const base = options.basePort ?? (await findPorts());
      const agent = new Agent(options, python, folder, { inbound: base, admin: base + 1 }, guard);
      try {
        await agent.start();
        return agent;
      } catch (problem) {
        await agent.kill();
        const isClash = !(await isFree(base)) || !(await isFree(base + 1));
        if (!isClash || triesLeft === 0 || options.basePort !== undefined) throw problem;
      }
    }
  } catch (problem) {
    await guard.end();
    throw problem;
  }
}

export class Agent {
  readonly name: string;
  /** Where everything of this agent is: its wallets, its configuration, what it wrote. */
  readonly folder: string;
  /** Where other agents reach it. */
  readonly url: string;
  /** The admin API, in the name of the base wallet. */
  readonly admin: AdminApi;
  /** What it wrote since its first start. */
  readonly logFile: string;
  readonly #options: AgentOptions;
  readonly #python: string;
  readonly #ports: AgentPorts;
  readonly #guard: Guard;
  #process: ChildProcess | null = null;

  constructor(options: AgentOptions, python: string, folder: string, ports: AgentPorts, guard: Guard) {
    this.name = options.name;
    this.folder = folder;
    this.url = `http://127.0.0.1:${ports.inbound}`;
    this.admin = new AdminApi(`http://127.0.0.1:${ports.admin}`, { apiKey: options.adminApiKey });
    this.logFile = join(folder, "agent.log");
    this.#options = options;
    this.#python = python;
    this.#ports = ports;
    this.#guard = guard;
  }

  /** The process id; null when it doesn't run. A paused one runs. */
  get pid(): number | null {
    const child = this.#process;
    return child === null || child.exitCode !== null || child.signalCode !== null ? null : (child.pid ?? null);
  }

  /** The end of what it wrote. */
  get output(): string {
    const file = openSync(this.logFile, "r");
    try {
      const { size } = fstatSync(file);
      const bytes = Buffer.alloc(Math.min(size, OUTPUT_BYTES_SHOWN));
      return bytes.toString("utf8", 0, readSync(file, bytes, 0, bytes.length, size - bytes.length));
    } finally {
      closeSync(file);
    }
  }

  /** Starts it, with the wallets it had; settles when it serves. Harmless when it runs. */
  async start(): Promise<void> {
    if (this.pid !== null) return;
    const { pluginFolders = [], environment = {} } = this.#options;
    const home = join(this.folder, "home");
    for (const folder of [home, join(this.folder, PIDS)]) mkdirSync(folder, { recursive: true });
    const log = openSync(this.logFile, "a");
    const { file, more } = this.#writeArguments();
    this.#process = spawn(
      "sh",
      ["-c", START_COMMAND, "sh", this.folder, "agent", this.#python, "-m", "acapy_agent", "start", "--arg-file", file, ...more],
      {
        cwd: this.folder,
        // Its wallets are below HOME. A plugin's folder, which may be of a checkout, gets no compiled files.
        env: {
          PATH: process.env["PATH"] ?? "",
          HOME: home,
          LANG: "C.UTF-8",
          PYTHONUNBUFFERED: "1",
          PYTHONDONTWRITEBYTECODE: "1",
          PYTHONPATH: pluginFolders.map((folder) => resolve(folder)).join(":"),
          ...environment,
        },
        stdio: ["ignore", log, log],
        // Ctrl-C in a terminal is for the process that started it, which ends it in good order.
        detached: true,
      },
    );
    this.#process.unref();
    closeSync(log);
    await waitUntil(async () => await this.#serves(), START_MS_MAX, `agent ${this.name} to start`);
  }

  /** Asks it to end in good order, and kills it when it takes too long. */
  async stop(): Promise<void> {
    const { pid } = this;
    if (pid === null) return;
    // A paused process gets no signal but this and SIGKILL.
    this.resume();
    const timer = setTimeout(() => process.kill(pid, "SIGKILL"), STOP_MS_MAX);
    await this.kill("SIGTERM").finally(() => clearTimeout(timer));
  }

  /** Sends a signal that ends it, and settles once the process is gone. */
  async kill(signal: "SIGKILL" | "SIGTERM" | "SIGINT" = "SIGKILL"): Promise<void> {
    const child = this.#process;
    if (child === null || this.pid === null) return;
    child.kill(signal);
    await waitUntil(() => this.pid === null, STOP_MS_MAX + SIGNAL_MS_MAX, `agent ${this.name} to be gone`);
  }

  /** Settles when it has ended, whoever ended it. Whoever waits doesn't end before. */
  async untilEnded(): Promise<void> {
    const child = this.#process;
    if (child === null || this.pid === null) return;
    child.ref();
    await once(child, "exit");
  }

  /** SIGSTOP: its connections stay open and nothing is answered. Settles once it stands still. */
  async pause(): Promise<void> {
    const { pid } = this;
    if (pid === null) throw new Error(`agent ${this.name} doesn't run`);
    process.kill(pid, "SIGSTOP");
    await waitUntil(() => processState(pid).isStopped, SIGNAL_MS_MAX, `agent ${this.name} to pause`);
  }

  /** SIGCONT. */
  resume(): void {
    if (this.pid !== null) this.#process?.kill("SIGCONT");
  }

  /** Kills it and removes the folder if it was a temporary one. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#guard.end();
  }

  #writeArguments(): { readonly file: string; readonly more: readonly string[] } {
    const { pluginConfig, extraArguments = [] } = this.#options;
    const plugins = pluginConfig === undefined ? null : join(this.folder, "plugins.yaml");
    // JSON is YAML.
    if (plugins !== null) writeFileSync(plugins, JSON.stringify(pluginConfig, null, 2));
    const file = join(this.folder, "agent.yaml");
    writeFileSync(file, JSON.stringify(argumentsFile(this.#options, this.#ports), null, 2));
    return { file, more: [...(plugins === null ? [] : ["--plugin-config", plugins]), ...extraArguments] };
  }

  async #serves(): Promise<boolean> {
    const { pid } = this;
    if (pid === null) throw new Error(`agent ${this.name} ended before it served:\n${this.output}`);
    // An agent that doesn't get a port says so in its log, and goes on without it.
    const { inbound, admin } = this.#ports;
    const listeners = [inbound, admin].map((port) => listener(port, pid));
    if (listeners.includes("another")) throw new Error(`agent ${this.name} can't have its ports ${inbound} and ${admin}:\n${this.output}`);
    if (listeners.includes("nobody")) return false;
    try {
      return (await this.admin.ask("/status/ready", { waitMsMax: READY_MS_MAX })).ok;
    } catch {
      // It is busy starting.
      return false;
    }
  }
}

/** Starts the program as a user would, reads its log, kills it, asks its status. Every process is ended with the test. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { StatusReport } from "../../../src/cli/status-report.ts";
import type { TestHost } from "./test-host.ts";

const MAIN = resolve(import.meta.dirname, "../../../src/cli/main.ts");

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly address?: string;
  readonly source?: string;
}

export interface Program {
  readonly process: ChildProcess;
  /** Everything written to standard error so far. */
  readonly errors: () => string;
  readonly output: () => string;
  /** Address of a source. */
  readonly address: (source: string) => string;
  /** Settles with exit status or signal. */
  readonly ended: Promise<{ readonly status: number | null; readonly signal: string | null }>;
  /** Settles once a line of the log has this text, also when it came before. Rejects when the program ends first. */
  readonly logged: (text: string) => Promise<LogLine>;
}

const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

export function temporaryFolder(test: TestHost): string {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-test-"));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Ports below those that the system gives to outgoing connections, which could take one while a program restarts. */
const PORTS = { from: 20_000, count: 12_000 };
const PORT_TRIES_MAX = 100;

export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES_MAX; tries++) {
    const port = PORTS.from + Math.floor(Math.random() * PORTS.count);
    const server = createServer();
    const isFree = await new Promise<boolean>((done) => {
      server.once("error", () => done(false));
      server.listen(port, "127.0.0.1", () => done(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
  throw new Error("no free port was found");
}

/** Starts a command without waiting for anything. */
export function launch(
  test: TestHost,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Record<string, string>; readonly nodeArguments?: readonly string[] } = {},
): Program {
  const child = spawn(process.execPath, [...(options.nodeArguments ?? []), MAIN, ...args], {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: "1", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  // Whatever ends this process ends the child too; `after` runs also when the test fails.
  children.add(child);
  test.after(() => child.kill("SIGKILL"));
  let errors = "";
  let output = "";
  const lines: LogLine[] = [];
  const waiting = new Set<{ readonly text: string; readonly resolve: (line: LogLine) => void; readonly reject: (error: Error) => void }>();
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  createInterface({ input: child.stderr as NodeJS.ReadableStream }).on("line", (text) => {
    errors += `${text}\n`;
    if (!text.startsWith("{")) return;
    const line = JSON.parse(text) as LogLine;
    lines.push(line);
    for (const waiter of waiting) {
      if (!line.msg.includes(waiter.text)) continue;
      waiting.delete(waiter);
      waiter.resolve(line);
    }
  });
  const ended = once(child, "close").then(([status, signal]) => {
    children.delete(child);
    for (const waiter of waiting)
      waiter.reject(new Error(`the program ended (${String(status ?? signal)}) before it logged "${waiter.text}":\n${errors}`));
    return { status: status as number | null, signal: signal as string | null };
  });
  return {
    process: child,
    ended,
    errors: () => errors,
    output: () => output,
    address: (source) => lines.find((line) => line.source === source && line.address !== undefined)?.address ?? "",
    logged: (text) => {
      const found = lines.find((line) => line.msg.includes(text));
      if (found !== undefined) return Promise.resolve(found);
      const { promise, resolve: done, reject } = Promise.withResolvers<LogLine>();
      waiting.add({ text, resolve: done, reject });
      return promise;
    },
  };
}

/** Starts `run` and waits until it runs. */
export async function start(test: TestHost, args: readonly string[], options: Parameters<typeof launch>[2] = {}): Promise<Program> {
  const program = launch(test, ["run", ...args], options);
  await program.logged("sidestream runs");
  return program;
}

/** Ends a program cleanly and expects that it does. */
export async function stop(program: Program): Promise<void> {
  program.process.kill("SIGTERM");
  const { status, signal } = await program.ended;
  if (status !== 0) throw new Error(`the program ended with ${status ?? signal}:\n${program.errors()}`);
}

/** Runs a command to its end. */
export function command(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: "1", ...options.env },
    encoding: "utf8",
    timeout: 60_000,
    maxBuffer: 256 * 1024 * 1024,
  });
  return { status, stdout, stderr };
}

export function statusOf(dataFolder: string): StatusReport {
  const { stdout, stderr } = command(["status", "--data", dataFolder, "--json"]);
  if (stdout === "") throw new Error(`no status: ${stderr}`);
  return JSON.parse(stdout) as StatusReport;
}

/** Asks the status until it is as wanted; each question is a process of its own, which paces it. */
export function statusWhen(dataFolder: string, wanted: (report: StatusReport) => boolean, triesMax = 100): StatusReport {
  for (let left = triesMax; ; left--) {
    const report = statusOf(dataFolder);
    if (wanted(report)) return report;
    if (left === 0) throw new Error(`the status never became as wanted: ${JSON.stringify(report, null, 2)}`);
  }
}

/**
 * Processes that a bench starts.
 *
 * Promise: they end with the bench, also when it is killed: the kernel sends them a signal then.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import type { Readable } from "node:stream";

/**
 * Command and arguments for `spawn` of a process that ends with this one. Its process id is that of the command.
 *
 * @param endSignal - What the kernel sends when this process ends.
 */
export function bound(command: string, args: readonly string[], endSignal: "KILL" | "TERM" = "KILL"): [command: string, args: string[]] {
  return ["setpriv", ["--pdeathsig", endSignal, command, ...args]];
}

export interface Ended {
  readonly stdout: string;
  /** User and system time of the process and all it started, from its start to its end. */
  readonly cpuSeconds: number;
  /** The system's share of it: writing to sockets and files, above all. */
  readonly systemSeconds: number;
}

/** The shell's own `time` reads what the kernel counted for an ended child; it goes to descriptor 3. */
const TIMED = `TIMEFORMAT="%U %S"; { time setpriv --pdeathsig KILL "$@" 2>&4; } 4>&2 2>&3`;

/** Runs a command to its end. @throws Error with what it wrote to standard error, when it fails. */
export async function runTimed(command: string, args: readonly string[]): Promise<Ended> {
  const child = spawn(...bound("bash", ["-c", TIMED, "bash", command, ...args]), { stdio: ["ignore", "pipe", "pipe", "pipe"] });
  const [, stdoutStream, stderrStream, timesStream] = child.stdio;
  const outputs = [stdoutStream, stderrStream, timesStream].map((stream) => text(stream as Readable));
  const [[status], stdout = "", stderr = "", times = ""] = await Promise.all([once(child, "close"), ...outputs]);
  if (status !== 0) throw new Error(`${command} ended with ${String(status)}:\n${stderr.slice(-4000)}${stdout.slice(-1000)}`);
  const [user = NaN, system = NaN] = times.trim().split(" ").map(Number);
  return { stdout, cpuSeconds: user + system, systemSeconds: system };
}

/** Runs a module of the bench in a process of its own; what it is given and what it tells is JSON. */
export async function runModule<Told>(
  file: string,
  given: unknown,
  nodeArguments: readonly string[] = [],
): Promise<Told & Omit<Ended, "stdout">> {
  const { stdout, ...times } = await runTimed(process.execPath, [...nodeArguments, file, JSON.stringify(given)]);
  return { ...(JSON.parse(stdout) as Told), ...times };
}

/** What {@link runModule} gave to this process. */
export function givenToModule(): unknown {
  return JSON.parse(process.argv[2] ?? "null");
}

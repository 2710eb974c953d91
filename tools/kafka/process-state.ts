/** Looks up another process in /proc. */
import { readFileSync, readdirSync } from "node:fs";

export interface ProcessState {
  /** False once nothing of it is left but what its parent has to take note of: its files and ports are closed. */
  readonly isAlive: boolean;
  readonly isStopped: boolean;
  /** Empty as soon as it begins to end. */
  readonly commandLine: string;
}

export function processState(pid: number): ProcessState {
  try {
    // The name before it, in parentheses, may hold anything.
    const state = /\) (\S)[^)]*$/u.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
    // A process counts as ended with its first thread; the others keep its ports a moment longer.
    const isAlive = state !== "Z" || readdirSync(`/proc/${pid}/task`).length > 1;
    return { isAlive, isStopped: state === "T", commandLine: readFileSync(`/proc/${pid}/cmdline`, "utf8") };
  } catch {
    // There is no such process, or no longer.
    return { isAlive: false, isStopped: false, commandLine: "" };
  }
}

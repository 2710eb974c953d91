/** Sidestream as a bench runs it: by its command line, in a process of its own. */
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { askControlSocket } from "../src/admin/control-socket.ts";
import type { StatusReport } from "../src/cli/status-report.ts";
import { bound } from "./children.ts";

const MAIN = resolve(import.meta.dirname, "../src/cli/main.ts");
const DRAIN_TRIES_MAX = 1200;
const DRAIN_PAUSE_MS = 100;

export interface Program {
  readonly pid: number;
  status(): Promise<StatusReport>;
  /** Waits until all is written, but two minutes at most. */
  drained(): Promise<StatusReport>;
  /** Waits until all is written, then ends the program. */
  stop(): Promise<{ readonly delivered: number; readonly lost: number }>;
  /** Ends the program as it is. */
  end(): Promise<void>;
}

/** Settles when it runs. @param data - The data folder that the configuration names. */
export async function startProgram(configurationFile: string, data: string): Promise<Program> {
  const child = spawn(...bound(process.execPath, [MAIN, "run", "--config", configurationFile]), { stdio: ["ignore", "ignore", "pipe"] });
  const { promise: runs, resolve: ready, reject } = Promise.withResolvers<void>();
  let log = "";
  createInterface({ input: child.stderr }).on("line", (line) => {
    log += `${line}\n`;
    if (line.includes("sidestream runs")) ready();
  });
  const ended = new Promise((done) => child.once("exit", done));
  void ended.then(() => reject(new Error(`the program ended:\n${log}`)));
  await runs;
  const status = async (): Promise<StatusReport> => (await askControlSocket(data, "status", null)) as StatusReport;
  const end = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  return {
    pid: child.pid as number,
    status,
    drained: () => drained(status),
    stop: async () => {
      const { edge, totals } = await drained(status);
      await end();
      return { delivered: totals.delivered, lost: edge.lost.reduce((sum, { count }) => sum + count, 0) };
    },
    end,
  };
}

async function drained(look: () => Promise<StatusReport>): Promise<StatusReport> {
  for (let tries = 0; ; tries++) {
    const status = await look();
    if (status.totals.pending === 0 || tries >= DRAIN_TRIES_MAX) return status;
    await pause(DRAIN_PAUSE_MS);
  }
}

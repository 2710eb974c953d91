/** The program under test: a gateway that publishes every transaction into files. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { askControlSocket } from "../src/admin/control-socket.ts";
import type { StatusReport } from "../src/cli/status-report.ts";

const MAIN = resolve(import.meta.dirname, "../src/cli/main.ts");
const DRAIN_TRIES_MAX = 1200;
const DRAIN_PAUSE_MS = 100;

export interface Gateway {
  readonly url: string;
  readonly pid: number;
  /** Waits until all is written, then ends the program. */
  stop(): Promise<{ readonly delivered: number; readonly lost: number }>;
}

export async function startGateway(
  folder: string,
  port: number,
  upstreamUrl: string,
  capture: "best-effort" | "durable",
): Promise<Gateway> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "sidestream.yaml");
  writeFileSync(
    file,
    `version: 1
enabled: true
instance: bench
data: ./data
sources:
  front:
    type: gateway
    listen: "127.0.0.1:${port}"
    upstream: "${upstreamUrl}"
    capture: ${capture}
    platform: { type: static, tenant: [ { header: x-okapi-tenant } ], routes: [ { path: "/*", moduleName: mod-bench } ] }
destinations:
  out: { type: file, path: ./events }
streams: [ ./stream.yaml ]
health: false
`,
  );
  writeFileSync(
    join(folder, "stream.yaml"),
    'stream: everything\ntenants: all\nrules: [ "x-okapi-tenant=diku AND MODULENAME=mod-bench , publish , out:everything" ]\n',
  );
  const child = spawn(process.execPath, [MAIN, "run", "--config", file], { stdio: ["ignore", "ignore", "pipe"] });
  process.once("exit", () => child.kill("SIGKILL"));
  const { promise: runs, resolve: ready, reject } = Promise.withResolvers<void>();
  let log = "";
  createInterface({ input: child.stderr }).on("line", (line) => {
    log += `${line}\n`;
    if (line.includes("sidestream runs")) ready();
  });
  const ended = new Promise((done) => child.once("exit", done));
  void ended.then(() => reject(new Error(`the program ended:\n${log}`)));
  await runs;
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid as number,
    stop: async () => {
      const status = await drained(join(folder, "data"));
      child.kill("SIGTERM");
      await ended;
      const lost = status.edge.lost.reduce((sum, { count }) => sum + count, 0);
      return { delivered: status.totals.delivered, lost };
    },
  };
}

async function drained(data: string): Promise<StatusReport> {
  for (let tries = 0; ; tries++) {
    const status = (await askControlSocket(data, "status", null)) as StatusReport;
    if (status.totals.pending === 0 || tries >= DRAIN_TRIES_MAX) return status;
    await pause(DRAIN_PAUSE_MS);
  }
}

/** The program under test: a gateway that publishes every transaction to one destination, files unless told otherwise. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { askControlSocket } from "../src/admin/control-socket.ts";
import type { StatusReport } from "../src/cli/status-report.ts";
import { bound } from "./children.ts";

const MAIN = resolve(import.meta.dirname, "../src/cli/main.ts");
const DRAIN_TRIES_MAX = 1200;
const DRAIN_PAUSE_MS = 100;

/** Name of the destination, and of its log in the data folder. */
export const DESTINATION = "out";

export interface GatewaySettings {
  /** Made when it isn't there. The data folder is `data` in it. */
  readonly folder: string;
  readonly port: number;
  readonly upstreamUrl: string;
  readonly capture: "best-effort" | "durable";
  /** Options of the destination, as the configuration has them. */
  readonly destination?: Readonly<Record<string, unknown>>;
  readonly topic?: string;
  /** Pattern of more descriptors, relative to the folder. */
  readonly streams?: string;
}

export interface Gateway {
  readonly url: string;
  readonly pid: number;
  status(): Promise<StatusReport>;
  /** Waits until all is written, but two minutes at most. */
  drained(): Promise<StatusReport>;
  /** Waits until all is written, then ends the program. */
  stop(): Promise<{ readonly delivered: number; readonly lost: number }>;
  /** Ends the program as it is. */
  end(): Promise<void>;
}

export async function startGateway(settings: GatewaySettings): Promise<Gateway> {
  const { folder, port } = settings;
  const data = join(folder, "data");
  const child = spawn(...bound(process.execPath, [MAIN, "run", "--config", configure(settings)]), { stdio: ["ignore", "ignore", "pipe"] });
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
    url: `http://127.0.0.1:${port}`,
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

/** @returns The path of the configuration. */
function configure({ folder, port, upstreamUrl, capture, destination, topic = "everything", streams }: GatewaySettings): string {
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
  ${DESTINATION}: ${JSON.stringify(destination ?? { type: "file", path: "./events" })}
streams: ${JSON.stringify(["./stream.yaml", ...(streams === undefined ? [] : [streams])])}
health: false
`,
  );
  writeFileSync(
    join(folder, "stream.yaml"),
    `stream: everything\ntenants: all\nrules: [ "x-okapi-tenant=diku AND MODULENAME=mod-bench , publish , ${DESTINATION}:${topic}" ]\n`,
  );
  return file;
}

async function drained(look: () => Promise<StatusReport>): Promise<StatusReport> {
  for (let tries = 0; ; tries++) {
    const status = await look();
    if (status.totals.pending === 0 || tries >= DRAIN_TRIES_MAX) return status;
    await pause(DRAIN_PAUSE_MS);
  }
}

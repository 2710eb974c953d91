/** nginx as the upstream and as the proxy to compare with: one worker each, in a folder of their own. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { bound } from "./children.ts";

const TRIES_MAX = 100;
const PAUSE_MS = 50;

export interface Nginx {
  readonly url: string;
  readonly processes: readonly number[];
  stop(): Promise<void>;
}

/** An upstream that answers every request with a JSON body of so many bytes. */
export function startUpstream(folder: string, port: number, bodyBytes: number): Promise<Nginx> {
  const body = JSON.stringify({ id: "2f3c0a52-7a2e-4b61-9a5e-0d6a4c1f7b11", filler: "x".repeat(bodyBytes - 62) });
  return start(folder, port, `location / { default_type application/json; return 200 '${body}'; }`, "");
}

/** A plain reverse proxy with kept-alive connections. */
export function startProxy(folder: string, port: number, upstreamPort: number): Promise<Nginx> {
  const location =
    'location / { proxy_pass http://upstream; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; }';
  return start(folder, port, location, `upstream upstream { server 127.0.0.1:${upstreamPort}; keepalive 128; }`);
}

async function start(folder: string, port: number, location: string, upstream: string): Promise<Nginx> {
  mkdirSync(folder, { recursive: true });
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${join(folder, name)};`)
    .join(" ");
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; worker_processes 1; pid ${join(folder, "pid")}; error_log ${join(folder, "error.log")} crit;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 100000000; ${temporary} ${upstream}
  server { listen 127.0.0.1:${port} backlog=1024; ${location} } }
`,
  );
  // A master that is killed would leave its worker behind; one that is told to end takes it along.
  const child = spawn(...bound("nginx", ["-c", join(folder, "nginx.conf"), "-p", folder], "TERM"), {
    stdio: ["ignore", "ignore", "inherit"],
  });
  await reachable(port, child);
  return {
    url: `http://127.0.0.1:${port}`,
    processes: [child.pid as number],
    stop: async () => {
      child.kill("SIGQUIT");
      await new Promise((done) => child.once("exit", done));
    },
  };
}

async function reachable(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    if (child.exitCode !== null) throw new Error("nginx ended; is it installed, and is the port free?");
    const isOpen = await new Promise<boolean>((done) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => {
        socket.destroy();
        done(true);
      });
      socket.once("error", () => done(false));
    });
    if (isOpen) return;
    await pause(PAUSE_MS);
  }
  throw new Error(`nothing listens on port ${port}`);
}

/** wrk: a closed loop of connections against one address. */
import { spawn } from "node:child_process";
import { bound } from "./children.ts";

export interface Load {
  readonly requestsPerSecond: number;
  readonly medianMs: number;
  readonly percentile99Ms: number;
  readonly requests: number;
  readonly errors: number;
}

const HEADERS = [
  "x-okapi-tenant: diku",
  "x-okapi-token: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkaWt1X2FkbWluIiwidXNlcl9pZCI6IjJmM2MwYTUyLTdhMmUtNGI2MS05YTVlLTBkNmE0YzFmN2IxMSIsInRlbmFudCI6ImRpa3UifQ.c2lnbmF0dXJl",
  "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
  "accept: application/json",
];

/** Runs wrk with one thread. */
export async function load(url: string, seconds: number, connections: number): Promise<Load> {
  const flags = HEADERS.flatMap((header) => ["-H", header]);
  const child = spawn(...bound("wrk", ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", ...flags, url]), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const status = await new Promise((done) => child.once("close", done));
  if (status !== 0) throw new Error(`wrk ended with ${String(status)}; is it installed?\n${text}`);
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0);
  const errors = /Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1];
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  return {
    requestsPerSecond: number(/Requests\/sec:\s+([\d.]+)/),
    medianMs: milliseconds(/50%\s+([\d.]+\w+)/.exec(text)?.[1]),
    percentile99Ms: milliseconds(/99%\s+([\d.]+\w+)/.exec(text)?.[1]),
    requests: number(/(\d+) requests in/),
    errors: Number(errors ?? 0) + (socket === null ? 0 : socket.slice(1).reduce((sum, count) => sum + Number(count), 0)),
  };
}

function milliseconds(text = "0ms"): number {
  const value = Number.parseFloat(text);
  if (text.endsWith("us")) return value / 1000;
  return text.endsWith("ms") ? value : value * 1000;
}

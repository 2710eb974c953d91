import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { SidestreamError } from "../errors.ts";
import { healthServer, openHealth } from "./health.ts";
import type { HealthChecks } from "./health.ts";

const well: HealthChecks = {
  live: () => true,
  ready: () => ({ ready: true, reasons: [] }),
  metrics: async () => "sidestream_destination_up 1\n",
  onError(problem) {
    throw new Error("nothing should have broken", { cause: problem });
  },
};

async function ask(checks: HealthChecks, url: string, method: "GET" | "HEAD" | "POST" = "GET") {
  const server = healthServer(checks);
  const answer = await server.inject({ url, method });
  await server.close();
  return answer;
}

test("a live process answers 200 on /live", async () => {
  const answer = await ask(well, "/live");
  equal(answer.statusCode, 200);
  deepEqual(answer.json(), { live: true });
});

test("a process that needs a restart answers 503 on /live", async () => {
  const answer = await ask({ ...well, live: () => false }, "/live");
  equal(answer.statusCode, 503);
  deepEqual(answer.json(), { live: false });
});

test("/ready answers 200 with its warnings", async () => {
  const answer = await ask(
    { ...well, ready: () => ({ ready: true, reasons: ["destination kafka1 is down; messages wait in the spool"] }) },
    "/ready",
  );
  equal(answer.statusCode, 200);
  deepEqual(answer.json(), { ready: true, reasons: ["destination kafka1 is down; messages wait in the spool"] });
});

test("/ready answers 503 with the reasons", async () => {
  const answer = await ask({ ...well, ready: () => ({ ready: false, reasons: ["shutting down"] }) }, "/ready");
  equal(answer.statusCode, 503);
  deepEqual(answer.json(), { ready: false, reasons: ["shutting down"] });
});

test("/ready waits for what has to be asked first", async () => {
  const answer = await ask({ ...well, ready: () => Promise.resolve({ ready: false, reasons: ["kafka1: its log has stopped"] }) }, "/ready");
  equal(answer.statusCode, 503);
});

test("/live doesn't ask what /ready asks", async () => {
  const ready = (): never => {
    throw new Error("not to be asked");
  };
  equal((await ask({ ...well, ready }, "/live")).statusCode, 200);
});

test("/metrics answers in Prometheus's text format", async () => {
  const answer = await ask(well, "/metrics");
  equal(answer.statusCode, 200);
  match(String(answer.headers["content-type"]), /^text\/plain; version=0\.0\.4/u);
  equal(answer.body, "sidestream_destination_up 1\n");
});

test("health answers are never cached", async () => {
  for (const path of ["/live", "/ready", "/metrics"]) equal((await ask(well, path)).headers["cache-control"], "no-store");
});

test("HEAD answers like GET, without a body", async () => {
  const answer = await ask(well, "/ready", "HEAD");
  equal(answer.statusCode, 200);
  equal(answer.body, "");
});

test("an unknown path and a method that changes things are 404, with the paths that exist", async () => {
  for (const [path, method] of [
    ["/", "GET"],
    ["/live", "POST"],
    ["/metrics/x", "GET"],
  ] as const) {
    const answer = await ask(well, path, method);
    equal(answer.statusCode, 404);
    deepEqual(answer.json(), { error: "not found", paths: ["/live", "/ready", "/metrics"] });
  }
});

test("a check that breaks is 500, is told to the program and shows the client nothing of the inside", async () => {
  const told: unknown[] = [];
  const broken = new Error("password=hunter2 at /var/lib/sidestream");
  const answer = await ask({ ...well, metrics: async () => Promise.reject(broken), onError: (problem) => told.push(problem) }, "/metrics");
  deepEqual(told, [broken]);
  equal(answer.statusCode, 500);
  deepEqual(answer.json(), { error: "the answer could not be made; the log says why" });
});

test("the listener is on loopback by default and answers there", async () => {
  const health = await openHealth({ ...well, listen: { port: 0 } });
  match(health.address, /^http:\/\/127\.0\.0\.1:\d+$/u);
  const answer = await fetch(`${health.address}/ready`);
  equal(answer.status, 200);
  deepEqual(await answer.json(), { ready: true, reasons: [] });
  await health.close();
});

test("with host null every address of the machine is listened on", async () => {
  const health = await openHealth({ ...well, listen: { host: null, port: 0 } });
  match(health.address, /^http:\/\/(\[::\]|0\.0\.0\.0):\d+$/u);
  equal((await fetch(`http://127.0.0.1:${health.port}/live`)).status, 200);
  await health.close();
});

test("an IPv6 address is written with brackets", async (t) => {
  const health = await openHealth({ ...well, listen: { host: "::1", port: 0 } }).catch(() => null);
  if (health === null) return t.skip("this machine has no IPv6 loopback");
  match(health.address, /^http:\/\/\[::1\]:\d+$/u);
  await health.close();
});

test("closing cuts connections that are kept open, and again is harmless", async () => {
  const health = await openHealth({ ...well, listen: { port: 0 } });
  const idle = createConnection(health.port, "127.0.0.1");
  await once(idle, "connect");
  const cut = once(idle, "close");
  await health.close();
  await cut;
  await health.close();
});

test("a port that is taken is told with its address", async () => {
  const holder = createServer();
  holder.listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  await rejects(openHealth({ ...well, listen: { port } }), (problem: unknown) => {
    match((problem as Error).message, new RegExp(`^health: cannot listen on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE`, "u"));
    return problem instanceof SidestreamError && problem.code === "SST_LISTEN_FAILED" && problem.exit === 75;
  });
  holder.close();
  await once(holder, "close");
});

test("an address of another machine is told the same way", async () => {
  await rejects(openHealth({ ...well, listen: { host: "192.0.2.1", port: 0 } }), { code: "SST_LISTEN_FAILED" });
});

/** Every recorded frame of a real agent's admin WebSocket, through the running program. */
import { deepEqual, equal, match } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { startAgentServer } from "../../src/sources/acapy-websocket/testing/agent-server.ts";
import { makeAgentSite } from "./support/agent-site.ts";
import { readMessages } from "./support/messages.ts";
import { start, statusWhen, stop } from "./support/program.ts";

interface Frame {
  readonly topic: string;
  readonly wallet_id?: string;
  readonly payload?: unknown;
}

const FRAMES = readFileSync(resolve(import.meta.dirname, "../data/acapy/ws.jsonl"), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => (JSON.parse(line) as { frame: Frame }).frame);

test("each recorded event becomes one message of its wallet, best effort, and the key shows nowhere", { timeout: 120_000 }, async (t) => {
  const agent = await startAgentServer(t, { apiKey: "admin-key-1" });
  const site = makeAgentSite(t, `{ type: acapy-websocket, url: "${agent.url}", apiKey: admin-key-1, tenant: base }`);
  const program = await start(t, ["--config", site.configuration]);
  const socket = await agent.connection();
  // The status is asked without giving the server here a turn, so all must be on its way before.
  await Promise.all(FRAMES.map((frame) => new Promise((resolve) => socket.send(JSON.stringify(frame), resolve))));
  const events = FRAMES.filter(({ payload }) => payload !== undefined);
  const status = statusWhen(site.data, ({ totals }) => totals.delivered === events.length);
  deepEqual(status.breaches, []);
  await stop(program);

  const messages = readMessages(site.events);
  const tenants = (names: readonly string[]) => names.toSorted();
  deepEqual(
    tenants(messages.map((message) => String(message["sidestreamtenant"]))),
    tenants(events.map(({ wallet_id }) => wallet_id ?? "base")),
  );
  equal(new Set(messages.map(({ id }) => id)).size, events.length);
  equal(JSON.stringify([messages, program.errors()]).includes("admin-key-1"), false);
  match(program.errors(), /events while the socket is down are lost/);
});

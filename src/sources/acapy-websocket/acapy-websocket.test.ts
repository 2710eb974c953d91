import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { certificates } from "../../../tools/kafka/certificates.ts";
import type { AgentRecord, SourceConnection } from "../../driver/source.ts";
import { bodyBytes, FakePort } from "../../driver/testing/fake-port.ts";
import { acapyWebsocket } from "./acapy-websocket.ts";
import { websocketOptions, type WebsocketOptions } from "./options.ts";
import { startAgentServer } from "./testing/agent-server.ts";

interface Rig {
  readonly port: FakePort;
  readonly source: SourceConnection;
  readonly notices: string[];
  records(): readonly AgentRecord[];
  /** Settles once the operator was told something that has this text. */
  told(text: string): Promise<void>;
}

/** @param options - Beyond the schema's bounds, too, so that no test waits for seconds. */
async function startRig(t: TestContext, options: Partial<WebsocketOptions> & { readonly url: string }): Promise<Rig> {
  const port = new FakePort();
  const notices: string[] = [];
  const waiting: { readonly text: string; readonly resolve: () => void }[] = [];
  const source = await acapyWebsocket.open(
    { ...websocketOptions.parse({ url: options.url }), ...options },
    {
      name: "agents",
      port,
      dataFolder: "",
      notice: (level, text) => {
        notices.push(`${level} ${text}`);
        for (const { text: wanted, resolve } of waiting) if (text.includes(wanted)) resolve();
      },
      signal: new AbortController().signal,
    },
  );
  t.after(() => source.close(0));
  return {
    port,
    source,
    notices,
    records: () => port.kept.map(({ record }) => record as AgentRecord),
    told: (text) =>
      notices.some((notice) => notice.includes(text)) ? Promise.resolve() : new Promise((resolve) => void waiting.push({ text, resolve })),
  };
}

const count = ({ source }: Rig, name: string): number | undefined => source.counters()[`sidestream_acapy_websocket_${name}`];

/** Frames as the agent wrote them, byte for byte. */
const RECORDED = readFileSync(new URL("../../../tests/data/acapy/ws.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => line.slice(line.indexOf('"frame": ') + '"frame": '.length, -1));

test("every recorded frame with a payload is handed in once, in order, byte for byte; the agent's signs of life are not", async (t) => {
  const agent = await startAgentServer(t);
  const rig = await startRig(t, agent);
  const socket = await agent.connection();
  for (const frame of RECORDED) socket.send(frame);
  const events = RECORDED.filter((frame) => "payload" in (JSON.parse(frame) as object));
  assert.ok(events.length >= 98 && events.length < RECORDED.length);
  await rig.port.records(events.length);
  socket.send('{"topic": "last", "payload": {}}');
  await rig.port.records(events.length + 1);
  const records = rig.records().slice(0, -1);
  for (const [number, frame] of events.entries()) {
    const { topic, wallet_id, payload } = JSON.parse(frame) as { topic: string; wallet_id?: string; payload: unknown };
    const record = records[number];
    assert.ok(record !== undefined);
    assert.deepEqual([record.topic, record.wallet, record.payload.truncated], [topic, wallet_id ?? null, false]);
    const text = bodyBytes(record.payload).toString();
    assert.ok(frame.includes(`"payload": ${text}`), topic);
    assert.deepEqual(JSON.parse(text), payload);
  }
  // Trust pings have the name of the agent's signs of life.
  assert.ok(records.some(({ topic }) => topic === "ping"));
  assert.ok(rig.port.kept.every(({ durable }) => !durable));
  assert.equal(new Set(rig.records().map(({ id }) => id)).size, events.length + 1);
  assert.ok(rig.records().every(({ id }) => /^[0-9a-f]{32}$/.test(id)));
  assert.equal(count(rig, 'frames_total{kind="event"}'), events.length + 1);
  assert.equal(count(rig, 'frames_total{kind="idle"}'), RECORDED.length - events.length + 1);
  assert.equal(count(rig, 'frames_total{kind="bad"}'), 0);
  assert.deepEqual([count(rig, "connected"), count(rig, "connects_total")], [1, 1]);
});

test("the key is sent with the handshake, and told to nobody", async (t) => {
  const agent = await startAgentServer(t, { apiKey: "admin-key-1" });
  const rig = await startRig(t, { url: agent.url, apiKey: "admin-key-1" });
  (await agent.connection()).send('{"topic": "ping", "payload": {}}');
  await rig.port.records(1);
  assert.equal(agent.requests[0]?.headers["x-api-key"], "admin-key-1");
  assert.equal(agent.requests[0]?.headers["sec-websocket-extensions"], undefined);
  assert.ok(!JSON.stringify([rig.notices, rig.source.address, rig.source.counters()]).includes("admin-key-1"));
});

test("with a wrong key nothing is handed in, not even the pings that the agent still tells, and the operator is told", async (t) => {
  const agent = await startAgentServer(t, { apiKey: "admin-key-1" });
  const rig = await startRig(t, { url: agent.url, apiKey: "wrong-key" });
  const socket = await agent.connection();
  socket.send('{"topic": "ping", "payload": {"of": "some wallet"}}');
  await rig.told("does not accept apiKey");
  assert.deepEqual([rig.port.kept, count(rig, "connected"), count(rig, "connects_total")], [[], 0, 0]);
  assert.match(rig.source.troubles?.()[0] ?? "", /does not accept apiKey.*being lost/);
  await agent.connection();
  assert.ok(!rig.notices.join().includes("wrong-key"));
});

test("a connection that ends is made anew, each outage is told once, and events have ids of their own", async (t) => {
  const agent = await startAgentServer(t);
  const rig = await startRig(t, agent);
  const first = await agent.connection();
  first.send('{"topic": "ping", "payload": 1}');
  await rig.port.records(1);
  first.close(1001);
  const second = await agent.connection();
  second.send('{"topic": "ping", "payload": 2}');
  await rig.port.records(2);
  second.terminate();
  const third = await agent.connection();
  third.send('{"topic": "ping", "payload": 3}');
  await rig.port.records(3);
  const prefixes = rig.records().map(({ id }) => id.slice(0, 24));
  assert.equal(new Set(prefixes).size, 3);
  assert.equal(count(rig, "connects_total"), 3);
  assert.deepEqual(
    rig.notices.map((notice) => notice.replace(agent.url, "URL")),
    [
      "info connected: URL",
      "warn no connection to URL: the other side closed it, with code 1001; the agent's events are lost until there is one",
      "info connected again; what the agent told meanwhile is lost: URL",
      "warn no connection to URL: the other side closed it, with code 1006; the agent's events are lost until there is one",
      "info connected again; what the agent told meanwhile is lost: URL",
    ],
  );
  assert.deepEqual(rig.source.troubles?.(), []);
});

test("an agent that isn't there yet is waited for, and its absence told once", async (t) => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  holder.close();
  await once(holder, "close");
  const rig = await startRig(t, { url: `ws://127.0.0.1:${port}/ws` });
  await rig.told("ECONNREFUSED");
  assert.match(rig.source.troubles?.()[0] ?? "", /ECONNREFUSED/);
  const agent = await startAgentServer(t, { port });
  (await agent.connection()).send('{"topic": "ping", "payload": 1}');
  await rig.port.records(1);
  assert.equal(rig.notices.length, 2);
});

test("a connection on which nothing comes is ended and made anew", async (t) => {
  const agent = await startAgentServer(t);
  const rig = await startRig(t, { url: agent.url, silenceMs: 100 });
  const dead = await agent.connection();
  const [code] = (await once(dead, "close")) as [number];
  assert.equal(code, 1006);
  await agent.connection();
  assert.match(rig.notices.join("\n"), /nothing came for 0\.1 s/);
});

test("a server that takes the connection and never answers the handshake is given up", async (t) => {
  const mute = createServer(() => {}).listen(0, "127.0.0.1");
  await once(mute, "listening");
  t.after(() => mute.close());
  const rig = await startRig(t, { url: `ws://127.0.0.1:${(mute.address() as AddressInfo).port}/ws`, silenceMs: 100 });
  await rig.told("no connection");
  await rig.source.close(0);
});

test("an address that is no WebSocket is told with the status that it answered", async (t) => {
  const agent = await startAgentServer(t);
  const rig = await startRig(t, { url: agent.url.replace("/ws", "/other") });
  await rig.told("400");
});

test("frames that are no events are counted and told once for each connection, and what follows is handed in", async (t) => {
  const agent = await startAgentServer(t);
  const rig = await startRig(t, agent);
  const socket = await agent.connection();
  const bad = [
    "no json",
    "[]",
    "null",
    '{"payload": {}}',
    '{"topic": 1, "payload": {}}',
    '{"topic": "", "payload": {}}',
    '{"topic": "a b", "payload": {}}',
    '{"topic": "connections"}',
    '{"topic": "connections", "payload": {}, "wallet_id": "a b"}',
    '{"topic": "connections", "payload": {}, "wallet_id": 7}',
    Buffer.from('{"topic": "connections", "payload": {}}'),
  ];
  for (const frame of bad) socket.send(frame);
  socket.send('{"topic": "connections", "payload": null, "wallet_id": null}');
  await rig.port.records(1);
  assert.equal(count(rig, 'frames_total{kind="bad"}'), bad.length);
  assert.equal(rig.notices.filter((notice) => notice.startsWith("warn the agent sent")).length, 1);
  assert.deepEqual([rig.records()[0]?.wallet, bodyBytes((rig.records()[0] as AgentRecord).payload).toString()], [null, "null"]);
});

test("a frame beyond the bound ends the connection before it is in memory, is counted, and the next connection works", async (t) => {
  const agent = await startAgentServer(t);
  const rig = await startRig(t, { url: agent.url, frameBytesMax: 65_536 });
  const socket = await agent.connection();
  socket.send(JSON.stringify({ topic: "basicmessages", payload: "x".repeat(70_000) }));
  await once(socket, "close");
  (await agent.connection()).send('{"topic": "ping", "payload": 1}');
  await rig.port.records(1);
  assert.equal(count(rig, 'frames_total{kind="bad"}'), 1);
  assert.match(rig.notices.join("\n"), /larger than frameBytesMax/);
});

test("a frame of 10 MB is handed in byte for byte", async (t) => {
  const agent = await startAgentServer(t);
  const rig = await startRig(t, agent);
  const payload = JSON.stringify({ content: 'é\\"{'.repeat(1_500_000) });
  (await agent.connection()).send(`{"topic": "basicmessages", "payload": ${payload}, "wallet_id": "w1"}`);
  await rig.port.records(1);
  assert.ok(bodyBytes((rig.records()[0] as AgentRecord).payload).equals(Buffer.from(payload)));
});

test("closing ends the connection cleanly, and within the grace where the agent doesn't answer", async (t) => {
  const agent = await startAgentServer(t);
  const polite = await startRig(t, agent);
  const socket = await agent.connection();
  await polite.told("connected");
  const closed = once(socket, "close");
  await polite.source.close(60_000);
  assert.deepEqual(((await closed) as [number])[0], 1000);
  await polite.source.close(60_000);

  const stuck = await startRig(t, agent);
  const silent = await agent.connection();
  await stuck.told("connected");
  silent.pause();
  await stuck.source.close(50);
  assert.equal(count(stuck, "connected"), 0);
});

test("wss is checked against ca, and told as such when it isn't signed by it", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-wss-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const files = await certificates(folder);
  const pem = readFileSync(files.broker);
  const agent = await startAgentServer(t, { tls: { cert: pem, key: pem } });
  const rig = await startRig(t, { url: agent.url, ca: files.ca });
  (await agent.connection()).send('{"topic": "ping", "payload": 1}');
  await rig.port.records(1);
  const other = await startRig(t, { url: agent.url, ca: files.otherCa });
  await other.told("certificate");
  assert.equal(other.port.kept.length, 0);
  await assert.rejects(startRig(t, { url: agent.url, ca: join(folder, "absent.pem") }), { code: "SST_CONFIG_UNREADABLE" });
});

test("an address or a bound that can't be meant is a configuration error at its place", () => {
  const faults = (options: object): unknown[] => websocketOptions.safeParse(options).error?.issues.map(({ path }) => path.join(".")) ?? [];
  for (const url of ["http://agent:8031/ws", "agent:8031", "", "ws://user:secret@agent:8031/ws", "ws://agent/ws#key", 7])
    assert.deepEqual(faults({ url }), ["url"], String(url));
  const url = "ws://agent:8031/ws";
  assert.deepEqual(faults({ url, silenceMs: 5_000 }), ["silenceMs"]);
  assert.deepEqual(faults({ url, ca: "ca.pem" }), ["ca"]);
  assert.deepEqual(faults({ url, apiKey: "" }), ["apiKey"]);
  assert.deepEqual(faults({ url: "wss://agent/ws", ca: "ca.pem", apiKey: "k", silenceMs: 6_000 }), []);
});

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { bodyBytes, FakePort } from "../../driver/testing/fake-port.ts";
import { acapyWebhook } from "./acapy-webhook.ts";
import { webhookOptions } from "./options.ts";
import { post, startRig } from "./testing/rig.ts";

interface Recorded {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const RECORDED = readFileSync(new URL("../../../tests/data/acapy/webhooks.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Recorded);

test("every recorded webhook is stored once, byte for byte, in the order in which it came on its connection", async (t) => {
  const rig = await startRig(t, { apiKey: "hook-key-1" });
  const client = await rig.send("");
  const bodies = RECORDED.map(({ body }) => Buffer.from(JSON.stringify(body)));
  for (const [number, { path, headers }] of RECORDED.entries()) {
    const fields = Object.entries(headers).filter(([name]) => name !== "Host" && name !== "Content-Length");
    client.send(post(path, bodies[number] ?? "", ...fields.map(([name, value]) => `${name}: ${value}`)));
    await client.until((text) => text.split("HTTP/1.1 ").length === number + 2);
  }
  assert.equal(client.text.split("HTTP/1.1 200 OK").length - 1, RECORDED.length);
  assert.ok(RECORDED.length >= 87);
  for (const [number, { path, headers }] of RECORDED.entries()) {
    const record = rig.agentRecord(number);
    assert.deepEqual(bodyBytes(record.payload), bodies[number]);
    assert.equal(record.topic, path.split("/").at(-2));
    assert.equal(record.wallet, headers["x-wallet-id"] ?? null);
    assert.equal(record.payload.truncated, false);
    assert.ok(rig.port.kept[number]?.durable);
  }
  assert.equal(rig.port.kept.length, RECORDED.length);
  assert.equal(new Set(rig.port.kept.map(({ record }) => (record.kind === "agent" ? record.id : ""))).size, RECORDED.length);
  assert.equal(rig.port.openReservations, 0);
});

test("posts sent ahead on one connection are stored in their order", async (t) => {
  const rig = await startRig(t);
  const client = await rig.send(Buffer.concat([0, 1, 2, 3].map((number) => post("/topic/ping/", `{"n":${number}}`))));
  await client.until((text) => text.split("200 OK").length === 5);
  assert.deepEqual(
    [0, 1, 2, 3].map((number) => bodyBytes(rig.agentRecord(number).payload).toString()),
    [0, 1, 2, 3].map((n) => `{"n":${n}}`),
  );
});

test("the id is the same when the agent repeats the event, and another for another wallet, topic or body", async (t) => {
  const rig = await startRig(t);
  const wallet = "x-wallet-id: w1";
  for (const bytes of [
    post("/topic/ping/", "{}", wallet),
    post("/other/topic/ping", "{}", wallet),
    post("/topic/ping/", "{}"),
    post("/topic/pong/", "{}", wallet),
    post("/topic/ping/", "{ }", wallet),
  ]) {
    await (await rig.send(bytes)).untilText("200 OK");
  }
  const ids = [0, 1, 2, 3, 4].map((number) => rig.agentRecord(number).id);
  assert.equal(ids[0], createHash("sha256").update("w1\0ping\0{}").digest("hex").slice(0, 32));
  assert.equal(ids[1], ids[0]);
  assert.equal(new Set(ids).size, 4);
});

test("without room the agent is told 503, and its next try is stored", async (t) => {
  const rig = await startRig(t);
  rig.port.hasRoom = false;
  const client = await rig.send(post("/topic/ping/", "{}"));
  assert.match(await client.untilText("}\n"), /^HTTP\/1\.1 503 [^]*Retry-After: \d+\r\n[^]*SST_CAPTURE_NO_ROOM/);
  rig.port.hasRoom = true;
  client.send(post("/topic/ping/", "{}"));
  await client.untilText("200 OK");
  assert.equal(rig.port.kept.length, 1);
  assert.deepEqual(rig.port.losses, []);
  assert.equal(rig.source.counters()['sidestream_acapy_webhook_answers_total{status="503"}'], 1);
});

for (const settlement of ["refused", "lost"] as const) {
  test(`an event that was ${settlement} is answered 503`, async (t) => {
    const rig = await startRig(t);
    rig.port.settlement = settlement;
    await (await rig.send(post("/topic/ping/", "{}"))).untilText("HTTP/1.1 503 ");
  });
}

test("200 comes only after the event is on disk", async (t) => {
  const rig = await startRig(t);
  rig.port.settlement = null;
  const client = await rig.send(post("/topic/ping/", "{}"));
  await rig.port.records(1);
  for (let i = 0; i < 50; i += 1) await new Promise(setImmediate);
  assert.equal(client.text, "");
  rig.port.settle("spooled");
  await client.untilText("HTTP/1.1 200 OK\r\n");
});

test("a hung engine is answered 503 at the deadline, and room that comes later is given back", async (t) => {
  const rig = await startRig(t, { deadlineMs: 100 });
  rig.port.settlement = null;
  await (await rig.send(post("/topic/ping/", "{}"))).untilText("HTTP/1.1 503 ");
  let open = (): void => {};
  rig.port.reserveGate = new Promise((resolve) => (open = resolve));
  await (await rig.send(post("/topic/ping/", "{}"))).untilText("HTTP/1.1 503 ");
  open();
  await new Promise(setImmediate);
  assert.equal(rig.port.openReservations, 0);
  assert.equal(rig.port.kept.length, 1);
});

test("a body that doesn't come is answered at the deadline", async (t) => {
  const rig = await startRig(t, { deadlineMs: 100 });
  const client = await rig.send("POST /topic/ping/ HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n{");
  await client.untilText("HTTP/1.1 503 ");
  assert.equal(rig.port.reserved.length, 0);
});

test("a head that only trickles in is answered 408 at the deadline, so that nobody holds a connection with it", async (t) => {
  const rig = await startRig(t, { deadlineMs: 100 });
  const client = await rig.send("POST /topic/ping/ HTTP/1.1\r\nHost: h\r\n");
  const trickle = setInterval(() => client.send("a: b\r\n"), 50);
  t.after(() => clearInterval(trickle));
  await client.untilText("HTTP/1.1 408 ");
});

test("connections beyond connectionsMax are turned away, counted and told", async (t) => {
  const { source, send } = await startRig(t, { connectionsMax: 1 });
  const first = await send(post("/topic/ping/", "{}"));
  await first.untilText("HTTP/1.1 200 ");
  const second = await send(post("/topic/ping/", "{}")).catch(() => null);
  await second?.ended();
  assert.equal(source.counters()["sidestream_acapy_webhook_connections_dropped_total"], 1);
  assert.match(source.troubles?.().join() ?? "", /^connections are turned away, since connectionsMax stand/);
});

test("without the right key it is 401, and nothing is stored", async (t) => {
  const rig = await startRig(t, { apiKey: "hook-key-1" });
  for (const fields of [
    [],
    ["x-api-key: wrong"],
    ["x-api-key: hook-key-1 "],
    ["x-api-key: hook-key-1", "X-API-Key: hook-key-1"],
    ["x-api-key:"],
  ]) {
    const text = await (await rig.send(post("/topic/ping/", "{}", ...fields))).until((now) => now.includes("\r\n\r\n"));
    // Blanks around a value are no part of it.
    assert.match(text, fields[0]?.endsWith("1 ") === true && fields.length === 1 ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 401 /);
  }
  assert.equal(rig.port.kept.length, 1);
});

test("what is no webhook is refused with its reason, and nothing is stored", async (t) => {
  const rig = await startRig(t, { bodyBytesMax: 1024 });
  const cases: readonly (readonly [string | Buffer, number])[] = [
    [post("/", "{}"), 404],
    [post("/topic/", "{}"), 404],
    [post("/topic/a/b", "{}"), 404],
    [post("/x?y=/topic/ping/", "{}"), 404],
    [post("/topic/%ff/", "{}"), 404],
    [post("/topic/a%0ab/", "{}"), 404],
    [post(`/topic/${"a".repeat(300)}/`, "{}"), 404],
    ["GET /topic/ping/ HTTP/1.1\r\nHost: h\r\n\r\n", 405],
    [post("/topic/ping/", `"${"a".repeat(2000)}"`), 413],
    [
      Buffer.from(`POST /topic/ping/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n${"1".repeat(2000)}\r\n0\r\n\r\n`),
      413,
    ],
    [post("/topic/ping/", ""), 400],
    [post("/topic/ping/", "not json"), 400],
    [post("/topic/ping/", "\ufeff{}"), 400],
    [post("/topic/ping/", Buffer.from([0x22, 0xff, 0x22])), 400],
    [post("/topic/ping/", "{}", "x-wallet-id: a b"), 400],
    [post("/topic/ping/", "{}", "x-wallet-id: a", "x-wallet-id: b"), 400],
    ["nonsense\r\n\r\n", 400],
  ];
  for (const [bytes, status] of cases) {
    const text = await (await rig.send(bytes)).until((now) => now.includes("}\n"));
    assert.ok(text.startsWith(`HTTP/1.1 ${status} `), `${bytes.toString().slice(0, 60)}: ${text.slice(0, 40)}`);
    if (status === 405) assert.match(text, /\r\nAllow: POST\r\n/);
  }
  assert.deepEqual([rig.port.kept, rig.port.reserved], [[], []]);
});

test("JSON of any depth is taken, and costs no stack", async (t) => {
  const rig = await startRig(t);
  const deep = "[".repeat(1_000_000) + "]".repeat(1_000_000);
  await (await rig.send(post("/topic/basicmessages/", deep))).untilText("HTTP/1.1 200 OK");
  assert.equal(rig.agentRecord(0).payload.sizeBytes, deep.length);
});

test("closing lets a running post end and takes no new one", async (t) => {
  const rig = await startRig(t);
  rig.port.settlement = null;
  const client = await rig.send(post("/topic/ping/", "{}"));
  await rig.port.records(1);
  const closed = rig.source.close(60_000);
  rig.port.settle("spooled");
  await client.untilText("200 OK");
  await closed;
  await assert.rejects(rig.send(""));
});

test("an address that is taken is SST_LISTEN_FAILED", async (t) => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  t.after(() => other.close());
  const options = webhookOptions.parse({ listen: `127.0.0.1:${(other.address() as AddressInfo).port}` });
  await assert.rejects(
    acapyWebhook.open(options, {
      name: "a",
      port: new FakePort(),
      notice: () => undefined,
      dataFolder: "",
      signal: new AbortController().signal,
    }),
    {
      code: "SST_LISTEN_FAILED",
    },
  );
});

test("listening beyond this machine without a key is a configuration error that names apiKey", () => {
  for (const listen of [":9100", "0.0.0.0:9100", "[::]:9100", "agents.example.org:9100"]) {
    const parsed = webhookOptions.safeParse({ listen });
    assert.deepEqual(
      parsed.error?.issues.map(({ path }) => path),
      [["apiKey"]],
      listen,
    );
    assert.equal(webhookOptions.safeParse({ listen, apiKey: "k" }).success, true);
    assert.equal(webhookOptions.safeParse({ listen, walletKeys: { w1: "k" } }).success, true);
    assert.equal(webhookOptions.safeParse({ listen, apiKeyRequired: false }).success, true);
  }
  for (const listen of ["127.0.0.1:9100", "[::1]:9100", "localhost:9100"]) assert.equal(webhookOptions.safeParse({ listen }).success, true);
});

test("an event for whose body there is no memory is answered 503, and all memory comes back however a post ends", async (t) => {
  const rig = await startRig(t, { bodyBytesMax: 100_000 });
  rig.port.heldBytesMax = 50_000;
  const large = JSON.stringify("x".repeat(60_000));
  await (await rig.send(post("/topic/a/", large))).untilText("HTTP/1.1 503 ");
  await (await rig.send(post("/topic/a/", "{}"))).untilText("HTTP/1.1 200 OK");
  await (await rig.send(post("/topic/a/", "no json"))).untilText("HTTP/1.1 400 ");
  const leaving = await rig.send("POST /topic/a/ HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
  leaving.socket.destroy();
  await rig.source.close(1_000);
  // The server tells of its end before the last post is told of its own.
  for (let turn = 0; turn < 1_000 && rig.port.heldBytes > 0; turn += 1) await new Promise(setImmediate);
  assert.equal(rig.port.heldBytes, 0);
  assert.equal(rig.port.openReservations, 0);
});

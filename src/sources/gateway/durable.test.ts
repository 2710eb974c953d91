import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { bodyBytes } from "../../driver/testing/fake-port.ts";
import { answering } from "../../driver/testing/raw-upstream.ts";
import { get, ok, startRig } from "./testing/rig.ts";
import type { Rig, RigOptions } from "./testing/rig.ts";

/** A durable rig whose records wait for `port.settle`. */
async function startHeld(t: TestContext, answer: string, options: RigOptions = {}): Promise<Rig> {
  const rig = await startRig(t, { capture: "durable", ...options }, answering(answer));
  rig.port.settlement = null;
  return rig;
}

test("durable: the end of a response with a length stays back until its record is on disk", async (t) => {
  const rig = await startHeld(t, ok("payload"));
  const client = await rig.send(get("/"));
  const record = await rig.record(0);
  assert.ok(rig.port.kept[0]?.durable);
  assert.equal(record.outcome, "complete");
  assert.equal(bodyBytes(record.responseBody).toString(), "payload");
  await turns();
  assert.ok(!client.text.includes("payload"));
  rig.port.settle("spooled");
  assert.equal(await client.untilText("payload"), ok("payload"));
  assert.equal(rig.port.openReservations, 0);
  assert.deepEqual(rig.port.losses, []);
});

test("durable: the head and earlier chunks of a long response go out while its end stays back", async (t) => {
  const rig = await startRig(t, { capture: "durable" }, ({ socket }) => {
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n", () => {
      setImmediate(() => socket.write("6\r\nsecond\r\n", () => setImmediate(() => socket.write("4\r\nlast\r\n0\r\n\r\n"))));
    });
  });
  rig.port.settlement = null;
  const client = await rig.send(get("/"));
  await client.untilText("first");
  await rig.record(0);
  await turns();
  assert.ok(!client.text.includes("last"));
  rig.port.settle("spooled");
  assert.ok((await client.untilText("0\r\n\r\n")).endsWith("4\r\nlast\r\n0\r\n\r\n"));
});

test("durable: the head of a response without body stays back", async (t) => {
  for (const answer of [
    "HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n",
    "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 201 Created\r\nContent-Length: 00\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\n\r\n",
  ]) {
    const rig = await startHeld(t, answer);
    const client = await rig.send(get("/"));
    await rig.record(0);
    await turns();
    assert.equal(client.text, "");
    rig.port.settle("spooled");
    assert.equal(await client.untilText("\r\n\r\n"), answer);
  }
});

test("durable: the end of an empty chunked response stays back", async (t) => {
  const answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  const rig = await startHeld(t, answer);
  const client = await rig.send(get("/"));
  await rig.record(0);
  await turns();
  assert.ok(!client.text.includes("\r\n0\r\n"));
  rig.port.settle("spooled");
  assert.equal(await client.untilText("\r\n0\r\n\r\n"), answer);
});

test("durable: room is taken for both heads and both bodies up to their bound, before the request goes on", async (t) => {
  const rig = await startRig(t, { capture: "durable", bodyBytesMax: 1000, headBytesMax: 4096 }, (connection) => {
    if (connection.text.endsWith("\r\n\r\n") || connection.text.endsWith("x".repeat(10))) connection.socket.write(ok("y"));
  });
  let open = (): void => {};
  rig.port.reserveGate = new Promise((resolve) => (open = resolve));
  const client = await rig.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n${"x".repeat(10)}`);
  while (rig.port.reserved.length === 0) await turn();
  await turns();
  assert.equal(rig.upstream.connections.length, 0);
  const bytes = rig.port.reserved[0] ?? 0;
  assert.ok(bytes >= 10 + 1000 + 4096 && bytes <= 10 + 1000 + 4096 + 1024, `${bytes}`);
  open();
  await client.untilText("\r\n\r\ny");
});

test("durable, no room, refuse: 503 with Retry-After, the upstream untouched, nothing lost, and the connection goes on", async (t) => {
  const rig = await startHeld(t, ok("late"), { routes: [{ path: "/loans/*", whenNoRoom: "refuse" }] });
  rig.port.hasRoom = false;
  const client = await rig.send("POST /loans/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
  const text = await client.untilText("}\n");
  assert.match(text, /^HTTP\/1\.1 503 Service Unavailable\r\n[^]*Retry-After: 1\r\n[^]*SST_CAPTURE_NO_ROOM/);
  assert.equal(rig.upstream.connections.length, 0);
  assert.deepEqual([rig.port.losses, rig.port.kept], [[], []]);
  assert.equal(rig.gateway.counters()["sidestream_gateway_refused_total"], 1);
  rig.port.hasRoom = true;
  rig.port.settlement = "spooled";
  client.send(get("/loans/1"));
  await client.untilText("late");
});

test("durable, no room, pass: the request is answered, not captured, and a loss is counted for its route", async (t) => {
  const rig = await startHeld(t, ok("through"), { routes: [{ path: "/loans/*" }] });
  rig.port.hasRoom = false;
  await (await rig.send(get("/loans/1"))).untilText("through");
  assert.deepEqual(rig.port.losses, [{ route: 1, reason: "no-room" }]);
  assert.equal(rig.port.kept.length, 0);
});

test("durable, pass: after one wait in vain later requests don't wait, until one finds room", async (t) => {
  const rig = await startHeld(t, ok("through"), { reserveWaitMs: 700, routes: [{ path: "/refuse", whenNoRoom: "refuse" }] });
  rig.port.settlement = "spooled";
  const ask = async (path: string) => (await rig.send(get(path))).untilText(path === "/refuse" ? "}\n" : "through");
  rig.port.hasRoom = false;
  await ask("/1");
  await ask("/2");
  await ask("/refuse");
  rig.port.hasRoom = true;
  await ask("/3");
  await ask("/4");
  assert.deepEqual(rig.port.waitsMs, [700, 0, 700, 0, 700]);
  assert.equal(rig.port.kept.length, 2);
});

for (const [settlement, reason] of [
  ["refused", "refused"],
  ["lost", "engine-lost"],
] as const) {
  test(`durable, ${settlement}, release: the answer is delivered and a loss is counted`, async (t) => {
    const rig = await startHeld(t, ok("anyway"));
    const client = await rig.send(get("/"));
    await rig.record(0);
    rig.port.settle(settlement);
    await client.untilText("anyway");
    assert.deepEqual(rig.port.losses, [{ route: 0, reason }]);
    assert.equal(rig.gateway.counters()['sidestream_gateway_capture_failed_total{did="release"}'], 1);
  });

  test(`durable, ${settlement}, abort: the connection ends without the end of the answer`, async (t) => {
    const rig = await startHeld(t, ok("never"), { onCaptureFailure: "abort" });
    const client = await rig.send(get("/"));
    await rig.record(0);
    rig.port.settle(settlement);
    assert.doesNotMatch(await client.ended(), /never/);
    assert.deepEqual(rig.port.losses, [{ route: 0, reason }]);
    assert.equal(rig.gateway.counters()['sidestream_gateway_capture_failed_total{did="abort"}'], 1);
  });
}

test("durable: a port that never says how it ended counts as lost after settleWaitMs", async (t) => {
  const rig = await startHeld(t, ok("at last"), { settleWaitMs: 20 });
  await (await rig.send(get("/"))).untilText("at last");
  assert.deepEqual(rig.port.losses, [{ route: 0, reason: "engine-lost" }]);
});

test("durable: a client that goes away in mid-response is recorded durably", async (t) => {
  const rig = await startHeld(t, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\npart");
  const client = await rig.send(get("/"));
  await client.untilText("\r\n\r\n");
  client.socket.destroy();
  const record = await rig.record(0);
  assert.equal(record.outcome, "client-aborted");
  assert.ok(rig.port.kept[0]?.durable);
});

test("durable: a client that goes away while it waits for room is not forwarded, and gives the room back", async (t) => {
  const rig = await startHeld(t, ok("x"));
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  rig.port.reserveGate = gate;
  const client = await rig.send(get("/"));
  while (rig.port.reserved.length === 0) await turn();
  client.socket.destroy();
  // A second connection that is answered shows that the end of the first was seen.
  rig.port.reserveGate = null;
  rig.port.settlement = "spooled";
  await (await rig.send(get("/other"))).untilText("x");
  open();
  await gate;
  await turns();
  assert.equal(rig.port.openReservations, 0);
  assert.equal(rig.upstream.text, get("/other"));
});

test("durable: an upstream that cuts its response is recorded durably, and the client sees the cut", async (t) => {
  const rig = await startRig(
    t,
    { capture: "durable" },
    ({ socket }) => void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\npart"),
  );
  assert.doesNotMatch(await (await rig.send(get("/"))).ended(), /part.*part/);
  assert.equal((await rig.record(0)).outcome, "upstream-aborted");
  assert.ok(rig.port.kept[0]?.durable);
  assert.equal(rig.port.openReservations, 0);
});

test("durable: the gateway's own 502 is held and recorded too", async (t) => {
  const rig = await startRig(t, { capture: "durable", upstream: "http://127.0.0.1:1" }, () => {});
  rig.port.settlement = null;
  const client = await rig.send(get("/"));
  const record = await rig.record(0);
  assert.equal(record.outcome, "upstream-unreachable");
  await turns();
  assert.ok(!client.text.includes("SST_"));
  rig.port.settle("spooled");
  assert.match(await client.untilText("}\n"), /^HTTP\/1\.1 502 /);
});

test("a route may be best-effort under a durable gateway, and the first that matches wins", async (t) => {
  const rig = await startHeld(t, ok("fast"), {
    routes: [
      { path: "/bulk/*", methods: ["POST"] },
      { path: "/bulk/*", capture: "best-effort" },
      { path: "*", capture: "durable" },
    ],
  });
  await (await rig.send(get("/bulk/1"))).untilText("fast");
  assert.equal((await rig.record(0)).route, 2);
  assert.equal(rig.port.reserved.length, 0);
});

test("best-effort: without memory for bodies they are cut, forwarded whole, and all memory is given back", async (t) => {
  const rig = await startRig(t, {}, answering(ok("0123456789")));
  rig.port.heldBytesMax = 5;
  await (await rig.send(get("/"))).untilText("0123456789");
  const { responseBody } = await rig.record(0);
  assert.deepEqual([bodyBytes(responseBody).length, responseBody.sizeBytes, responseBody.truncated], [0, 10, true]);
  assert.equal(rig.port.heldBytes, 0);
});

test("an event stream passes unbuffered under durable, is recorded without its body, and its weaker capture is counted", async (t) => {
  const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  const rig = await startRig(t, { capture: "durable" }, ({ socket }) => void socket.write(`${head}9\r\ndata: 1\n\n\r\n`));
  const client = await rig.send(get("/events"));
  await client.untilText("data: 1\n\n");
  const { socket } = await rig.upstream.connection(0);
  socket.write("9\r\ndata: 2\n\n\r\n");
  await client.untilText("data: 2\n\n");
  assert.equal(rig.port.openReservations, 0);
  socket.write("0\r\n\r\n");
  await client.untilText("\r\n0\r\n\r\n");
  const { outcome, responseBody, responseHead } = await rig.record(0);
  assert.deepEqual([outcome, bodyBytes(responseBody).length, responseBody.sizeBytes, responseBody.truncated], ["complete", 0, 18, true]);
  assert.match(responseHead, /text\/event-stream/);
  assert.equal(rig.port.kept[0]?.durable, false);
  assert.deepEqual(rig.port.losses, [{ route: 0, reason: "stream" }]);
});

test("an event stream without an event yet gives its head to the client at once", async (t) => {
  const rig = await startRig(
    t,
    {},
    ({ socket }) => void socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n"),
  );
  const client = await rig.send(get("/events"));
  await client.untilText("\r\n\r\n");
  client.socket.destroy();
  const { socket } = await rig.upstream.connection(0);
  await once(socket, "close");
  assert.equal((await rig.record(0)).outcome, "client-aborted");
});

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Lets everything happen that is due, on loopback too: turns of the loop, not time. */
async function turns(): Promise<void> {
  for (let i = 0; i < 50; i += 1) await turn();
}
